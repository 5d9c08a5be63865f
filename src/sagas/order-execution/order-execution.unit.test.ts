import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fillsMonitored, type OrderPlacedEvent, orderPlacedEvent, tradeOrderFilled } from '#contracts';
import { definitionFaults, type SagaRef } from '#saga-core';
import { asChildOrder, atStep, buildOrderExecution, DEFAULT_LIMITS, formatObservation, numberedAs, type Observation, orderExecution, orderFaults, parseObservation, virtualBrokerLimits } from './index.ts';

const ORDER = { orderId: 'o1', clientOrderId: 'c-1.submit_order', qty: '10', limitPrice: null, referencePrice: '100', orderType: 'market', decisionId: null } as OrderPlacedEvent;
const ALONE: SagaRef = {
  context: 'trading', correlationId: 'm-1', sagaType: 'order_execution', subSaga: null, parentCorrelationId: null, definitionVersion: 1, startedAt: 1, timeout: 300_000, totalSteps: 6, stepName: null,
  stepItem: null, step: 0, subStep: null, causationId: 'cause',
};
const INSIDE: SagaRef = { ...ALONE, correlationId: 'c-1', sagaType: 'signal_to_execution', subSaga: 'order_execution' };

test('an order that is well formed has no faults; every fault of another is named', () => {
  expect(orderFaults(ORDER)).toEqual([]);
  expect(orderFaults({ ...ORDER, orderId: '', clientOrderId: 'x'.repeat(49), qty: '0', orderType: 'limit', referencePrice: 'x' })).toHaveLength(5);
});

test('48 characters of a client order id are allowed', () => {
  expect(orderFaults({ ...ORDER, clientOrderId: 'x'.repeat(48) })).toEqual([]);
});

const holds = (name: 'has_decision' | 'watch_ended_by_limit', start: unknown, output: unknown): boolean =>
  orderExecution.predicates[name]({ start, of: <Payload>() => output as Payload | null }).holds;

test('the decision is linked where there is one; the rest is cancelled only after the limit', () => {
  expect([holds('has_decision', ORDER, null), holds('has_decision', { ...ORDER, decisionId: 'd1' }, null)]).toEqual([false, true]);
  expect([holds('watch_ended_by_limit', ORDER, { result: 'filled' }), holds('watch_ended_by_limit', ORDER, { result: 'time_limit' })]).toEqual([false, true]);
  expect(fillsMonitored.name).toBe('chorus.FillsMonitored');
});

test('on its own the order\'s records carry its own numbers, inside a cycle the cycle\'s with its own beside them', () => {
  const place = { step: 'update_position', item: 'e1', causationId: 'x' } as const;
  expect(atStep(ALONE, place)).toMatchObject({ stepName: 'update_position', stepItem: 'e1', step: 5, subStep: null, causationId: 'x' });
  expect(atStep(INSIDE, { ...place, step: 'await_acknowledgment', item: null })).toMatchObject({ step: 4, subStep: 3, stepItem: null });
  expect(numberedAs(atStep(INSIDE, place), tradeOrderFilled)).toMatchObject({ step: 4, subStep: 5 });
  expect(numberedAs(atStep(ALONE, place), tradeOrderFilled)).toMatchObject({ step: 5, subStep: null });
  expect(asChildOrder({ ...INSIDE, subSaga: null, stepName: 'trade', step: 3 }, orderPlacedEvent)).toMatchObject({ subSaga: 'order_execution', stepName: null, step: 3, subStep: 0 });
});

test('deadlines of a virtual broker are a tenth, waits between attempts are not', () => {
  const saga = buildOrderExecution(virtualBrokerLimits());
  expect([saga.timeoutMs, saga.steps.submit_order.timeoutMs, saga.steps.await_acknowledgment.timeoutMs, saga.steps.cancel_rest.timeoutMs]).toEqual([30_000, 1_000, 1_500, 1_000]);
  expect(saga.steps.submit_order.retry).toEqual(DEFAULT_LIMITS.submitRetry);
  expect(definitionFaults(saga)).toEqual([]);
});

const text = fc.string({ maxLength: 12 });
const observation: fc.Arbitrary<Observation> = fc.record({
  kind: fc.constantFrom('new', 'partial_fill', 'fill', 'canceled', 'expired', 'rejected', 'bust', 'other'), via: fc.constantFrom('stream', 'poll'), brokerOrderId: text, orderQty: text, orderFilledQty: text,
  fill: fc.option(fc.record({ executionId: text, symbol: text, side: text, qty: text, price: text, atMs: fc.nat() })), bustedExecutionId: fc.option(text), reason: fc.option(text), atMs: fc.nat(),
});

test('an observation is read as it was written; anything else is a fault, never a throw', () => {
  fc.assert(fc.property(observation, (one) => {
    expect(parseObservation(formatObservation(one))).toEqual({ ok: true, value: one });
  }));
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (body) => {
    expect(parseObservation(body).ok).toBe(false);
  }));
});
