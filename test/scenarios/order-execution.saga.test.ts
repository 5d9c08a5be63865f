import { expect, test } from '@jest/globals';
import { type BrokerObservationRecorded, forgetOrderCommand, type ObserveBrokerCommand, observeBrokerCommand, reportConnectionCommand } from '#contracts';
import { orderExecution } from '#sagas/order-execution';
import { serverError } from '../support/simulated-broker.ts';
import { ACKNOWLEDGED, BOOKED, FILLED, ORDER_FAILED as FAILED, PARTLY } from '../support/trading-events.ts';
import { TradingWorld } from '../support/trading-world.ts';

// The order execution saga with every participant on the in-memory log, in simulated time, each order started on its own.

/** By then the connection has asked for its account once more. */
const ACCOUNT_ASKED_AGAIN_MS = 65_000;

const posts = (world: TradingWorld): number => world.broker.calls.filter((call) => call === 'POST').length;
const deletes = (world: TradingWorld): number => world.broker.calls.filter((call) => call === 'DELETE').length;
const held = async (world: TradingWorld): Promise<readonly string[]> => {
  expect(await world.violations()).toEqual([]);
  return world.domain('m-1');
};

test('SC-M-1: placed, submitted, acknowledged, filled, booked', async () => {
  const world = await TradingWorld.open();
  world.order();
  await world.until('m-1', 'COMPLETED');
  expect(await held(world)).toEqual([...ACKNOWLEDGED, ...FILLED, ...BOOKED]);
  const [orderId, order_id, positionId] = ['ord-m-1', 'b1', 'pos-acc:AAPL'];
  expect(world.payload('m-1', 'trade.order.submitted')).toMatchObject({ orderId, order_id, clientOrderId: 'm-1.submit_order', decisionId: null, symbol: 'AAPL', side: 'buy', qty: '10', orderType: 'market' });
  expect(world.payload('m-1', 'trade.order.acknowledged')).toMatchObject({ orderId, order_id, acknowledgedVia: 'stream' });
  expect(world.payload('m-1', 'trade.order.filled')).toMatchObject({ orderId, order_id, executionId: 'b1-x1', filledQty: '10', avgPrice: '100', commission: '0' });
  expect(world.payload('m-1', 'trade.position.updated')).toEqual({
    positionId, accountId: 'acc', symbol: 'AAPL', prevQty: '0', prevAvgPrice: '0', qty: '10', avgPrice: '100', orderId, executionId: 'b1-x1', fillQty: '10', fillPrice: '100',
  });
  expect(world.payload('m-1', 'analytics.pnl.recorded')).toEqual({ positionId, orderId, symbol: 'AAPL', realizedPnl: '0', unrealizedPnl: '0', currency: 'USD' });
  expect(world.payload('m-1', 'chorus.OrderExecutionCompleted')).toEqual({ orderId, order_id, filledQty: '10', avgPrice: '100', positionId, realizedPnl: '0', unrealizedPnl: '0' });
  expect([posts(world), deletes(world)]).toEqual([1, 0]);
  expect(world.of('m-1').find((record) => record.type === 'trade.position.updated')?.envelope).toMatchObject({ sagaType: 'order_execution', subSaga: null, step: 5, subStep: null, totalSteps: 6 });
});

test('SC-M-2: partial fills each move the position; quantity and average are the weighted sum', async () => {
  const world = await TradingWorld.open();
  world.broker.behaviour.script = () => [{ afterMs: 20, fill: '2', price: '100' }, { afterMs: 40, fill: '3', price: '101' }, { afterMs: 60, fill: '5', price: '102' }];
  world.order();
  await world.until('m-1', 'COMPLETED');
  expect(await held(world)).toEqual([...ACKNOWLEDGED, ...PARTLY, ...PARTLY, ...FILLED, ...BOOKED]);
  expect(world.payload('m-1', 'chorus.OrderExecutionCompleted')).toMatchObject({ filledQty: '10', avgPrice: '101.3' });
  const figures = world.of('m-1').filter(({ type }) => type === 'trade.position.updated').map(({ payload }) => payload);
  expect(figures).toMatchObject([{ prevQty: '0', qty: '2', avgPrice: '100' }, { prevQty: '2', qty: '5', avgPrice: '100.6' }, { prevQty: '5', qty: '10', avgPrice: '101.3' }]);
  const parts = world.of('m-1').filter(({ type }) => type === 'trade.order.partially_filled').map(({ payload }) => payload);
  expect(parts).toMatchObject([{ cumQty: '2', leavesQty: '8' }, { cumQty: '5', leavesQty: '5' }]);
});

