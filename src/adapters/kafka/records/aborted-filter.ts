import type { AbortedTransaction } from '../protocol/fetch-v13.ts';

/**
 * Decides, batch by batch in offset order, which transactional batches belong to aborted transactions.
 * The broker lists aborted transactions in the order of their aborts: sort by first offset, take in every entry at or below
 * a batch before judging it, and let a producer leave only by its own abort marker. Taking one entry a record, or trusting
 * the list's order, delivers aborted records as soon as transactions of two producers overlap.
 */
export type AbortedFilter = {
  /** Call for every batch with a producer id, control batches included, before anything else. */
  readonly advanceTo: (lastOffset: number) => void;
  readonly isAborted: (producerId: number) => boolean;
  readonly onAbortMarker: (producerId: number) => void;
};

export const createAbortedFilter = (transactions: readonly AbortedTransaction[]): AbortedFilter => {
  const byFirstOffset = transactions.toSorted((left, right) => left.firstOffset - right.firstOffset);
  const aborted = new Set<number>();
  let taken = 0;
  return {
    advanceTo: (lastOffset) => {
      for (let next = byFirstOffset[taken]; next !== undefined && next.firstOffset <= lastOffset; next = byFirstOffset[++taken]) {
        aborted.add(next.producerId);
      }
    },
    isAborted: (producerId) => aborted.has(producerId),
    onAbortMarker: (producerId) => {
      aborted.delete(producerId);
    },
  };
};
