import { createKafkaEventLog, type KafkaConfig } from '#adapters/kafka';
import { createSchemaCodec } from '#adapters/schema-registry';
import type { SagaShape } from '#saga-core';
import { createClient, Needs, type SagaClient, systemClock, systemRandom, topicNames } from '#saga-core/runtime';

/** How to reach the cluster: broker addresses, or everything that a connection may need. */
export type KafkaOptions = Pick<KafkaConfig, 'brokers'> & Partial<KafkaConfig>;

export type ClientConnection = {
  /** `host:port`, one or more; with `kafka` for TLS and passwords. */
  readonly brokers: readonly string[];
  readonly kafka?: Omit<Partial<KafkaConfig>, 'brokers'>;
  readonly registryUrl: string;
  /** `user:password` of the registry. */
  readonly registryAuth?: string;
  /** Topic prefix. */
  readonly namespace: string;
  /** Name in the records it writes; default `client`. */
  readonly name?: string;
  /** Registers schemas that the registry lacks; otherwise they must be there. */
  readonly provision?: boolean;
};

/**
 * Connects a sender and watcher of sagas to Kafka and the registry. Nothing is sent before the first start. Methods reject with
 * KafkaError or CodecError; `close` ends everything.
 */
export const connect = (options: ClientConnection): SagaClient => {
  const names = topicNames(options.namespace);
  const needs = new Needs(names);
  const log = createKafkaEventLog({ clientId: 'chorus-client', ...options.kafka, brokers: options.brokers });
  const codec = createSchemaCodec({
    registryUrl: options.registryUrl, autoRegister: options.provision === true, topicsOf: needs.topicsOf, ...(options.registryAuth === undefined ? {} : { auth: options.registryAuth }),
  });
  const client = createClient({ log, codec, clock: systemClock, random: systemRandom, namespace: options.namespace, ...(options.name === undefined ? {} : { name: options.name }) });
  const knowing = <Saga extends SagaShape>(saga: Saga): Saga => {
    needs.addSaga(saga);
    return saga;
  };
  return {
    start: (saga, input, startOptions) => client.start(knowing(saga), input, startOptions),
    startRecord: (saga, input, startOptions) => client.startRecord(knowing(saga), input, startOptions),
    signal: (saga, ...signal) => {
      const payload = signal[2] ?? null;
      // An event inside a signal lies on the saga's topic as much as one beside it.
      if (payload !== null && 'type' in payload) needs.addTypes([payload.type], [names.saga(saga.context)]);
      return client.signal(knowing(saga), ...signal);
    },
    order: (saga, correlationId, order) => client.order(knowing(saga), correlationId, order),
    handle: (saga, correlationId) => client.handle(knowing(saga), correlationId),
    close: async () => {
      await client.close();
      await log.close();
    },
  };
};
