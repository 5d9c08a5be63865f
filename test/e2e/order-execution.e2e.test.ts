import { expect } from '@jest/globals';
import {
  analyticsPnlRecorded, type BrokerObservationRecorded, type BuyingPowerState, type ObserveBrokerCommand, observeBrokerCommand, orchestratorDecisionUpdated, orderExecutionCompleted, orderExecutionFailed, orderPlacedEvent,
  type PositionState, reportConnectionCommand, tradeOrderAcknowledged, tradeOrderCancelled, tradeOrderFilled, tradeOrderRejected, tradeOrderSubmitted, tradePositionRolledBack, tradePositionUpdated,
} from '#contracts';
import { orderExecution } from '#sagas/order-execution';
import { eventually } from '../support/stage/eventually.ts';
import { idBeside } from '../support/stage/beside.ts';
import { gapsOf } from '../support/stage/simulator-controls.ts';
import { laneOf } from '../support/stage/lane.ts';
import { GENEROUS_LIMITS } from '../support/stage/saga-run.ts';
import { ACKNOWLEDGED, BOOKED, FILLED, ORDER_EXECUTED, ORDER_FAILED, PARTLY } from '../support/trading-events.ts';
import { tradingScenarios } from '../support/trading-scenarios.ts';

// The order execution saga over real sockets: Kafka, registry, PostgreSQL and the broker's simulator. Each order is started on its own.

/** Longer than the stream takes to tell of a fill, shorter than the call may take. */
const LOOK_UP_HELD_MS = 1_000;
const INACTIVE = laneOf('SC-M-3a');
const { scenario } = tradingScenarios({
  prepare: async ({ alpaca }) => { await alpaca.send('POST', 'account', { key_id: INACTIVE.keyId, status: 'ACCOUNT_CLOSED' }); },
});

scenario('SC-M-1: placed, submitted, acknowledged, filled, booked', async (run) => {
  const id = await run.place();
  await run.until(id, 'COMPLETED');
  expect(run.domain(id)).toEqual(ORDER_EXECUTED);
  const [orderId, positionId] = [`ord-${id}`, `pos-${run.lane.accountId}:${run.lane.symbol}`];
  const [placed] = await run.stage.alpaca.orders(run.lane.keyId);
  expect(placed).toMatchObject({ client_order_id: `${id}.submit_order`, symbol: run.lane.symbol, status: 'filled', qty: '10', filled_qty: '10' });
  const order_id = placed?.id;
  expect(run.payload(id, tradeOrderSubmitted)).toMatchObject({ orderId, order_id, clientOrderId: `${id}.submit_order`, symbol: run.lane.symbol, side: 'buy', qty: '10', orderType: 'market' });
  expect(run.payload(id, tradeOrderAcknowledged)).toMatchObject({ orderId, order_id });
  expect(run.payload(id, tradeOrderFilled)).toMatchObject({ orderId, order_id, filledQty: '10', avgPrice: '100' });
  expect(run.payload(id, tradePositionUpdated)).toMatchObject({ positionId, prevQty: '0', prevAvgPrice: '0', qty: '10', avgPrice: '100', orderId });
  expect(run.payload(id, analyticsPnlRecorded)).toMatchObject({ positionId, orderId, symbol: run.lane.symbol, realizedPnl: '0', currency: 'USD' });
  expect(run.payload(id, orderExecutionCompleted)).toEqual({ orderId, order_id, filledQty: '10', avgPrice: '100', positionId, realizedPnl: '0', unrealizedPnl: '0' });
  expect([(await run.posts()).length, (await run.cancels()).length]).toEqual([1, 0]);
});

