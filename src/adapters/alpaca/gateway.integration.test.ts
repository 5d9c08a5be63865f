// Goal: every outcome of the gateway, against the simulator's real sockets, with every fault control that can cause it.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { startAlpacaSimulator } from '#simulators/alpaca';
import { createCircuitBreaker } from '../circuit-breaker/index.ts';
import { createAlpacaGateway } from './gateway.ts';
import { KEYS, limits, order, realClock, startBench, until, type Bench } from '../../../test/support/vendors/alpaca-bench.ts';

let bench: Bench;
let ordinal = 0;
/** Every test its own order. */
const fresh = (): string => `saga-${++ordinal}.submit`;

beforeAll(async () => {
  bench = await startBench();
});
beforeEach(() => bench.admin('POST', '/reset'));
/** What a test started and must end even if it fails. */
const onTestEnd: (() => void)[] = [];
afterEach(() => {
  for (const end of onTestEnd.splice(0)) end();
});
afterAll(() => bench.simulator.stop());

test('an order is accepted, filled at the ask, and found by either id', async () => {
  const { gateway } = bench;
  const clientOrderId = fresh();
  const submitted = await gateway.submitOrder(order({ clientOrderId }), limits());
  expect(submitted).toMatchObject({ status: 'accepted', alreadyExisted: false, order: { status: 'pending', qty: '10', filledQty: '0', filledAvgPrice: null } });
  const brokerOrderId = submitted.status === 'accepted' ? submitted.order.brokerOrderId : '';
  const filled = await until(() => gateway.getOrder(brokerOrderId, limits()), (found) => found.status === 'found' && found.order.status === 'filled');
  expect(filled).toMatchObject({ order: { clientOrderId, filledQty: '10', filledAvgPrice: '101', venueStatus: 'filled' } });
  expect(await gateway.findByClientOrderId(clientOrderId, limits())).toEqual(filled);
  expect(await gateway.getPosition('AAPL', limits())).toMatchObject({ status: 'found', position: { side: 'long', avgEntryPrice: '101' } });
});

test('what does not exist is not found', async () => {
  const { gateway } = bench;
  expect(await gateway.findByClientOrderId('nobody', limits())).toEqual({ status: 'not_found' });
  expect(await gateway.getOrder('nobody', limits())).toEqual({ status: 'not_found' });
  expect(await gateway.cancelOrder('nobody', limits())).toEqual({ status: 'not_found' });
  expect(await gateway.getPosition('ZZZ', limits())).toEqual({ status: 'not_found' });
  expect(await gateway.closePosition('ZZZ', limits())).toEqual({ status: 'not_found' });
});

test('a refusal for want of buying power carries the broker code', async () => {
  const outcome = await bench.gateway.submitOrder(order({ clientOrderId: fresh(), qty: '1000000' }), limits());
  expect(outcome).toEqual({ status: 'refused', httpStatus: 403, brokerCode: '40310000', reason: 'HTTP 403 (40310000): insufficient buying power' });
});

test('a repeated client order id is adopted when it is the same order, and refused when it is another', async () => {
  const clientOrderId = fresh();
  const first = await bench.gateway.submitOrder(order({ clientOrderId, qty: '10' }), limits());
  const again = await bench.gateway.submitOrder(order({ clientOrderId, qty: '10.0' }), limits());
  expect(again).toMatchObject({ status: 'accepted', alreadyExisted: true });
  expect(again.status === 'accepted' && first.status === 'accepted' && again.order.brokerOrderId === first.order.brokerOrderId).toBe(true);
  expect(await bench.gateway.submitOrder(order({ clientOrderId, qty: '11' }), limits())).toMatchObject({
    status: 'refused', brokerCode: 'CLIENT_ORDER_ID_CONFLICT',
  });
});

