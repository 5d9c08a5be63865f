import { expect, test } from '@jest/globals';
import { type OrderPlacedEvent, tradePositionUpdated, type TradePositionUpdated } from '#contracts';
import type { CompensationResult } from '#saga-core';
import { orderExecution } from '#sagas/order-execution';
import type { Clock } from '#saga-core/ports';
import { brokerOrder, type ScriptedBroker, scriptedBroker } from '../../../../test/support/scripted-broker.ts';
import { contextOf, executed, kept, reconciled, undone } from '../../../../test/support/step-context.ts';
import type { SubmitOutcome } from '../gateways.ts';
import { cancelRest } from './cancel-rest.step.ts';
import { CANCELLED_AT_LIMIT, venueEnded } from './reasons.ts';
import { submitOrder } from './submit-order.step.ts';

const ORDER = { orderId: 'o1', clientOrderId: 'c-1.submit_order', decisionId: 'd1', brokerConnectionId: 'conn', symbol: 'AAPL', side: 'buy', qty: '10', orderType: 'market', limitPrice: null, timeInForce: 'day', bracket: null, referencePrice: '100' } as OrderPlacedEvent;

/** Time passes when somebody waits for it. */
const clock = (): Clock => {
  let now = 0;
  return {
    nowMillis: () => now,
    monotonicMillis: () => now,
    after: (delayMs, callback) => {
      queueMicrotask(() => {
        now += delayMs;
        callback();
      });
      return () => undefined;
    },
  };
};
const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };
const step = (broker: ScriptedBroker) => submitOrder(orderExecution, { brokerOf: () => broker, clock: clock(), log: SILENT });
const applied = (fillQty: string) => ({ update_position: [['e1', kept(tradePositionUpdated, { executionId: 'e1', fillQty, fillPrice: '100' } as TradePositionUpdated)] as const] });
const given = (fillQty: string | null = null) => contextOf({ start: ORDER, sagaId: 'c-1', ...(fillQty === null ? {} : { items: applied(fillQty) }) });
const SERVER_ERROR: SubmitOutcome = { status: 'transient', kind: 'server_error', httpStatus: 500, retryAfterMs: null, reason: 'HTTP 500' };

test('an accepted order is told with both ids and can be undone by either', async () => {
  const broker = scriptedBroker({ submit: [{ status: 'accepted', order: brokerOrder(), alreadyExisted: false }] });
  expect(await executed(step(broker), given())).toMatchObject({
    status: 'completed', output: { type: { name: 'trade.order.submitted' }, payload: { order_id: 'b1', orderId: 'o1', clientOrderId: 'c-1.submit_order', submittedAt: 500 } },
    compensationData: { value: { clientOrderId: 'c-1.submit_order', brokerOrderId: 'b1' } },
  });
});

test.each([
  ['a refusal is terminal and told', { status: 'refused', httpStatus: 403, brokerCode: '40310000', reason: 'insufficient buying power' }, { kind: 'terminal', events: [{ type: { name: 'trade.order.rejected' }, payload: { source: 'broker', httpStatus: 403 } }] }],
  ['an open breaker is terminal and tells nothing', { status: 'circuit_open', retryAfterMs: 9 }, { kind: 'terminal', reason: 'circuit_open' }],
  ['a lost answer is unknown', { status: 'unknown', kind: 'timeout', reason: 'silence' }, { kind: 'unknown' }],
  ['a 500 may have had its effect', SERVER_ERROR, { kind: 'unknown' }],
  ['a 429 is repeated after its Retry-After', { status: 'transient', kind: 'rate_limited', httpStatus: 429, retryAfterMs: 700, reason: 'slow down' }, { kind: 'transient', retryAfterMs: 700 }],
  ['our own safety limit refuses before anything is sent', { status: 'safety_refused', code: 'PRICE_OUTSIDE_COLLAR', reason: 'far' }, { kind: 'terminal', events: [{ payload: { source: 'pre_trade', reason: 'PRICE_OUTSIDE_COLLAR' } }] }],
] satisfies readonly [string, SubmitOutcome, object][])('%s', async (_name, outcome, expected) => {
  expect(await executed(step(scriptedBroker({ submit: [outcome] })), given())).toMatchObject({ status: 'failed', ...expected });
});

test('a look-up decides what became of a lost submission', async () => {
  expect(await reconciled(step(scriptedBroker({ find: [{ status: 'found', order: brokerOrder() }] })), given())).toMatchObject({ status: 'completed' });
  expect(await reconciled(step(scriptedBroker({ find: [{ status: 'not_found' }] })), given())).toEqual({ status: 'absent' });
  expect(await reconciled(step(scriptedBroker({ find: [{ status: 'circuit_open', retryAfterMs: 5 }] })), given())).toMatchObject({ status: 'failed', kind: 'unknown' });
});

