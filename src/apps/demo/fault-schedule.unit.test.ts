import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BARS_PER_FAULT, placedFaults } from './fault-schedule.ts';

const seriesOf = (lengths: readonly number[]) => lengths.map((length, index) => ({ symbol: `S${index}`, bars: { length } }));
const REAL = seriesOf([3_270, 196, 2_148, 3_270, 3_270]);

test('the same seed places the same faults, another seed others', () => {
  expect(placedFaults('a', REAL)).toEqual(placedFaults('a', REAL));
  expect(placedFaults('a', REAL)).not.toEqual(placedFaults('b', REAL));
});

test('a short run sees each kind once', () => {
  const faults = placedFaults('1', seriesOf([100, 100, 100, 100, 100]));
  expect(faults.map(({ kind }) => kind).sort()).toEqual(['broker_500', 'broker_answer_lost', 'model_500']);
});

test('no more bars, no faults', () => {
  expect(placedFaults('1', seriesOf([3]))).toEqual([]);
  expect(placedFaults('1', [])).toEqual([]);
});

test('each kind comes at most once a stretch, within a symbol that has the bar, and never just after the last one', () => {
  fc.assert(fc.property(fc.string(), fc.array(fc.nat({ max: 4_000 }), { minLength: 1, maxLength: 6 }), (seed, lengths) => {
    const series = seriesOf(lengths);
    for (const faults of Map.groupBy(placedFaults(seed, series), ({ kind }) => kind).values()) {
      const bars = faults.map(({ barIndex }) => barIndex).sort((left, right) => left - right);
      expect(new Set(bars.map((bar) => Math.floor(bar / BARS_PER_FAULT))).size).toBe(bars.length);
      for (const [index, bar] of bars.entries()) if (index > 0) expect(bar - (bars[index - 1] ?? 0)).toBeGreaterThan(BARS_PER_FAULT / 2);
      for (const { symbol, barIndex } of faults) expect(series.find((one) => one.symbol === symbol)?.bars.length).toBeGreaterThan(barIndex);
    }
  }));
});
