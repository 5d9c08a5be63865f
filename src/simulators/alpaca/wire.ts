import { isRecord, recordOf, textOf } from '../support/index.ts';
import { divideDecimal, formatDecimal, multiplyDecimal, parseDecimal } from './decimal.ts';
import type { Engine } from './engine.ts';
import type { Execution, Order, OrderClass, OrderType, PlaceRequest, Position, Quote, Refusal, TimeInForce, VenueEvent } from './engine-types.ts';
import { invalid } from './refusals.ts';

const ORDER_TYPES: readonly OrderType[] = ['market', 'limit', 'stop', 'stop_limit'];
const TIMES_IN_FORCE: readonly TimeInForce[] = ['day', 'gtc', 'ioc', 'fok', 'opg', 'cls'];
const ORDER_CLASSES: readonly OrderClass[] = ['simple', 'oto', 'bracket', 'oco'];

const isoOf = (ms: number): string => new Date(ms).toISOString();
const textOrNull = (value: bigint | null): string | null => (value === null ? null : formatDecimal(value));

export const refusalBody = (refusal: Refusal): unknown => ({ code: refusal.code, message: refusal.message });

const endedAt = (order: Order, status: Order['status']): string | null => (order.status === status ? isoOf(order.updatedAtMs) : null);

/** An order as Alpaca shows it; numbers as text. `legs` only when asked for. */
export const orderBody = (order: Order, legs: readonly Order[] | null): unknown => ({
  id: order.id,
  client_order_id: order.clientOrderId,
  created_at: isoOf(order.createdAtMs),
  updated_at: isoOf(order.updatedAtMs),
  submitted_at: isoOf(order.createdAtMs),
  filled_at: endedAt(order, 'filled'),
  expired_at: endedAt(order, 'expired'),
  canceled_at: endedAt(order, 'canceled'),
  failed_at: endedAt(order, 'rejected'),
  asset_class: 'us_equity',
  symbol: order.symbol,
  qty: formatDecimal(order.qty),
  notional: null,
  filled_qty: formatDecimal(order.filledQty),
  filled_avg_price: order.filledQty === 0n ? null : formatDecimal(divideDecimal(order.filledValue, order.filledQty)),
  order_class: order.orderClass === 'simple' ? '' : order.orderClass,
  order_type: order.type,
  type: order.type,
  side: order.side,
  time_in_force: order.timeInForce,
  limit_price: textOrNull(order.limitPrice),
  stop_price: textOrNull(order.stopPrice),
  status: order.status,
  extended_hours: false,
  legs: legs === null || legs.length === 0 ? null : legs.map((leg) => orderBody(leg, null)),
});

export const orderWithLegs = (engine: Engine, order: Order): unknown =>
  orderBody(order, order.legIds.flatMap((id) => engine.order(id) ?? []));

export const positionBody = (engine: Engine, position: Position): unknown => {
  const last = engine.lastQuote(position.symbol)?.last ?? position.avgEntryPrice;
  return {
    symbol: position.symbol,
    asset_class: 'us_equity',
    side: position.qty > 0n ? 'long' : 'short',
    qty: formatDecimal(position.qty),
    qty_available: formatDecimal(engine.availableQty(position.symbol)),
    avg_entry_price: formatDecimal(position.avgEntryPrice),
    market_value: formatDecimal(multiplyDecimal(position.qty, last)),
    cost_basis: formatDecimal(multiplyDecimal(position.qty, position.avgEntryPrice)),
    unrealized_pl: formatDecimal(multiplyDecimal(position.qty, last - position.avgEntryPrice)),
    current_price: formatDecimal(last),
  };
};

export type AccountFlags = { readonly accountId: string; readonly status: string; readonly isTradingBlocked: boolean };

export const accountBody = (engine: Engine, flags: AccountFlags): unknown => {
  let equity = engine.cash();
  for (const position of engine.positions()) {
    equity += multiplyDecimal(position.qty, engine.lastQuote(position.symbol)?.last ?? position.avgEntryPrice);
  }
  return {
    id: flags.accountId,
    account_number: `PA${flags.accountId.replaceAll('-', '').slice(0, 10).toUpperCase()}`,
    status: flags.status,
    currency: 'USD',
    cash: formatDecimal(engine.cash()),
    buying_power: formatDecimal(engine.buyingPower()),
    equity: formatDecimal(equity),
    portfolio_value: formatDecimal(equity),
    multiplier: '1',
    trading_blocked: flags.isTradingBlocked,
    account_blocked: false,
    pattern_day_trader: false,
    shorting_enabled: false,
  };
};

