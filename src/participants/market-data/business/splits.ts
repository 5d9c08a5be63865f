import { compare, type Decimal, divide, multiply, parseDecimal, round } from '#kernel';
import type { DailyBar } from './daily-bar.ts';

/** From this date on, one old share is `ratio` new ones. */
export type Split = { readonly symbol: string; readonly effectiveDate: string; readonly ratio: Decimal };

const RATIO_PLACES = 8;
const HALF: Decimal = { units: 5n, scale: 1 };
/**
 * How far the raw close and the adjusted close must part overnight, as a factor. The smallest split in use is 3:2; the largest
 * dividend in the data, 11 %, parts them by 1.12.
 */
export const SPLIT_FACTOR_MIN: Decimal = { units: 15n, scale: 1 };

const quotient = (dividend: Decimal, divisor: Decimal): Decimal => {
  const result = divide(dividend, divisor, { scale: RATIO_PLACES, rounding: 'half-even' });
  return result.ok ? result.value : dividend;
};

/** Splits come in halves of a share (2:1, 3:2, 7:1): a dividend on the same day must not leak into the ratio. */
const nearestHalf = (ratio: Decimal): Decimal => multiply(round(quotient(ratio, HALF), 0, 'half-even'), HALF);

/**
 * The split between two consecutive days, if there was one. The raw price falls by the split, the adjusted one does not: the
 * factor by which the two part overnight is the ratio, give or take a dividend.
 */
export const splitBetween = (before: DailyBar, after: DailyBar): Split | null => {
  const ratio = quotient(multiply(before.close, after.adjustedClose), multiply(after.close, before.adjustedClose));
  if (compare(ratio, SPLIT_FACTOR_MIN) < 0) return null;
  return { symbol: after.symbol, effectiveDate: after.date, ratio: nearestHalf(ratio) };
};

/** All splits of one symbol's days, in order. */
export const splitsOf = (bars: readonly DailyBar[]): readonly Split[] =>
  bars.flatMap((after, at) => {
    const before = bars[at - 1];
    const split = before === undefined ? null : splitBetween(before, after);
    return split === null ? [] : [split];
  });

/** Reads a ratio as the wire carries it; null unless above zero. */
export const ratioOf = (text: string): Decimal | null => {
  const ratio = parseDecimal(text);
  return ratio.ok && ratio.value.units > 0n ? ratio.value : null;
};

/** The closes of one symbol's days in terms of the last day's share: no split shows as a fall in price. Dividends stay in. */
export const splitAdjustedCloses = (bars: readonly DailyBar[]): readonly Decimal[] => {
  const closes: Decimal[] = [];
  let factor: Decimal = { units: 1n, scale: 0 };
  for (let at = bars.length - 1; at >= 0; at--) {
    const bar = bars[at];
    if (bar === undefined) continue;
    closes.unshift(quotient(bar.close, factor));
    const before = bars[at - 1];
    const split = before === undefined ? null : splitBetween(before, bar);
    if (split !== null) factor = multiply(factor, split.ratio);
  }
  return closes;
};

/** Whole bars in terms of the last day's share, for a replay without splits. */
export const splitAdjustedBars = (bars: readonly DailyBar[]): readonly DailyBar[] => {
  const closes = splitAdjustedCloses(bars);
  return bars.map((bar, at) => {
    const close = closes[at] ?? bar.close;
    const scale = (price: Decimal): Decimal => quotient(multiply(price, close), bar.close);
    return { ...bar, open: scale(bar.open), high: scale(bar.high), low: scale(bar.low), close };
  });
};
