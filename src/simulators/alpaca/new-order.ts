import type { Order, PlaceRequest } from './engine-types.ts';
import { uuidOf } from './ids.ts';

const LEG_COUNTS = { simple: 0, oto: 1, bracket: 2, oco: 1 } as const satisfies Record<PlaceRequest['orderClass'], number>;

/** `nameless` names an order that comes without a client order id. */
export const newOrder = (request: PlaceRequest, nameless: string, nowMs: number): Order => {
  const clientOrderId = request.clientOrderId ?? uuidOf(`client/${nameless}`);
  const id = request.orderId ?? uuidOf(`order/${clientOrderId}`);
  const isOco = request.orderClass === 'oco';
  const legCount = LEG_COUNTS[request.orderClass];
  const legIds = Array.from({ length: legCount }, (_, index) => uuidOf(`leg/${id}/${index}`));
  return {
    id, clientOrderId, legIds,
    symbol: request.symbol, side: request.side, type: isOco ? 'limit' : request.type, timeInForce: request.timeInForce,
    orderClass: request.orderClass, status: 'pending_new', qty: request.qty, filledQty: 0n, filledValue: 0n,
    limitPrice: isOco ? request.takeProfitPrice : request.limitPrice, stopPrice: isOco ? null : request.stopPrice,
    isTriggered: isOco || request.stopPrice === null, parentId: null,
    siblingId: isOco ? (legIds[0] ?? null) : null, isScripted: request.script !== null, createdAtMs: nowMs, updatedAtMs: nowMs,
  };
};

/**
 * Legs wait as `held`: of a bracket (0 take profit, 1 stop loss, on the other side) or oto (the one there is) until the parent is filled, of an oco
 * (0 stop loss, on the parent's side) until it is acknowledged.
 */
export const newLeg = (parent: Order, request: PlaceRequest, index: number): Order => {
  const id = parent.legIds[index] ?? uuidOf(`leg/${parent.id}/${index}`);
  const isOco = parent.orderClass === 'oco';
  const isTakeProfit = !isOco && index === 0 && request.takeProfitPrice !== null;
  const otherLeg = parent.legIds[1 - index] ?? null;
  const exitSide = parent.side === 'buy' ? 'sell' : 'buy';
  return {
    id, clientOrderId: uuidOf(`leg-client/${id}`), legIds: [],
    symbol: parent.symbol, side: isOco ? parent.side : exitSide, timeInForce: parent.timeInForce,
    type: isTakeProfit ? 'limit' : request.stopLossLimitPrice === null ? 'stop' : 'stop_limit',
    orderClass: parent.orderClass, status: 'held', qty: parent.qty, filledQty: 0n, filledValue: 0n,
    limitPrice: isTakeProfit ? request.takeProfitPrice : request.stopLossLimitPrice,
    stopPrice: isTakeProfit ? null : request.stopLossPrice,
    isTriggered: isTakeProfit, parentId: parent.id, siblingId: isOco ? parent.id : otherLeg,
    isScripted: false, createdAtMs: parent.createdAtMs, updatedAtMs: parent.createdAtMs,
  };
};
