// A namespace on the real Kafka, registry and PostgreSQL, with a writer of order histories.
import { createDatabase, createReadModels, type Database, type ReadModels } from '#adapters/postgres';
import { createKafkaAdmin, createKafkaEventLog } from '#adapters/kafka';
import { createSchemaCodec } from '#adapters/schema-registry';
import type { Addresses } from '#apps/local-platform';
import { allDataTypes, allEventTypes, topicsOf } from '#contracts';
import type { Codec, EventLog, RecordToWrite } from '#saga-core/ports';
import { createHistoryWriter, type HistoryWriter } from './saga-history.ts';

export const PARTITIONS = 2;

export type ReadModelStage = {
  readonly namespace: string;
  readonly codec: Codec;
  readonly database: Database;
  readonly readModels: ReadModels;
  readonly history: HistoryWriter;
  readonly connect: () => EventLog;
  /** In transactions of 50 records. */
  readonly write: (records: readonly RecordToWrite[]) => Promise<void>;
  readonly close: () => Promise<void>;
};

export const makeReadModelStage = async (namespace: string, platform: Addresses): Promise<ReadModelStage> => {
  const config = { brokers: platform.kafka, clientId: 'read-models' };
  const admin = createKafkaAdmin(config);
  await admin.createTopics([
    { topic: `${namespace}.sagas.trading`, partitions: PARTITIONS, config: { 'message.timestamp.after.max.ms': '3600000' } },
    { topic: `${namespace}.entities.positions.state`, partitions: PARTITIONS, config: { 'cleanup.policy': 'compact' } },
  ]);
  await admin.close();
  const codec = createSchemaCodec({ registryUrl: platform.registry, topicsOf: (type) => topicsOf(type).map((topic) => `${namespace}.${topic}`), autoRegister: true, knownTypes: [...allEventTypes, ...allDataTypes] });
  const database = createDatabase({ url: platform.database, connectionsMax: 8 });
  const logs: EventLog[] = [];
  const connect = (): EventLog => {
    const log = createKafkaEventLog(config);
    logs.push(log);
    return log;
  };
  const writer = connect().writer(`${namespace}/history`);
  const fenced = await writer.fence();
  if (fenced.status === 'failed') throw new Error(fenced.message);
  return {
    namespace, codec, database, readModels: createReadModels({ database, namespace }), connect,
    history: await createHistoryWriter({ codec, namespace, partitions: PARTITIONS, startMs: Date.now() - 60_000 }),
    write: async (records) => {
      for (let from = 0; from < records.length; from += 50) {
        const outcome = await writer.commit({ records: records.slice(from, from + 50) });
        if (outcome.status !== 'committed') throw new Error(`not written: ${outcome.message}`);
      }
    },
    close: async () => {
      await Promise.all(logs.map((log) => log.close()));
      const { rows } = await database.query('select nspname as name from pg_namespace where nspname = $1 or nspname like $2', [namespace, `${namespace}\\_%`]);
      for (const { name } of rows) await database.query(`drop schema if exists "${String(name)}" cascade`);
      await database.close();
    },
  };
};
