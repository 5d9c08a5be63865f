import { absolute, compare, type Decimal, isPositive, multiply, parseDecimal, subtract } from '#kernel';
import type { OrderRequest, SafetyRefused } from '#participants/trading-engine';

const MINUTE_MS = 60_000;
const PERMILLE: Decimal = { units: 1n, scale: 3 };

/** What one account may do, whatever the sagas want. Prices and values in the account's currency, as decimal text. */
export type OrderSafetyLimits = {
  /** Quantity × price of one order. */
  readonly orderValueMax: string;
  readonly ordersPerMinuteMax: number;
  /** How far a limit price may lie from the last quote, in thousandths of the quote. */
  readonly priceCollarPermille: number;
};

/** On unless configured otherwise. */
export const DEFAULT_ORDER_SAFETY: OrderSafetyLimits = { orderValueMax: '100000', ordersPerMinuteMax: 60, priceCollarPermille: 100 };

/** Orders let through within the last minute; monotonic milliseconds. */
export type OrderSafetyState = { readonly recent: readonly { readonly clientOrderId: string; readonly atMs: number }[] };

export const NO_ORDERS_YET: OrderSafetyState = { recent: [] };

export type OrderSafetyVerdict = { readonly status: 'allowed'; readonly state: OrderSafetyState } | SafetyRefused;

export type OrderSafetyInput = {
  readonly limits: OrderSafetyLimits;
  readonly state: OrderSafetyState;
  readonly request: OrderRequest;
  /** Decimal text; null when no quote is known. */
  readonly lastPrice: string | null;
  readonly nowMs: number;
};

const refuse = (code: SafetyRefused['code'], reason: string): SafetyRefused => ({ status: 'safety_refused', code, reason });

const numberOf = (text: string | undefined | null): Decimal | null => {
  const parsed = parseDecimal(text ?? '');
  return parsed.ok && isPositive(parsed.value) ? parsed.value : null;
};

/**
 * Whether an order may leave. A repeat under the same client order id is the same order and is not counted again. An order
 * that nothing can be measured against (no price of its own, no quote) is refused, not waved through; so is a limit price that
 * no quote can be held against, for the collar would hold nothing.
 */
export const checkOrder = ({ limits, state, request, lastPrice, nowMs }: OrderSafetyInput): OrderSafetyVerdict => {
  const qty = numberOf(request.qty);
  const orderValueMax = numberOf(limits.orderValueMax);
  if (qty === null || orderValueMax === null) return refuse('REQUEST_MALFORMED', `quantity ${request.qty} or value limit ${limits.orderValueMax} is no positive decimal`);
  const last = numberOf(lastPrice);
  const limit = numberOf(request.limitPrice);
  const price = limit ?? numberOf(request.stopPrice) ?? last ?? numberOf(request.takeProfitPrice);
  if (price === null) return refuse('NO_REFERENCE_PRICE', `no quote for ${request.symbol} and no price in the order ${request.clientOrderId}`);
  if (compare(multiply(qty, price), orderValueMax) > 0) {
    return refuse('ORDER_VALUE_EXCEEDED', `${request.qty} ${request.symbol} exceed the highest order value ${limits.orderValueMax}`);
  }
  if (limit !== null && last === null) return refuse('NO_REFERENCE_PRICE', `no quote for ${request.symbol} to hold the limit price ${request.limitPrice} of order ${request.clientOrderId} against`);
  if (limit !== null && last !== null) {
    const allowed = multiply(multiply(last, { units: BigInt(limits.priceCollarPermille), scale: 0 }), PERMILLE);
    if (compare(absolute(subtract(limit, last)), allowed) > 0) {
      return refuse('PRICE_OUTSIDE_COLLAR', `limit price ${request.limitPrice} of ${request.symbol} is more than ${limits.priceCollarPermille} permille away from ${lastPrice}`);
    }
  }
  const recent = state.recent.filter(({ atMs }) => nowMs - atMs < MINUTE_MS);
  if (recent.some(({ clientOrderId }) => clientOrderId === request.clientOrderId)) return { status: 'allowed', state: { recent } };
  if (recent.length >= limits.ordersPerMinuteMax) {
    return refuse('ORDER_RATE_EXCEEDED', `more than ${limits.ordersPerMinuteMax} orders within a minute`);
  }
  return { status: 'allowed', state: { recent: [...recent, { clientOrderId: request.clientOrderId, atMs: nowMs }] } };
};
