import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';
import type { KafkaConfig } from './config.ts';
import type { KafkajsLogger } from './kafkajs-types.ts';

/*
 * kafkajs re-arms its check of queued requests with a negative delay whenever nothing is queued: a timer of 1 ms for every
 * connection that ever got an answer, 4 % of a core each, and Node's TimeoutNegativeWarning. Checking only while requests
 * are queued is all that the check is for.
 */
const original = RequestQueue.prototype.scheduleCheckPendingRequests;
RequestQueue.prototype.scheduleCheckPendingRequests = function scheduleWhileQueued(): void {
  if (this.pending.length > 0) original.call(this);
};

/** kafkajs' view of our configuration. */
export const kafkajsOptions = (config: KafkaConfig): {
  readonly brokers: string[]; readonly clientId: string; readonly ssl?: object; readonly sasl?: NonNullable<KafkaConfig['sasl']>;
} => ({
  brokers: [...config.brokers],
  clientId: config.clientId,
  ...(config.tls === undefined ? {} : { ssl: config.tls }),
  ...(config.sasl === undefined ? {} : { sasl: config.sasl }),
});

/** kafkajs logs every lost connection as an error; what matters of it reaches us as a rejection. */
export const silentLogger: KafkajsLogger = {
  namespace: () => silentLogger,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
