import { add, type Decimal, decimalOf, divide, formatDecimal, multiply, round, subtract } from '#kernel';
import type { DailyBar } from './daily-bar.ts';

export type BarPoint = 'open' | 'low' | 'high' | 'close';
/** Decimal texts; market time in milliseconds since the epoch. */
export type DerivedQuote = {
  readonly symbol: string;
  readonly barPoint: BarPoint;
  readonly bid: string;
  readonly ask: string;
  readonly bidSize: string;
  readonly askSize: string;
  readonly last: string;
  readonly quoteTime: number;
};

/**
 * The order in which a bar's prices are replayed: open, low, high, close. A bar does not tell whether its low came before its
 * high; low first is the cautious reading for a long position (a stop is met before a target).
 */
export const BAR_POINTS: readonly BarPoint[] = ['open', 'low', 'high', 'close'];

/** Bid and ask lie this many basis points of the price apart, half to each side. */
export const SPREAD_BASIS_POINTS = 2n;
/** Shares offered at either side: a bar says nothing of it. */
const SIZE = '100';
const PRICE_PLACES = 4;
const CENT_PLACES = 2;

/** Minutes after midnight UTC at which each point is stamped: a New York trading day in winter. */
const MINUTE_OF_POINT: Readonly<Record<BarPoint, number>> = { open: 870, low: 990, high: 1_110, close: 1_260 };
const MILLIS_PER_MINUTE = 60_000;
const MILLIS_PER_DAY = 86_400_000;

/** Days since 1970-01-01 of an ISO-8601 date (proleptic Gregorian), without a host calendar. */
export const epochDayOf = (date: string): number => {
  const [year = 1970, month = 1, day = 1] = date.split('-').map(Number);
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
};

const halfSpreadOf = (price: Decimal): Decimal => {
  const half = divide(multiply(price, decimalOf(SPREAD_BASIS_POINTS)), decimalOf(20_000n), { scale: PRICE_PLACES, rounding: 'half-even' });
  return half.ok ? half.value : decimalOf(0n);
};

const quoteAt = (bar: DailyBar, barPoint: BarPoint): DerivedQuote => {
  const price = bar[barPoint];
  const half = halfSpreadOf(price);
  return {
    symbol: bar.symbol,
    barPoint,
    // Outwards to whole cents: a buyer never gets in under the quote, a seller never out above it.
    bid: formatDecimal(round(subtract(price, half), CENT_PLACES, 'down')),
    ask: formatDecimal(round(add(price, half), CENT_PLACES, 'up')),
    bidSize: SIZE,
    askSize: SIZE,
    last: formatDecimal(price),
    quoteTime: epochDayOf(bar.date) * MILLIS_PER_DAY + MINUTE_OF_POINT[barPoint] * MILLIS_PER_MINUTE,
  };
};

/** The four quotes that a bar is replayed as, in order. */
export const quotesOfBar = (bar: DailyBar): readonly DerivedQuote[] => BAR_POINTS.map((point) => quoteAt(bar, point));

/** Name of a replayed quote: the same in every run, so that a repeated replay begins no second cycle. */
export const quoteEventIdOf = (bar: Pick<DailyBar, 'symbol' | 'date'>, barPoint: BarPoint): string => `q-${bar.symbol}-${bar.date}-${barPoint}`;