scenario('SC-M-2: partial fills each move the position; quantity and average are the weighted sum', async (run) => {
  const script = [{ afterMillis: 20, qty: '2', price: '100' }, { afterMillis: 40, qty: '3', price: '101' }, { afterMillis: 60, qty: 'rest', price: '102' }];
  await run.stage.alpaca.send('POST', 'fill-scripts', { symbol: run.lane.symbol, script });
  const id = await run.place();
  await run.until(id, 'COMPLETED');
  expect(run.domain(id)).toEqual([...ACKNOWLEDGED, ...PARTLY, ...PARTLY, ...FILLED, ...BOOKED]);
  expect(run.payload(id, orderExecutionCompleted)).toMatchObject({ filledQty: '10', avgPrice: '101.3' });
  const figures = run.of(id).filter(({ type }) => type === tradePositionUpdated.name).map(({ payload }) => payload);
  expect(figures).toMatchObject([{ prevQty: '0', qty: '2', avgPrice: '100' }, { prevQty: '2', qty: '5', avgPrice: '100.6' }, { prevQty: '5', qty: '10', avgPrice: '101.3' }]);
  expect(await run.posts()).toHaveLength(1);
});

type Run = Parameters<Parameters<typeof scenario>[1]>[0];
const refusedBeforeSending = async (run: Run, id: string, reason: string): Promise<void> => {
  await run.until(id, 'FAILED');
  expect(run.domain(id)).toEqual(['OrderPlacedEvent', 'trade.order.rejected', 'orchestrator.decision.updated', ORDER_FAILED]);
  const { decisionId } = run.payload(id, orderPlacedEvent) ?? {};
  expect(run.payload(id, tradeOrderRejected)).toEqual({ orderId: `ord-${id}`, decisionId, source: 'pre_trade', httpStatus: null, brokerCode: null, reason });
  expect(run.payload(id, orchestratorDecisionUpdated)).toEqual({ decisionId, executed: false, reason: `rejected_pre_trade: ${reason}` });
  expect(run.payload(id, orderExecutionFailed)).toMatchObject({ failedStep: 'validate_order', reason: `rejected_pre_trade: ${reason}`, filledQty: '0', positionKept: false });
  const [posts, cancels, lookups] = await Promise.all([run.posts(), run.cancels(), run.lookups(id)]);
  expect([...posts, ...cancels, ...lookups]).toEqual([]);
};

scenario('SC-M-3a: an inactive account is refused before anything is sent', async (run) => {
  await refusedBeforeSending(run, await run.place({ decisionId: 'dec-3a' }), 'ACCOUNT_INACTIVE');
});

scenario('SC-M-3b: too little buying power is refused before anything is sent', async (run) => {
  await refusedBeforeSending(run, await run.place({ decisionId: 'dec-3b' }), 'BUYING_POWER_INSUFFICIENT');
}, { cash: '999' });

scenario('SC-M-3c: a limit exceeded is refused before anything is sent', async (run) => {
  await refusedBeforeSending(run, await run.place({ decisionId: 'dec-3c', limits: { ...GENEROUS_LIMITS, maxOrderValue: '999' } }), 'ORDER_VALUE_EXCEEDED');
});

scenario('SC-M-3d: without a connection nothing is sent', async (run) => {
  const { brokerConnectionId, accountId } = run.lane;
  await run.command('connections', brokerConnectionId, { type: reportConnectionCommand, payload: { status: 'DISCONNECTED', reason: 'by the user' } });
  await run.stage.collector.until(() => run.stage.stateOf<BuyingPowerState>('buying-power', accountId)?.connectionStatus === 'DISCONNECTED', () => 'the account knows of the disconnection');
  await refusedBeforeSending(run, await run.place({ decisionId: 'dec-3d' }), 'CONNECTION_NOT_CONNECTED');
});

const refusedByBroker = async (run: Run): Promise<void> => {
  await run.stage.alpaca.answer(run.lane.symbol, [403], 'submit_order');
  const id = await run.place({ decisionId: `dec-${run.lane.symbol}` });
  await run.until(id, 'FAILED');
  expect(run.domain(id)).toEqual(['OrderPlacedEvent', 'trade.order.rejected', 'orchestrator.decision.updated', ORDER_FAILED]);
  expect(run.payload(id, tradeOrderRejected)).toMatchObject({ source: 'broker', httpStatus: 403 });
  expect(run.stage.lines).toContainEqual(expect.objectContaining({ level: 'warn', message: expect.stringMatching(/^order not executed/), fields: expect.objectContaining({ sagaId: id }) }));
  expect(run.recordedWaitsSeconds(id)).toEqual([]);
  expect(await run.posts()).toHaveLength(1);
};
scenario('SC-M-4: a refusal of the broker ends the order, is logged and marks the decision', refusedByBroker);
scenario('SC-A6-3: a 403 is never repeated', refusedByBroker);

