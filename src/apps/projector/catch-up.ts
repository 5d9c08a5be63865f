import { setTimeout as pause } from 'node:timers/promises';
import type { EventLog } from '#saga-core/ports';

const POLL_MS = 25;

/** Where every partition of some topics begins and ends, by `topic/partition` without the namespace. */
export type Extents = ReadonlyMap<string, { readonly start: number; readonly end: number }>;

/** As the log is now. */
export const extentsOf = async (log: EventLog, namespace: string, topics: readonly string[]): Promise<Extents> => {
  const extents = new Map<string, { readonly start: number; readonly end: number }>();
  for (const topic of topics) {
    const live = `${namespace}.${topic}`;
    const count = await log.partitionCount(live);
    for (let partition = 0; partition < count; partition++) {
      extents.set(`${topic}/${partition}`, { start: await log.logStartOffset({ topic: live, partition }), end: await log.endOffset({ topic: live, partition }) });
    }
  }
  return extents;
};

/** What is waited for: positions by `topic/partition`, and why waiting is in vain, if it is. */
export type Waiting = { readonly positions: () => Promise<ReadonlyMap<string, number>>; readonly failure: () => string | null };

/**
 * Resolves when every position has reached its end. Positions count markers and aborted records too (they are what the
 * reader has passed, not what it was given), so an end behind a marker is reached.
 */
export const reached = async (extents: Extents, { positions, failure }: Waiting): Promise<void> => {
  // Nothing was ever read where nothing lies: there is no position to wait for.
  const ends = [...extents].filter(([, { start, end }]) => end > start);
  for (;;) {
    const failed = failure();
    if (failed !== null) throw new Error(failed);
    const now = await positions();
    if (ends.every(([key, { end }]) => (now.get(key) ?? 0) >= end)) return;
    await pause(POLL_MS);
  }
};
