// Goal: exactly the records of committed transactions pass, for any overlap, any order of ends and any first offset read.
// Method: a random history of interleaved transactions is written into a model log, which knows every record's fate; the
// filter gets what a broker would answer for a fetch from a random offset: the aborted transactions that end behind it, in
// the order of their ends.
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { AbortedTransaction } from '../protocol/fetch-v13.ts';
import { createAbortedFilter } from './aborted-filter.ts';

type Entry = { readonly offset: number; readonly producerId: number; readonly type: 'data' | 'commit' | 'abort' };
type History = { readonly entries: readonly Entry[]; readonly visible: ReadonlySet<number>; readonly aborted: readonly (AbortedTransaction & { readonly endOffset: number })[] };

const PRODUCER_COUNT = 5;

/** Each step: a producer writes a record, commits or aborts; an end without an open transaction writes nothing. */
const history = fc.array(fc.tuple(fc.nat(PRODUCER_COUNT - 1), fc.constantFrom('data', 'data', 'data', 'commit', 'abort')), { maxLength: 80 }).map((steps): History => {
  const entries: Entry[] = [];
  const visible = new Set<number>();
  const aborted: (AbortedTransaction & { readonly endOffset: number })[] = [];
  const open = new Map<number, number[]>();
  const end = (producerId: number, type: 'commit' | 'abort'): void => {
    const offsets = open.get(producerId);
    if (offsets === undefined) return;
    open.delete(producerId);
    if (type === 'commit') for (const offset of offsets) visible.add(offset);
    else aborted.push({ producerId, firstOffset: offsets[0] ?? 0, endOffset: entries.length });
    entries.push({ offset: entries.length, producerId, type });
  };
  for (const [producerId, type] of steps as [number, 'data' | 'commit' | 'abort'][]) {
    if (type !== 'data') end(producerId, type);
    else {
      open.set(producerId, [...open.get(producerId) ?? [], entries.length]);
      entries.push({ offset: entries.length, producerId, type });
    }
  }
  for (let producerId = 0; producerId < PRODUCER_COUNT; producerId++) end(producerId, 'commit');
  return { entries, visible, aborted };
});

const readFrom = ({ entries, aborted }: History, from: number): number[] => {
  const filter = createAbortedFilter(aborted.filter(({ endOffset }) => endOffset >= from));
  const delivered: number[] = [];
  for (const { offset, producerId, type } of entries.slice(from)) {
    filter.advanceTo(offset);
    if (type === 'abort') filter.onAbortMarker(producerId);
    else if (type === 'data' && !filter.isAborted(producerId)) delivered.push(offset);
  }
  return delivered;
};

test('exactly the committed records pass, whatever overlaps and wherever the fetch starts', () => {
  fc.assert(fc.property(history, fc.nat(80), (log, start) => {
    const from = Math.min(start, log.entries.length);
    expect(readFrom(log, from)).toEqual([...log.visible].filter((offset) => offset >= from).sort((left, right) => left - right));
  }), { numRuns: 2_000 });
});

test('entries in the order of their aborts are taken in by first offset', () => {
  const filter = createAbortedFilter([{ producerId: 2, firstOffset: 5 }, { producerId: 1, firstOffset: 0 }]);
  filter.advanceTo(0);
  expect([filter.isAborted(1), filter.isAborted(2)]).toEqual([true, false]);
  filter.advanceTo(7);
  expect(filter.isAborted(2)).toBe(true);
  filter.onAbortMarker(2);
  expect([filter.isAborted(1), filter.isAborted(2)]).toEqual([true, false]);
});
