import {
  orderExecutionCompleted, orderExecutionFailed, orderPlacedEvent, tradeOrderAcknowledged, tradeOrderCancelled, tradeOrderFilled, tradeOrderPartiallyFilled,
  tradeOrderRejected, tradeOrderSubmitted, tradePositionRolledBack, tradePositionUpdated,
} from '#contracts';
import { add, divide, erase, formatDecimal, isZero, knownDecimal, multiply, ZERO } from '#kernel';
import { type Change, defineProjection, defineTable, flag, fold, nullable, numeric, type Projected, type ProjectionDefinition, put, type RowOf, text, timestamp, when } from '#projections';

/** One row per order. */
export const orders = defineTable({
  name: 'orders',
  columns: {
    /** Ours. */
    order_id: text,
    correlation_id: text,
    /** The broker's, once it took the order. */
    broker_order_id: nullable(text),
    client_order_id: text,
    decision_id: nullable(text),
    account_id: text,
    broker_connection_id: text,
    symbol: text,
    side: text,
    order_type: text,
    time_in_force: text,
    qty: numeric,
    limit_price: nullable(numeric),
    filled_qty: numeric,
    avg_price: nullable(numeric),
    /** Fills that stand, as a JSON list of [execution id, quantity, price]: what is left when the venue takes one back. */
    executions: text,
    /** placed, submitted, acknowledged, partially_filled, filled, cancelled, rejected, failed. */
    status: text,
    reason: nullable(text),
    is_virtual: flag,
    placed_at: timestamp,
    submitted_at: nullable(timestamp),
    acknowledged_at: nullable(timestamp),
    closed_at: nullable(timestamp),
  },
  key: ['order_id'],
  indexes: [['status', 'placed_at'], ['symbol', 'placed_at'], ['correlation_id']],
});

type OrderRow = RowOf<typeof orders.columns>;

const CLOSED: ReadonlySet<string> = new Set(['filled', 'cancelled', 'rejected', 'failed']);

/** An order whose placing this log no longer holds is left out. */
const changed = (record: Projected<{ readonly orderId: string }>, next: (row: OrderRow, atMs: number) => OrderRow): readonly Change[] => [
  fold(orders, { order_id: record.payload.orderId }, (row) => (row === null ? null : next(row, record.envelope.occurredAt))),
];

/** What was filled stays told: only an order that is open comes to another end. */
const closed = (row: OrderRow, status: string, end: { readonly reason: string; readonly atMs: number }): OrderRow =>
  CLOSED.has(row.status) ? row : { ...row, status, reason: end.reason, closed_at: end.atMs };

type Execution = readonly [executionId: string, qty: string, price: string];
const AVERAGE_PLACES = 8;

const executionsOf = (row: OrderRow): readonly Execution[] => erase<readonly Execution[]>(JSON.parse(row.executions));

const withExecution = (row: OrderRow, execution: Execution): OrderRow =>
  executionsOf(row).some(([id]) => id === execution[0]) ? row : { ...row, executions: JSON.stringify([...executionsOf(row), execution]) };

/** Quantity and price of the fills that are left; an execution that was not counted changes nothing. */
const withoutExecution = (row: OrderRow, executionId: string): OrderRow => {
  const left = executionsOf(row).filter(([id]) => id !== executionId);
  if (left.length === executionsOf(row).length) return row;
  const qty = left.reduce((sum, [, each]) => add(sum, knownDecimal(each)), ZERO);
  const value = left.reduce((sum, [, each, price]) => add(sum, multiply(knownDecimal(each), knownDecimal(price))), ZERO);
  const average = isZero(qty) ? null : divide(value, qty, { scale: AVERAGE_PLACES, rounding: 'half-even' });
  return { ...row, executions: JSON.stringify(left), filled_qty: formatDecimal(qty), avg_price: average?.ok === true ? formatDecimal(average.value) : null };
};

export const ordersProjection: ProjectionDefinition = defineProjection({
  name: 'orders',
  version: 2,
  topics: ['sagas.trading'],
  tables: [orders],
  handles: [
    when(orderPlacedEvent, ({ payload, envelope }) => [put(orders, {
      order_id: payload.orderId, correlation_id: envelope.correlationId ?? '', broker_order_id: null, client_order_id: payload.clientOrderId, decision_id: payload.decisionId,
      account_id: payload.accountId, broker_connection_id: payload.brokerConnectionId, symbol: payload.symbol, side: payload.side, order_type: payload.orderType,
      time_in_force: payload.timeInForce, qty: payload.qty, limit_price: payload.limitPrice, filled_qty: '0', avg_price: null, executions: '[]', status: 'placed', reason: null,
      is_virtual: payload.isVirtual, placed_at: envelope.occurredAt, submitted_at: null, acknowledged_at: null, closed_at: null,
    })]),
    when(tradeOrderSubmitted, (record) => changed(record, (row) => ({
      ...row, broker_order_id: record.payload.order_id, submitted_at: record.payload.submittedAt, status: row.status === 'placed' ? 'submitted' : row.status,
    }))),
    when(tradeOrderAcknowledged, (record) => changed(record, (row) => ({
      ...row, acknowledged_at: record.payload.ackAt, status: row.status === 'submitted' || row.status === 'placed' ? 'acknowledged' : row.status,
    }))),
    when(tradeOrderPartiallyFilled, (record) => changed(record, (row) => ({
      ...row, filled_qty: record.payload.cumQty, status: CLOSED.has(row.status) ? row.status : 'partially_filled',
    }))),
    when(tradeOrderFilled, (record) => changed(record, (row, atMs) => ({
      ...row, filled_qty: record.payload.filledQty, avg_price: record.payload.avgPrice, status: 'filled', closed_at: row.closed_at ?? atMs,
    }))),
    when(tradePositionUpdated, (record) => {
      const { executionId, fillQty, fillPrice } = record.payload;
      return executionId === null || fillQty === null || fillPrice === null ? [] : changed(record, (row) => withExecution(row, [executionId, fillQty, fillPrice]));
    }),
    when(tradePositionRolledBack, (record) => changed(record, (row) => withoutExecution(row, record.payload.executionId))),
    when(tradeOrderRejected, (record) => changed(record, (row, atMs) => closed(row, 'rejected', { reason: record.payload.reason, atMs }))),
    when(tradeOrderCancelled, (record) => changed(record, (row, atMs) => ({ ...closed(row, 'cancelled', { reason: record.payload.reason, atMs }), filled_qty: record.payload.cumQty }))),
    when(orderExecutionCompleted, (record) => changed(record, (row) => ({ ...row, filled_qty: record.payload.filledQty, avg_price: record.payload.avgPrice }))),
    when(orderExecutionFailed, (record) => changed(record, (row, atMs) => ({ ...closed(row, 'failed', { reason: record.payload.reason, atMs }), filled_qty: record.payload.filledQty, reason: row.reason ?? record.payload.reason }))),
  ],
});