test.each([
  ['SC-M-3b: too little buying power', { qty: '400', referencePrice: '100', limits: { maxOrderValue: '99999999', maxPositionValue: '99999999', maxExposure: '1', minConfidence: 0, maxOrdersPerMinute: 0, priceCollarPercent: '0' } }, null],
  ['SC-M-3c: a limit exceeded', { qty: '501' }, 'ORDER_VALUE_EXCEEDED'],
  ['a sale of what is not held', { side: 'sell' as const }, 'NOTHING_TO_SELL'],
])('%s: refused before anything is sent', async (_name, changes, code) => {
  const world = await TradingWorld.open();
  world.order({ decisionId: 'dec-1', ...changes, ...(code === null ? { qty: '10001' } : {}) });
  await world.until('m-1', 'FAILED');
  expect(await held(world)).toEqual(['OrderPlacedEvent', 'trade.order.rejected', 'orchestrator.decision.updated', FAILED]);
  expect(world.payload('m-1', 'trade.order.rejected')).toMatchObject({ source: 'pre_trade', reason: code ?? 'BUYING_POWER_INSUFFICIENT' });
  expect(world.payload('m-1', 'orchestrator.decision.updated')).toMatchObject({ decisionId: 'dec-1', executed: false });
  expect(world.broker.calls).toEqual([]);
});

/** Of an order with a decision and of one without: refused before anything is sent. */
const expectRefused = async (world: TradingWorld, reason: string): Promise<void> => {
  world.order({ decisionId: 'dec-1' });
  world.order({}, 'm-2');
  await world.until('m-1', 'FAILED');
  await world.until('m-2', 'FAILED');
  expect(await held(world)).toEqual(['OrderPlacedEvent', 'trade.order.rejected', 'orchestrator.decision.updated', FAILED]);
  expect(world.domain('m-2')).toEqual(['OrderPlacedEvent', 'trade.order.rejected', FAILED]);
  const failure = `rejected_pre_trade: ${reason}`;
  expect(world.payload('m-1', 'trade.order.rejected')).toEqual({ orderId: 'ord-m-1', decisionId: 'dec-1', source: 'pre_trade', httpStatus: null, brokerCode: null, reason });
  expect(world.payload('m-2', 'trade.order.rejected')).toEqual({ orderId: 'ord-m-2', decisionId: null, source: 'pre_trade', httpStatus: null, brokerCode: null, reason });
  expect(world.payload('m-1', 'orchestrator.decision.updated')).toEqual({ decisionId: 'dec-1', executed: false, reason: failure });
  expect(world.payload('m-2', 'chorus.OrderExecutionFailed')).toEqual({ orderId: 'ord-m-2', failedStep: 'validate_order', reason: failure, compensated: [], filledQty: '0', positionKept: false });
  expect(world.broker.calls).toEqual([]);
};

test('SC-M-3a: of an inactive account nothing is sent', async () => {
  const world = await TradingWorld.open();
  world.broker.behaviour.isAccountActive = false;
  await world.clock.advance(ACCOUNT_ASKED_AGAIN_MS);
  await expectRefused(world, 'ACCOUNT_INACTIVE');
});

test('SC-M-3d: without a connection nothing is sent', async () => {
  const world = await TradingWorld.open();
  await world.command('connections', 'conn', reportConnectionCommand, { status: 'DISCONNECTED', reason: 'by the user' });
  await expectRefused(world, 'CONNECTION_NOT_CONNECTED');
});

test('SC-M-4: a refusal of the broker is never repeated', async () => {
  const world = await TradingWorld.open();
  world.broker.behaviour.submissions.push({ status: 'refused', httpStatus: 403, brokerCode: '40310000', reason: 'forbidden' });
  world.order({ decisionId: 'dec-1' });
  await world.until('m-1', 'FAILED');
  expect(await held(world)).toEqual(['OrderPlacedEvent', 'trade.order.rejected', 'orchestrator.decision.updated', FAILED]);
  expect(world.payload('m-1', 'trade.order.rejected')).toMatchObject({ source: 'broker', httpStatus: 403 });
  expect(world.payload('m-1', 'orchestrator.decision.updated')).toMatchObject({ decisionId: 'dec-1', executed: false });
  expect(posts(world)).toBe(1);
});

