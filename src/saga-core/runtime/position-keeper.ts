import { keyOf } from '../engine/index.ts';
import type { Cancel, Clock, Codec, EventLog, Log, LogRecord, RecordToWrite, TopicPartition } from '../ports/index.ts';
import { partitionKey } from '../ports/index.ts';
import { caught } from './caught.ts';
import { type Checkpoints, type Ended, readCheckpoint, undecodable } from './checkpoints.ts';
import type { Carried } from './committer.ts';
import type { Catalogue, Entry, InstanceTable } from './instance-table.ts';
import { RememberedEnds } from './remembered-ends.ts';
import { decodeLearning, type TaskEnd } from './takeover.ts';
import { learnInside } from './typed-bytes.ts';
import type { TaskLimits } from './task-environment.ts';

export type PositionKeeperOptions = {
  readonly at: TopicPartition;
  readonly table: InstanceTable;
  readonly checkpoints: Checkpoints;
  readonly clock: Clock;
  readonly limits: TaskLimits;
};

/** The position's metadata: the watermark and nothing else. */
const metadataOf = (watermark: number): string => JSON.stringify({ watermark });
/** The watermark that a committed position's metadata tells; null where it tells none. */
export const watermarkOf = (metadata: string): number | null => {
  const match = /^\{"watermark":(\d+)\}$/.exec(metadata);
  return match?.[1] === undefined ? null : Number(match[1]);
};

/**
 * Keeps position, watermark and checkpoints of one saga task. Correctness rests on the fold: a stale
 * watermark only means reading more. What the watermark passes must be recoverable without the records it passes, so
 * checkpoints are rewritten, tombstones and remembered ids written, before the position that needs them.
 */
export class PositionKeeper {
  readonly #options: PositionKeeperOptions;
  #nextOffset = 0;
  #committed = -1;
  /** Before the position given last. */
  #committedBefore = -1;
  #committedAtMs = Number.NEGATIVE_INFINITY;
  #scheduled: Cancel | null = null;
  #isForced = false;
  #knowsEveryEnd = false;
  /** First offsets of instances whose checkpoints cannot be read. */
  readonly #unreadable = new Map<string, number>();
  /** Instances that ended and were checkpointed: their tombstones are owed. */
  #tombstones: string[] = [];
  readonly #ends: RememberedEnds;
  /** More instances await their checkpoints than one transaction takes. */
  #isBehind = false;

  constructor(options: PositionKeeperOptions) {
    this.#options = options;
    const { checkpoints, limits } = options;
    this.#ends = new RememberedEnds({ checkpoints, dedupeWindowMs: limits.dedupeWindowMs, rememberedMax: limits.rememberedMax });
  }

  /** Offsets below it were consumed under a committed position: their dead letters are written. */
  get committedOffset(): number {
    return this.#committed;
  }

  /** Whatever ended before what is folded is remembered: no record of it is taken for an orphan. */
  get knowsEveryEnd(): boolean {
    return this.#knowsEveryEnd;
  }

