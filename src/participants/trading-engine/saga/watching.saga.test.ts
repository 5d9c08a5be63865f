import { expect, test } from '@jest/globals';
import { analyticsPnlRecorded, type AnalyticsPnlRecorded, brokerObservationRecorded, type BrokerObservationRecorded, type OrderPlacedEvent, orderStopRequested, tradeOrderFilled, type TradeOrderFilled, tradeOrderPartiallyFilled, type TradeOrderPartiallyFilled, tradeOrderSubmitted, type TradeOrderSubmitted } from '#contracts';
import { formatObservation, type Observation, orderExecution } from '#sagas/order-execution';
import { contextOf, entityStep, kept, NO_FAILURE, verdictAfter } from '../../../../test/support/step-context.ts';
import { awaitAcknowledgment } from './await-acknowledgment.step.ts';
import { monitorFills } from './monitor-fills.step.ts';
import { busted } from './reasons.ts';
import { updatePosition } from './update-position.step.ts';
import { watchForBust } from './watch-for-bust.step.ts';
import { watchForStop } from './watch-for-stop.step.ts';

const ORDER = { orderId: 'o1', decisionId: 'd1', accountId: 'acc', symbol: 'AAPL', side: 'buy', qty: '10' } as OrderPlacedEvent;
const CONTEXT = contextOf({ start: ORDER, outputs: { submit_order: kept(tradeOrderSubmitted, { order_id: 'b1' } as TradeOrderSubmitted) } });

const observed = (changes: Partial<Observation>) => {
  const observation: Observation = { kind: 'new', via: 'stream', brokerOrderId: 'b1', orderQty: '10', orderFilledQty: '0', fill: null, bustedExecutionId: null, reason: null, atMs: 7, ...changes };
  return kept(brokerObservationRecorded, { body: formatObservation(observation) } as BrokerObservationRecorded);
};
const FILL = { executionId: 'e1', symbol: 'AAPL', side: 'buy', qty: '10', price: '100', atMs: 8 };
const stop = kept(orderStopRequested, { orderId: 'o1', reason: 'connection removed' });
const partly = kept(tradeOrderPartiallyFilled, { cumQty: '4' } as TradeOrderPartiallyFilled);
const wholly = kept(tradeOrderFilled, { filledQty: '10' } as TradeOrderFilled);

const acknowledged = (...facts: Parameters<typeof verdictAfter>[2]) => verdictAfter(awaitAcknowledgment(orderExecution), CONTEXT, facts);
const monitored = (...facts: Parameters<typeof verdictAfter>[2]) => verdictAfter(monitorFills(orderExecution), CONTEXT, facts);

test('nothing heard: both wait on', () => {
  expect(acknowledged()).toBeNull();
  expect(monitored()).toBeNull();
});

test('the acknowledgment says how it was heard; a fill is one too', () => {
  expect(acknowledged(observed({ via: 'poll' }))).toMatchObject({ status: 'completed', output: { payload: { acknowledgedVia: 'poll', ackAt: 7, order_id: 'b1' } } });
  expect(acknowledged(observed({ kind: 'fill', fill: FILL }))).toMatchObject({ status: 'completed' });
});

test('until the submission is told a stop ends the order; afterwards others listen', () => {
  const watched = (...facts: Parameters<typeof verdictAfter>[2]) => verdictAfter(watchForStop(orderExecution), CONTEXT, facts);
  const submitted = kept(tradeOrderSubmitted, { order_id: 'b1' } as TradeOrderSubmitted);
  expect(watched()).toBeNull();
  expect(watched(stop)).toMatchObject({ status: 'failed', kind: 'requireCompensation', reason: 'stopped: connection removed' });
  expect(watched(stop, submitted)).toMatchObject({ status: 'completed' });
  expect(watched(submitted)).toMatchObject({ status: 'completed' });
});

