import { allProjections, createProjector, type Projector } from '#apps/projector';
import { applyTopics } from '#apps/topics';
import { createPublisher, PARTICIPANT_NAMES, type Publisher, type RunningWorker, startWorker } from '#apps/worker';
import { createKafkaAdmin } from '#adapters/kafka';
import { createDatabase, type Database } from '#adapters/postgres';
import { MARKET_TOPIC } from '#participants/market-data';
import type { Log } from '#saga-core/ports';
import { brokerFaultPlan, modelFaultPlan } from './fault-schedule.ts';
import { type AdminUrls, control, type Simulators } from './simulators.ts';
import { stageConfig, type StageConfigOptions } from './stage-config.ts';

export type StageOptions = StageConfigOptions & { readonly seed: string; readonly simulators: Simulators; readonly logger: Log };

/** Everything that a run needs beside the infrastructure, in a namespace of its own. */
export type Stage = { readonly worker: RunningWorker; readonly projector: Projector; readonly database: Database; readonly publisher: Publisher; readonly admin: AdminUrls; readonly stop: () => Promise<void> };

const installFaults = async (seed: string, admin: AdminUrls): Promise<void> => {
  await control(`${admin.openai}/fault-plan`, 'PUT', modelFaultPlan(seed));
  await control(`${admin.alpaca}/fault-plan`, 'PUT', brokerFaultPlan(seed));
};

/** Creates the topics, registers the schemas, starts every participant. Resolves when all are live. */
export const openStage = async (options: StageOptions): Promise<Stage> => {
  const config = stageConfig(options, process.env);
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