test('canned statuses come in order: 500, 500, then success, one order', async () => {
  await bench.admin('POST', '/queue', { route: 'submit_order', answers: [500, 503, 200] });
  const clientOrderId = fresh();
  const outcomes = [];
  for (let attempt = 0; attempt < 3; attempt++) outcomes.push(await bench.gateway.submitOrder(order({ clientOrderId }), limits()));
  expect(outcomes).toMatchObject([
    { status: 'transient', kind: 'server_error', httpStatus: 500 }, { status: 'transient', kind: 'server_error', httpStatus: 503 }, { status: 'accepted' },
  ]);
  expect((await bench.requests('submit_order')).map(({ outcome }) => outcome)).toEqual([500, 503, 200]);
});

test('429 carries Retry-After in milliseconds', async () => {
  await bench.admin('POST', '/faults', { route: 'submit_order', fault: { status: 429, headers: { 'retry-after': '2' } } });
  expect(await bench.gateway.submitOrder(order({ clientOrderId: fresh() }), limits())).toMatchObject({
    status: 'transient', kind: 'rate_limited', httpStatus: 429, retryAfterMs: 2_000,
  });
});

test('place_order_response error and order_id: the standing behaviour answers', async () => {
  await bench.admin('POST', '/behavior', { place_order_response: { type: 'error', status: 403, code: 40310000, message: 'no' } });
  expect(await bench.gateway.submitOrder(order({ clientOrderId: fresh() }), limits())).toMatchObject({ status: 'refused', httpStatus: 403, brokerCode: '40310000' });
  await bench.admin('POST', '/behavior', { place_order_response: { type: 'success', order_id: 'order-of-choice' } });
  expect(await bench.gateway.submitOrder(order({ clientOrderId: fresh() }), limits())).toMatchObject({ status: 'accepted', order: { brokerOrderId: 'order-of-choice' } });
});

test('place_order_response none: no answer and no order; the outcome is unknown, the lookup finds nothing', async () => {
  await bench.admin('POST', '/behavior', { place_order_response: { type: 'none' } });
  const clientOrderId = fresh();
  expect(await bench.gateway.submitOrder(order({ clientOrderId }), limits(80))).toMatchObject({ status: 'unknown', kind: 'timeout' });
  expect(await bench.gateway.findByClientOrderId(clientOrderId, limits())).toEqual({ status: 'not_found' });
});

test('an answer lost after the effect: unknown, and the lookup finds the order', async () => {
  const clientOrderId = fresh();
  await bench.admin('POST', '/faults', { key: clientOrderId, route: 'submit_order', fault: { lost: true } });
  expect(await bench.gateway.submitOrder(order({ clientOrderId }), limits(80))).toMatchObject({ status: 'unknown', kind: 'timeout' });
  expect(await bench.gateway.findByClientOrderId(clientOrderId, limits())).toMatchObject({ status: 'found', order: { clientOrderId } });
});

test.each([['after_effect', 'found'], ['before_effect', 'not_found']])('should_drop_connection, phase %s: unknown, and the order is %s', async (phase, found) => {
  await bench.admin('POST', '/behavior', { should_drop_connection: true, drop_phase: phase });
  const clientOrderId = fresh();
  expect(await bench.gateway.submitOrder(order({ clientOrderId }), limits())).toMatchObject({ status: 'unknown', kind: 'connection_lost' });
  expect((await bench.gateway.findByClientOrderId(clientOrderId, limits())).status).toBe(found);
});

test('a read whose answer never comes is transient: reads have no effect to wonder about', async () => {
  await bench.admin('POST', '/faults', { route: 'get_account', fault: { silent: true } });
  expect(await bench.gateway.getAccount(limits(60))).toMatchObject({ status: 'transient', kind: 'timeout' });
});

test('delay_millis holds answers back; the effect is there before the answer', async () => {
  await bench.admin('POST', '/behavior', { delay_millis: 150 });
  const clientOrderId = fresh();
  expect(await bench.gateway.submitOrder(order({ clientOrderId }), limits(60))).toMatchObject({ status: 'unknown', kind: 'timeout' });
  await bench.admin('DELETE', '/behavior');
  expect((await bench.gateway.findByClientOrderId(clientOrderId, limits())).status).toBe('found');
});