const repeatedTwice = async (run: Run): Promise<void> => {
  await run.stage.alpaca.answer(run.lane.symbol, [500, 500], 'submit_order');
  const id = await run.place();
  await run.until(id, 'COMPLETED');
  expect(run.domain(id)).toEqual(ORDER_EXECUTED);
  const posts = await run.posts();
  expect(posts.map(({ outcome }) => outcome)).toEqual([500, 500, 200]);
  const [first = 0, second = 0] = gapsOf(posts);
  expect(first).toBeGreaterThanOrEqual(1_000);
  expect(second).toBeGreaterThanOrEqual(2_000);
  expect(run.recordedWaitsSeconds(id)).toEqual([1, 2]);
  expect(await run.stage.alpaca.orders(run.lane.keyId)).toHaveLength(1);
};
scenario('SC-M-5: 500, 500, 200: three submissions, one order', repeatedTwice);
scenario('SC-A6-1: attempts at 0, after 1 s or more, after 3 s or more', repeatedTwice);

const repeatedInVain = async (run: Run): Promise<void> => {
  await run.stage.alpaca.answer(run.lane.symbol, [500, 500, 500], 'submit_order');
  const id = await run.place();
  await run.until(id, 'FAILED');
  expect(run.domain(id)).toEqual(['OrderPlacedEvent', ORDER_FAILED]);
  expect(run.of(id)).toContainEqual(expect.objectContaining({ type: 'chorus.StepFailed', envelope: expect.objectContaining({ stepName: 'submit_order' }) }));
  expect((await run.posts()).map(({ outcome }) => outcome)).toEqual([500, 500, 500]);
  expect((await run.lookups(id)).length).toBeGreaterThan(0);
  expect(await run.cancels()).toEqual([]);
  expect(await run.stage.alpaca.orders(run.lane.keyId)).toEqual([]);
};
scenario('SC-M-6: only 500s and no order at the broker: looked up, nothing to cancel', repeatedInVain);
scenario('SC-A6-2: three 500s fail the step', repeatedInVain);

scenario('SC-M-8: the answer is lost, the order is found', async (run) => {
  await run.stage.alpaca.answer(run.lane.symbol, [{ drop: 'after_effect' }], 'submit_order');
  const id = await run.place();
  await run.until(id, 'COMPLETED');
  expect(run.domain(id)).toEqual(ORDER_EXECUTED);
  expect(await run.posts()).toHaveLength(1);
  expect((await run.lookups(id)).length).toBeGreaterThan(0);
  expect(await run.stage.alpaca.orders(run.lane.keyId)).toHaveLength(1);
});

scenario('SC-M-9: with the stream down, polls tell the same', async (run) => {
  await run.stage.alpaca.send('POST', 'stream', { action: 'cut' });
  const id = await run.place();
  await run.until(id, 'COMPLETED');
  await run.stage.alpaca.send('POST', 'stream', { action: 'resume' });
  expect(run.domain(id)).toEqual(ORDER_EXECUTED);
  expect(run.payload(id, tradeOrderAcknowledged)).toMatchObject({ acknowledgedVia: 'poll' });
  expect((await run.lookups(id)).some(({ outcome }) => outcome === 200)).toBe(true);
  expect(await run.posts()).toHaveLength(1);
  // The stream is every account's: nobody else may need it meanwhile.
}, { wave: 1 });

