import { expect, test } from '@jest/globals';
import { splitsOf } from '#participants/market-data';
import { formatDecimal } from '#kernel';
import { firstBars, loadMarket } from './market.ts';

const market = loadMarket();

test('the data set is read whole: five symbols, 12,154 days, in order, no bad row', () => {
  expect(market.series.map(({ symbol, bars }) => [symbol, bars.length])).toEqual([['AAPL', 3_270], ['FB', 196], ['GOOG', 2_148], ['IBM', 3_270], ['MSFT', 3_270]]);
  expect(market.faults).toEqual([]);
  for (const { bars } of market.series) expect(bars.map(({ date }) => date)).toEqual(bars.map(({ date }) => date).toSorted());
});

test('its three splits are found, the dividend of 11 % is none', () => {
  const splits = market.series.flatMap(({ bars }) => splitsOf(bars));
  expect(splits.map(({ symbol, effectiveDate, ratio }) => [symbol, effectiveDate, formatDecimal(ratio)])).toEqual([['AAPL', '2000-06-21', '2'], ['AAPL', '2005-02-28', '2'], ['MSFT', '2003-02-18', '2']]);
});

test('cycles are dealt round and round; who has no more leaves the rest to the others', () => {
  const lengths = (cycles: number | null): readonly number[] => firstBars(market.series, cycles).map(({ bars }) => bars.length);
  expect(lengths(7)).toEqual([2, 2, 1, 1, 1]);
  expect(lengths(1_200)).toEqual([251, 196, 251, 251, 251]);
  expect(lengths(null)).toEqual([3_270, 196, 2_148, 3_270, 3_270]);
  expect(lengths(1_000_000)).toEqual([3_270, 196, 2_148, 3_270, 3_270]);
});