test('the caller may give up at any time', async () => {
  await bench.admin('POST', '/behavior', { place_order_response: { type: 'none' } });
  const controller = new AbortController();
  const pending = bench.gateway.submitOrder(order({ clientOrderId: fresh() }), { timeoutMs: 5_000, signal: controller.signal });
  await until(() => bench.requests('submit_order'), (requests) => requests.length === 1);
  controller.abort();
  expect(await pending).toMatchObject({ status: 'unknown', kind: 'aborted' });
});

test('dropping connections now ends a request under way', async () => {
  await bench.admin('POST', '/faults', { route: 'submit_order', fault: { lost: true } });
  const pending = bench.gateway.submitOrder(order({ clientOrderId: fresh() }), limits(5_000));
  await until(() => bench.requests('submit_order'), (requests) => requests.length === 1);
  await bench.admin('POST', '/drop', { target: 'http' });
  expect(await pending).toMatchObject({ status: 'unknown', kind: 'connection_lost' });
});

test('a canned body that is no order, and one that is no JSON, leave the outcome unknown', async () => {
  await bench.admin('POST', '/queue', { answers: [{ body: { hello: 'world' } }, { text: '<html>' }] });
  for (let attempt = 0; attempt < 2; attempt++) {
    expect(await bench.gateway.submitOrder(order({ clientOrderId: fresh() }), limits())).toMatchObject({ status: 'unknown', kind: 'bad_answer' });
  }
});

test('nobody listening means the request was never sent', async () => {
  const closed = await startAlpacaSimulator();
  await closed.stop();
  const gateway = createAlpacaGateway({ baseUrl: closed.url, ...KEYS, breaker: null });
  expect(await gateway.submitOrder(order(), limits())).toMatchObject({ status: 'transient', kind: 'unreachable' });
});

test('a redirect is not followed: the secret goes nowhere else', async () => {
  const elsewhere = await startBench();
  try {
    await bench.admin('POST', '/faults', { route: 'get_account', fault: { status: 307, headers: { location: `${elsewhere.simulator.url}/v2/account` } } });
    expect(await bench.gateway.getAccount(limits())).toMatchObject({ status: 'transient', kind: 'connection_lost' });
    expect(await elsewhere.requests('get_account')).toEqual([]);
  } finally {
    await elsewhere.simulator.stop();
  }
});

test('wrong credentials are refused', async () => {
  const stranger = createAlpacaGateway({ baseUrl: bench.simulator.url, keyId: '', secret: '', breaker: null });
  expect(await stranger.getAccount(limits())).toMatchObject({ status: 'refused', httpStatus: 401 });
});

test('a cancel is accepted first and confirmed after the time set, then it is no longer possible', async () => {
  await bench.admin('POST', '/behavior', { cancel_confirmed_after_millis: 120 });
  const submitted = await bench.gateway.submitOrder(order({ clientOrderId: fresh(), kind: 'limit', limitPrice: '50' }), limits());
  const id = submitted.status === 'accepted' ? submitted.order.brokerOrderId : '';
  expect(await bench.gateway.cancelOrder(id, limits())).toEqual({ status: 'cancel_accepted' });
  expect(await bench.gateway.getOrder(id, limits())).toMatchObject({ order: { status: 'pending_cancel' } });
  await until(() => bench.gateway.getOrder(id, limits()), (found) => found.status === 'found' && found.order.status === 'cancelled');
  expect(await bench.gateway.cancelOrder(id, limits())).toEqual({ status: 'not_cancelable', reason: 'order is already in "canceled" state' });
});

