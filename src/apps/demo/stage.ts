import type { Addresses } from '#apps/local-platform';
import { allProjections, createProjector, type Projector } from '#apps/projector';
import { applyTopics } from '#apps/topics';
import { createPublisher, PARTICIPANT_NAMES, type Publisher, type RunningWorker, startWorker, type WorkerConfig, workerConfig } from '#apps/worker';
import { DEFAULT_ORDER_SAFETY } from '#adapters/alpaca';
import { createKafkaAdmin } from '#adapters/kafka';
import { createDatabase, type Database } from '#adapters/postgres';
import { MARKET_TOPIC } from '#participants/market-data';
import type { Log } from '#saga-core/ports';
import { type AdminUrls, control, DEMO_ACCOUNT, type Simulators } from './simulators.ts';
import { brokerFaultPlan, modelFaultPlan } from './fault-schedule.ts';

export type StageOptions = {
  readonly addresses: Pick<Addresses, 'kafka' | 'registry' | 'database'>;
  readonly namespace: string;
  readonly symbols: readonly string[];
  readonly seed: string;
  readonly simulators: Simulators;
  readonly logger: Log;
  /** HTTP of the worker; null: none. */
  readonly port: number | null;
};

/** Everything that a run needs beside the infrastructure, in a namespace of its own. */
export type Stage = { readonly worker: RunningWorker; readonly projector: Projector; readonly database: Database; readonly publisher: Publisher; readonly admin: AdminUrls; readonly stop: () => Promise<void> };

/** Above any order rate of a replay: how fast a machine is must not decide which orders pass. */
const ORDERS_PER_MINUTE_MAX = 1_000_000;

const configOf = ({ addresses, namespace, symbols, simulators, port }: StageOptions): WorkerConfig => {
  const { accountId, brokerConnectionId, userId, keyId, secret } = DEMO_ACCOUNT;
  const base = workerConfig({
    KAFKA_BROKERS: addresses.kafka.join(','), SCHEMA_REGISTRY_URL: addresses.registry, CHORUS_NAMESPACE: namespace, CHORUS_REGISTER_SCHEMAS: 'true',
    ALPACA_BASE_URL: simulators.alpaca.url, ALPACA_KEY_ID: keyId, ALPACA_SECRET_KEY: secret,
    OPENAI_BASE_URL: simulators.openai.url, OPENAI_API_KEY: 'demo', GROQ_BASE_URL: simulators.groq.url, GROQ_API_KEY: 'demo',
    ...(port === null ? {} : { PORT: String(port) }),
  });
  const broker = {
    brokerConnectionId, accountId, userId, isVirtual: true, baseUrl: simulators.alpaca.url, streamUrl: simulators.alpaca.streamUrl, credential: 'ALPACA', symbols,
    orderSafety: { ...DEFAULT_ORDER_SAFETY, ordersPerMinuteMax: ORDERS_PER_MINUTE_MAX },
  };
  return { ...base, brokers: [broker] };
};

const installFaults = async (seed: string, admin: AdminUrls): Promise<void> => {
  await control(`${admin.openai}/fault-plan`, 'PUT', modelFaultPlan(seed));
  await control(`${admin.alpaca}/fault-plan`, 'PUT', brokerFaultPlan(seed));
};

/** Creates the topics, registers the schemas, starts every participant. Resolves when all are live. */
export const openStage = async (options: StageOptions): Promise<Stage> => {
  const config = configOf(options);
  const admin: AdminUrls = { alpaca: options.simulators.alpaca.adminUrl, openai: options.simulators.openai.adminUrl, groq: options.simulators.groq.adminUrl };
  const kafkaAdmin = createKafkaAdmin(config.kafka);
  try {
    await applyTopics(kafkaAdmin, { namespace: options.namespace });
  } finally {
    await kafkaAdmin.close();
  }
  await installFaults(options.seed, admin);
  const worker = await startWorker({ config, participants: PARTICIPANT_NAMES, logger: options.logger });
  const database = createDatabase({ url: options.addresses.database });
  const { log, codec } = worker.connection;
  const projector = createProjector({ log, codec, database, namespace: options.namespace, projections: allProjections, logger: options.logger });
  const publisher = await createPublisher(worker.connection, { name: 'market-data', topics: [MARKET_TOPIC] });
  const stop = async (): Promise<void> => {
    await publisher.close();
    await projector.stop();
    await worker.stop();
    await database.close();
  };
  try {
    await projector.start();
    return { worker, projector, database, publisher, admin, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};
