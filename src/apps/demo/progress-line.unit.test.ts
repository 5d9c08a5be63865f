import { expect, test } from '@jest/globals';
import { progressLine, rateOf, type Sample, withSample } from './progress-line.ts';

const NOBODY = { running: 0, compensating: 0, manual_required: 0 };

test('the line tells sagas by state, rate and lag', () => {
  const view = { elapsedMs: 83_900, total: 500, completed: 118, failed: 4, phases: { running: 5, compensating: 1, manual_required: 0 }, rate: 12.34, lagRecords: 27, orders: 61, fills: 63 };
  expect(progressLine(view)).toBe('01:23  122/500 sagas  running 5  compensating 1  completed 118  failed 4  12.3/s  lag 27  orders 61  fills 63');
});

test('who waits for a person is told; a lag that nobody knows is a question mark; minutes go on beyond an hour', () => {
  const view = { elapsedMs: 3_661_000, total: 2, completed: 0, failed: 0, phases: { ...NOBODY, manual_required: 2 }, rate: 0, lagRecords: null, orders: 0, fills: 0 };
  expect(progressLine(view)).toBe('61:01  0/2 sagas  running 0  compensating 0  completed 0  failed 0  waiting for a person 2  0.0/s  lag ?  orders 0  fills 0');
});

const sampled = (...samples: readonly (readonly [atMs: number, ended: number])[]): readonly Sample[] =>
  samples.reduce<readonly Sample[]>((all, [atMs, ended]) => withSample(all, { atMs, ended }), []);

test('the rate is that of the last five seconds', () => {
  expect(rateOf(sampled([0, 0], [1_000, 4]))).toBe(4);
  expect(rateOf(sampled([0, 0], [5_000, 10]))).toBe(2);
  // The slow start has left the window.
  expect(sampled([0, 0], [4_000, 0], [9_000, 50])).toEqual([{ atMs: 4_000, ended: 0 }, { atMs: 9_000, ended: 50 }]);
  expect(rateOf(sampled([0, 0], [4_000, 0], [9_000, 50]))).toBe(10);
});

test('two samples stay, however far apart; one or none make no rate', () => {
  expect(sampled([0, 0], [1_000, 1], [60_000, 60])).toEqual([{ atMs: 1_000, ended: 1 }, { atMs: 60_000, ended: 60 }]);
  expect([rateOf([]), rateOf(sampled([7, 3])), rateOf(sampled([7, 3], [7, 4]))]).toEqual([0, 0, 1_000]);
});
