import type {
  AccountOutcome, BrokerFill, BrokerGateway, BrokerOrder, CallLimits, CancelOutcome, ClosePositionOutcome, EffectFailure, FillQuery,
  FindOrderOutcome, ListFillsOutcome, ListOrdersOutcome, OrderFilter, OrderRequest, PositionOutcome, ReadFailure, SubmitOutcome,
} from '#participants/trading-engine';
import type { CallVerdict, CircuitBreaker } from '../circuit-breaker/index.ts';
import { callHttp, type HttpOutcome, type HttpRequest } from './http-call.ts';
import { isOrderOf, orderBodyOf } from './order-body.ts';
import { parseAccount, parseError, parseFillActivity, parseOrder, parsePosition } from './wire.ts';

const ORDERS_LISTED_MAX = 500;
const FILLS_PER_PAGE = 100;
const FILL_PAGES_MAX = 20;

export type AlpacaGatewayOptions = {
  /** e.g. https://paper-api.alpaca.markets; without /v2. */
  readonly baseUrl: string;
  readonly keyId: string;
  readonly secret: string;
  /** Of this endpoint and credential; null: every call goes out. */
  readonly breaker: CircuitBreaker | null;
};

type Answer = Extract<HttpOutcome, { readonly status: 'answered' }>;
type Lost = Exclude<HttpOutcome, Answer>;
type CallResult = HttpOutcome | { readonly status: 'circuit_open'; readonly retryAfterMs: number };
type Send = (request: Omit<HttpRequest, 'url' | 'headers'> & { readonly path: string }, limits: CallLimits) => Promise<CallResult>;

/** 5xx, time-outs and lost connections count against the endpoint; refusals, 429, unreadable answers and calls that were given up do not (A7.2). */
export const judge = (outcome: HttpOutcome): CallVerdict => {
  if (outcome.status === 'answered') return outcome.httpStatus >= 500 ? 'failure' : 'success';
  if (outcome.status === 'not_sent') return outcome.kind === 'given_up' ? 'abandoned' : 'failure';
  if (outcome.kind === 'aborted') return 'abandoned';
  return outcome.kind === 'bad_answer' ? 'success' : 'failure';
};

/** An error answer, whatever was asked. */
const answeredFailure = ({ httpStatus, retryAfterMs, body }: Answer): ReadFailure => {
  const { code, message } = parseError(body);
  const reason = `HTTP ${httpStatus}${code === null ? '' : ` (${code})`}: ${message ?? 'no message'}`;
  if (httpStatus === 429) return { status: 'transient', kind: 'rate_limited', httpStatus, retryAfterMs, reason };
  if (httpStatus >= 500) return { status: 'transient', kind: 'server_error', httpStatus, retryAfterMs, reason };
  return { status: 'refused', httpStatus, brokerCode: code, reason };
};

const readFailure = (result: CallResult): ReadFailure => {
  if (result.status === 'answered') return answeredFailure(result);
  if (result.status === 'circuit_open') return result;
  const kind = result.status === 'not_sent' ? 'unreachable' : result.kind;
  return { status: 'transient', kind, httpStatus: null, retryAfterMs: null, reason: result.reason };
};

/** Without an answer the effect may have happened: unknown, not failed. */
const effectFailure = (result: CallResult): EffectFailure =>
  result.status === 'lost' ? { status: 'unknown', kind: result.kind, reason: result.reason } : readFailure(result);

const unreadable = (what: string): Lost => ({ status: 'lost', kind: 'bad_answer', reason: `Alpaca's ${what} cannot be read` });

/** Narrower than any 2xx, so that a result that is no success is still seen as a possible answer. */
type Success = Answer & { readonly httpStatus: 200 | 201 | 204 | 207 };
const isSuccess = (result: CallResult): result is Success =>
  result.status === 'answered' && result.httpStatus >= 200 && result.httpStatus < 300;

const isNotFound = (result: CallResult): boolean => result.status === 'answered' && result.httpStatus === 404;

/** All of a list, or null if any part is unreadable: half a list is a wrong answer. */
const parseAll = <Item>(body: unknown, parse: (value: unknown) => Item | null): readonly Item[] | null => {
  if (!Array.isArray(body)) return null;
  const items = body.map(parse);
  return items.includes(null) ? null : items.filter((item) => item !== null);
};

