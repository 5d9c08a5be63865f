// The stage of the Kafka fault tests: a topic of its own, a log through a fault-injecting proxy, and one beside it.
import { randomBytes } from 'node:crypto';
import { createKafkaAdmin, createKafkaEventLog, type KafkaEventLogOptions } from '#adapters/kafka';
import type { CommitOutcome, EventLog, RecordToWrite, TopicPartition, Transaction, TransactionalWriter, WriterOptions } from '#saga-core/ports';
import { createKafkaProxies, type KafkaProxy } from '../support/kafka-proxy.ts';

export type KafkaStand = {
  readonly topic: string;
  readonly proxy: KafkaProxy;
  readonly proxies: readonly KafkaProxy[];
  /** Through the proxy. */
  readonly log: EventLog;
  /** Straight to the broker. */
  readonly direct: EventLog;
  readonly id: string;
  readonly group: string;
  readonly fenced: (log: EventLog, options?: WriterOptions) => Promise<TransactionalWriter>;
  readonly record: (text: string, partition?: number) => RecordToWrite;
  /** One record on each of both partitions, and a position. */
  readonly transaction: (text: string, position?: number) => Transaction;
  readonly mustCommit: (writer: TransactionalWriter, text: string) => Promise<Extract<CommitOutcome, { status: 'committed' }>>;
  /** What a reader of the whole partition gets. */
  readonly texts: (partition?: number) => Promise<readonly string[]>;
  readonly close: () => Promise<void>;
};

const READ_TIMEOUT_MS = 30_000;
const PARTITION_COUNT = 2;

export const textOf = (value: Uint8Array | null): string => Buffer.from(value ?? []).toString();

/** Reads up to the end that the partition has when this is called. */
export const readTexts = async (log: EventLog, at: TopicPartition, from = 0): Promise<readonly string[]> => {
  const end = await log.endOffset(at);
  if (end <= from) return [];
  const texts: string[] = [];
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${at.topic}/${at.partition} was not read to ${end} in time`)), READ_TIMEOUT_MS);
    const subscription = log.reader().subscribe({ ...at, offset: from }, {
      onBatch: (batch) => {
        for (const record of batch.records) texts.push(textOf(record.value));
        if (batch.nextOffset < end) return;
        clearTimeout(timer);
        subscription.close();
        resolve(texts);
      },
      onError: (error) => {
        clearTimeout(timer);
        reject(new Error(`${error.code}: ${error.message}`));
      },
    });
  });
};

export const createKafkaStand = async (brokers: readonly string[], options: Partial<KafkaEventLogOptions> = {}): Promise<KafkaStand> => {
  const topic = `t${randomBytes(5).toString('hex')}`;
  const proxies = await createKafkaProxies(brokers);
  const [proxy] = proxies;
  if (proxy === undefined) throw new Error('no broker');
  const admin = createKafkaAdmin({ brokers, clientId: 'faults' });
  await admin.createTopics([{ topic, partitions: PARTITION_COUNT }]);
  const log = createKafkaEventLog({ ...options, brokers: proxies.map(({ address }) => address), clientId: 'faults' });
  const direct = createKafkaEventLog({ ...options, brokers, clientId: 'faults-direct' });
  const id = `${topic}/writer`;
  const group = `${topic}.group`;
  const record = (text: string, partition = 0): RecordToWrite => ({ topic, partition, key: 'key', value: Buffer.from(text), headers: {}, timestampMs: Date.now() });
  const transaction = (text: string, position = 1): Transaction => ({
    records: [record(text, 0), record(text, 1)], positions: { group, offsets: [{ topic, partition: 0, offset: position, metadata: text }] },
  });
  return {
    topic, proxy, proxies, log, direct, id, group, record, transaction,
    fenced: async (from, writerOptions) => {
      const writer = from.writer(id, writerOptions);
      const outcome = await writer.fence();
      if (outcome.status !== 'fenced-others') throw new Error(outcome.message);
      return writer;
    },
    mustCommit: async (writer, text) => {
      const outcome = await writer.commit(transaction(text));
      if (outcome.status !== 'committed') throw new Error(`${text}: ${outcome.status}: ${outcome.message}`);
      return outcome;
    },
    texts: (partition = 0) => readTexts(direct, { topic, partition }),
    close: async () => {
      await Promise.all(proxies.map((each) => each.close()));
      await Promise.all([log.close(), direct.close()]);
      await admin.deleteTopics([topic]);
      await admin.close();
    },
  };
};
