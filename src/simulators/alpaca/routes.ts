import { recordOf, type SimReply, type SimRequest, textOf, type VendorRoute } from '../support/index.ts';
import { FINAL_STATUSES, type Order, type PlaceRequest, type Refusal } from './engine-types.ts';
import { forbidden, noPosition, notFound } from './refusals.ts';
import type { Account } from './venue.ts';
import { accountBody, fillActivityBody, orderWithLegs, orderBody, parsePlaceRequest, positionBody, refusalBody } from './wire.ts';

const ORDERS_LISTED_MAX = 500;

export type RouteContext = {
  /** The account of an authorised request. */
  readonly accountOf: (request: SimRequest) => Account;
  /** null: the request is not authorised. */
  readonly findAccount: (request: SimRequest) => Account | null;
  readonly nowMs: () => number;
  /** Adds what the controls say about an order: its script, its id. */
  readonly dress: (request: PlaceRequest) => PlaceRequest;
  readonly cancelConfirmedAfterMs: (order: Order) => number;
};

const refuse = (refusal: Refusal): SimReply => ({ status: refusal.httpStatus, body: refusalBody(refusal) });
const NOTHING = { keys: [], symbol: null };

/** Alpaca's trading endpoints over the engine. */
export const alpacaRoutes = (context: RouteContext): readonly VendorRoute[] => [
  ...orderRoutes(context),
  ...cancelRoutes(context),
  ...positionRoutes(context),
  ...accountRoutes(context),
];

const aboutOrder = (context: RouteContext) => (request: SimRequest, parts: readonly string[]): ReturnType<VendorRoute['about']> => {
  const id = parts[0] ?? '';
  const order = context.findAccount(request)?.engine.order(id) ?? null;
  return order === null ? { keys: [id], symbol: null } : { keys: [order.clientOrderId, order.id], symbol: order.symbol };
};

const orderRoutes = (context: RouteContext): readonly VendorRoute[] => [
  {
    name: 'submit_order', method: 'POST', pattern: /^\/v2\/orders$/,
    about: ({ body }) => {
      const key = textOf(recordOf(body)['client_order_id']);
      return { keys: key === null ? [] : [key], symbol: textOf(recordOf(body)['symbol']) };
    },
    handle: (request) => {
      const { engine, isTradingBlocked } = context.accountOf(request);
      if (isTradingBlocked) return refuse(forbidden('account is restricted from trading'));
      const parsed = parsePlaceRequest(request.body);
      if ('httpStatus' in parsed) return refuse(parsed);
      const placed = engine.place(context.dress(parsed), context.nowMs());
      return placed.ok ? { status: 200, body: orderWithLegs(engine, placed.order) } : refuse(placed.refusal);
    },
  },
  {
    name: 'list_orders', method: 'GET', pattern: /^\/v2\/orders$/, about: () => NOTHING,
    handle: (request) => ({ status: 200, body: listOrders(context.accountOf(request), request.query) }),
  },
  {
    name: 'find_order', method: 'GET', pattern: /^\/v2\/orders:by_client_order_id$/,
    about: ({ query }) => ({ keys: [query.get('client_order_id') ?? ''], symbol: null }),
    handle: (request) => {
      const { engine } = context.accountOf(request);
      const id = request.query.get('client_order_id') ?? '';
      const order = engine.order(id);
      return order?.clientOrderId === id ? { status: 200, body: orderWithLegs(engine, order) } : refuse(notFound(id));
    },
  },
  {
    name: 'get_order', method: 'GET', pattern: /^\/v2\/orders\/([^/]+)$/, about: aboutOrder(context),
    handle: (request, [id = '']) => {
      const { engine } = context.accountOf(request);
      const order = engine.order(id);
      if (order?.id !== id) return refuse(notFound(id));
      return { status: 200, body: request.query.get('nested') === 'true' ? orderWithLegs(engine, order) : orderBody(order, null) };
    },
  },
];

const listOrders = (account: Account, query: URLSearchParams): readonly unknown[] => {
  const status = query.get('status') ?? 'open';
  const symbols = (query.get('symbols') ?? '').split(',').filter((symbol) => symbol !== '');
  const after = Date.parse(query.get('after') ?? '');
  const isNested = query.get('nested') === 'true';
  const limit = Math.min(ORDERS_LISTED_MAX, Number(query.get('limit') ?? '50'));
  const isOpen = (order: Order): boolean => !FINAL_STATUSES.has(order.status);
  const parentOf = (order: Order): Order | null => (order.parentId === null ? null : account.engine.order(order.parentId));
  const isWanted = (order: Order): boolean => {
    if (symbols.length > 0 && !symbols.includes(order.symbol)) return false;
    if (!Number.isNaN(after) && order.createdAtMs < after) return false;
    if (status !== 'all' && isOpen(order) !== (status === 'open')) return false;
    const parent = parentOf(order);
    return parent === null || !isNested || (status === 'open' && !isOpen(parent));
  };
  const wanted = account.engine.orders().filter(isWanted);
  const newestFirst = query.get('direction') === 'asc' ? wanted : wanted.toReversed();
  return newestFirst.slice(0, limit).map((order) => (isNested ? orderWithLegs(account.engine, order) : orderBody(order, null)));
};

