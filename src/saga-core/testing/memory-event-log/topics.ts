import type { TopicPartition } from '#saga-core/ports';
import type { BrokerMutants } from './transactions.ts';
import { createPartitionLog, type PartitionLog } from './partition-log.ts';

/** How a topic in memory is made. */
export type TopicOptions = {
  readonly name: string;
  readonly partitionCount: number;
  /** `compact` refuses records without a key. Nothing is compacted but on demand. */
  readonly cleanup?: 'delete' | 'compact';
  /** Key and value and headers of one record together; default 1 MiB. */
  readonly recordBytesMax?: number;
};

export type Topic = {
  /** Differs for a topic deleted and created again under its old name. */
  readonly id: number;
  readonly options: TopicOptions;
  readonly partitions: readonly PartitionLog[];
  readonly recordBytesMax: number;
};

/** What exists now, by name. */
export type TopicTable = {
  readonly create: (options: TopicOptions) => void;
  readonly remove: (name: string) => void;
  readonly find: (name: string) => Topic | null;
  /** Rejects by throwing where the topic does not exist. */
  readonly get: (name: string) => Topic;
  readonly partition: (partition: TopicPartition) => PartitionLog | null;
  readonly names: () => readonly string[];
  /** Called after a topic has been created or removed. */
  readonly onChange: (listener: () => void) => () => void;
};

const RECORD_BYTES_MAX = 1024 * 1024;

export const createTopicTable = (mutants: BrokerMutants = {}): TopicTable => {
  const topics = new Map<string, Topic>();
  const listeners = new Set<() => void>();
  let nextId = 1;
  const changed = (): void => {
    for (const listener of [...listeners]) listener();
  };
  const get = (name: string): Topic => {
    const topic = topics.get(name);
    if (topic === undefined) throw new Error(`topic ${name} does not exist: create it first`);
    return topic;
  };
  return {
    create: (options) => {
      if (topics.has(options.name)) throw new Error(`topic ${options.name} exists already`);
      topics.set(options.name, {
        id: nextId++,
        options,
        partitions: Array.from({ length: options.partitionCount }, (_, partition) => createPartitionLog({ topic: options.name, partition }, mutants.withoutAbortFilter)),
        recordBytesMax: options.recordBytesMax ?? RECORD_BYTES_MAX,
      });
      changed();
    },
    remove: (name) => {
      get(name);
      topics.delete(name);
      changed();
    },
    find: (name) => topics.get(name) ?? null,
    get,
    partition: ({ topic, partition }) => topics.get(topic)?.partitions[partition] ?? null,
    names: () => [...topics.keys()],
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
};