test('cancel confirmations can be set per order, and cancel answers by behaviour', async () => {
  const clientOrderId = fresh();
  await bench.admin('POST', '/cancel-confirmations', { key: clientOrderId, after_millis: 60_000 });
  const submitted = await bench.gateway.submitOrder(order({ clientOrderId, kind: 'limit', limitPrice: '50' }), limits());
  const id = submitted.status === 'accepted' ? submitted.order.brokerOrderId : '';
  await bench.admin('POST', '/behavior', { cancel_order_response: { type: 'error', status: 500 } });
  expect(await bench.gateway.cancelOrder(id, limits())).toMatchObject({ status: 'transient', kind: 'server_error' });
  await bench.admin('POST', '/behavior', { cancel_order_response: { type: 'error', status: 422, message: 'order is already in "filled" state' } });
  expect(await bench.gateway.cancelOrder(id, limits())).toMatchObject({ status: 'not_cancelable' });
  await bench.admin('POST', '/behavior', { cancel_order_response: { type: 'none' } });
  expect(await bench.gateway.cancelOrder(id, limits(60))).toMatchObject({ status: 'unknown', kind: 'timeout' });
  await bench.admin('POST', '/behavior', { cancel_order_response: { type: 'success' } });
  expect(await bench.gateway.cancelOrder(id, limits())).toEqual({ status: 'cancel_accepted' });
  expect(await bench.gateway.getOrder(id, limits())).toMatchObject({ order: { status: 'pending_cancel' } });
});

test('a fill script per order makes partial fills, and fills are listed with their execution ids and running quantity', async () => {
  const clientOrderId = fresh();
  await bench.admin('POST', '/fill-scripts', {
    key: clientOrderId, script: [{ afterMillis: 1, qty: '40%' }, { afterMillis: 2, qty: '5', price: '102.5' }, { afterMillis: 3 }],
  });
  const submitted = await bench.gateway.submitOrder(order({ clientOrderId }), limits());
  const brokerOrderId = submitted.status === 'accepted' ? submitted.order.brokerOrderId : '';
  await until(() => bench.gateway.getOrder(brokerOrderId, limits()), (found) => found.status === 'found' && found.order.status === 'filled');
  const listed = await bench.gateway.listFills({ brokerOrderId, sinceMs: Date.now() - 60_000 }, limits());
  expect(listed).toMatchObject({
    status: 'listed',
    fills: [
      { qty: '4', price: '101', cumulativeQty: '4', brokerOrderId }, { qty: '5', price: '102.5', cumulativeQty: '9' }, { qty: '1', price: '101', cumulativeQty: '10' },
    ],
  });
});

test.each([['expire', 'expired'], ['cancel', 'cancelled'], ['reject', 'rejected']])('a fill script may %s the order', async (action, status) => {
  const clientOrderId = fresh();
  await bench.admin('POST', '/fill-scripts', { key: clientOrderId, script: [{ afterMillis: 1, action }] });
  await bench.gateway.submitOrder(order({ clientOrderId }), limits());
  await until(() => bench.gateway.findByClientOrderId(clientOrderId, limits()), (found) => found.status === 'found' && found.order.status === status);
});

test('bracket legs are listed inside their parent, alone once it is filled, and hold the shares until cancelled', async () => {
  const other = createAlpacaGateway({ baseUrl: bench.simulator.url, keyId: 'BRACKET', secret: 'x', breaker: null });
  const parent = await other.submitOrder(order({ takeProfitPrice: '120', stopLossPrice: '90' }), limits());
  expect(parent).toMatchObject({ order: { legs: [{ kind: 'limit', status: 'held', limitPrice: '120' }, { kind: 'stop', status: 'held', stopPrice: '90' }] } });
  await until(() => other.getPosition('AAPL', limits()), (found) => found.status === 'found');
  expect(await other.closePosition('AAPL', limits())).toMatchObject({ status: 'refused', httpStatus: 403, brokerCode: '40310000' });
  const open = await other.listOpenOrders(['AAPL'], limits());
  expect(open).toMatchObject({ status: 'listed', orders: [{ side: 'sell' }, { side: 'sell' }] });
  for (const leg of open.status === 'listed' ? open.orders : []) await other.cancelOrder(leg.brokerOrderId, limits());
  expect(await other.listOpenOrders(['AAPL'], limits())).toEqual({ status: 'listed', orders: [] });
  expect(await other.closePosition('AAPL', limits())).toMatchObject({ status: 'closing', order: { side: 'sell', qty: '10' } });
  await until(() => other.getPosition('AAPL', limits()), (found) => found.status === 'not_found');
});

