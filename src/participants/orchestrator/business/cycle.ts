import { type Decimal, divide, formatDecimal, isPositive, knownDecimal, multiply } from '#kernel';

/** What is kept of a symbol, as far as the decision to begin a cycle goes. Decimal texts. */
export type CycleView = {
  readonly activeCycleId: string | null;
  readonly isConnected: boolean;
  readonly recentQuoteIds: readonly string[];
  /** Market time of the newest quote that was judged, in milliseconds. */
  readonly latestQuoteTimeMs: number;
};
export type BarPoint = 'open' | 'low' | 'high' | 'close';

export type QuoteVerdict = 'begin' | 'known' | 'outdated' | 'stored' | 'cycle_active' | 'not_connected';

export const CLOSES_MAX = 20;
export const RECENT_QUOTES_MAX = 20;
const PRICE_PLACES = 8;

/**
 * Whether a quote begins a cycle: of a daily bar only its close does (the other points are stored), a live quote always; only if
 * no cycle of the symbol runs and its account's connection is up. A redelivered quote begins none. Ids are remembered for a while
 * only; a quote that is no newer than the newest judged is refused for ever, since the cycle it names may have been and ended.
 */
export const judgeQuote = (view: CycleView, quote: { readonly eventId: string; readonly barPoint: BarPoint | null; readonly quoteTimeMs: number }): QuoteVerdict => {
  if (view.recentQuoteIds.includes(quote.eventId)) return 'known';
  if (quote.quoteTimeMs <= view.latestQuoteTimeMs) return 'outdated';
  if (quote.barPoint !== null && quote.barPoint !== 'close') return 'stored';
  if (view.activeCycleId !== null) return 'cycle_active';
  return view.isConnected ? 'begin' : 'not_connected';
};

/** The closes with one more, oldest first, at most 20. */
export const withClose = (closes: readonly string[], close: string): readonly string[] => [...closes, close].slice(-CLOSES_MAX);

const scaled = (text: string, scale: (value: Decimal) => Decimal): string => formatDecimal(scale(knownDecimal(text)));
const dividedBy = (ratio: Decimal) => (value: Decimal): Decimal => {
  const quotient = divide(value, ratio, { scale: PRICE_PLACES, rounding: 'half-even' });
  return quotient.ok ? quotient.value : value;
};

/** Prices from before a split, in terms of the new share. */
export const adjustPrices = (prices: readonly string[], ratio: Decimal): readonly string[] =>
  isPositive(ratio) ? prices.map((price) => scaled(price, dividedBy(ratio))) : prices;

/** A position from before a split, in terms of the new share. */
export const adjustPosition = <Held extends { readonly qty: string; readonly avgPrice: string }>(position: Held, ratio: Decimal): Held =>
  isPositive(ratio)
    ? { ...position, qty: scaled(position.qty, (qty) => multiply(qty, ratio)), avgPrice: scaled(position.avgPrice, dividedBy(ratio)) }
    : position;