  /** Where folding begins: the committed watermark, the log's start where there is none. Never the end. */
  async load(log: EventLog, group: string): Promise<number | TaskEnd> {
    const { at } = this.#options;
    const [position, logStart] = await Promise.all([log.committedPosition(group, at), log.logStartOffset(at)]);
    const watermark = position === null ? null : watermarkOf(position.metadata);
    this.#committed = position?.offset ?? -1;
    this.#nextOffset = logStart;
    this.#knowsEveryEnd = watermark !== null || logStart === 0;
    if (watermark === null) return logStart;
    const from = Math.min(watermark, ...this.#unreadable.values());
    if (from >= logStart) return from;
    const what = from === watermark ? `watermark ${watermark} lies` : `the first record of an instance whose checkpoint this build cannot read, at ${from}, lies`;
    return { code: 'WATERMARK_LOST', message: `${partitionKey(at)}: ${what} below the log's start ${logStart}: records of open instances were deleted by retention; restore them or end the instances by hand` };
  }

  rememberChunk(key: string, ended: readonly Ended[]): void {
    this.#ends.load(key, ended);
    this.#options.table.rememberEnded(ended);
  }

  forgetChunk(key: string): void {
    this.#ends.forget(key);
  }

  /** The instance is folded from its first record instead. */
  unreadable(key: string, firstOffset: number): void {
    this.#unreadable.set(key, firstOffset);
  }

  /** A later checkpoint of the instance can be read, or it has ended. */
  readable(key: string): void {
    this.#unreadable.delete(key);
  }

  advance(nextOffset: number): void {
    this.#nextOffset = nextOffset;
  }

  /** `atMs` is the end record's own time, so that everybody forgets alike. */
  ended(entry: Entry, atMs: number): void {
    if (entry.checkpoint !== null) this.#tombstones.push(entry.key);
    // A sub-saga goes by its root, where that is folded here too.
    if (entry.instance.subSaga === null || !this.#options.table.knows(entry.instance.sagaType)) this.#ends.add(keyOf(entry.instance), atMs);
  }

  /** Makes sure that a position that has moved is committed within the interval, even when nothing else is. */
  schedule(kick: () => void): void {
    if (this.#scheduled !== null || this.#nextOffset <= this.#committed) return;
    this.#scheduled = this.#options.clock.after(this.#options.limits.positionIntervalMs, () => {
      this.#scheduled = null;
      // Another transaction may have taken an earlier position less than an interval ago: then once more.
      if (this.#isTime()) kick();
      else this.schedule(kick);
    });
  }

  /** The position goes with the next transaction: what is written about a bad record must be written once. */
  force(): void {
    this.#isForced = true;
  }

  /** What is to be committed now: the position, and in the same transaction the records that it relies on. */
  due(): Carried | null {
    const nowMs = this.#options.clock.nowMillis();
    const hasMoved = this.#nextOffset > this.#committed;
    if (!(hasMoved && (this.#isTime() || this.#isForced)) && !this.#isBehind) return null;
    this.#isForced = false;
    const records = [...this.#refreshedCheckpoints(nowMs), ...this.#owed(nowMs)];
    this.#committedAtMs = this.#options.clock.monotonicMillis();
    this.#committedBefore = this.#committed;
    this.#committed = this.#nextOffset;
    return { offsets: [{ ...this.#options.at, offset: this.#nextOffset, metadata: metadataOf(this.#watermark()) }], records };
  }

  /** The position given last was not committed: it is given again, with the next transaction or, where it was refused alone, an interval later. */
  retract(isLater: boolean): void {
    this.#committed = this.#committedBefore;
    if (!isLater) this.#isForced = true;
  }

  #isTime(): boolean {
    return this.#options.clock.monotonicMillis() - this.#committedAtMs >= this.#options.limits.positionIntervalMs;
  }

  close(): void {
    this.#scheduled?.();
    this.#scheduled = null;
  }

  /** The smallest, over the open instances, of: first offset without checkpoint, else the first record after it. */
  #watermark(): number {
    let watermark = this.#nextOffset;
    for (const entry of this.#options.table.entries()) watermark = Math.min(watermark, holdOf(entry));
    for (const offset of this.#options.table.heldOffsets()) watermark = Math.min(watermark, offset);
    return watermark;
  }

  /** At most so many as one transaction takes, first what holds the watermark furthest back; it goes on holding it for the others. */
  #refreshedCheckpoints(nowMs: number): readonly RecordToWrite[] {
    const { checkpoints, limits } = this.#options;
    const stale = this.#stale(nowMs);
    this.#isBehind = false;
    if (stale.length > limits.checkpointsMax) stale.sort((left, right) => holdOf(left) - holdOf(right));
    const written: RecordToWrite[] = [];
    for (const entry of stale) {
      if (written.length === limits.checkpointsMax) {
        this.#isBehind = true;
        break;
      }
      const record = caught(() => checkpoints.write(entry));
      // A cache that cannot be written (too large): the instance's first record goes on holding the watermark.
      if (!record.ok) continue;
      written.push(record.value);
      entry.checkpoint = { foldedTo: entry.instance.lastOffset, firstAfter: null };
    }
    return written;
  }

  /** Long open instances whose checkpoints lack something. */
  #stale(nowMs: number): Entry[] {
    const { table, limits } = this.#options;
    const stale: Entry[] = [];
    for (const entry of table.entries()) {
      const { instance, checkpoint } = entry;
      const isLong = nowMs - instance.beganAtMs >= limits.checkpointWindowMs || instance.status === 'MANUAL_REQUIRED';
      if (isLong && (checkpoint === null || checkpoint.firstAfter !== null)) stale.push(entry);
    }
    return stale;
  }

  #owed(nowMs: number): readonly RecordToWrite[] {
    const { checkpoints } = this.#options;
    const records = this.#tombstones.map((key) => checkpoints.tombstone(key));
    this.#tombstones = [];
    return [...records, ...this.#ends.owed(this.#nextOffset, nowMs)];
  }
}

/** The offset that the instance keeps the watermark from passing. */
const holdOf = ({ instance, checkpoint }: Entry): number => (checkpoint === null ? instance.firstOffset : checkpoint.firstAfter ?? Number.POSITIVE_INFINITY);

type Loading = { readonly codec: Codec; readonly catalogue: Catalogue; readonly table: InstanceTable; readonly positions: PositionKeeper; readonly logger: Log };

const loadedOf = async (key: string, { offset, value }: LogRecord, { codec, catalogue, table, logger }: Loading): Promise<ReturnType<typeof readCheckpoint>> => {
  const decoded = await decodeLearning(codec, value ?? new Uint8Array());
  if (decoded.status === 'decoded') return readCheckpoint(key, decoded, catalogue);
  logger.error('a checkpoint cannot be decoded', { key, offset, reason: decoded.reason });
  return undecodable(key, table.get(key)?.instance.firstOffset ?? 0);
};

/**
 * One record of the checkpoint topic, at a takeover: an instance, ids that ended, or the end of either. A cache that cannot be read is
 * no loss where the instance can be folded from its first record: whose offset an earlier checkpoint told, or nobody.
 */
export const loadCheckpoint = async (record: LogRecord, into: Loading): Promise<void> => {
  if (record.key === null) return;
  const { table, positions } = into;
  const key = Buffer.from(record.key).toString('utf8');
  if (record.value === null) {
    table.forget(key);
    positions.forgetChunk(key);
    return positions.readable(key);
  }
  const loaded = await loadedOf(key, record, into);
  switch (loaded?.kind) {
    case 'instance':
      // The records that brought its bytes are not read again: their schemas are learnt from here.
      await learnInside(into.codec, { ...loaded.entry.instance, saga: null });
      table.restore(loaded.entry);
      return positions.readable(key);
    case 'ended': return positions.rememberChunk(loaded.key, loaded.ended);
    case 'unreadable':
      table.forget(key);
      return positions.unreadable(key, loaded.firstOffset);
    case undefined: return undefined;
  }
};
