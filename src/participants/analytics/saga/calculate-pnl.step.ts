import { analyticsPnlRecorded, analyticsPnlReversed, pnlEntry, type PnlEntry, tradePositionUpdated, type TradePositionUpdated } from '#contracts';
import { erase, formatDecimal, knownDecimal } from '#kernel';
import { compensated, completed, data, event, implementEffect, type StepImplementation } from '#saga-core';
import type { OrderExecution } from '#sagas/order-execution';
import { profitAndLoss } from '../business/pnl.ts';

const changeOf = (update: TradePositionUpdated): Parameters<typeof profitAndLoss>[0][number] => ({
  qtyBefore: knownDecimal(update.prevQty),
  avgPriceBefore: knownDecimal(update.prevAvgPrice),
  qtyAfter: knownDecimal(update.qty),
  avgPriceAfter: knownDecimal(update.avgPrice),
  fillPrice: knownDecimal(update.fillPrice ?? '0'),
});

/** Profit and loss of the order, from the fills as the position recorded them. Undo: the entry is reversed. */
export const calculatePnl = (saga: OrderExecution, currency: string): StepImplementation =>
  implementEffect(saga, 'calculate_pnl', {
    execute: async (context) => {
      const updates = [...context.items('update_position', tradePositionUpdated).values()];
      const { realized, unrealized } = profitAndLoss(updates.map(changeOf));
      const entry = { positionId: updates.at(-1)?.positionId ?? null, orderId: context.start.orderId, symbol: context.start.symbol, realizedPnl: formatDecimal(realized), currency };
      return completed(event(analyticsPnlRecorded, { ...entry, unrealizedPnl: formatDecimal(unrealized) }), { compensationData: data(pnlEntry, entry) });
    },
    compensate: async (_context, entry, { reason }) =>
      // Without an entry nothing was recorded: there is nothing to reverse.
      entry === null || entry === undefined ? compensated() : compensated({ events: [event(analyticsPnlReversed, { ...erase<PnlEntry>(entry), reason })] }),
  });
