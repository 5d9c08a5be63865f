import { type OrderPlacedEvent, submittedOrder, type SubmittedOrder, tradeOrderCancelled, tradeOrderRejected, tradeOrderSubmitted, type TradeOrderCancelled } from '#contracts';
import { erase } from '#kernel';
import { type Completed, completed, data, type DomainEvent, event } from '#saga-core';
import type { BrokerOrder, OrderRequest, Refused } from '../gateways.ts';

/** The order as the broker is asked to work it. */
export const requestOf = (order: OrderPlacedEvent): OrderRequest => ({
  clientOrderId: order.clientOrderId,
  symbol: order.symbol,
  side: order.side,
  kind: order.orderType,
  timeInForce: order.timeInForce,
  qty: order.qty,
  ...(order.limitPrice === null ? {} : { limitPrice: order.limitPrice }),
  ...(order.bracket?.takeProfit == null ? {} : { takeProfitPrice: order.bracket.takeProfit }),
  ...(order.bracket?.stopLoss == null ? {} : { stopLossPrice: order.bracket.stopLoss }),
  ...(order.referencePrice === null ? {} : { referencePrice: order.referencePrice }),
});

/** The outcome of a submission: whether the answer came at once or the order was found by its client order id. */
export const submitted = (order: OrderPlacedEvent, found: BrokerOrder, nowMillis: number): Completed =>
  completed(
    event(tradeOrderSubmitted, {
      order_id: found.brokerOrderId, orderId: order.orderId, clientOrderId: order.clientOrderId, decisionId: order.decisionId, symbol: order.symbol,
      side: order.side, qty: order.qty, orderType: order.orderType, submittedAt: found.submittedAtMs ?? nowMillis,
    }),
    { compensationData: data(submittedOrder, { clientOrderId: order.clientOrderId, brokerOrderId: found.brokerOrderId }) },
  );

/** What the compensation of a submission was given; null where the submission's outcome is not known. */
export const submittedOrderOf = (value: unknown): SubmittedOrder | null => (value === null || value === undefined ? null : erase<SubmittedOrder>(value));

export const rejectedByBroker = (order: OrderPlacedEvent, refused: Refused): DomainEvent =>
  event(tradeOrderRejected, { orderId: order.orderId, decisionId: order.decisionId, source: 'broker', httpStatus: refused.httpStatus, brokerCode: refused.brokerCode, reason: refused.reason });

export const cancelled = (order: { readonly orderId: string; readonly brokerOrderId: string; readonly cumQty: string }, reason: TradeOrderCancelled['reason']): DomainEvent =>
  event(tradeOrderCancelled, { orderId: order.orderId, order_id: order.brokerOrderId, cumQty: order.cumQty, reason });
