import { tradePositionRolledBack, tradePositionUpdated } from '#contracts';
import { compare, knownDecimal } from '#kernel';
import { defineProjection, defineTable, fold, nullable, numeric, type ProjectionDefinition, put, text, timestamp, when } from '#projections';

/** One row per execution that a position was changed by. */
export const fills = defineTable({
  name: 'fills',
  columns: {
    order_id: text,
    /** The venue's. */
    execution_id: text,
    correlation_id: text,
    position_id: text,
    account_id: text,
    symbol: text,
    side: text,
    /** Of this execution, always above zero. */
    qty: numeric,
    price: numeric,
    /** The position just after it. */
    position_qty: numeric,
    position_avg_price: numeric,
    applied_at: timestamp,
    /** The venue took it back; null for a fill that stands. */
    rolled_back_at: nullable(timestamp),
  },
  key: ['order_id', 'execution_id'],
  indexes: [['symbol', 'applied_at'], ['correlation_id'], ['position_id', 'applied_at']],
});

export const fillsProjection: ProjectionDefinition = defineProjection({
  name: 'fills',
  version: 1,
  topics: ['sagas.trading'],
  tables: [fills],
  handles: [
    when(tradePositionUpdated, ({ payload, envelope }) => {
      const { executionId, fillQty, fillPrice } = payload;
      if (executionId === null || fillQty === null || fillPrice === null) return [];
      const isBuy = compare(knownDecimal(payload.qty), knownDecimal(payload.prevQty)) > 0;
      return [put(fills, {
        order_id: payload.orderId, execution_id: executionId, correlation_id: envelope.correlationId ?? '', position_id: payload.positionId, account_id: payload.accountId,
        symbol: payload.symbol, side: isBuy ? 'buy' : 'sell', qty: fillQty, price: fillPrice, position_qty: payload.qty, position_avg_price: payload.avgPrice,
        applied_at: envelope.occurredAt, rolled_back_at: null,
      })];
    }),
    when(tradePositionRolledBack, ({ payload, envelope }) => [
      fold(fills, { order_id: payload.orderId, execution_id: payload.executionId }, (row) => (row === null ? null : { ...row, rolled_back_at: envelope.occurredAt })),
    ]),
  ],
});
