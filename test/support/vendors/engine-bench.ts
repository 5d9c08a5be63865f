import { parseDecimal } from '../../../src/simulators/alpaca/decimal.ts';
import { createEngine, type Engine } from '../../../src/simulators/alpaca/engine.ts';
import type { EngineConfig, Order, PlaceRequest, Quote, VenueEvent } from '../../../src/simulators/alpaca/engine-types.ts';

/** Decimal text as the engine counts it, for tests. */
export const d = (text: string): bigint => {
  const value = parseDecimal(text);
  if (value === null) throw new TypeError(`"${text}" is not a decimal`);
  return value;
};

export const request = (overrides: Partial<PlaceRequest> = {}): PlaceRequest => ({
  clientOrderId: 'saga-1.submit', symbol: 'AAPL', side: 'buy', type: 'market', timeInForce: 'day', orderClass: 'simple',
  qty: d('10'), limitPrice: null, stopPrice: null, takeProfitPrice: null, stopLossPrice: null, stopLossLimitPrice: null,
  script: null, orderId: null, ...overrides,
});

export const quote = (bid: string, ask: string, overrides: Partial<Quote> = {}): Quote => ({
  symbol: 'AAPL', bid: d(bid), ask: d(ask), last: d(bid), bidSize: null, askSize: null, ...overrides,
});

export type Bench = { readonly engine: Engine; readonly events: VenueEvent[]; readonly place: (overrides?: Partial<PlaceRequest>) => Order };

/** An engine whose placed orders are acknowledged at once, at time 0. */
export const bench = (config: Partial<EngineConfig> = {}): Bench => {
  const events: VenueEvent[] = [];
  const engine = createEngine({ cash: d('100000'), ackAfterMs: 0, cancelConfirmedAfterMs: 0, isShortingAllowed: false, ...config }, (event) => {
    events.push(event);
  });
  return {
    engine, events,
    place: (overrides) => {
      const placed = engine.place(request(overrides), 0);
      if (!placed.ok) throw new TypeError(`refused: ${placed.refusal.message}`);
      engine.advance(0);
      return placed.order;
    },
  };
};