test('an order rejected before it was acknowledged is told so and undone', () => {
  expect(acknowledged(observed({ kind: 'rejected', reason: 'halted' }))).toMatchObject({ status: 'failed', kind: 'requireCompensation', events: [{ type: { name: 'trade.order.rejected' }, payload: { source: 'broker', reason: 'halted' } }] });
});

test('a stop ends the waiting, but not an order that is wholly filled', () => {
  expect(acknowledged(stop)).toMatchObject({ status: 'failed', reason: 'stopped: connection removed' });
  expect(monitored(stop)).toMatchObject({ status: 'failed' });
  expect(monitored(stop, wholly)).toMatchObject({ status: 'completed', output: { value: { result: 'filled', filledQty: '10' } } });
});

test('the watch is over when the position contains the whole order, not when the venue reports the fill', () => {
  expect(monitored(observed({ kind: 'fill', fill: FILL, orderFilledQty: '10' }))).toBeNull();
  expect(monitored(wholly)).toMatchObject({ status: 'completed' });
});

test('a venue that ends the order is answered once its partial fills are in the position', () => {
  const end = observed({ kind: 'canceled', orderFilledQty: '4' });
  expect(monitored(end)).toBeNull();
  expect(monitored(end, partly)).toMatchObject({ status: 'failed', events: [{ type: { name: 'trade.order.cancelled' }, payload: { cumQty: '4', reason: 'broker' } }] });
  expect(monitored(observed({ kind: 'expired' }))).toMatchObject({ events: [{ payload: { reason: 'expired' } }] });
});

test('a bust names the execution, whose item is then undone and no other', () => {
  expect(monitored(partly, observed({ kind: 'bust', bustedExecutionId: 'e1' }))).toMatchObject({ status: 'failed', kind: 'requireCompensation', reason: busted('e1') });
  const { mustUndo } = entityStep(updatePosition(orderExecution));
  const failure = { failedStep: 'monitor_fills', reason: busted('e1') };
  expect(mustUndo?.(contextOf({ start: ORDER, item: 'e1' }), failure)).toBe(true);
  expect(mustUndo?.(contextOf({ start: ORDER, item: 'e2' }), failure)).toBe(false);
  expect(mustUndo?.(contextOf({ start: ORDER, item: 'e1' }), NO_FAILURE)).toBe(false);
});

test('between the last fill and the booking a bust undoes the order; the booking ends the watch', () => {
  const watched = (...facts: Parameters<typeof verdictAfter>[2]) => verdictAfter(watchForBust(orderExecution), CONTEXT, facts);
  const bust = observed({ kind: 'bust', bustedExecutionId: 'e1' });
  const booked = kept(analyticsPnlRecorded, { orderId: 'o1' } as AnalyticsPnlRecorded);
  expect(watched(observed({ kind: 'fill', fill: FILL }), stop)).toBeNull();
  expect(watched(booked)).toMatchObject({ status: 'completed' });
  expect(watched(bust, observed({ kind: 'bust', bustedExecutionId: 'e2' }))).toMatchObject({ status: 'failed', kind: 'requireCompensation', reason: busted('e1') });
  // Both heard at once: the result is not final before this step says so.
  expect(watched(booked, bust)).toMatchObject({ status: 'failed', reason: busted('e1') });
});

test('a fill that arrived goes to its position with the figures of order and venue', () => {
  const context = contextOf({ start: ORDER, item: 'e1', outputs: { submit_order: kept(tradeOrderSubmitted, { order_id: 'b1' } as TradeOrderSubmitted) }, arrival: observed({ kind: 'fill', fill: { ...FILL, side: 'sell' } }) });
  expect(entityStep(updatePosition(orderExecution)).command(context)).toMatchObject({
    entity: 'positions', key: 'acc:AAPL', payload: { orderId: 'o1', brokerOrderId: 'b1', side: 'buy', fillSide: 'sell', orderQty: '10', executionId: 'e1', qty: '10', price: '100', filledAt: 8 },
  });
});
