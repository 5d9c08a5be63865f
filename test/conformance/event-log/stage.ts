import type { Assignment, EventLog, GroupToJoin, LogRecord, MembershipListener, ReadBatch, ReadError, RecordToWrite, Subscription, TopicPartition, Transaction, TransactionalWriter } from '#saga-core/ports';

/** A transaction of somebody else, written by other means than the log under test, that stands open until told. */
export type OpenTransaction = { readonly commit: () => Promise<void>; readonly abort: () => Promise<void> };

/** A member in a process of its own, which can die without leaving. */
export type Victim = { readonly assignment: () => Assignment | null; readonly kill: () => Promise<void> };

/** What the suite needs of the world around an event log. One stage serves one test. */
export type EventLogStage = {
  /** A client of its own, as another process would have. */
  readonly connect: () => EventLog;
  /** Creates a topic and answers its name, which is new. */
  readonly createTopic: (options?: { readonly partitionCount?: number; readonly isCompacted?: boolean }) => Promise<string>;
  readonly deleteTopic: (name: string) => Promise<void>;
  /** Creates it again under its old name. */
  readonly recreateTopic: (name: string) => Promise<void>;
  readonly deleteRecordsBefore: (partition: TopicPartition, offset: number) => Promise<void>;
  readonly openTransaction: (transactionalId: string, transaction: Transaction) => Promise<OpenTransaction>;
  readonly joinVictim: (group: GroupToJoin) => Promise<Victim>;
  /** Waits, in the stage's own time, until the condition holds; rejects with `what` when it takes too long. */
  readonly eventually: (condition: () => boolean, what: string) => Promise<void>;
  readonly nowMillis: () => number;
  /** A name nobody else uses. */
  readonly unique: (prefix: string) => string;
  readonly close: () => Promise<void>;
};

export type MakeStage = () => Promise<EventLogStage>;

export const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
export const decode = (bytes: Uint8Array | null): string | null => (bytes === null ? null : new TextDecoder().decode(bytes));

export const recordOf = (stage: EventLogStage, to: TopicPartition, text: string): RecordToWrite => ({
  topic: to.topic,
  partition: to.partition,
  key: 'key',
  value: encode(text),
  headers: {},
  timestampMs: stage.nowMillis(),
});

/** A writer that has fenced. */
export const fencedWriter = async (log: EventLog, transactionalId: string): Promise<TransactionalWriter> => {
  const writer = log.writer(transactionalId);
  const outcome = await writer.fence();
  if (outcome.status !== 'fenced-others') throw new Error(`fence of ${transactionalId}: ${outcome.message}`);
  return writer;
};

/** Commits and insists on it; answers the base offset of the partition, or -1 where nothing was written to it. */
export const mustCommit = async (writer: TransactionalWriter, transaction: Transaction, partition?: TopicPartition): Promise<number> => {
  const outcome = await writer.commit(transaction);
  if (outcome.status !== 'committed') throw new Error(`commit: ${outcome.status}: ${outcome.message}`);
  return partition === undefined ? -1 : (outcome.baseOffsets.get(`${partition.topic}/${partition.partition}`) ?? -1);
};

export type Collector = Subscription & {
  readonly records: readonly LogRecord[];
  readonly batches: readonly ReadBatch[];
  readonly errors: readonly ReadError[];
  readonly texts: () => readonly (string | null)[];
  readonly nextOffset: () => number;
};

export const collect = (log: EventLog, from: TopicPartition & { readonly offset: number }): Collector => {
  const records: LogRecord[] = [];
  const batches: ReadBatch[] = [];
  const errors: ReadError[] = [];
  let next = from.offset;
  const subscription = log.reader().subscribe(from, {
    onBatch: (batch) => {
      batches.push(batch);
      for (const record of batch.records) {
        records.push({ ...record, headers: record.headers, key: record.key === null ? null : Uint8Array.from(record.key), value: record.value === null ? null : Uint8Array.from(record.value) });
      }
      next = batch.nextOffset;
    },
    onError: (error) => void errors.push(error),
  });
  return { close: subscription.close, records, batches, errors, texts: () => records.map((record) => decode(record.value)), nextOffset: () => next };
};

/** Reads what is committed, from the offset (default 0) up to the end that the partition has when this is called. */
export const readToEnd = async (stage: EventLogStage, log: EventLog, partition: TopicPartition & { readonly offset?: number }): Promise<Collector> => {
  const end = await log.endOffset(partition);
  const collector = collect(log, { offset: 0, ...partition });
  await stage.eventually(() => collector.nextOffset() >= end || collector.errors.length > 0, `reading ${partition.topic}/${partition.partition} up to ${end}`);
  collector.close();
  return collector;
};

export type MemberLog = { readonly assignments: Assignment[]; readonly calls: string[]; readonly listener: MembershipListener };

/** A listener that remembers. */
export const memberLog = (): MemberLog => {
  const assignments: Assignment[] = [];
  const calls: string[] = [];
  return {
    assignments,
    calls,
    listener: {
      onAssigned: (assignment) => {
        calls.push('assigned');
        assignments.push(assignment);
      },
      onLost: () => void calls.push('lost'),
      beforeRejoin: async () => void calls.push('before-rejoin'),
    },
  };
};

/** `topic/partition` of the latest assignment, sorted. */
export const owned = (member: MemberLog): readonly string[] =>
  (member.assignments.at(-1)?.partitions ?? []).map(({ topic, partition }) => `${topic}/${partition}`).sort();