const DATA = { clientOrderId: 'c-1.submit_order', brokerOrderId: 'b1' };
const undo = (broker: ScriptedBroker, options: { readonly fillQty?: string; readonly reason?: string; readonly data?: unknown } = {}): Promise<CompensationResult> =>
  undone(step(broker), given(options.fillQty), { data: options.data === undefined ? DATA : options.data, failure: { failedStep: null, reason: options.reason ?? 'operator' } });

test('undone: an open order is cancelled, and told once the venue confirms', async () => {
  const broker = scriptedBroker({ get: [{ status: 'found', order: brokerOrder() }, { status: 'found', order: brokerOrder({ status: 'pending_cancel' }) }, { status: 'found', order: brokerOrder({ status: 'cancelled' }) }], cancel: [{ status: 'cancel_accepted' }] });
  expect(await undo(broker)).toMatchObject({ status: 'compensated', events: [{ type: { name: 'trade.order.cancelled' }, payload: { reason: 'compensation', order_id: 'b1' } }] });
  expect(broker.calls).toEqual(['get', 'cancel', 'get', 'get']);
});

test('undone: an order nobody knows needs no cancel', async () => {
  const broker = scriptedBroker({ find: [{ status: 'not_found' }] });
  expect(await undo(broker, { data: null })).toEqual({ status: 'compensated' });
  expect(broker.calls).toEqual(['find']);
});

test('undone: a submission of unknown outcome that did happen is found by its client order id and cancelled', async () => {
  const broker = scriptedBroker({ find: [{ status: 'found', order: brokerOrder() }], get: [{ status: 'found', order: brokerOrder({ status: 'cancelled' }) }], cancel: [{ status: 'cancel_accepted' }] });
  expect(await undo(broker, { data: null })).toMatchObject({ status: 'compensated', events: [{ payload: { reason: 'compensation' } }] });
});

test('undone: a cancel that loses to a fill waits for the position, then keeps the fill', async () => {
  const answers = { get: [{ status: 'found', order: brokerOrder() }, { status: 'found', order: brokerOrder({ status: 'filled', filledQty: '10' }) }], cancel: [{ status: 'not_cancelable', reason: 'filled' }] } as const;
  expect(await undo(scriptedBroker(answers))).toMatchObject({ status: 'ambiguous' });
  expect(await undo(scriptedBroker(answers), { fillQty: '10' })).toEqual({ status: 'compensated' });
});

test.each([CANCELLED_AT_LIMIT, venueEnded('canceled', null)])('undone after %s: the end was told, so nothing is told again', async (reason) => {
  const broker = scriptedBroker({ get: [{ status: 'found', order: brokerOrder({ status: 'cancelled' }) }] });
  expect(await undo(broker, { reason })).toEqual({ status: 'compensated' });
  expect(broker.calls).toEqual(['get']);
});

test('undone: a broker that does not cancel leaves the undo ambiguous', async () => {
  const broker = scriptedBroker({ get: [{ status: 'found', order: brokerOrder() }], cancel: [{ status: 'transient', kind: 'server_error', httpStatus: 500, retryAfterMs: null, reason: 'HTTP 500' }] });
  expect(await undo(broker)).toMatchObject({ status: 'ambiguous' });
});

const rest = (broker: ScriptedBroker, fillQty: string | null = null) =>
  executed(cancelRest(orderExecution, { brokerOf: () => broker, clock: clock() }), contextOf({
    start: ORDER, outputs: { submit_order: kept({ kind: 'event', name: 'trade.order.submitted', schema: {} }, { order_id: 'b1' }) }, ...(fillQty === null ? {} : { items: applied(fillQty) }),
  }));

test('at the limit: the rest is cancelled, told with reason timeout, and the saga fails', async () => {
  const broker = scriptedBroker({ get: [{ status: 'found', order: brokerOrder() }, { status: 'found', order: brokerOrder({ status: 'cancelled' }) }], cancel: [{ status: 'cancel_accepted' }] });
  expect(await rest(broker)).toMatchObject({ status: 'failed', kind: 'requireCompensation', reason: expect.stringMatching(/^cancelled_at_limit/), events: [{ payload: { reason: 'timeout' } }] });
});

test('at the limit: filled meanwhile, the saga goes on, but only once the position contains the fill', async () => {
  const answers = { get: [{ status: 'found', order: brokerOrder({ status: 'filled', filledQty: '10' }) }] } as const;
  expect(await rest(scriptedBroker(answers))).toMatchObject({ status: 'pending' });
  expect(await rest(scriptedBroker(answers), '10')).toMatchObject({ status: 'completed', output: { value: { result: 'filled', filledQty: '10' } } });
});

test('at the limit: a cancelled order whose partial fill is not applied yet is waited for', async () => {
  const answers = { get: [{ status: 'found', order: brokerOrder({ status: 'cancelled', filledQty: '4' }) }] } as const;
  expect(await rest(scriptedBroker(answers))).toMatchObject({ status: 'pending' });
  expect(await rest(scriptedBroker(answers), '4')).toMatchObject({ status: 'failed', events: [{ payload: { cumQty: '4' } }] });
});