test('one exit price makes an entry with one exit, and an oco protects what is held', async () => {
  const other = createAlpacaGateway({ baseUrl: bench.simulator.url, keyId: 'EXITS', secret: 'x', breaker: null });
  const entry = await other.submitOrder(order({ stopLossPrice: '90' }), limits());
  expect(entry).toMatchObject({ order: { legs: [{ kind: 'stop', side: 'sell', stopPrice: '90' }] } });
  const legId = entry.status === 'accepted' ? (entry.order.legs[0]?.brokerOrderId ?? '') : '';
  await until(() => other.getOrder(legId, limits()), (found) => found.status === 'found' && found.order.status === 'open');
  await other.cancelOrder(legId, limits());
  const exits = order({ clientOrderId: 'exits', side: 'sell', orderClass: 'oco', takeProfitPrice: '120', stopLossPrice: '90' });
  const placed = await other.submitOrder(exits, limits());
  expect(placed).toMatchObject({ status: 'accepted', order: { kind: 'limit', limitPrice: '120', legs: [{ kind: 'stop', stopPrice: '90' }] } });
  expect(await other.submitOrder(exits, limits())).toMatchObject({ status: 'accepted', alreadyExisted: true });
});

test('a list of orders that may have been cut short is no list', async () => {
  const cut = Array.from({ length: 500 }, (_, index) => ({
    id: `o${index}`, client_order_id: `c${index}`, symbol: 'AAPL', side: 'buy', type: 'market', time_in_force: 'day', status: 'new', qty: '1', filled_qty: '0',
  }));
  await bench.admin('POST', '/queue', { route: 'list_orders', answers: [{ body: cut }, { body: cut.slice(1) }] });
  expect(await bench.gateway.listOrders({ state: 'all' }, limits())).toMatchObject({ status: 'transient', kind: 'bad_answer' });
  expect(await bench.gateway.listOrders({ state: 'all' }, limits())).toMatchObject({ status: 'listed' });
});

test('a split of the holding shows in the position', async () => {
  const other = createAlpacaGateway({ baseUrl: bench.simulator.url, keyId: 'SPLIT', secret: 'x', breaker: null });
  await other.submitOrder(order(), limits());
  await until(() => other.getPosition('AAPL', limits()), (found) => found.status === 'found');
  await bench.admin('POST', '/split', { key_id: 'SPLIT', symbol: 'AAPL', numerator: 2, denominator: 1 });
  expect(await other.getPosition('AAPL', limits())).toMatchObject({ position: { qty: '20', avgEntryPrice: '50.5' } });
});

test('an account can be blocked and made inactive', async () => {
  const other = createAlpacaGateway({ baseUrl: bench.simulator.url, keyId: 'BLOCKED', secret: 'x', breaker: null });
  expect(await other.getAccount(limits())).toMatchObject({ status: 'found', account: { isActive: true, isTradingBlocked: false, buyingPower: '1000000' } });
  await bench.admin('POST', '/account', { key_id: 'BLOCKED', status: 'INACTIVE', trading_blocked: true, cash: '5' });
  expect(await other.getAccount(limits())).toMatchObject({ account: { isActive: false, isTradingBlocked: true, cash: '5' } });
  expect(await other.submitOrder(order(), limits())).toMatchObject({ status: 'refused', httpStatus: 403 });
});