/** Alpaca's REST API as the Trading Engine's broker. Never throws for an answer, never retries; see the port for outcomes. */
export const createAlpacaGateway = (options: AlpacaGatewayOptions): BrokerGateway => {
  const headers = { 'APCA-API-KEY-ID': options.keyId, 'APCA-API-SECRET-KEY': options.secret, accept: 'application/json' };
  const base = options.baseUrl.replace(/\/+$/, '');
  const send: Send = async ({ path, ...request }, limits) => {
    const call = (): Promise<HttpOutcome> => callHttp({ ...request, url: `${base}${path}`, headers }, limits);
    if (options.breaker === null) return call();
    const guarded = await options.breaker.execute(call, judge);
    return guarded.status === 'executed' ? guarded.value : { status: 'circuit_open', retryAfterMs: guarded.retryAfterMs };
  };
  return {
    submitOrder: (request, limits) => submitOrder(send, request, limits),
    findByClientOrderId: (clientOrderId, limits) =>
      findOrder(send, `/v2/orders:by_client_order_id?client_order_id=${encodeURIComponent(clientOrderId)}`, limits),
    getOrder: (brokerOrderId, limits) => findOrder(send, `/v2/orders/${encodeURIComponent(brokerOrderId)}?nested=true`, limits),
    cancelOrder: (brokerOrderId, limits) => cancelOrder(send, brokerOrderId, limits),
    listOrders: (filter, limits) => listOrders(send, filter, limits),
    listOpenOrders: (symbols, limits) => listOrders(send, { state: 'open', symbols }, limits),
    listFills: (query, limits) => listFills(send, query, limits),
    getPosition: (symbol, limits) => getPosition(send, symbol, limits),
    closePosition: (symbol, limits) => closePosition(send, symbol, limits),
    getAccount: (limits) => getAccount(send, limits),
  };
};

const submitOrder = async (send: Send, request: OrderRequest, limits: CallLimits): Promise<SubmitOutcome> => {
  const startedMs = performance.now();
  const result = await send({ method: 'POST', path: '/v2/orders', body: orderBodyOf(request) }, limits);
  if (isSuccess(result)) {
    const order = parseOrder(result.body);
    return order === null ? effectFailure(unreadable('answer to POST /v2/orders')) : { status: 'accepted', order, alreadyExisted: false };
  }
  const isTaken = result.status === 'answered' && result.httpStatus === 422 && /client_order_id must be unique/i.test(parseError(result.body).message ?? '');
  if (!isTaken) return effectFailure(result);
  const leftMs = Math.max(1, Math.floor(limits.timeoutMs - (performance.now() - startedMs)));
  return adoptExisting(send, request, { signal: limits.signal, timeoutMs: leftMs });
};

/** The client order id is taken: by this very order, or by another one, which no retry will change. */
const adoptExisting = async (send: Send, request: OrderRequest, limits: CallLimits): Promise<SubmitOutcome> => {
  const path = `/v2/orders:by_client_order_id?client_order_id=${encodeURIComponent(request.clientOrderId)}`;
  const found = await findOrder(send, path, limits);
  if (found.status === 'found') {
    if (isOrderOf(request, found.order)) return { status: 'accepted', order: found.order, alreadyExisted: true };
    const reason = `client order id ${request.clientOrderId} belongs to another order, ${found.order.brokerOrderId}`;
    return { status: 'refused', httpStatus: 422, brokerCode: 'CLIENT_ORDER_ID_CONFLICT', reason };
  }
  return { status: 'unknown', kind: 'bad_answer', reason: `client order id ${request.clientOrderId} is taken, but its order cannot be read (${found.status})` };
};

const findOrder = async (send: Send, path: string, limits: CallLimits): Promise<FindOrderOutcome> => {
  const result = await send({ method: 'GET', path }, limits);
  if (isNotFound(result)) return { status: 'not_found' };
  if (!isSuccess(result)) return readFailure(result);
  const order = parseOrder(result.body);
  return order === null ? readFailure(unreadable('order')) : { status: 'found', order };
};

const cancelOrder = async (send: Send, brokerOrderId: string, limits: CallLimits): Promise<CancelOutcome> => {
  const result = await send({ method: 'DELETE', path: `/v2/orders/${encodeURIComponent(brokerOrderId)}` }, limits);
  if (isSuccess(result)) return { status: 'cancel_accepted' };
  if (isNotFound(result)) return { status: 'not_found' };
  if (result.status === 'answered' && result.httpStatus === 422) {
    return { status: 'not_cancelable', reason: parseError(result.body).message ?? 'HTTP 422 without a message' };
  }
  return effectFailure(result);
};

