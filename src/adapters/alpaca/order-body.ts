import { compare, parseDecimal } from '#kernel';
import type { BrokerOrder, OrderRequest } from '#participants/trading-engine';

export const orderClassOf = (request: OrderRequest): 'simple' | 'oto' | 'bracket' | 'oco' => {
  if (request.orderClass === 'oco') return 'oco';
  const exitCount = Number(request.takeProfitPrice !== undefined) + Number(request.stopLossPrice !== undefined);
  // An exit price without its class would be ignored by the venue: an order less protected than its sender believes.
  return exitCount === 2 ? 'bracket' : exitCount === 1 ? 'oto' : 'simple';
};

/** The body of POST /v2/orders. */
export const orderBodyOf = (request: OrderRequest): unknown => {
  const orderClass = orderClassOf(request);
  return {
    client_order_id: request.clientOrderId,
    symbol: request.symbol,
    side: request.side,
    type: orderClass === 'oco' ? 'limit' : request.kind,
    time_in_force: request.timeInForce,
    qty: request.qty,
    ...(request.limitPrice === undefined ? {} : { limit_price: request.limitPrice }),
    ...(request.stopPrice === undefined ? {} : { stop_price: request.stopPrice }),
    ...(orderClass === 'simple' ? {} : { order_class: orderClass }),
    ...(request.takeProfitPrice === undefined ? {} : { take_profit: { limit_price: request.takeProfitPrice } }),
    ...(request.stopLossPrice === undefined ? {} : { stop_loss: { stop_price: request.stopLossPrice } }),
  };
};

const isSameNumber = (left: string | null, right: string | null): boolean => {
  if (left === null || right === null) return left === right;
  const [a, b] = [parseDecimal(left), parseDecimal(right)];
  return a.ok && b.ok && compare(a.value, b.value) === 0;
};

/** Whether an order is the one a request asked for: what a taken client order id must show before it counts as success. */
export const isOrderOf = (request: OrderRequest, order: BrokerOrder): boolean => {
  const isOco = orderClassOf(request) === 'oco';
  return (
    order.clientOrderId === request.clientOrderId &&
    order.symbol === request.symbol &&
    order.side === request.side &&
    order.kind === (isOco ? 'limit' : request.kind) &&
    isSameNumber(order.qty, request.qty) &&
    isSameNumber(order.limitPrice, (isOco ? request.takeProfitPrice : request.limitPrice) ?? null) &&
    isSameNumber(order.stopPrice, isOco ? null : (request.stopPrice ?? null))
  );
};
