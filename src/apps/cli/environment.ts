import { createDatabase, type Database } from '#adapters/postgres';
import { kafkaConfigFromEnvironment } from '#adapters/kafka';
import { connect, type Connection, createPino, type Environment, logOn } from '#apps/worker';
import { securityOf } from '#apps/local-platform';
import { CommandFailed } from './output.ts';
import { readLocalFile } from './local-file.ts';

const withDefault = (name: string, fallback: string | null): Environment => {
  const value = process.env[name]?.trim();
  return value !== undefined && value !== '' ? { [name]: value } : fallback === null ? {} : { [name]: fallback };
};

/** The process's environment; addresses and namespace that it lacks come from `.chorus/local.json`. */
export const effectiveEnvironment = (): Environment => {
  const local = readLocalFile();
  return {
    ...process.env,
    ...securityOf(process.env),
    ...withDefault('KAFKA_BROKERS', local.kafka.length === 0 ? null : local.kafka.join(',')),
    ...withDefault('SCHEMA_REGISTRY_URL', local.registry),
    ...withDefault('DATABASE_URL', local.database),
    ...withDefault('CHORUS_NAMESPACE', local.namespace ?? 'chorus'),
  };
};

const needed = (environment: Environment, name: string): string => {
  const value = environment[name];
  if (value === undefined || value === '') throw new CommandFailed(`${name} is not set and nothing runs here: run \`chorus up\`, or set ${name}`);
  return value;
};

export const namespaceOf = (environment: Environment): string => environment['CHORUS_NAMESPACE'] ?? 'chorus';
export const registryOf = (environment: Environment): { readonly registryUrl: string; readonly auth?: string } => {
  const auth = environment['SCHEMA_REGISTRY_AUTH'];
  return { registryUrl: needed(environment, 'SCHEMA_REGISTRY_URL'), ...(auth === undefined || auth === '' ? {} : { auth }) };
};
export const kafkaOf = (environment: Environment): ReturnType<typeof kafkaConfigFromEnvironment> => {
  needed(environment, 'KAFKA_BROKERS');
  return kafkaConfigFromEnvironment(environment);
};

/** Connects, does the work, and leaves nothing open. Schemas are looked up, never registered. */
export const withConnection = async <Result>(work: (connection: Connection) => Promise<Result>): Promise<Result> => {
  const environment = effectiveEnvironment();
  const { registryUrl, auth } = registryOf(environment);
  const connection = await connect({
    kafka: kafkaOf(environment), registryUrl, registryAuth: auth, namespace: namespaceOf(environment), autoRegister: false, logger: logOn(createPino({ level: 'error', name: 'chorus' })),
  });
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
};

export const withDatabase = async <Result>(work: (database: Database, namespace: string) => Promise<Result>): Promise<Result> => {
  const environment = effectiveEnvironment();
  const database = createDatabase({ url: needed(environment, 'DATABASE_URL') });
  try {
    return await work(database, namespaceOf(environment));
  } finally {
    await database.close();
  }
};