/** What the connection was asked to record of an execution: whether stream or poll told of it, in order. */
const heardOf = (run: Run, executionId: string): readonly string[] =>
  run.stage.records('entities.connections.commands').filter(({ type }) => type === observeBrokerCommand.name).map(({ payload }) => payload as ObserveBrokerCommand)
    .filter((report) => report.executionId === executionId).map(({ body }) => (JSON.parse(body) as { readonly via: string }).via);

scenario('SC-M-10: the final fill seen by stream and by poll is one fill', async (run) => {
  // Open for longer than the silence after which the connection asks for the order. The answer to its look-up is held back until the
  // stream has told of the final fill, which the list of fills, asked for next, then tells again.
  await run.stage.alpaca.send('POST', 'fill-scripts', { symbol: run.lane.symbol, script: [{ afterMillis: 20, qty: '4', price: '100' }] });
  const id = await run.place();
  await run.stage.alpaca.send('POST', 'faults', { route: 'find_order', key: `${id}.submit_order`, fault: { delay_millis: LOOK_UP_HELD_MS } });
  await eventually(async () => (await run.lookups(id)).length > 0, 'a look-up under way');
  await run.stage.alpaca.send('POST', 'orders/step', { key_id: run.lane.keyId, key: `${id}.submit_order`, step: { qty: 'rest', price: '100' } });
  await run.until(id, 'COMPLETED');
  const { executionId } = run.payload(id, tradeOrderFilled) ?? { executionId: '' };
  await run.stage.collector.until(() => heardOf(run, executionId).length === 2, () => `stream and poll told of ${executionId}: ${heardOf(run, executionId).join(', ')}`);
  expect(heardOf(run, executionId)).toEqual(['stream', 'poll']);
  // Behind the poll's report lies whatever it could have set off.
  const later = await run.place({}, idBeside(id));
  await run.until(later, 'COMPLETED');
  expect(run.domain(id)).toEqual([...ACKNOWLEDGED, ...PARTLY, ...FILLED, ...BOOKED]);
  expect(run.of(id).filter(({ type, envelope }) => type === 'chorus.BrokerObservationRecorded' && envelope.stepItem === executionId)).toHaveLength(1);
  expect(run.payload(id, orderExecutionCompleted)).toMatchObject({ filledQty: '10' });
  expect(run.stage.stateOf<PositionState>('positions', `${run.lane.accountId}:${run.lane.symbol}`)).toMatchObject({ qty: '20' });
});

scenario('SC-M-11a: a fill larger than the order is refused: nothing is applied, a person is told', async (run) => {
  await run.stage.alpaca.send('POST', 'fill-scripts', { symbol: run.lane.symbol, script: [{ afterMillis: 20, qty: '11', price: '100' }] });
  const id = await run.place();
  await run.until(id, 'FAILED');
  expect(run.domain(id)).toEqual([...ACKNOWLEDGED, ORDER_FAILED]);
  const observed = run.of(id).filter(({ type, envelope }) => type === 'chorus.BrokerObservationRecorded' && envelope.stepName === 'update_position').map(({ payload }) => (payload as BrokerObservationRecorded).body);
  expect(observed.map((body) => JSON.parse(body) as unknown)).toMatchObject([{ kind: 'fill', fill: { qty: '11', price: '100' } }]);
  expect(run.payload(id, orderExecutionFailed)).toMatchObject({ failedStep: 'update_position', reason: expect.stringMatching(/^fill_rejected: OVERFILL/), filledQty: '0', positionKept: false });
  // The position's entity saw the fill, and has nothing.
  expect(run.stage.stateOf<PositionState>('positions', `${run.lane.accountId}:${run.lane.symbol}`)).toMatchObject({ qty: '0', executions: [] });
  expect(run.stage.lines).toContainEqual(expect.objectContaining({ level: 'error', message: expect.stringMatching(/^the position refused a fill/), fields: expect.objectContaining({ sagaId: id }) }));
});

const scripted = (run: Run, script: readonly object[] | 'none'): Promise<unknown> => run.stage.alpaca.send('POST', 'fill-scripts', { symbol: run.lane.symbol, script });

