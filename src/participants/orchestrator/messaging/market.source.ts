import { applySplitCommand, type MarketQuoteReceived, marketQuoteReceived, type MarketSplitDetected, marketSplitDetected, observeQuoteCommand } from '#contracts';
import { erase } from '#kernel';
import { command, defineSource, type SourceDefinition } from '#saga-core';
import { type OrchestratorSettings, watchedSymbolOf } from './settings.ts';

/** Everything under `market.*` about watched symbols goes to their cycles. */
export const marketQuotes = (settings: OrchestratorSettings): SourceDefinition =>
  defineSource({
    owner: 'orchestrator',
    topic: 'market.quotes',
    map: ({ type, eventId, payload }) => {
      if (type === marketQuoteReceived.name) {
        const { symbol, barPoint, ...quote } = erase<MarketQuoteReceived>(payload);
        if (watchedSymbolOf(settings, symbol) === null) return [];
        return [command({ entity: 'cycles', key: symbol }, observeQuoteCommand, { quoteEventId: eventId, symbol, quote, barPoint })];
      }
      if (type === marketSplitDetected.name) {
        const { symbol, ratio, effectiveDate } = erase<MarketSplitDetected>(payload);
        return watchedSymbolOf(settings, symbol) === null ? [] : [command({ entity: 'cycles', key: symbol }, applySplitCommand, { symbol, ratio, effectiveDate })];
      }
      return [];
    },
  });
