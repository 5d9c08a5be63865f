import type { Decoded } from './decode.ts';

/** Counts, apart from the store, the records that its rows and faults must come from. */
export type FoldedCount = {
  /** Records that are read once more, because their transaction has to be repeated, are counted once. */
  readonly saw: (decoded: Decoded) => void;
  /** Everything seen is stored. */
  readonly allApplied: () => void;
  /** As many as are stored. */
  readonly applied: () => number;
};

/** Starts at none. */
export const createFoldedCount = (): FoldedCount => {
  let seenTo = 0;
  let seen = 0;
  let applied = 0;
  return {
    saw: ({ records, faults }) => {
      const fresh = [...records, ...faults].map(({ offset }) => offset).filter((offset) => offset >= seenTo);
      seen += fresh.length;
      seenTo = fresh.reduce((highest, offset) => Math.max(highest, offset + 1), seenTo);
    },
    allApplied: () => { applied = seen; },
    applied: () => applied,
  };
};
