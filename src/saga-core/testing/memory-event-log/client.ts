import type { EventLog, Membership, Subscription, TopicPartition, TransactionalWriter } from '#saga-core/ports';
import type { SimulatedProcess } from '../simulated-process.ts';
import type { Broker } from './broker.ts';
import type { RequestKind } from './faults.ts';
import { joinMemoryGroup } from './membership.ts';
import type { PartitionLog } from './partition-log.ts';
import { createMemoryReader } from './reader.ts';
import { TRANSACTION_TIMEOUT_MS } from './transactions.ts';
import { createMemoryWriter } from './writer.ts';

const RETRY_MS = 2;
const ASK_TIMEOUT_MS = 10_000;

/** Asks until there is a definite answer; rejects when there is none within ten seconds. */
const createAsk = (broker: Broker, process: SimulatedProcess) =>
  async <Value>(kind: RequestKind, subject: string, serve: () => { readonly retry: true } | { readonly value: Value } | { readonly error: string }): Promise<Value> => {
    const untilMs = process.clock.monotonicMillis() + ASK_TIMEOUT_MS;
    while (process.clock.monotonicMillis() < untilMs) {
      const reply = await broker.network.request({ kind, subject, from: process, timeoutMs: broker.requestTimeoutMs, serve });
      if (reply.status === 'answered' && 'value' in reply.answer) return reply.answer.value;
      if (reply.status === 'answered' && 'error' in reply.answer) throw new Error(reply.answer.error);
      await new Promise<void>((resolve) => void process.clock.after(RETRY_MS, resolve));
    }
    throw new Error(`${kind} of ${subject}: no answer within ${ASK_TIMEOUT_MS} ms`);
  };

/** The event log as one process sees it. */
export const createMemoryClient = (broker: Broker, process: SimulatedProcess): EventLog => {
  const ask = createAsk(broker, process);
  const writers = new Set<TransactionalWriter>();
  const subscriptions = new Set<Subscription>();
  const memberships = new Set<Membership>();
  let isClosed = false;
  const assertOpen = (): void => {
    if (isClosed) throw new Error(`event log of ${process.name} is closed`);
  };
  const offsetOf = (partition: TopicPartition, read: (log: PartitionLog) => number): Promise<number> =>
    ask('list-offsets', partition.topic, () => {
      const log = broker.topics.partition(partition);
      return log === null ? { error: `topic ${partition.topic} has no partition ${partition.partition}` } : { value: read(log) };
    });
  return {
    writer: (transactionalId, { transactionTimeoutMs = TRANSACTION_TIMEOUT_MS, commitTimeoutMs, longOpen } = {}) => {
      assertOpen();
      const writer = createMemoryWriter({ broker, process, transactionalId, transactionTimeoutMs, commitTimeoutMs, longOpen });
      writers.add(writer);
      return writer;
    },
    reader: () => {
      assertOpen();
      return createMemoryReader(broker, process, (subscription) => void subscriptions.add(subscription));
    },
    join: async (group, listener) => {
      assertOpen();
      const membership = await joinMemoryGroup({ broker, process, group, listener });
      memberships.add(membership);
      return membership;
    },
    committedPosition: (group, partition) =>
      ask('offset-fetch', group, () => {
        const answer = broker.groups.fetchPosition(group, partition);
        return answer.code === 'NONE' ? { value: answer.position } : { retry: true };
      }),
    logStartOffset: (partition) => offsetOf(partition, (log) => log.logStartOffset()),
    endOffset: (partition) => offsetOf(partition, (log) => log.highWatermark()),
    partitionCount: (topic) =>
      ask('metadata', topic, () => {
        const found = broker.topics.find(topic);
        return found === null ? { error: `topic ${topic} does not exist` } : { value: found.partitions.length };
      }),
    close: async () => {
      if (isClosed) return;
      isClosed = true;
      for (const subscription of subscriptions) subscription.close();
      await Promise.all([...memberships].map((membership) => membership.leave()));
      await Promise.all([...writers].map((writer) => writer.close()));
    },
  };
};
