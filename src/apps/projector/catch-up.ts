import { setTimeout as pause } from 'node:timers/promises';
import type { EventLog } from '#saga-core/ports';

const POLL_MS = 25;

/** End offsets of every partition of these topics, as they are now, by `topic/partition` without the namespace. */
export const endsOf = async (log: EventLog, namespace: string, topics: readonly string[]): Promise<ReadonlyMap<string, number>> => {
  const ends = new Map<string, number>();
  for (const topic of topics) {
    const live = `${namespace}.${topic}`;
    const count = await log.partitionCount(live);
    for (let partition = 0; partition < count; partition++) {
      const [start, end] = [await log.logStartOffset({ topic: live, partition }), await log.endOffset({ topic: live, partition })];
      // Nothing was ever read where nothing lies: there is no position to wait for.
      if (end > start) ends.set(`${topic}/${partition}`, end);
    }
  }
  return ends;
};

/**
 * Resolves when every position has reached its end. Positions count markers and aborted records too (they are what the
 * reader has passed, not what it was given), so an end behind a marker is reached.
 */
export const reached = async (ends: ReadonlyMap<string, number>, positions: () => Promise<ReadonlyMap<string, number>>, failure: () => string | null): Promise<void> => {
  for (;;) {
    const failed = failure();
    if (failed !== null) throw new Error(failed);
    const now = await positions();
    if ([...ends].every(([key, end]) => (now.get(key) ?? 0) >= end)) return;
    await pause(POLL_MS);
  }
};
