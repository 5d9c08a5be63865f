export { createMarketData } from './market-data.participant.ts';
export { BAR_COLUMNS, type BarFault, type DailyBar, parseBarRow, parseBars } from './business/daily-bar.ts';
export { BAR_POINTS, type BarPoint, type DerivedQuote, epochDayOf, quoteEventIdOf, quotesOfBar, SPREAD_BASIS_POINTS } from './business/quotes.ts';
export { ratioOf, type Split, SPLIT_FACTOR_MIN, splitAdjustedBars, splitAdjustedCloses, splitBetween, splitsOf } from './business/splits.ts';
export { factsOfBar, MARKET_TOPIC, type MarketFact } from './messaging/market-facts.ts';
