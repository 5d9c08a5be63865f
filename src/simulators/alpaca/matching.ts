import { minDecimal } from './decimal.ts';
import type { Order, PlaceRequest, Quote, Refusal, ScriptQty } from './engine-types.ts';
import { invalid } from './refusals.ts';

const CLIENT_ORDER_ID_LENGTH_MAX = 48;

const isMissing = (price: bigint | null): boolean => price === null || price <= 0n;

/** What Alpaca refuses with 422 whatever the market and the account are. */
export const validateRequest = (request: PlaceRequest): Refusal | null => {
  if (request.qty <= 0n) return invalid('qty must be > 0');
  if ((request.clientOrderId ?? '').length > CLIENT_ORDER_ID_LENGTH_MAX) {
    return invalid(`client_order_id must be no more than ${CLIENT_ORDER_ID_LENGTH_MAX} characters`);
  }
  const needsLimit = request.type === 'limit' || request.type === 'stop_limit';
  if (needsLimit && isMissing(request.limitPrice)) return invalid(`${request.type} orders require limit_price`);
  const needsStop = request.type === 'stop' || request.type === 'stop_limit';
  if (needsStop && isMissing(request.stopPrice)) return invalid(`${request.type} orders require stop_price`);
  if (request.orderClass === 'simple') return null;
  if (request.orderClass === 'oto') {
    const isOneExit = isMissing(request.takeProfitPrice) !== isMissing(request.stopLossPrice);
    return isOneExit ? null : invalid('oto orders require take_profit.limit_price or stop_loss.stop_price, not both');
  }
  if (isMissing(request.takeProfitPrice)) return invalid(`${request.orderClass} orders require take_profit.limit_price`);
  if (isMissing(request.stopLossPrice)) return invalid(`${request.orderClass} orders require stop_loss.stop_price`);
  return isBracketInverted(request) ? invalid(`${request.orderClass} order: take_profit and stop_loss are on the wrong sides`) : null;
};

const isBracketInverted = (request: PlaceRequest): boolean => {
  const exitsBySelling = request.orderClass === 'oco' ? request.side === 'sell' : request.side === 'buy';
  const profit = request.takeProfitPrice ?? 0n;
  const stop = request.stopLossPrice ?? 0n;
  return exitsBySelling ? profit <= stop : profit >= stop;
};

/** Whether the last price has reached an order's stop; true for orders without one. */
export const isTriggeredBy = (order: Order, quote: Quote): boolean => {
  if (order.isTriggered || order.stopPrice === null) return true;
  return order.side === 'buy' ? quote.last >= order.stopPrice : quote.last <= order.stopPrice;
};

/** The price at which a triggered order trades against a quote; null when its limit forbids. Buys take the ask, sells the bid. */
export const tradePrice = (order: Order, quote: Quote): bigint | null => {
  const price = order.side === 'buy' ? quote.ask : quote.bid;
  if (order.limitPrice === null) return price;
  const isWithin = order.side === 'buy' ? price <= order.limitPrice : price >= order.limitPrice;
  return isWithin ? price : null;
};

/** What a quote still offers to an order: at most `wanted`. */
export const offeredQty = (order: Order, quote: Quote, wanted: bigint): bigint => {
  const size = order.side === 'buy' ? quote.askSize : quote.bidSize;
  return size === null ? wanted : minDecimal(size, wanted);
};

export const consume = (quote: Quote, order: Order, qty: bigint): Quote => {
  if (order.side === 'buy') return { ...quote, askSize: quote.askSize === null ? null : quote.askSize - qty };
  return { ...quote, bidSize: quote.bidSize === null ? null : quote.bidSize - qty };
};

/** Shares of a percentage are whole where the order is whole, and never nothing. */
export const scriptedQty = (wanted: ScriptQty, order: Order): bigint => {
  const rest = order.qty - order.filledQty;
  if (wanted === 'rest') return rest;
  if ('amount' in wanted) return wanted.amount;
  const unit = order.qty % 1_000_000_000n === 0n ? 1_000_000_000n : 1n;
  const share = (order.qty * BigInt(Math.round(wanted.percent * 1_000))) / 100_000n;
  const rounded = share - (share % unit);
  return minDecimal(rest, rounded === 0n ? unit : rounded);
};

/** What one unit of a buy order may cost, for its reservation of buying power. */
export const reservationPrice = (request: Pick<PlaceRequest, 'limitPrice' | 'stopPrice'>, quote: Quote | null): bigint =>
  request.limitPrice ?? request.stopPrice ?? quote?.ask ?? 0n;
