import { connect } from 'node:net';
import { databaseAnswers } from './database.ts';
import { LocalPlatformError } from './errors.ts';
import type { PlatformPart } from './options.ts';
import { registryAnswers } from './registry.ts';

export type { Addresses } from './options.ts';

/** Environment variables by name, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

const VARIABLES: Readonly<Record<PlatformPart, string>> = {
  kafka: 'KAFKA_BROKERS',
  registry: 'SCHEMA_REGISTRY_URL',
  database: 'DATABASE_URL',
};

/** The address of a part that the environment names; an empty variable counts as absent. */
export const addressIn = (environment: Environment, part: PlatformPart): string | undefined => {
  const value = environment[VARIABLES[part]]?.trim();
  return value === '' ? undefined : value;
};

/** Whether the environment names a part, which is then not one of this machine's own. */
export const isNamedIn = (environment: Environment, part: PlatformPart): boolean => addressIn(environment, part) !== undefined;

/** Off in every way that the adapters read; an empty text would do for all but the first. */
const NO_SECURITY: Readonly<Record<string, string>> = { KAFKA_SSL_ENABLED: 'false', KAFKA_SSL_CA: '', KAFKA_SSL_CA_FILE: '', KAFKA_SASL_MECHANISM: '' };
const KAFKA_SECURITY = /^KAFKA_(SSL|SASL)(_|$)/;

/**
 * How Kafka and registry are to be spoken to. Certificates and passwords of the environment belong to the servers that it
 * names: the local ones, which speak plain text, must not be addressed with them.
 */
export const securityOf = (environment: Environment): Readonly<Record<string, string>> => {
  const given = Object.fromEntries(Object.entries(environment).flatMap(([name, value]) => (value !== undefined && KAFKA_SECURITY.test(name) ? [[name, value]] : [])));
  const auth = environment['SCHEMA_REGISTRY_AUTH'] ?? '';
  return { ...(isNamedIn(environment, 'kafka') ? given : NO_SECURITY), SCHEMA_REGISTRY_AUTH: isNamedIn(environment, 'registry') ? auth : '' };
};

/** `host:port,host:port` as a list. */
export const brokerList = (text: string): readonly string[] =>
  text.split(',').map((each) => each.trim()).filter((each) => each !== '');

/** Docker comes only when asked for; asking for anything unknown is a mistake to be told. */
export const refuseOtherRuntimes = (environment: Environment): void => {
  const runtime = environment['CHORUS_RUNTIME'];
  if (runtime === undefined || runtime === '' || runtime === 'local') return;
  throw new LocalPlatformError(
    'RUNTIME_UNSUPPORTED',
    `CHORUS_RUNTIME=${runtime} is not supported: unset it to use local processes, or set KAFKA_BROKERS, SCHEMA_REGISTRY_URL and DATABASE_URL.`,
  );
};

const CONNECT_TIMEOUT_MS = 5_000;

const accepts = (address: string): Promise<boolean> =>
  new Promise((resolve) => {
    const split = address.lastIndexOf(':');
    const socket = connect({ host: address.slice(0, split).replace(/^\[|\]$/g, ''), port: Number(address.slice(split + 1)) });
    const finish = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => { finish(false); });
    socket.once('connect', () => { finish(true); });
    socket.once('error', () => { finish(false); });
  });

/** Brokers may want TLS or a password, which is the adapter's business: here only that something listens. */
const brokerReachable = async (text: string): Promise<boolean> => {
  const answers = await Promise.all(brokerList(text).filter((each) => /:\d+$/.test(each)).map(accepts));
  return answers.includes(true);
};

const REACHABLE: Readonly<Record<PlatformPart, (address: string) => Promise<boolean>>> = {
  kafka: brokerReachable,
  registry: registryAnswers,
  database: databaseAnswers,
};

/** An address as it may be shown. Up to the last @: a password may itself hold `/` and `@`. */
export const withoutPassword = (address: string): string =>
  address.replace(/\/\/.*@/, '//***@').replace(/([?&](?:password|sslpassword)=)[^&]*/gi, '$1***');

/** Checks that a part named by the environment answers. */
export const requireReachable = async (part: PlatformPart, address: string): Promise<void> => {
  if (await REACHABLE[part](address)) return;
  throw new LocalPlatformError(
    'UNREACHABLE',
    `${VARIABLES[part]}=${withoutPassword(address)} does not answer: start it, correct the variable, or unset it to have a local one.`,
  );
};