test('a fault plan befalls the same orders with the same faults, run after run', async () => {
  const plan = { seed: 11, variants: [{ name: 'error', permille: 300, faults: [500] }, { name: 'partial', permille: 300, faults: [], extra: { script: [{ qty: '50%' }, { action: 'expire' }] } }] };
  const fates = async (): Promise<readonly string[]> => {
    await bench.admin('PUT', '/fault-plan', plan);
    const seen: string[] = [];
    for (let index = 0; index < 20; index++) {
      const outcome = await bench.gateway.submitOrder(order({ clientOrderId: `plan-${index}`, kind: 'limit', limitPrice: '100' }), limits());
      seen.push(outcome.status);
    }
    return seen;
  };
  const first = await fates();
  expect(new Set(first)).toEqual(new Set(['accepted', 'transient']));
  // The second time the orders exist already: accepted again, where the plan lets them through.
  expect(await fates()).toEqual(first);
  expect(await bench.admin('GET', '/fault-plan')).toMatchObject({ used: { error: first.filter((status) => status === 'transient').length } });
});

test('five failures open the breaker: the sixth call sends nothing; refusals and 429 do not count', async () => {
  const changes: string[] = [];
  const breaker = createCircuitBreaker({ endpoint: 'alpaca', credential: 'KEY', clock: realClock, onStateChange: ({ to }) => changes.push(to) });
  const gateway = createAlpacaGateway({ baseUrl: bench.simulator.url, ...KEYS, breaker });
  await bench.admin('POST', '/queue', { answers: [403, 422, 429, 403, 422, 429, 500, 502, 503, 500, { drop: 'before_effect' }] });
  onTestEnd.push(() => breaker.close());
  for (let call = 0; call < 11; call++) await gateway.submitOrder(order({ clientOrderId: fresh() }), limits());
  expect(changes).toEqual(['OPEN']);
  const sent = (await bench.requests('submit_order')).length;
  expect(await gateway.submitOrder(order({ clientOrderId: fresh() }), limits())).toMatchObject({ status: 'circuit_open' });
  expect((await bench.requests('submit_order')).length).toBe(sent);
});

test('controls that cannot be read are refused with a reason, and change nothing', async () => {
  for (const [method, path, body] of [
    ['POST', '/behavior', { no_such_field: 1 }], ['POST', '/behavior', { delay_millis: -1 }], ['POST', '/behavior', { fill_script: [{ action: 'explode' }] }],
    ['POST', '/faults', { fault: 'boom' }], ['POST', '/queue', { answers: [99] }], ['PUT', '/fault-plan', { variants: [] }],
    ['POST', '/quotes', [{ symbol: 'AAPL' }]], ['POST', '/fill-scripts', { script: 'some' }], ['POST', '/stream', { action: 'pause' }], ['POST', '/nothing', {}],
  ] as const) {
    await expect(bench.admin(method, path, body)).rejects.toThrow(/: 40[04] /);
  }
  expect((await bench.gateway.submitOrder(order({ clientOrderId: fresh() }), limits())).status).toBe('accepted');
});

test('cancelling all orders answers 207 with one result per order', async () => {
  const headers = { 'APCA-API-KEY-ID': 'ALL', 'APCA-API-SECRET-KEY': 'x' };
  const other = createAlpacaGateway({ baseUrl: bench.simulator.url, keyId: 'ALL', secret: 'x', breaker: null });
  for (const limitPrice of ['50', '51']) await other.submitOrder(order({ clientOrderId: `all-${limitPrice}`, kind: 'limit', limitPrice }), limits());
  const response = await fetch(`${bench.simulator.url}/v2/orders`, { method: 'DELETE', headers });
  expect(response.status).toBe(207);
  expect(await response.json()).toMatchObject([{ status: 200 }, { status: 200 }]);
  const clock = await fetch(`${bench.simulator.url}/v2/clock`, { headers });
  expect(await clock.json()).toMatchObject({ is_open: true });
});
