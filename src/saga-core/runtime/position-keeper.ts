import { keyOf } from '../engine/index.ts';
import type { Cancel, Clock, EventLog, RecordToWrite, TopicPartition } from '../ports/index.ts';
import { partitionKey } from '../ports/index.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { Carried } from './committer.ts';
import type { Entry, InstanceTable } from './instance-table.ts';
import type { TaskEnd } from './takeover.ts';
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
const watermarkOf = (metadata: string): number | null => {
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
  #committedAtMs = 0;
  #scheduled: Cancel | null = null;
  #foldFrom = Number.POSITIVE_INFINITY;
  /** Instances that ended and were checkpointed: their tombstones are owed. */
  #tombstones: string[] = [];
  /** Root instances that ended since the last remembered chunk. */
  #ended: (readonly [key: string, atMs: number])[] = [];
  readonly #chunks = new Map<string, number>();

  constructor(options: PositionKeeperOptions) {
    this.#options = options;
  }

  /** Offsets below it were consumed under a committed position: their dead letters are written. */
  get committedOffset(): number {
    return this.#committed;
  }

  /** Where folding begins: the committed watermark, the log's start where there is none. Never the end. */
  async load(log: EventLog, group: string): Promise<number | TaskEnd> {
    const { at } = this.#options;
    const [position, logStart] = await Promise.all([log.committedPosition(group, at), log.logStartOffset(at)]);
    const watermark = position === null ? null : watermarkOf(position.metadata);
    this.#committed = position?.offset ?? -1;
    this.#nextOffset = logStart;
    if (watermark === null) return logStart;
    const from = Math.min(watermark, this.#foldFrom);
    if (from < logStart && watermark < logStart) {
      return { code: 'WATERMARK_LOST', message: `${partitionKey(at)}: watermark ${watermark} lies below the log's start ${logStart}: records of open instances were deleted by retention; restore them or end the instances by hand` };
    }
    return Math.max(from, logStart);
  }

  adopt(table: InstanceTable): void {
    const cutMs = this.#options.clock.nowMillis() - this.#options.limits.dedupeWindowMs;
    table.rememberEnded(this.#ended.filter(([, atMs]) => atMs >= cutMs));
    this.#ended = [];
  }

  rememberChunk(key: string, ended: readonly (readonly [key: string, atMs: number])[]): void {
    this.#chunks.set(key, ended.reduce((latest, [, atMs]) => Math.max(latest, atMs), 0));
    this.#ended.push(...ended);
  }

  forgetChunk(key: string): void {
    this.#chunks.delete(key);
  }

  foldFrom(offset: number): void {
    this.#foldFrom = Math.min(this.#foldFrom, offset);
  }

  advance(nextOffset: number): void {
    this.#nextOffset = nextOffset;
  }

  ended(entry: Entry): void {
    if (entry.checkpoint !== null) this.#tombstones.push(entry.key);
    if (entry.instance.subSaga === null) this.#ended.push([keyOf(entry.instance), this.#options.clock.nowMillis()]);
  }

  /** Makes sure that a position that has moved is committed within the interval, even when nothing else is. */
  schedule(kick: () => void): void {
    if (this.#scheduled !== null || this.#nextOffset <= this.#committed) return;
    this.#scheduled = this.#options.clock.after(this.#options.limits.positionIntervalMs, () => {
      this.#scheduled = null;
      kick();
    });
  }

  /** What is to be committed now: the position, and in the same transaction the records that it relies on. */
  due(): Carried | null {
    const nowMs = this.#options.clock.nowMillis();
    const isTime = nowMs - this.#committedAtMs >= this.#options.limits.positionIntervalMs;
    if (!isTime || this.#nextOffset <= this.#committed) return null;
    const records = [...this.#refreshedCheckpoints(nowMs), ...this.#owed(nowMs)];
    this.#committedAtMs = nowMs;
    this.#committed = this.#nextOffset;
    return { offsets: [{ ...this.#options.at, offset: this.#nextOffset, metadata: metadataOf(this.#watermark()) }], records };
  }

  close(): void {
    this.#scheduled?.();
    this.#scheduled = null;
  }

  /** The smallest, over the open instances, of: first offset without checkpoint, else the first record after it. */
  #watermark(): number {
    let watermark = this.#nextOffset;
    for (const { instance, checkpoint } of this.#options.table.entries()) {
      const holds = checkpoint === null ? instance.firstOffset : checkpoint.firstAfter;
      if (holds !== null && holds < watermark) watermark = holds;
    }
    for (const offset of this.#options.table.unknownVersions.values()) watermark = Math.min(watermark, offset);
    return watermark;
  }

  #refreshedCheckpoints(nowMs: number): readonly RecordToWrite[] {
    const { table, checkpoints, limits } = this.#options;
    const written: RecordToWrite[] = [];
    for (const entry of table.entries()) {
      const isLong = nowMs - entry.instance.beganAtMs >= limits.checkpointWindowMs || entry.instance.status === 'MANUAL_REQUIRED';
      const isStale = entry.checkpoint === null || entry.checkpoint.firstAfter !== null;
      if (!isLong || !isStale) continue;
      written.push(checkpoints.write(entry));
      entry.checkpoint = { foldedTo: entry.instance.lastOffset, firstAfter: null };
    }
    return written;
  }

  #owed(nowMs: number): readonly RecordToWrite[] {
    const { checkpoints, limits } = this.#options;
    const records = this.#tombstones.map((key) => checkpoints.tombstone(key));
    this.#tombstones = [];
    if (this.#ended.length > 0) {
      const key = `ended:${this.#nextOffset}`;
      records.push(checkpoints.writeEnded(this.#nextOffset, this.#ended));
      this.#chunks.set(key, nowMs);
      this.#ended = [];
    }
    for (const [key, latestMs] of this.#chunks) {
      if (latestMs >= nowMs - limits.dedupeWindowMs) continue;
      records.push(checkpoints.tombstone(key));
      this.#chunks.delete(key);
    }
    return records;
  }
}
