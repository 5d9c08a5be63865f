import type { BrokerAccount, BrokerFill, BrokerOrder, BrokerOrderStatus, BrokerPosition, BrokerUpdate, OrderKind, TimeInForce } from '#participants/trading-engine';

/** Alpaca's JSON, read once at the edge: null means that it is not what Alpaca documents. */
type Json = Readonly<Record<string, unknown>>;

export const isJsonObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Non-empty text, or a number written as text: Alpaca sends decimals as text, some proxies as numbers. */
const text = (value: unknown): string | null => {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  return typeof value === 'string' && value !== '' ? value : null;
};

const DECIMAL_PATTERN = /^-?\d+(\.\d+)?$/;
const decimal = (value: unknown): string | null => {
  const written = text(value);
  return written !== null && DECIMAL_PATTERN.test(written) ? written : null;
};

const millis = (value: unknown): number | null => {
  const atMs = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(atMs) ? null : atMs;
};

const oneOf = <Member extends string>(members: readonly Member[], value: unknown): Member | null =>
  members.find((member) => member === value) ?? null;

const KINDS: readonly OrderKind[] = ['market', 'limit', 'stop', 'stop_limit', 'trailing_stop'];
const TIMES_IN_FORCE: readonly TimeInForce[] = ['day', 'gtc', 'ioc', 'fok', 'opg', 'cls'];

/** Every status Alpaca documents. `done_for_day` may still fill tomorrow; `replaced` is the end of this order. */
const STATUSES: Readonly<Record<string, BrokerOrderStatus>> = {
  accepted: 'pending', pending_new: 'pending', accepted_for_bidding: 'pending', pending_review: 'pending',
  new: 'open', done_for_day: 'open', stopped: 'open', suspended: 'open', calculated: 'open', pending_replace: 'open',
  held: 'held', partially_filled: 'partially_filled', pending_cancel: 'pending_cancel',
  filled: 'filled', canceled: 'cancelled', replaced: 'cancelled', expired: 'expired', rejected: 'rejected',
};

export const parseOrder = (value: unknown): BrokerOrder | null => {
  if (!isJsonObject(value)) return null;
  const brokerOrderId = text(value['id']);
  const clientOrderId = text(value['client_order_id']);
  const symbol = text(value['symbol']);
  const side = oneOf(['buy', 'sell'] as const, value['side']);
  const kind = oneOf(KINDS, value['type'] ?? value['order_type']);
  const timeInForce = oneOf(TIMES_IN_FORCE, value['time_in_force']);
  const venueStatus = text(value['status']);
  const status = venueStatus === null ? undefined : STATUSES[venueStatus];
  const qty = decimal(value['qty']);
  const filledQty = decimal(value['filled_qty']);
  const legs = Array.isArray(value['legs']) ? value['legs'].map(parseOrder) : [];
  if (brokerOrderId === null || clientOrderId === null || symbol === null || side === null || kind === null) return null;
  if (timeInForce === null || venueStatus === null || status === undefined || qty === null || filledQty === null) return null;
  if (legs.includes(null)) return null;
  return {
    brokerOrderId, clientOrderId, symbol, side, kind, timeInForce, status, venueStatus, qty, filledQty,
    filledAvgPrice: decimal(value['filled_avg_price']),
    limitPrice: decimal(value['limit_price']),
    stopPrice: decimal(value['stop_price']),
    legs: legs.filter((leg) => leg !== null),
    submittedAtMs: millis(value['submitted_at']),
  };
};

export const parseAccount = (value: unknown): BrokerAccount | null => {
  if (!isJsonObject(value)) return null;
  const accountId = text(value['id']);
  const venueStatus = text(value['status']);
  const buyingPower = decimal(value['buying_power']);
  const cash = decimal(value['cash']);
  if (accountId === null || venueStatus === null || buyingPower === null || cash === null) return null;
  return {
    accountId, venueStatus, buyingPower, cash,
    accountNumber: text(value['account_number']) ?? '',
    isActive: venueStatus === 'ACTIVE',
    isTradingBlocked: value['trading_blocked'] === true || value['account_blocked'] === true,
    equity: decimal(value['equity']) ?? cash,
    currency: text(value['currency']) ?? 'USD',
  };
};

