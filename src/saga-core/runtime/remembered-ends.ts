import type { RecordToWrite } from '../ports/index.ts';
import type { Checkpoints, Ended } from './checkpoints.ts';

export type RememberedEndsOptions = {
  readonly checkpoints: Checkpoints;
  readonly dedupeWindowMs: number;
  /** Ids on the checkpoint topic, at most. */
  readonly rememberedMax: number;
};

type Chunk = { readonly latestMs: number; readonly count: number };

/**
 * Ids of ended instances as the checkpoint topic remembers them: what ended between two positions is one chunk, which is forgotten as
 * a whole, the oldest first, when it is older than the window or when there are too many ids. So the topic is bounded, and its load.
 */
export class RememberedEnds {
  readonly #options: RememberedEndsOptions;
  readonly #chunks = new Map<string, Chunk>();
  #count = 0;
  #fresh: Ended[] = [];

  constructor(options: RememberedEndsOptions) {
    this.#options = options;
  }

  add(key: string, atMs: number): void {
    this.#fresh.push([key, atMs]);
  }

  /** Read at a takeover. */
  load(chunkKey: string, ended: readonly Ended[]): void {
    this.forget(chunkKey);
    this.#keep(chunkKey, { latestMs: ended.reduce((latest, [, atMs]) => Math.max(latest, atMs), 0), count: ended.length });
  }

  forget(chunkKey: string): void {
    this.#count -= this.#chunks.get(chunkKey)?.count ?? 0;
    this.#chunks.delete(chunkKey);
  }

  /** What goes with the next position: ids that ended since the last one, and tombstones of the chunks that are forgotten. */
  owed(nextOffset: number, nowMs: number): readonly RecordToWrite[] {
    const { checkpoints } = this.#options;
    const records: RecordToWrite[] = [];
    for (const { record, count } of checkpoints.writeEnded(nextOffset, this.#fresh)) {
      records.push(record);
      this.#keep(record.key, { latestMs: nowMs, count });
    }
    this.#fresh = [];
    for (const [key, chunk] of this.#chunks) {
      if (!this.#isForgotten(chunk, nowMs)) break;
      records.push(checkpoints.tombstone(key));
      this.forget(key);
    }
    return records;
  }

  #keep(chunkKey: string, chunk: Chunk): void {
    this.#chunks.set(chunkKey, chunk);
    this.#count += chunk.count;
  }

  #isForgotten({ latestMs }: Chunk, nowMs: number): boolean {
    const { dedupeWindowMs, rememberedMax } = this.#options;
    return latestMs < nowMs - dedupeWindowMs || this.#count > rememberedMax;
  }
}
