import { analyticsPnlRecorded, analyticsPnlReversed } from '#contracts';
import { defineProjection, defineTable, fold, nullable, numeric, type ProjectionDefinition, put, text, timestamp, when } from '#projections';

/** Profit and loss, one row per order. */
export const pnl = defineTable({
  name: 'pnl',
  columns: {
    order_id: text,
    correlation_id: text,
    position_id: nullable(text),
    symbol: text,
    currency: text,
    realized_pnl: numeric,
    unrealized_pnl: nullable(numeric),
    recorded_at: timestamp,
    /** The entry was undone and no longer counts. */
    reversed_at: nullable(timestamp),
    reversal_reason: nullable(text),
  },
  key: ['order_id'],
  indexes: [['symbol', 'recorded_at']],
});

export const pnlProjection: ProjectionDefinition = defineProjection({
  name: 'pnl',
  version: 1,
  topics: ['sagas.trading'],
  tables: [pnl],
  views: [{
    name: 'pnl_by_symbol',
    select: 'select symbol, currency, sum(realized_pnl) as realized_pnl, count(*) as order_count from {pnl} where reversed_at is null group by symbol, currency',
  }],
  handles: [
    when(analyticsPnlRecorded, ({ payload, envelope }) => [put(pnl, {
      order_id: payload.orderId, correlation_id: envelope.correlationId ?? '', position_id: payload.positionId, symbol: payload.symbol, currency: payload.currency,
      realized_pnl: payload.realizedPnl, unrealized_pnl: payload.unrealizedPnl, recorded_at: envelope.occurredAt, reversed_at: null, reversal_reason: null,
    })]),
    when(analyticsPnlReversed, ({ payload, envelope }) => [
      fold(pnl, { order_id: payload.orderId }, (row) => (row === null ? null : { ...row, reversed_at: envelope.occurredAt, reversal_reason: payload.reason })),
    ]),
  ],
});
