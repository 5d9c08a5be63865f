import { randomBytes } from 'node:crypto';
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Kafka, logLevel, Partitioners, type Transaction as KafkajsTransaction } from 'kafkajs';
import { createKafkaAdmin, createKafkaEventLog, type KafkaEventLogOptions } from '#adapters/kafka';
import type { Assignment, EventLog, GroupToJoin, Transaction } from '#saga-core/ports';
import type { EventLogStage, OpenTransaction, Victim } from './stage.ts';

const PATIENCE_MS = 40_000;
const POLL_MS = 5;
const VICTIM = new URL('../../support/kafka-victim.ts', import.meta.url).pathname;

/** A stranger's transaction, by kafkajs' own producer: the adapter under test has no way to leave one open. */
const openTransaction = async (brokers: readonly string[], transactionalId: string, transaction: Transaction): Promise<OpenTransaction & { readonly end: () => Promise<void> }> => {
  const kafka = new Kafka({ clientId: 'stranger', brokers: [...brokers], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 5, retries: 10 } });
  const producer = kafka.producer({ transactionalId, maxInFlightRequests: 1, idempotent: true, transactionTimeout: 60_000, createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const open: KafkajsTransaction = await producer.transaction();
  for (const record of transaction.records) {
    const { topic, partition, key, value, headers, timestampMs } = record;
    await open.send({ topic, messages: [{ partition, key, value: value === null ? null : Buffer.from(value), headers: { ...headers }, timestamp: String(timestampMs) }] });
  }
  const { positions } = transaction;
  if (positions !== undefined) {
    const topics = positions.offsets.map(({ topic, partition, offset, metadata }) => ({ topic, partitions: [{ partition, offset: String(offset), metadata }] }));
    await open.sendOffsets({ consumerGroupId: positions.group, topics });
  }
  return { commit: () => open.commit(), abort: () => open.abort(), end: () => producer.disconnect() };
};

const joinVictim = async (brokers: readonly string[], group: GroupToJoin): Promise<Victim & { readonly process: ChildProcess }> => {
  const child = spawn(process.execPath, ['--conditions=chorus:source', VICTIM, JSON.stringify({ brokers, group })], { stdio: ['ignore', 'pipe', 'inherit'] });
  let assignment: Assignment | null = null;
  createInterface({ input: child.stdout }).on('line', (line) => {
    assignment = JSON.parse(line) as Assignment;
  });
  return {
    process: child,
    assignment: () => assignment,
    kill: () => new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.kill('SIGKILL');
    }),
  };
};

/** A real cluster; every stage has names of its own and deletes its topics. */
export const makeKafkaStage = (brokers: readonly string[], options: Pick<KafkaEventLogOptions, 'transactionProtocol'> = {}) => async (): Promise<EventLogStage> => {
  const config = { brokers, clientId: 'conformance' };
  const admin = createKafkaAdmin(config);
  const namespace = `t${randomBytes(5).toString('hex')}`;
  const topics = new Map<string, { readonly partitions: number; readonly isCompacted: boolean }>();
  const logs: EventLog[] = [];
  const strangers: { readonly end: () => Promise<void> }[] = [];
  const victims: ChildProcess[] = [];
  let count = 0;
  const unique = (prefix: string): string => `${namespace}.${prefix}-${++count}`;
  const create = async (topic: string): Promise<void> => {
    const { partitions, isCompacted } = topics.get(topic) ?? { partitions: 1, isCompacted: false };
    await admin.createTopics([{ topic, partitions, config: { 'cleanup.policy': isCompacted ? 'compact' : 'delete', 'message.timestamp.after.max.ms': '3600000' } }]);
  };
  return {
    connect: () => {
      const log = createKafkaEventLog({ ...config, ...options });
      logs.push(log);
      return log;
    },
    createTopic: async ({ partitionCount = 1, isCompacted = false } = {}) => {
      const topic = unique('topic');
      topics.set(topic, { partitions: partitionCount, isCompacted });
      await create(topic);
      return topic;
    },
    deleteTopic: (topic) => admin.deleteTopics([topic]),
    recreateTopic: create,
    deleteRecordsBefore: async ({ topic, partition }, offset) => {
      const kafkajsAdmin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
      await kafkajsAdmin.connect();
      // Without its metadata loaded first kafkajs does not know the leader.
      await kafkajsAdmin.fetchTopicOffsets(topic);
      await kafkajsAdmin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] });
      await kafkajsAdmin.disconnect();
    },
    openTransaction: async (transactionalId, transaction) => {
      const open = await openTransaction(brokers, transactionalId, transaction);
      strangers.push(open);
      return open;
    },
    joinVictim: async (group) => {
      const victim = await joinVictim(brokers, group);
      victims.push(victim.process);
      return victim;
    },
    eventually: async (condition, what) => {
      const untilMs = performance.now() + PATIENCE_MS;
      while (!condition()) {
        if (performance.now() > untilMs) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
        await new Promise((resolve) => {
          setTimeout(resolve, POLL_MS);
        });
      }
    },
    nowMillis: () => Date.now(),
    unique,
    close: async () => {
      for (const victim of victims) victim.kill('SIGKILL');
      await Promise.all(strangers.map((stranger) => stranger.end()));
      await Promise.all(logs.map((log) => log.close()));
      await admin.deleteTopics([...topics.keys()]);
      await admin.close();
    },
  };
};