/** An execution as an activity; the part of its id after "::" is the execution id. */
export const fillActivityBody = (execution: Execution, order: Order): unknown => ({
  id: `${isoOf(execution.atMs).replaceAll(/[-:TZ.]/g, '')}::${execution.executionId}`,
  activity_type: 'FILL',
  type: execution.cumulativeQty >= order.qty ? 'fill' : 'partial_fill',
  transaction_time: isoOf(execution.atMs),
  order_id: execution.orderId,
  symbol: execution.symbol,
  side: execution.side,
  qty: formatDecimal(execution.qty),
  price: formatDecimal(execution.price),
  cum_qty: formatDecimal(execution.cumulativeQty),
  leaves_qty: formatDecimal(execution.cumulativeQty > order.qty ? 0n : order.qty - execution.cumulativeQty),
  order_status: order.status,
});

/** The `data` of a trade_updates message. */
export const tradeUpdateBody = (engine: Engine, event: VenueEvent): unknown => {
  const { execution } = event;
  return {
    event: event.event,
    at: isoOf(event.atMs),
    timestamp: isoOf(event.atMs),
    order: orderWithLegs(engine, event.order),
    ...(execution === null
      ? {}
      : {
          execution_id: execution.executionId,
          price: formatDecimal(execution.price),
          qty: formatDecimal(execution.qty),
          position_qty: formatDecimal(event.positionQty),
        }),
  };
};

const decimalAt = (body: unknown, name: string): bigint | null => {
  const text = textOf(recordOf(body)[name]);
  return text === null ? null : parseDecimal(text);
};

const memberOf = <Member extends string>(members: readonly Member[], value: unknown): Member | null =>
  members.find((member) => member === value) ?? null;

/** Reads POST /v2/orders; what Alpaca could not read either is refused with 422. */
export const parsePlaceRequest = (body: unknown): PlaceRequest | Refusal => {
  if (!isRecord(body)) return invalid('request body format is invalid');
  const symbol = textOf(body['symbol']);
  const qty = decimalAt(body, 'qty');
  const orderClass = body['order_class'] === undefined || body['order_class'] === '' ? 'simple' : memberOf(ORDER_CLASSES, body['order_class']);
  const type = memberOf(ORDER_TYPES, body['type']);
  const timeInForce = memberOf(TIMES_IN_FORCE, body['time_in_force']);
  const side = memberOf(['buy', 'sell'] as const, body['side']);
  if (symbol === null || symbol === '') return invalid('symbol is required');
  if (qty === null) return invalid('qty is required');
  if (side === null) return invalid('side is required');
  if (type === null) return invalid('invalid order type');
  if (timeInForce === null) return invalid('invalid time_in_force');
  if (orderClass === null) return invalid('invalid order_class');
  return {
    clientOrderId: textOf(body['client_order_id']), symbol, qty, side, timeInForce, orderClass,
    type: orderClass === 'oco' ? 'market' : type,
    limitPrice: decimalAt(body, 'limit_price'),
    stopPrice: decimalAt(body, 'stop_price'),
    takeProfitPrice: decimalAt(body['take_profit'], 'limit_price'),
    stopLossPrice: decimalAt(body['stop_loss'], 'stop_price'),
    stopLossLimitPrice: decimalAt(body['stop_loss'], 'limit_price'),
    script: null, orderId: null,
  };
};

/** Reads {symbol, bid, ask, last, bid_size?, ask_size?}; bid and ask default to last. null: not a quote. */
export const parseQuote = (value: unknown): Quote | null => {
  const symbol = textOf(recordOf(value)['symbol']);
  const bid = decimalAt(value, 'bid');
  const ask = decimalAt(value, 'ask');
  const last = decimalAt(value, 'last') ?? bid ?? ask;
  if (symbol === null || last === null) return null;
  return { symbol, last, bid: bid ?? last, ask: ask ?? last, bidSize: decimalAt(value, 'bid_size'), askSize: decimalAt(value, 'ask_size') };
};
