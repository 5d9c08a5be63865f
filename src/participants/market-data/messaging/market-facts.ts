import { type MarketQuoteReceived, marketQuoteReceived, marketSplitDetected } from '#contracts';
import { type Decimal, formatDecimal } from '#kernel';
import { event, type FactEvent } from '#saga-core';
import type { DailyBar } from '../business/daily-bar.ts';
import { type BarPoint, type DerivedQuote, quoteEventIdOf, quotesOfBar } from '../business/quotes.ts';
import { splitBetween } from '../business/splits.ts';

/** Topic of everything about the market, without the namespace. */
export const MARKET_TOPIC = 'market.quotes';
const SOURCE = 'daily-bars';

/** A fact to publish, with the eventId that names it for ever. */
export type MarketFact = FactEvent & { readonly eventId: string; readonly barPoint: BarPoint | null };

const quoteFact = (bar: DailyBar, quote: DerivedQuote): MarketFact => {
  const payload: MarketQuoteReceived = { ...quote, source: SOURCE };
  return { topic: MARKET_TOPIC, key: bar.symbol, event: event(marketQuoteReceived, payload), eventId: quoteEventIdOf(bar, quote.barPoint), barPoint: quote.barPoint };
};

const splitFact = (symbol: string, effectiveDate: string, ratio: Decimal): MarketFact => ({
  topic: MARKET_TOPIC, key: symbol, eventId: `s-${symbol}-${effectiveDate}`, barPoint: null,
  event: event(marketSplitDetected, { symbol, ratio: formatDecimal(ratio), effectiveDate, source: SOURCE }),
});

/** Everything that one day of a symbol is replayed as: the split first, if the night brought one, then the four quotes. */
export const factsOfBar = (bar: DailyBar, before: DailyBar | null): readonly MarketFact[] => {
  const split = before === null ? null : splitBetween(before, bar);
  return [...(split === null ? [] : [splitFact(split.symbol, split.effectiveDate, split.ratio)]), ...quotesOfBar(bar).map((quote) => quoteFact(bar, quote))];
};