scenario('SC-M-11b: a busted fill is rolled back, the rest cancelled', async (run) => {
  await scripted(run, [{ afterMillis: 20, qty: '4', price: '100' }]);
  const id = await run.place();
  await run.untilDomain(id, 'trade.position.updated');
  await run.stage.alpaca.send('POST', 'orders/step', { key_id: run.lane.keyId, key: `${id}.submit_order`, step: { action: 'bust', execution: 0 } });
  await run.until(id, 'FAILED');
  expect(run.domain(id)).toEqual([...ACKNOWLEDGED, ...PARTLY, 'trade.position.rolled_back', 'trade.order.cancelled', ORDER_FAILED]);
  expect(run.payload(id, tradePositionRolledBack)).toMatchObject({ restoredQty: '0' });
  expect(run.payload(id, orderExecutionFailed)).toMatchObject({ filledQty: '0', positionKept: false });
  expect(await run.cancels()).toHaveLength(1);
});

const endedByVenue = async (run: Run, action: 'cancel' | 'expire', reason: string): Promise<void> => {
  await scripted(run, [{ afterMillis: 20, action }]);
  const id = await run.place();
  await run.until(id, 'FAILED');
  expect(run.domain(id)).toEqual([...ACKNOWLEDGED, 'trade.order.cancelled', ORDER_FAILED]);
  expect(run.payload(id, tradeOrderCancelled)).toMatchObject({ reason });
  expect([(await run.posts()).length, (await run.cancels()).length]).toEqual([1, 0]);
};
scenario('SC-M-12: cancelled by the venue', (run) => endedByVenue(run, 'cancel', 'broker'));
scenario('SC-M-12b: expired at the venue', (run) => endedByVenue(run, 'expire', 'expired'));

scenario('SC-M-13: partly filled, then cancelled: the fill is kept', async (run) => {
  await scripted(run, [{ afterMillis: 20, qty: '4', price: '100' }, { afterMillis: 40, action: 'cancel' }]);
  const id = await run.place();
  await run.until(id, 'FAILED');
  expect(run.domain(id)).toEqual([...ACKNOWLEDGED, ...PARTLY, 'trade.order.cancelled', ORDER_FAILED]);
  expect(run.payload(id, orderExecutionFailed)).toMatchObject({ filledQty: '4', positionKept: true });
});

scenario('SC-M-21: a compensation that loses to a fill keeps the fill', async (run) => {
  await scripted(run, 'none');
  await run.stage.alpaca.answer(run.lane.symbol, [422], 'cancel_order');
  const id = await run.place();
  await run.untilDomain(id, 'trade.order.acknowledged');
  await run.stage.client.order(orderExecution, id, { action: 'compensate', user: 'ann', reason: 'halt' });
  await eventually(async () => (await run.cancels()).length === 1, 'the cancel was sent');
  await run.stage.alpaca.send('POST', 'orders/step', { key_id: run.lane.keyId, key: `${id}.submit_order`, step: { qty: 'rest', price: '100' } });
  await run.until(id, 'FAILED');
  expect(run.domain(id)).toEqual([...ACKNOWLEDGED, ...FILLED, ORDER_FAILED]);
  expect(run.payload(id, orderExecutionFailed)).toMatchObject({ filledQty: '10', positionKept: true });
  expect(await run.cancels()).toHaveLength(1);
});

scenario('SC-M-18: the same order twice is one submission', async (run) => {
  const id = await run.place();
  await run.placeAgain(id);
  await run.until(id, 'COMPLETED');
  await run.placeAgain(id);
  // A later order ends on the same partition: whatever the repeats could have set off would have shown by then.
  const later = await run.place({}, idBeside(id));
  await run.until(later, 'COMPLETED');
  expect(run.of(id).filter(({ type }) => type === 'trade.order.submitted')).toHaveLength(1);
  expect(run.of(id).filter(({ type }) => type === 'chorus.OrderPlacedEvent')).toHaveLength(3);
  expect((await run.posts()).filter(({ keys }) => keys.includes(`${id}.submit_order`))).toHaveLength(1);
});