const cancelRoutes = (context: RouteContext): readonly VendorRoute[] => [
  {
    name: 'cancel_order', method: 'DELETE', pattern: /^\/v2\/orders\/([^/]+)$/, about: aboutOrder(context),
    handle: (request, [id = '']) => {
      const { engine } = context.accountOf(request);
      const order = engine.order(id);
      if (order?.id !== id) return refuse(notFound(id));
      const refusal = engine.cancel(id, context.cancelConfirmedAfterMs(order), context.nowMs());
      return refusal === null ? { status: 204 } : refuse(refusal);
    },
  },
  {
    name: 'cancel_all_orders', method: 'DELETE', pattern: /^\/v2\/orders$/, about: () => NOTHING,
    handle: (request) => {
      const { engine } = context.accountOf(request);
      const open = engine.orders().filter((order) => !FINAL_STATUSES.has(order.status) && order.parentId === null);
      const results = open.map((order) => {
        const refusal = engine.cancel(order.id, context.cancelConfirmedAfterMs(order), context.nowMs());
        return { id: order.id, status: refusal?.httpStatus ?? 200, ...(refusal === null ? {} : { body: refusalBody(refusal) }) };
      });
      return { status: 207, body: results };
    },
  },
];

const positionRoutes = (context: RouteContext): readonly VendorRoute[] => [
  {
    name: 'list_positions', method: 'GET', pattern: /^\/v2\/positions$/, about: () => NOTHING,
    handle: (request) => {
      const { engine } = context.accountOf(request);
      return { status: 200, body: engine.positions().map((position) => positionBody(engine, position)) };
    },
  },
  {
    name: 'get_position', method: 'GET', pattern: /^\/v2\/positions\/([^/]+)$/,
    about: (_request, [symbol = '']) => ({ keys: [symbol], symbol }),
    handle: (request, [symbol = '']) => {
      const { engine } = context.accountOf(request);
      const position = engine.positions().find((held) => held.symbol === symbol);
      return position === undefined ? refuse(noPosition()) : { status: 200, body: positionBody(engine, position) };
    },
  },
  {
    name: 'close_position', method: 'DELETE', pattern: /^\/v2\/positions\/([^/]+)$/,
    about: (_request, [symbol = '']) => ({ keys: [symbol], symbol }),
    handle: (request, [symbol = '']) => {
      const { engine } = context.accountOf(request);
      const position = engine.positions().find((held) => held.symbol === symbol);
      if (position === undefined) return refuse(noPosition());
      const placed = engine.place(
        context.dress({
          clientOrderId: null, symbol, side: position.qty > 0n ? 'sell' : 'buy', type: 'market', timeInForce: 'day', orderClass: 'simple',
          qty: position.qty > 0n ? position.qty : -position.qty, limitPrice: null, stopPrice: null, takeProfitPrice: null,
          stopLossPrice: null, stopLossLimitPrice: null, script: null, orderId: null,
        }),
        context.nowMs(),
      );
      return placed.ok ? { status: 200, body: orderBody(placed.order, null) } : refuse(placed.refusal);
    },
  },
];

const accountRoutes = (context: RouteContext): readonly VendorRoute[] => [
  {
    name: 'get_account', method: 'GET', pattern: /^\/v2\/account$/, about: () => NOTHING,
    handle: (request) => {
      const account = context.accountOf(request);
      return { status: 200, body: accountBody(account.engine, account) };
    },
  },
  {
    name: 'list_fills', method: 'GET', pattern: /^\/v2\/account\/activities\/FILL$/, about: () => NOTHING,
    handle: (request) => ({ status: 200, body: listFills(context.accountOf(request), request.query) }),
  },
  {
    name: 'get_clock', method: 'GET', pattern: /^\/v2\/clock$/, about: () => NOTHING,
    handle: () => {
      const now = new Date(context.nowMs());
      const tomorrow = new Date(context.nowMs() + 86_400_000);
      return { status: 200, body: { timestamp: now.toISOString(), is_open: true, next_open: tomorrow.toISOString(), next_close: tomorrow.toISOString() } };
    },
  },
];

/** Oldest first with direction=asc, else newest first; `after` and `until` bound the time, page_token is the last id seen. */
const listFills = (account: Account, query: URLSearchParams): readonly unknown[] => {
  const after = Date.parse(query.get('after') ?? '');
  const until = Date.parse(query.get('until') ?? '');
  const pageSize = Math.min(100, Number(query.get('page_size') ?? '100'));
  const token = query.get('page_token')?.split('::')[1] ?? null;
  const all = account.engine.executions().filter(
    ({ atMs, isBusted }) => !isBusted && (Number.isNaN(after) || atMs >= after) && (Number.isNaN(until) || atMs <= until),
  );
  const ordered = query.get('direction') === 'asc' ? all : all.toReversed();
  const start = token === null ? 0 : ordered.findIndex(({ executionId }) => executionId === token) + 1;
  return ordered.slice(start, start + pageSize).flatMap((execution) => {
    const order = account.engine.order(execution.orderId);
    return order === null ? [] : [fillActivityBody(execution, order)];
  });
};