test('M.C: an order that claims another\'s client order id is refused before the broker sees it, and the other goes on', async () => {
  const world = await TradingWorld.open();
  world.broker.behaviour.script = () => [{ afterMs: 10_000, fill: '10', price: '100' }];
  world.order();
  await world.clock.runUntil(() => world.domain('m-1').includes('trade.order.acknowledged'), 20_000);
  world.order({ clientOrderId: 'm-1.submit_order', orderId: 'ord-m-2' }, 'm-2');
  await world.until('m-2', 'FAILED');
  expect(world.payload('m-2', 'trade.order.rejected')).toMatchObject({ source: 'pre_trade', reason: 'CLIENT_ORDER_ID_FOREIGN' });
  await world.until('m-1', 'COMPLETED');
  expect([posts(world), deletes(world)]).toEqual([1, 0]);
});

test('SC-M-5: 500, 500, 200: three submissions, one order', async () => {
  const world = await TradingWorld.open();
  world.broker.behaviour.submissions.push(serverError, serverError);
  world.order();
  await world.until('m-1', 'COMPLETED');
  expect(await held(world)).toEqual([...ACKNOWLEDGED, ...FILLED, ...BOOKED]);
  expect([posts(world), world.broker.orders.size]).toEqual([3, 1]);
  const waits = world.of('m-1').filter((record) => record.type === 'chorus.StepAttemptFailed').map((record) => Number((record.payload as { nextAt: number }).nextAt) - record.envelope.occurredAt);
  expect(waits).toEqual([1_000, 2_000]);
});

test('SC-M-6: only 500s and no order at the broker: looked up, nothing to cancel', async () => {
  const world = await TradingWorld.open();
  world.broker.behaviour.submissions.push(serverError, serverError, serverError);
  world.order();
  await world.until('m-1', 'FAILED');
  expect(await held(world)).toEqual(['OrderPlacedEvent', FAILED]);
  expect(world.payload('m-1', 'chorus.OrderExecutionFailed')).toMatchObject({ filledQty: '0', positionKept: false });
  expect([posts(world), deletes(world), world.broker.calls.includes('GET client')]).toEqual([3, 0, true]);
});

test('SC-M-7: the answer is lost and look-ups fail: the order that did happen is cancelled', async () => {
  const world = await TradingWorld.open();
  world.broker.behaviour.submissions.push('lost');
  world.broker.behaviour.lookups.push(...Array.from({ length: 6 }, () => serverError));
  world.broker.behaviour.isAcknowledged = false;
  world.broker.behaviour.script = () => [];
  world.order();
  await world.until('m-1', 'FAILED');
  expect(await held(world)).toEqual(['OrderPlacedEvent', 'trade.order.cancelled', FAILED]);
  expect(world.payload('m-1', 'trade.order.cancelled')).toMatchObject({ reason: 'compensation' });
  expect([posts(world), deletes(world)]).toEqual([1, 1]);
});

test('SC-M-8: the answer is lost, the order is found', async () => {
  const world = await TradingWorld.open();
  world.broker.behaviour.submissions.push('lost');
  world.order();
  await world.until('m-1', 'COMPLETED');
  expect(await held(world)).toEqual([...ACKNOWLEDGED, ...FILLED, ...BOOKED]);
  expect([posts(world), world.broker.orders.size]).toEqual([1, 1]);
});

test('SC-M-9: with the stream down, polls tell the same', async () => {
  const world = await TradingWorld.open();
  world.broker.behaviour.isStreamLive = false;
  world.order();
  await world.until('m-1', 'COMPLETED');
  expect(await held(world)).toEqual([...ACKNOWLEDGED, ...FILLED, ...BOOKED]);
  expect(world.payload('m-1', 'trade.order.acknowledged')).toMatchObject({ acknowledgedVia: 'poll' });
});

/** What the connection was asked to record of an order, in its order: how it heard of the execution, and the order's end. */
const heardOf = (world: TradingWorld, executionId: string): readonly string[] => {
  const { records, codec } = world.stored();
  return records.filter(({ topic, value }) => topic.endsWith('entities.connections.commands') && value !== null).flatMap(({ value }) => {
    const decoded = codec.decode(value ?? new Uint8Array());
    if (decoded.status !== 'decoded') return [];
    if (decoded.type === forgetOrderCommand.name) return ['forgotten'];
    if (decoded.type !== observeBrokerCommand.name) return [];
    const { body, executionId: told } = decoded.payload() as ObserveBrokerCommand;
    return told === executionId ? [(JSON.parse(body) as { readonly via: string }).via] : [];
  });
};

