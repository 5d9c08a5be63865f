import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { BrokerStream, BrokerUpdate } from '#participants/trading-engine';
import { startAlpacaSimulator } from '#simulators/alpaca';
import { KEYS, limits, order, realClock, startBench, until, type Bench } from '../../../test/support/vendors/alpaca-bench.ts';
import { createAlpacaTradeStream, reconnectDelayMs } from './trade-stream.ts';

let bench: Bench;
let stream: BrokerStream;
let updates: BrokerUpdate[];
let states: string[];

const isLive = (): boolean => stream.state().status === 'live';
const types = (): readonly string[] => updates.map(({ type }) => type);

beforeAll(async () => {
  bench = await startBench();
});
afterAll(() => bench.simulator.stop());
beforeEach(async () => {
  await bench.admin('POST', '/reset');
  updates = [];
  states = [];
  stream = createAlpacaTradeStream({ url: bench.simulator.streamUrl, ...KEYS, clock: realClock });
  stream.onUpdate((update) => updates.push(update));
  stream.onStateChange(({ status }) => states.push(status));
  stream.start();
  await until(isLive, Boolean);
});
afterEach(() => stream.stop());

test('an order is acknowledged and filled over binary frames, with execution id, price and position', async () => {
  await bench.gateway.submitOrder(order({ clientOrderId: 's1' }), limits());
  await until(types, (seen) => seen.length === 2);
  expect(updates).toMatchObject([
    { type: 'acknowledged', venueEvent: 'new', order: { clientOrderId: 's1', status: 'open' } },
    { type: 'filled', fill: { qty: '10', price: '101', cumulativeQty: '10' }, positionQty: '10', order: { status: 'filled', filledAvgPrice: '101' } },
  ]);
  expect(states).toEqual(['connecting', 'live']);
});

test('the fill seen on the stream and the fill listed by polling carry the same execution id', async () => {
  await bench.gateway.submitOrder(order({ clientOrderId: 's2' }), limits());
  await until(types, (seen) => seen.includes('filled'));
  const fill = updates.flatMap((update) => (update.type === 'filled' ? [update] : []))[0];
  const listed = await bench.gateway.listFills({ brokerOrderId: fill?.fill.brokerOrderId ?? '', sinceMs: Date.now() - 60_000 }, limits());
  expect(listed).toMatchObject({ status: 'listed', fills: [{ executionId: fill?.fill.executionId }] });
});

test('partial fills, a bust and a late cancel confirmation arrive as what they are', async () => {
  await bench.admin('POST', '/fill-scripts', { key: 's3', script: [{ qty: '4' }, { afterMillis: 1, action: 'bust', execution: 0 }] });
  await bench.admin('POST', '/cancel-confirmations', { key: 's3', after_millis: 20 });
  const submitted = await bench.gateway.submitOrder(order({ clientOrderId: 's3' }), limits());
  await until(types, (seen) => seen.includes('busted'));
  await bench.gateway.cancelOrder(submitted.status === 'accepted' ? submitted.order.brokerOrderId : '', limits());
  await until(types, (seen) => seen.includes('cancelled'));
  expect(types()).toEqual(['acknowledged', 'partially_filled', 'busted', 'pending_cancel', 'cancelled']);
  expect(updates[2]).toMatchObject({ executionId: updates[1]?.type === 'partially_filled' ? updates[1].fill.executionId : '' });
});

test('a fill larger than the order is passed on as it was reported', async () => {
  await bench.admin('POST', '/fill-scripts', { key: 's4', script: [{ qty: '15', price: '100' }] });
  await bench.gateway.submitOrder(order({ clientOrderId: 's4' }), limits());
  await until(types, (seen) => seen.includes('filled'));
  expect(updates[1]).toMatchObject({ type: 'filled', fill: { qty: '15' }, order: { qty: '10', filledQty: '15' } });
});

test('a single step on an order, commanded now', async () => {
  await bench.admin('POST', '/fill-scripts', { key: 's5', script: 'none' });
  await bench.gateway.submitOrder(order({ clientOrderId: 's5' }), limits());
  await until(types, (seen) => seen.includes('acknowledged'));
  await bench.admin('POST', '/orders/step', { key_id: KEYS.keyId, key: 's5', step: { qty: '3' } });
  await bench.admin('POST', '/orders/step', { key_id: KEYS.keyId, key: 's5', step: { action: 'reject' } });
  await until(types, (seen) => seen.includes('rejected'));
  expect(types()).toEqual(['acknowledged', 'partially_filled', 'rejected']);
});

test('a dropped connection is made again, and updates flow again', async () => {
  await bench.admin('POST', '/drop', { target: 'stream' });
  await until(() => states.length, (count) => count >= 5);
  expect(states).toEqual(['connecting', 'live', 'waiting', 'connecting', 'live']);
  await bench.gateway.submitOrder(order({ clientOrderId: 's6' }), limits());
  await until(types, (seen) => seen.includes('filled'));
});

test('while the stream is cut nothing arrives and nothing is replayed; polling sees the fill', async () => {
  await bench.admin('POST', '/stream', { action: 'cut' });
  await until(() => stream.state().status, (status) => status === 'waiting');
  await bench.gateway.submitOrder(order({ clientOrderId: 's7' }), limits());
  await until(() => bench.gateway.findByClientOrderId('s7', limits()), (found) => found.status === 'found' && found.order.status === 'filled');
  await bench.admin('POST', '/stream', { action: 'resume' });
  await until(isLive, Boolean);
  expect(types()).toEqual([]);
});

test('a muted stream stays connected and says nothing', async () => {
  await bench.admin('POST', '/stream', { action: 'mute' });
  await bench.gateway.submitOrder(order({ clientOrderId: 's8' }), limits());
  await until(() => bench.gateway.findByClientOrderId('s8', limits()), (found) => found.status === 'found' && found.order.status === 'filled');
  expect([types(), stream.state().status]).toEqual([[], 'live']);
});

test('day orders expire when the market closes', async () => {
  await bench.gateway.submitOrder(order({ clientOrderId: 's9', kind: 'limit', limitPrice: '10' }), limits());
  await until(types, (seen) => seen.length === 1);
  await bench.admin('POST', '/close-market');
  await until(types, (seen) => seen.includes('expired'));
});

test('refused credentials end the attempts', async () => {
  const closed = await startAlpacaSimulator({ accounts: [KEYS] });
  const stranger = createAlpacaTradeStream({ url: closed.streamUrl, keyId: 'KEY', secret: 'wrong', clock: realClock });
  stranger.start();
  try {
    await until(() => stranger.state().status, (status) => status === 'unauthorized');
  } finally {
    await stranger.stop();
    await closed.stop();
  }
});

test('stopping while waiting stays stopped', async () => {
  await bench.admin('POST', '/stream', { action: 'cut' });
  await until(() => stream.state().status, (status) => status === 'waiting');
  await stream.stop();
  expect(stream.state()).toEqual({ status: 'stopped' });
});

test('waits between attempts double from half a second to fifteen', () => {
  expect([1, 2, 3, 5, 6, 40].map(reconnectDelayMs)).toEqual([500, 1_000, 2_000, 8_000, 15_000, 15_000]);
});
