import { tradePositionUpdated, type TradePositionUpdated } from '#contracts';
import { add, compare, type Decimal, knownDecimal, parseDecimal, ZERO } from '#kernel';
import type { SagaContext } from '#saga-core';
import type { OrderExecution } from '#sagas/order-execution';
import { averagePrice } from '../business/position.ts';

/** The fills of an order that the position contains, by execution id. */
export type AppliedFills = { readonly qty: Decimal; readonly avgPrice: Decimal; readonly last: TradePositionUpdated | null };

/** Without the execution that was rolled back, if one was. */
export const appliedFillsOf = (context: SagaContext<OrderExecution>, busted: string | null = null): AppliedFills => {
  const updates = [...context.items('update_position', tradePositionUpdated).values()].filter((update) => update.executionId !== busted);
  const fills = updates.map((update) => ({ qty: knownDecimal(update.fillQty ?? '0'), price: knownDecimal(update.fillPrice ?? '0') }));
  return { qty: fills.reduce((sum, fill) => add(sum, fill.qty), ZERO), avgPrice: averagePrice(fills), last: updates.at(-1) ?? null };
};

/** Everything that the venue counts as filled is in the position. A count that is no decimal is never reached. */
export const isWhollyApplied = (applied: AppliedFills, venueFilledQty: string): boolean => {
  const venue = parseDecimal(venueFilledQty);
  return venue.ok && compare(applied.qty, venue.value) >= 0;
};