const unsigned = (number: string): string => number.replace(/^-/, '');

export const parsePosition = (value: unknown): BrokerPosition | null => {
  if (!isJsonObject(value)) return null;
  const symbol = text(value['symbol']);
  const qty = decimal(value['qty']);
  const avgEntryPrice = decimal(value['avg_entry_price']);
  if (symbol === null || qty === null || avgEntryPrice === null) return null;
  return {
    symbol, avgEntryPrice,
    side: value['side'] === 'short' || qty.startsWith('-') ? 'short' : 'long',
    qty: unsigned(qty),
    qtyAvailable: unsigned(decimal(value['qty_available']) ?? qty),
    currentPrice: decimal(value['current_price']),
  };
};

/**
 * A FILL activity. Its id is "<time>::<uuid>", and the uuid is taken to be the stream's execution id; `cumulativeQty` names
 * the fill within its order in either source, should that ever not hold.
 */
export const parseFillActivity = (value: unknown): BrokerFill | null => {
  if (!isJsonObject(value)) return null;
  const executionId = text(value['id'])?.split('::')[1] ?? null;
  const brokerOrderId = text(value['order_id']);
  const symbol = text(value['symbol']);
  const side = oneOf(['buy', 'sell'] as const, value['side'] === 'sell_short' ? 'sell' : value['side']);
  const qty = decimal(value['qty']);
  const price = decimal(value['price']);
  const atMs = millis(value['transaction_time']);
  if (executionId === null || brokerOrderId === null || symbol === null || side === null || qty === null || price === null || atMs === null) return null;
  return { executionId, brokerOrderId, symbol, side, qty, price, atMs, cumulativeQty: decimal(value['cum_qty']) };
};

const ORDER_EVENTS: Readonly<Record<string, 'acknowledged' | 'pending_cancel' | 'cancelled' | 'expired' | 'rejected'>> = {
  new: 'acknowledged', pending_cancel: 'pending_cancel', canceled: 'cancelled', expired: 'expired', rejected: 'rejected',
};

/** The `data` of a trade_updates message. An event this does not know becomes `other`; null: unreadable. */
export const parseTradeUpdate = (value: unknown): BrokerUpdate | null => {
  if (!isJsonObject(value)) return null;
  const venueEvent = text(value['event']);
  const atMs = millis(value['timestamp'] ?? value['at']);
  const order = parseOrder(value['order']);
  const executionId = text(value['execution_id']);
  if (venueEvent === null || atMs === null) return null;
  if (venueEvent === 'trade_bust') return executionId === null ? null : { type: 'busted', executionId, order, atMs };
  if (order === null) return null;
  if (venueEvent !== 'fill' && venueEvent !== 'partial_fill') {
    return { type: ORDER_EVENTS[venueEvent] ?? 'other', order, venueEvent, reason: text(value['reason']), atMs };
  }
  const qty = decimal(value['qty']);
  const price = decimal(value['price']);
  if (executionId === null || qty === null || price === null) return null;
  const { brokerOrderId, symbol, side, filledQty } = order;
  return {
    type: venueEvent === 'fill' ? 'filled' : 'partially_filled', order, atMs,
    fill: { executionId, brokerOrderId, symbol, side, qty, price, cumulativeQty: filledQty, atMs },
    positionQty: decimal(value['position_qty']),
  };
};

/** Code and message of an error answer. */
export const parseError = (body: unknown): { readonly code: string | null; readonly message: string | null } =>
  isJsonObject(body) ? { code: text(body['code']), message: text(body['message']) } : { code: null, message: null };