const listOrders = async (send: Send, filter: OrderFilter, limits: CallLimits): Promise<ListOrdersOutcome> => {
  const query = new URLSearchParams({ status: filter.state, nested: 'true', direction: 'desc', limit: String(ORDERS_LISTED_MAX) });
  if (filter.symbols !== undefined && filter.symbols.length > 0) query.set('symbols', filter.symbols.join(','));
  if (filter.sinceMs !== undefined) query.set('after', new Date(filter.sinceMs).toISOString());
  const result = await send({ method: 'GET', path: `/v2/orders?${query.toString()}` }, limits);
  if (!isSuccess(result)) return readFailure(result);
  const orders: readonly BrokerOrder[] | null = parseAll(result.body, parseOrder);
  if (orders === null) return readFailure(unreadable('list of orders'));
  // A full page may have been cut: what is missing from it must not be taken for gone.
  if (orders.length >= ORDERS_LISTED_MAX) return readFailure(unreadable(`list of ${ORDERS_LISTED_MAX} or more orders (ask for fewer symbols or a later time)`));
  return { status: 'listed', orders };
};

/** Pages through the account's fills since the time given: Alpaca cannot filter them by order. */
const listFills = async (send: Send, query: FillQuery, limits: CallLimits): Promise<ListFillsOutcome> => {
  const endsAtMs = performance.now() + limits.timeoutMs;
  const fills: BrokerFill[] = [];
  let pageToken: string | null = null;
  for (let page = 0; page < FILL_PAGES_MAX; page++) {
    const search = new URLSearchParams({ direction: 'asc', page_size: String(FILLS_PER_PAGE), after: new Date(query.sinceMs - 1).toISOString() });
    if (pageToken !== null) search.set('page_token', pageToken);
    const leftMs = Math.max(1, Math.floor(endsAtMs - performance.now()));
    const result = await send({ method: 'GET', path: `/v2/account/activities/FILL?${search.toString()}` }, { signal: limits.signal, timeoutMs: leftMs });
    if (!isSuccess(result)) return readFailure(result);
    const found: readonly BrokerFill[] | null = parseAll(result.body, parseFillActivity);
    if (found === null || !Array.isArray(result.body)) return readFailure(unreadable('list of fills'));
    fills.push(...found.filter(({ brokerOrderId }) => brokerOrderId === query.brokerOrderId));
    const last: unknown = result.body.at(-1);
    pageToken = typeof last === 'object' && last !== null && 'id' in last && typeof last.id === 'string' ? last.id : null;
    if (found.length < FILLS_PER_PAGE || pageToken === null) return { status: 'listed', fills };
  }
  return readFailure({ status: 'lost', kind: 'bad_answer', reason: `more than ${FILL_PAGES_MAX * FILLS_PER_PAGE} fills since ${query.sinceMs}: ask from a later time` });
};

const getPosition = async (send: Send, symbol: string, limits: CallLimits): Promise<PositionOutcome> => {
  const result = await send({ method: 'GET', path: `/v2/positions/${encodeURIComponent(symbol)}` }, limits);
  if (isNotFound(result)) return { status: 'not_found' };
  if (!isSuccess(result)) return readFailure(result);
  const position = parsePosition(result.body);
  return position === null ? readFailure(unreadable('position')) : { status: 'found', position };
};

const closePosition = async (send: Send, symbol: string, limits: CallLimits): Promise<ClosePositionOutcome> => {
  const result = await send({ method: 'DELETE', path: `/v2/positions/${encodeURIComponent(symbol)}` }, limits);
  if (isNotFound(result)) return { status: 'not_found' };
  if (!isSuccess(result)) return effectFailure(result);
  const order = parseOrder(result.body);
  return order === null ? effectFailure(unreadable('closing order')) : { status: 'closing', order };
};

const getAccount = async (send: Send, limits: CallLimits): Promise<AccountOutcome> => {
  const result = await send({ method: 'GET', path: '/v2/account' }, limits);
  if (!isSuccess(result)) return readFailure(result);
  const account = parseAccount(result.body);
  return account === null ? readFailure(unreadable('account')) : { status: 'found', account };
};
