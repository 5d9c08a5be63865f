import type { SimulatedClock, SimulatedProcess, SimulatedRandom, VendorEffect } from '#saga-core/testing';

/** What is decided about a key before anybody calls: the same answer however often it is asked. */
export type Fate = 'works' | 'refuses';

export type VendorOptions = {
  readonly clock: SimulatedClock;
  readonly random: SimulatedRandom;
  readonly refusalProbability: number;
  readonly ambiguousUndoProbability: number;
  /** While it says true: answers are lost and requests are late. */
  readonly isTroubled: () => boolean;
  /** Hears what arrives, for whoever replays a seed. */
  readonly trace: (line: string) => void;
};

type Entry = { executionCount: number; isLive: boolean; isCancelled: boolean; readonly fate: Fate; ambiguousUndoCount: number };

/** Longest way of an untroubled request or answer, one way. */
const WAY_MS = 20;
const LOST_ANSWER_PROBABILITY = 0.15;
const LATE_REQUEST_PROBABILITY = 0.1;

export type VendorCall = { readonly from: SimulatedProcess; readonly key: string; readonly limitMs: number };

/**
 * A vendor across a network. With `execute` it is idempotent by key, with `executeBlindly` it is not. A request is on
 * the wire at most for its call's limit; an answer may never come.
 */
export type Vendor = {
  readonly execute: (call: VendorCall) => Promise<'done' | 'refused'>;
  readonly executeBlindly: (call: VendorCall) => Promise<'done' | 'refused'>;
  readonly lookUp: (call: VendorCall) => Promise<'done' | 'refused' | 'absent'>;
  readonly undo: (call: VendorCall) => Promise<'undone' | 'ambiguous'>;
  readonly effects: () => readonly VendorEffect[];
};

export const createVendor = (options: VendorOptions): Vendor => {
  const { clock, random, isTroubled } = options;
  const entries = new Map<string, Entry>();
  const entryOf = (key: string): Entry => {
    const known = entries.get(key) ?? {
      executionCount: 0,
      isLive: false,
      isCancelled: false,
      fate: random.chance(options.refusalProbability) ? 'refuses' : 'works',
      ambiguousUndoCount: random.chance(options.ambiguousUndoProbability) ? 1 + random.integer(4) : 0,
    };
    entries.set(key, known);
    return known;
  };
  const request = <Answer>(what: string, call: VendorCall, act: () => Answer): Promise<Answer> =>
    new Promise((resolve) => {
      const isLate = isTroubled() && random.chance(LATE_REQUEST_PROBABILITY);
      const isAnswerLost = isTroubled() && random.chance(LOST_ANSWER_PROBABILITY);
      const wayMs = isLate ? random.between(WAY_MS, call.limitMs) : random.between(1, WAY_MS);
      const sentAtMs = clock.monotonicMillis();
      clock.after(wayMs, () => {
        const answer = act();
        options.trace(`vendor: ${what} ${call.key} from ${call.from.name}, sent at ${Math.round(sentAtMs)}: ${String(answer)}${isAnswerLost ? ', answer lost' : ''}`);
        if (!isAnswerLost) clock.after(random.between(1, WAY_MS), () => call.from.enter(() => resolve(answer)));
      });
    });
  const bringAbout = (entry: Entry): 'done' | 'refused' => {
    if (entry.fate === 'refuses') return 'refused';
    entry.executionCount++;
    entry.isLive = true;
    return 'done';
  };
  return {
    execute: (call) =>
      request('execute', call, () => {
        const entry = entryOf(call.key);
        return entry.executionCount > 0 || entry.isCancelled ? 'done' : bringAbout(entry);
      }),
    executeBlindly: (call) => request('executeBlindly', call, () => bringAbout(entryOf(call.key))),
    lookUp: (call) =>
      request('lookUp', call, () => {
        const entry = entries.get(call.key);
        if (entry === undefined) return 'absent';
        return entry.executionCount > 0 ? 'done' : entry.fate === 'refuses' ? 'refused' : 'absent';
      }),
    undo: (call) =>
      request('undo', call, () => {
        const entry = entryOf(call.key);
        if (entry.ambiguousUndoCount > 0) {
          entry.ambiguousUndoCount--;
          return 'ambiguous';
        }
        // A vendor that knows keys refuses what was cancelled before it came; the other one does not remember.
        entry.isCancelled = true;
        entry.isLive = false;
        return 'undone';
      }),
    effects: () => [...entries].map(([key, { executionCount, isLive }]) => ({ key, executionCount, isLive })),
  };
};