test.each([
  ['the stream and then a poll', 0, ['stream', 'poll', 'forgotten']],
  ['a poll and then the stream', 5, ['poll', 'stream', 'forgotten']],
] as const)('SC-M-10: the final fill told by %s is one fill', async (_name, streamLagMs, heard) => {
  const world = await TradingWorld.open();
  Object.assign(world.broker.behaviour, { script: () => [{ afterMs: 20, fill: '4', price: '100' }] });
  world.order();
  await world.clock.runUntil(() => world.domain('m-1').includes('trade.order.partially_filled'), 20_000);
  Object.assign(world.broker.behaviour, { streamLagMs, fillAtLookup: { qty: '6', price: '105' } });
  await world.until('m-1', 'COMPLETED');
  expect(await held(world)).toEqual([...ACKNOWLEDGED, ...PARTLY, ...FILLED, ...BOOKED]);
  // Both told of it while the order was open: neither came too late to be taken for a fill.
  expect(heardOf(world, 'b1-x2')).toEqual(heard);
  const observed = world.of('m-1').filter(({ type, envelope }) => type === 'chorus.BrokerObservationRecorded' && envelope.stepItem === 'b1-x2');
  expect(observed.map(({ payload }) => (JSON.parse((payload as BrokerObservationRecorded).body) as { readonly via: string }).via)).toEqual(heard.slice(0, 1));
  const filled = world.of('m-1').filter(({ type }) => type === 'trade.order.filled').map(({ payload }) => payload);
  expect(filled).toMatchObject([{ executionId: 'b1-x2', filledQty: '10', avgPrice: '103' }]);
  expect(world.payload('m-1', 'chorus.OrderExecutionCompleted')).toMatchObject({ filledQty: '10', avgPrice: '103' });
});

test('SC-M-10: a fill told by the stream and, the silence after it being long, by a poll is one fill', async () => {
  const world = await TradingWorld.open();
  world.broker.behaviour.script = () => [{ afterMs: 20, fill: '4', price: '100' }, { afterMs: 20_000, fill: '6', price: '100' }];
  world.order();
  await world.until('m-1', 'COMPLETED');
  expect(world.broker.calls).toContain('GET fills');
  expect(await held(world)).toEqual([...ACKNOWLEDGED, ...PARTLY, ...FILLED, ...BOOKED]);
  expect(world.of('m-1').filter(({ type, envelope }) => type === 'chorus.BrokerObservationRecorded' && envelope.stepItem === 'b1-x1')).toHaveLength(1);
});

test('SC-M-11a: a fill larger than the order is refused: nothing is applied', async () => {
  const world = await TradingWorld.open();
  world.broker.behaviour.script = () => [{ afterMs: 20, fill: '11', price: '100' }];
  world.order();
  await world.until('m-1', 'FAILED');
  expect(await held(world)).toEqual([...ACKNOWLEDGED, FAILED]);
  const reason = 'fill_rejected: OVERFILL, execution b1-x1 of order ord-m-1: buy 11 AAPL at 100';
  expect(world.payload('m-1', 'chorus.OrderExecutionFailed')).toMatchObject({ failedStep: 'update_position', reason, filledQty: '0', positionKept: false });
  const observed = world.of('m-1').filter(({ type, envelope }) => type === 'chorus.BrokerObservationRecorded' && envelope.stepItem === 'b1-x1');
  expect(observed.map(({ payload }) => JSON.parse((payload as BrokerObservationRecorded).body) as unknown)).toMatchObject([{ kind: 'fill', fill: { executionId: 'b1-x1', qty: '11', price: '100' } }]);
  // The entity saw the fill and kept what it had: nothing.
  expect(world.statesOf('positions').filter(({ key }) => key === 'acc:AAPL').map(({ state }) => state)).toMatchObject([{ qty: '0', avgPrice: '0', executions: [] }]);
  expect(world.lines.filter(({ level }) => level === 'error')).toMatchObject([{ message: expect.stringMatching(/^the position refused a fill/), fields: { sagaId: 'm-1', orderId: 'ord-m-1', symbol: 'AAPL', reason } }]);
});

