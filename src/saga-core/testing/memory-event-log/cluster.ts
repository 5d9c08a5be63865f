import type { Clock, EventLog, TopicPartition, Transaction } from '#saga-core/ports';
import { createSimulatedProcess, type SimulatedProcess } from '../simulated-process.ts';
import type { SimulatedRandom } from '../simulated-random.ts';
import type { Broker } from './broker.ts';
import { createMemoryClient } from './client.ts';
import { type FaultPlan, noFaults } from './faults.ts';
import { type ForeignTransaction, openForeignTransaction } from './foreign-transaction.ts';
import { createGroupCoordinator } from './groups.ts';
import { createNetwork, type Latency } from './network.ts';
import type { LogEntry } from './partition-log.ts';
import { createTopicTable, type TopicOptions } from './topics.ts';
import { type BrokerMutants, createTransactionCoordinator } from './transactions.ts';

/** What the cluster runs on: time, chance and faults are the test's. */
export type MemoryClusterOptions = {
  readonly clock: Clock;
  readonly random: SimulatedRandom;
  readonly faults?: FaultPlan;
  /** One way, default 0.2 to 1 ms. */
  readonly latency?: Latency;
  /** From a transaction's decision to its marker in a partition, default 0.2 to 3 ms. */
  readonly markerLatency?: Latency;
  /** Default 300 ms. */
  readonly requestTimeoutMs?: number;
  /** Default 5,000 ms. */
  readonly fenceTimeoutMs?: number;
  /** Entries a single fetch looks at, default 500. */
  readonly fetchEntryCountMax?: number;
  readonly mutants?: BrokerMutants;
};

/** One process's connection to the cluster, with the controls over that process. */
export type MemoryClient = { readonly log: EventLog; readonly process: SimulatedProcess };

/**
 * A Kafka cluster in memory, with Kafka's semantics: transactions with control markers, read-committed reading, fencing,
 * groups and their positions. Everything happens on the given clock, and what the random source and the fault plan say.
 */
export type MemoryCluster = {
  readonly createTopic: (options: TopicOptions) => void;
  readonly deleteTopic: (name: string) => void;
  /** Retention: everything below `offset` goes. */
  readonly deleteRecordsBefore: (partition: TopicPartition, offset: number) => void;
  readonly compact: (topic: string, options?: { readonly removeTombstones?: boolean }) => void;
  /** A client on a process of its own, or on the one given. */
  readonly connect: (clientName: string, process?: SimulatedProcess) => MemoryClient;
  /** Has every member of the group join again. */
  readonly rebalance: (group: string) => void;
  /** All that lies in a partition, aborted records and control markers included: for checkers. */
  readonly entries: (partition: TopicPartition) => readonly LogEntry[];
  /**
   * A transaction of a foreign client, which stands open until told, or until its time is out. Acts at once, without the
   * network; `commit` and `abort` reject when the transaction is not its own any more.
   */
  readonly openTransaction: (transactionalId: string, transaction: Transaction) => Promise<ForeignTransaction>;
  readonly topicNames: () => readonly string[];
  readonly partitionCount: (topic: string) => number;
};

/** A log in memory with the semantics of Kafka: transactions, fencing, groups, stable positions. */
export const createMemoryCluster = (options: MemoryClusterOptions): MemoryCluster => {
  const { clock, random } = options;
  const topics = createTopicTable(options.mutants);
  const groups = createGroupCoordinator(clock, (topic) => topics.find(topic)?.partitions.length ?? 0);
  const broker: Broker = {
    clock,
    topics,
    groups,
    network: createNetwork({ clock, random: random.fork('network'), faults: options.faults ?? noFaults, latency: options.latency ?? { minMs: 0.2, maxMs: 1 } }),
    transactions: createTransactionCoordinator({
      clock,
      random: random.fork('markers'),
      markerLatency: options.markerLatency ?? { minMs: 0.2, maxMs: 3 },
      positions: groups,
      mutants: options.mutants ?? {},
    }),
    requestTimeoutMs: options.requestTimeoutMs ?? 300,
    fenceTimeoutMs: options.fenceTimeoutMs ?? 5_000,
    fetchEntryCountMax: options.fetchEntryCountMax ?? 500,
  };
  const existing = (partition: TopicPartition) => {
    const log = topics.partition(partition);
    if (log === null) throw new Error(`topic ${partition.topic} has no partition ${partition.partition}`);
    return log;
  };
  return {
    createTopic: topics.create,
    deleteTopic: topics.remove,
    deleteRecordsBefore: (partition, offset) => existing(partition).deleteBefore(offset),
    compact: (topic, { removeTombstones = false } = {}) => {
      for (const log of topics.get(topic).partitions) log.compact({ removeTombstones });
    },
    connect: (clientName, process = createSimulatedProcess({ name: clientName, clock })) => ({ log: createMemoryClient(broker, process), process }),
    rebalance: groups.rebalance,
    entries: (partition) => existing(partition).entries(),
    openTransaction: (transactionalId, transaction) => openForeignTransaction(broker, transactionalId, transaction),
    topicNames: topics.names,
    partitionCount: (topic) => topics.get(topic).partitions.length,
  };
};
