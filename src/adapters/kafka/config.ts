import { readFileSync } from 'node:fs';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { KafkaError } from './errors.ts';

export type SaslMechanism = 'plain' | 'scram-sha-256' | 'scram-sha-512';
export type KafkaSasl = { readonly mechanism: SaslMechanism; readonly username: string; readonly password: string };

/** How to reach a cluster. */
export type KafkaConfig = {
  /** `host:port`, one or more to start from. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** TLS options of node:tls; absent means plain text. */
  readonly tls?: TlsOptions;
  readonly sasl?: KafkaSasl;
};

type Environment = Readonly<Record<string, string | undefined>>;

const MECHANISMS: Readonly<Record<string, SaslMechanism>> = {
  'PLAIN': 'plain', 'SCRAM-SHA-256': 'scram-sha-256', 'SCRAM-SHA-512': 'scram-sha-512',
};

const pem = (environment: Environment, name: string): string | undefined => {
  const file = environment[`${name}_FILE`];
  if (file === undefined || file === '') return environment[name];
  try {
    return readFileSync(file, 'utf8');
  } catch (thrown) {
    throw new KafkaError('KAFKA_CONFIG', `${name}_FILE=${file} cannot be read`, { cause: thrown });
  }
};

const tlsFrom = (environment: Environment): TlsOptions | undefined => {
  const enabled = environment['KAFKA_SSL_ENABLED'] ?? environment['KAFKA_SSL'];
  const ca = pem(environment, 'KAFKA_SSL_CA');
  if (enabled === 'false' || (enabled === undefined && ca === undefined)) return undefined;
  const cert = pem(environment, 'KAFKA_SSL_CERT');
  const key = pem(environment, 'KAFKA_SSL_KEY');
  const passphrase = environment['KAFKA_SSL_KEY_PASSWORD'];
  if ((cert === undefined) !== (key === undefined)) {
    throw new KafkaError('KAFKA_CONFIG', 'KAFKA_SSL_CERT and KAFKA_SSL_KEY belong together: set both, or neither');
  }
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
};

const saslFrom = (environment: Environment): KafkaSasl | undefined => {
  const name = environment['KAFKA_SASL_MECHANISM'];
  if (name === undefined || name === '') return undefined;
  const mechanism = MECHANISMS[name.toUpperCase()];
  if (mechanism === undefined) {
    throw new KafkaError('KAFKA_CONFIG', `KAFKA_SASL_MECHANISM=${name} is not supported: use ${Object.keys(MECHANISMS).join(', ')}`);
  }
  const username = environment['KAFKA_SASL_USERNAME'];
  const password = pem(environment, 'KAFKA_SASL_PASSWORD')?.trimEnd();
  if (username === undefined || password === undefined) {
    throw new KafkaError('KAFKA_CONFIG', 'KAFKA_SASL_MECHANISM needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD (or KAFKA_SASL_PASSWORD_FILE)');
  }
  return { mechanism, username, password };
};

/**
 * Reads `KAFKA_BROKERS` (comma separated), `KAFKA_CLIENT_ID`, `KAFKA_SSL_ENABLED`, `KAFKA_SSL_CA|CERT|KEY` (PEM text, or a file by
 * `…_FILE`), `KAFKA_SSL_KEY_PASSWORD`, `KAFKA_SASL_MECHANISM|USERNAME|PASSWORD` (`…_PASSWORD_FILE`). Throws KAFKA_CONFIG.
 */
export const kafkaConfigFromEnvironment = (environment: Environment): KafkaConfig => {
  const brokers = (environment['KAFKA_BROKERS'] ?? '').split(',').map((broker) => broker.trim()).filter((broker) => broker !== '');
  if (brokers.length === 0) throw new KafkaError('KAFKA_CONFIG', 'KAFKA_BROKERS is empty: set it to host:port[,host:port]');
  const tls = tlsFrom(environment);
  const sasl = saslFrom(environment);
  return {
    brokers,
    clientId: environment['KAFKA_CLIENT_ID'] ?? 'chorus',
    ...(tls === undefined ? {} : { tls }),
    ...(sasl === undefined ? {} : { sasl }),
  };
};

/** Splits `host:port` (IPv6 in brackets). Throws KAFKA_CONFIG. */
export const parseBroker = (broker: string): { readonly host: string; readonly port: number } => {
  const match = /^(?:\[(?<six>[^\]]+)\]|(?<host>[^:]+)):(?<port>\d{1,5})$/.exec(broker);
  const host = match?.groups?.['six'] ?? match?.groups?.['host'];
  const port = Number(match?.groups?.['port']);
  if (host === undefined || !(port > 0 && port < 65_536)) {
    throw new KafkaError('KAFKA_CONFIG', `broker address "${broker}" is not host:port`);
  }
  return { host, port };
};