test('SC-M-11b: a busted fill is rolled back, the rest cancelled', async () => {
  const world = await TradingWorld.open();
  world.broker.behaviour.script = () => [{ afterMs: 20, fill: '4', price: '100' }, { afterMs: 200, bust: 0 }];
  world.order();
  await world.until('m-1', 'FAILED');
  expect(await held(world)).toEqual([...ACKNOWLEDGED, ...PARTLY, 'trade.position.rolled_back', 'trade.order.cancelled', FAILED]);
  expect(world.payload('m-1', 'trade.position.rolled_back')).toMatchObject({ restoredQty: '0' });
  expect(world.payload('m-1', 'chorus.OrderExecutionFailed')).toMatchObject({ filledQty: '0', positionKept: false });
});

test.each([['cancelled', 'broker'], ['expired', 'expired']] as const)('SC-M-12: %s by the venue', async (end, reason) => {
  const world = await TradingWorld.open();
  world.broker.behaviour.script = () => [{ afterMs: 20, end }];
  world.order();
  await world.until('m-1', 'FAILED');
  expect(await held(world)).toEqual([...ACKNOWLEDGED, 'trade.order.cancelled', FAILED]);
  expect(world.payload('m-1', 'trade.order.cancelled')).toMatchObject({ reason });
  expect(deletes(world)).toBe(0);
});

test('M.F: a bust after the end changes nothing and is an error for a person', async () => {
  const world = await TradingWorld.open();
  world.broker.behaviour.script = () => [{ afterMs: 20, fill: '10', price: '100' }, { afterMs: 20_000, bust: 0 }];
  world.order();
  await world.until('m-1', 'COMPLETED');
  const before = world.records().length;
  await world.clock.advance(30_000);
  expect(world.lines.filter(({ level }) => level === 'error').map(({ fields }) => fields)).toMatchObject([{ executionId: 'b1-x1', clientOrderId: 'm-1.submit_order', isOrderOpen: false }]);
  expect(world.records()).toHaveLength(before);
});

test('M.F: whenever a bust comes after the last fill, it undoes all of it, or the result was booked before and a person is told', async () => {
  const seen = new Set<string>();
  for (let afterMs = 0; afterMs <= 60; afterMs += 2) {
    const world = await TradingWorld.open();
    world.broker.behaviour.script = () => [{ afterMs: 20, fill: '10', price: '100' }, { afterMs: 20 + afterMs, bust: 0 }];
    world.order({ decisionId: 'dec-1' });
    await world.clock.runUntil(() => world.status('m-1') !== null, 60_000);
    expect(await held(world)).toEqual(world.status('m-1') === 'COMPLETED' ? [...ACKNOWLEDGED, ...FILLED, ...BOOKED] : expect.arrayContaining(['trade.position.rolled_back', 'orchestrator.decision.updated', FAILED]));
    const isBooked = world.domain('m-1').includes('analytics.pnl.recorded');
    const bustAt = world.of('m-1').findIndex(({ type, payload }) => type === 'chorus.BrokerObservationRecorded' && (payload as BrokerObservationRecorded).kind === 'bust');
    const position = world.statesOf('positions').at(-1)?.state;
    seen.add(`${world.status('m-1') ?? ''}${isBooked ? ' booked' : ''}`);
    if (world.status('m-1') === 'COMPLETED') {
      // Behind the booking the watch may have answered already, though its answer was not committed yet.
      const bookedAt = world.of('m-1').findIndex(({ type }) => type === 'analytics.pnl.recorded');
      expect({ afterMs, isLate: bustAt === -1 || bustAt > bookedAt, position }).toMatchObject({ afterMs, isLate: true, position: { qty: '10' } });
      expect(world.lines.filter(({ level }) => level === 'error').map(({ fields }) => fields)).toMatchObject([{ executionId: 'b1-x1', clientOrderId: 'm-1.submit_order' }]);
    } else {
      expect({ afterMs, position }).toMatchObject({ afterMs, position: { qty: '0', executions: [] } });
      expect(world.payload('m-1', 'chorus.OrderExecutionFailed')).toMatchObject({ reason: 'fill_busted: b1-x1', filledQty: '0', positionKept: false });
      expect(world.domain('m-1').includes('analytics.pnl.reversed')).toBe(isBooked);
    }
  }
  // Else the times above missed what this is about.
  expect([...seen].toSorted()).toEqual(['COMPLETED booked', 'FAILED', 'FAILED booked']);
}, 60_000);

