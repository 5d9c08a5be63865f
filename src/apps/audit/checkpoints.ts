import { instanceCheckpoint, type InstanceCheckpoint } from '#contracts/core';
import { erase } from '#kernel';
import type { Codec, EventLog, LogRecord } from '#saga-core/ports';
import { decodeNow, type Range, rangesOf, readRange } from './read-log.ts';

/** Offset up to which each checkpointed instance was folded, by the instance's key. */
export type FoldedTo = ReadonlyMap<string, number>;

/** Checkpoints of one participant in one context, at two times; and what is wrong with some of them. */
export type CheckpointsRead = {
  /** As they certainly were before the positions were read. What compaction took since is not among them. */
  readonly before: FoldedTo;
  readonly after: FoldedTo;
  readonly faults: readonly string[];
};

const text = new TextDecoder();

/** Reads a checkpoint topic to its end; `before` are the ends that it had earlier. */
export const readCheckpoints = async ({ log, codec }: { readonly log: EventLog; readonly codec: Codec }, topic: string, before: readonly Range[]): Promise<CheckpointsRead> => {
  const [early, late] = [new Map<string, number>(), new Map<string, number>()];
  const faults: string[] = [];
  const take = async (record: LogRecord): Promise<void> => {
    const key = record.key === null ? '' : text.decode(record.key);
    const maps = record.offset < (before[record.partition]?.end ?? 0) ? [early, late] : [late];
    for (const map of maps) map.delete(key);
    // A tombstone takes it away.
    if (record.value === null) return;
    const decoded = await decodeNow(codec, record.value);
    if (decoded.status === 'undecodable') faults.push(`checkpoint ${key} at ${topic}/${record.partition} offset ${record.offset}: ${decoded.reason}`);
    else if (decoded.type === instanceCheckpoint.name) for (const map of maps) map.set(key, erase<InstanceCheckpoint>(decoded.payload()).foldedTo);
  };
  for (const range of await rangesOf(log, topic)) await readRange(log, range, take);
  return { before: early, after: late, faults };
};
