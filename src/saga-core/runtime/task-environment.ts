import type { Clock, Codec, EventLog, Log, PartitionReader, RandomSource, TransactionalWriter } from '../ports/index.ts';
import { type Load, WAITING_MAX_DEFAULT } from './committer.ts';
import type { SharedDecoding } from './shared-decoding.ts';
import type { TopicNames } from './topics.ts';

/** For embedders that want no log. */
export const SILENT_LOG: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Everything a task takes from its worker. */
export type TaskEnvironment = {
  readonly log: EventLog;
  /** Opens a task's writer, which keeps to the limits. */
  readonly writer: (transactionalId: string) => TransactionalWriter;
  readonly reader: PartitionReader;
  readonly codec: Codec;
  /** Of the whole process: co-located participants read the same records. */
  readonly decoding: SharedDecoding;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly names: TopicNames;
  readonly worker: string;
  readonly logger: Log;
  readonly partitionsOf: (topic: string) => number;
  readonly counters: Counters;
  readonly limits: TaskLimits;
  /**
   * The group has confirmed this member within its session, so nobody else can own its partitions yet. A process that
   * stood still must not call a vendor before it has heard: no fence stops a call.
   */
  readonly isConfirmedOwner: () => boolean;
};

/** Bounds of one task; times in milliseconds. */
export type TaskLimits = {
  /** Effects under way at once, per task. */
  readonly effectsMax: number;
  /** The position is committed at most this often. */
  readonly positionIntervalMs: number;
  /** An instance open longer is checkpointed. */
  readonly checkpointWindowMs: number;
  /** Ids of ended instances are remembered this long. */
  readonly dedupeWindowMs: number;
  /** And at most so many per partition: the oldest are forgotten first, and counted. */
  readonly rememberedMax: number;
  /** Checkpoints that one transaction takes; the others go with the next, and the watermark waits for them. */
  readonly checkpointsMax: number;
  /** Of a task: records that wait for a transaction; above it the task's partition is not read on. */
  readonly waitingMax: Load;
  /**
   * A commit without a definite answer is given up after it, at the price of a takeover; until then its open transaction stalls every
   * reader of its partitions. At most 4 s: the broker ends it by itself after 5.
   */
  readonly commitTimeoutMs: number;
  /** A transaction that was open for longer is counted and logged. */
  readonly longOpenMs: number;
  /** A stop on request waits so long for the answers of calls under way; then they are aborted. Below the grace of whoever stops the process. */
  readonly drainTimeoutMs: number;
  /** The same where the group takes the partitions back: meanwhile no partition of the group has an owner. Below the session's time-out. */
  readonly revokeDrainTimeoutMs: number;
};
/** Bounds of a task that fit a worker on an ordinary machine; times in milliseconds. */
export const DEFAULT_LIMITS: TaskLimits = {
  effectsMax: 1_024, positionIntervalMs: 1_000, checkpointWindowMs: 600_000, dedupeWindowMs: 86_400_000, rememberedMax: 200_000, checkpointsMax: 500,
  waitingMax: WAITING_MAX_DEFAULT,
  // A second would end tasks on a loaded machine and at leader moves (measured: docs/decisions/runtime.md).
  commitTimeoutMs: 4_000,
  longOpenMs: 100,
  // Kubernetes kills 30 s after it has asked: a drain, the last transactions and the leaving of the groups fit twice.
  drainTimeoutMs: 10_000,
  revokeDrainTimeoutMs: 3_000,
};

/** Counts of one participant, as `stats` and metrics show them. */
export type Counters = {
  triggered: number;
  completed: number;
  failed: number;
  retries: number;
  compensated: number;
  quarantined: number;
  duplicates: number;
  refused: number;
  inFlight: number;
  sagasStarted: number;
  sagasCompleted: number;
  sagasFailed: number;
  transactions: number;
  /** Transactions that were open above the limit for it, however they ended. */
  longTransactions: number;
  deadLetters: number;
  takeovers: number;
  /** Ids of ended instances forgotten before their time, since there were too many: a repeated start of one is a new instance. */
  forgotten: number;
};
export const newCounters = (): Counters => ({
  triggered: 0, completed: 0, failed: 0, retries: 0, compensated: 0, quarantined: 0, duplicates: 0, refused: 0, inFlight: 0,
  sagasStarted: 0, sagasCompleted: 0, sagasFailed: 0, transactions: 0, longTransactions: 0, deadLetters: 0, takeovers: 0, forgotten: 0,
});