test('SC-M-13: partly filled, then cancelled: the fill is kept', async () => {
  const world = await TradingWorld.open();
  world.broker.behaviour.script = () => [{ afterMs: 20, fill: '4', price: '100' }, { afterMs: 21, end: 'cancelled' }];
  world.order();
  await world.until('m-1', 'FAILED');
  expect(await held(world)).toEqual([...ACKNOWLEDGED, ...PARTLY, 'trade.order.cancelled', FAILED]);
  expect(world.payload('m-1', 'chorus.OrderExecutionFailed')).toMatchObject({ filledQty: '4', positionKept: true });
});

test('SC-M-14: no fill within the limit: the rest is cancelled', async () => {
  const world = await TradingWorld.open();
  world.broker.behaviour.script = () => [];
  world.order();
  await world.until('m-1', 'FAILED');
  expect(await held(world)).toEqual([...ACKNOWLEDGED, 'trade.order.cancelled', FAILED]);
  expect(world.payload('m-1', 'trade.order.cancelled')).toMatchObject({ reason: 'timeout' });
  expect(deletes(world)).toBe(1);
});

test('SC-M-15: the cancel at the limit loses to a fill: the saga goes on', async () => {
  const world = await TradingWorld.open();
  Object.assign(world.broker.behaviour, { script: () => [], cancel: 'loses' });
  world.order();
  await world.until('m-1', 'COMPLETED');
  expect(await held(world)).toEqual([...ACKNOWLEDGED, ...FILLED, ...BOOKED]);
  expect(world.of('m-1').some((record) => record.type === 'chorus.CompensationRequested')).toBe(false);
});

test('SC-M-16: a cancel that never works waits for a person, whose retry ends it', async () => {
  const world = await TradingWorld.open();
  Object.assign(world.broker.behaviour, { script: () => [], cancel: 'fails' });
  world.order();
  await world.until('m-1', 'MANUAL_REQUIRED');
  world.broker.behaviour.cancel = 'works';
  void world.client.order(orderExecution, 'm-1', { action: 'retry', user: 'ann', reason: 'broker is back' });
  await world.until('m-1', 'FAILED');
  expect(await held(world)).toEqual([...ACKNOWLEDGED, 'trade.order.cancelled', FAILED]);
});

test('SC-M-17: killed right after the broker accepted: one order, the same events', async () => {
  const world = await TradingWorld.open();
  world.order();
  await world.clock.runUntil(() => world.broker.orders.size === 1, 20_000);
  world.killWorker();
  await world.clock.advance(15_000);
  await world.startWorker();
  await world.until('m-1', 'COMPLETED');
  expect(await held(world)).toEqual([...ACKNOWLEDGED, ...FILLED, ...BOOKED]);
  expect([posts(world), world.broker.orders.size]).toEqual([1, 1]);
});

test('SC-M-18: the same order twice is one submission', async () => {
  const world = await TradingWorld.open();
  world.order();
  world.order();
  await world.until('m-1', 'COMPLETED');
  await world.clock.advance(5_000);
  expect(posts(world)).toBe(1);
});

test('SC-M-19: an open breaker fails the order without a request', async () => {
  const world = await TradingWorld.open();
  world.broker.behaviour.submissions.push({ status: 'circuit_open', retryAfterMs: 20_000 });
  world.order();
  await world.until('m-1', 'FAILED');
  expect(await held(world)).toEqual(['OrderPlacedEvent', FAILED]);
  expect(world.payload('m-1', 'chorus.OrderExecutionFailed')).toMatchObject({ reason: 'circuit_open' });
});

test('SC-M-21: a compensation that loses to a fill keeps the fill', async () => {
  const world = await TradingWorld.open();
  Object.assign(world.broker.behaviour, { script: () => [], cancel: 'loses' });
  world.order();
  await world.clock.runUntil(() => world.domain('m-1').includes('trade.order.acknowledged'), 20_000);
  void world.client.order(orderExecution, 'm-1', { action: 'compensate', user: 'ann', reason: 'halt' });
  await world.until('m-1', 'FAILED');
  expect(await held(world)).toEqual([...ACKNOWLEDGED, ...FILLED, FAILED]);
  expect(world.payload('m-1', 'chorus.OrderExecutionFailed')).toMatchObject({ filledQty: '10', positionKept: true });
});

test('a malformed order is refused with every fault, and no instance begins', async () => {
  const world = await TradingWorld.open();
  world.order({ qty: '-1', referencePrice: 'x' });
  await world.clock.advance(5_000);
  expect(world.payload('m-1', 'chorus.SagaRefused')?.['faults']).toHaveLength(2);
  expect(world.broker.calls).toEqual([]);
});
