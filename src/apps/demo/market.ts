import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type BarFault, type DailyBar, parseBars } from '#participants/market-data';
import { projectRoot } from '#apps/local-platform';

/** The days of one symbol that a run replays, and the day before the first, if there is one. */
export type Series = { readonly symbol: string; readonly bars: readonly DailyBar[] };
export type Market = { readonly series: readonly Series[]; readonly faults: readonly BarFault[] };

/** The data set of the project; rows that cannot be read are named, not guessed. */
export const loadMarket = (path: string = join(projectRoot(), 'data', 'us-equities-daily.csv.gz')): Market => {
  const { bars, faults } = parseBars(gunzipSync(readFileSync(path)).toString('utf8'));
  const bySymbol = Map.groupBy(bars, ({ symbol }) => symbol);
  const series = [...bySymbol].map(([symbol, days]) => ({ symbol, bars: days.toSorted((left, right) => (left.date < right.date ? -1 : left.date > right.date ? 1 : 0)) }));
  return { series: series.toSorted((left, right) => (left.symbol < right.symbol ? -1 : 1)), faults };
};

/** `cycles` bars in all, dealt round and round over the symbols; a symbol that has no more leaves its share to the others. null: all. */
export const firstBars = (series: readonly Series[], cycles: number | null): readonly Series[] => {
  if (cycles === null) return series;
  const counts = new Map(series.map(({ symbol }) => [symbol, 0]));
  let left = cycles;
  while (left > 0) {
    const before = left;
    for (const { symbol, bars } of series) {
      const count = counts.get(symbol) ?? 0;
      if (left === 0 || count >= bars.length) continue;
      counts.set(symbol, count + 1);
      left--;
    }
    if (left === before) break;
  }
  return series.map(({ symbol, bars }) => ({ symbol, bars: bars.slice(0, counts.get(symbol) ?? 0) }));
};
