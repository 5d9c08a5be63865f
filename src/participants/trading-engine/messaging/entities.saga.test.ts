import { expect, test } from '@jest/globals';
import type { ApplyFillCommand, BuyingPowerState, OrderState, PlaceOrderCommand, PositionState, ReserveBuyingPowerCommand } from '#contracts';
import { CALLER, entityContext } from '../../../../test/support/step-context.ts';
import { BOOKED_MAX, noteConnection, release, reserve, settle } from './buying-power.entity.ts';
import { placeOrder, stopOrder } from './orders.entity.ts';
import { applyFill, applySplit, rollBackFill } from './positions.entity.ts';

// Given a state, when a command, then state, outcome, events and commands: no log.

const CALLED = entityContext({ caller: { ...CALLER, subSaga: 'order_execution', stepName: 'update_position', stepItem: 'e1', step: 5, subStep: 5 }, phase: 'execute' });
const FLAT: PositionState = { positionId: 'pos-acc:AAPL', accountId: 'acc', symbol: 'AAPL', qty: '0', avgPrice: '0', executions: [], lastSplitDate: null };
const FILL: ApplyFillCommand = {
  orderId: 'o1', brokerOrderId: 'b1', accountId: 'acc', symbol: 'AAPL', side: 'buy', orderQty: '10', executionId: 'e1', fillSymbol: 'AAPL', fillSide: 'buy', qty: '4', price: '100', filledAt: 5,
};

test('a partial fill is told before the position it makes, and both copies are told', () => {
  const { state, outcome, events, commands } = applyFill(FLAT, FILL, CALLED);
  expect(state).toMatchObject({ qty: '4', avgPrice: '100' });
  expect(events).toMatchObject([{
    to: { stepName: 'update_position', stepItem: 'e1', step: 4, subStep: 5 },
    event: { type: { name: 'trade.order.partially_filled' }, payload: { executionId: 'e1', fillQty: '4', fillPrice: '100', cumQty: '4', leavesQty: '6' } },
  }]);
  expect(outcome).toMatchObject({
    status: 'completed',
    output: { type: { name: 'trade.position.updated' }, payload: { prevQty: '0', qty: '4', avgPrice: '100', executionId: 'e1' } },
    compensationData: { value: { orderId: 'o1', executionId: 'e1' } },
  });
  expect(commands?.map(({ entity, key }) => [entity, key])).toEqual([['cycles', 'AAPL'], ['exposures', 'acc']]);
});

test('the fill that completes the order carries its total and its average', () => {
  const partly = applyFill(FLAT, FILL, CALLED).state;
  const { events } = applyFill(partly, { ...FILL, executionId: 'e2', qty: '6', price: '110' }, CALLED);
  expect(events).toMatchObject([{ event: { type: { name: 'trade.order.filled' }, payload: { filledQty: '10', avgPrice: '106' } } }]);
});

test('a fill larger than the order is refused: nothing is applied, nothing is told', () => {
  const decision = applyFill(FLAT, { ...FILL, qty: '11' }, CALLED);
  expect(decision.state).toEqual(FLAT);
  expect(decision.outcome).toMatchObject({ status: 'failed', kind: 'terminal', reason: expect.stringMatching(/^fill_rejected: OVERFILL/) });
  expect(decision.commands).toBeUndefined();
});

test('figures that are no decimals are refused, not applied as zero', () => {
  expect(applyFill(FLAT, { ...FILL, price: '1e3' }, CALLED).outcome).toMatchObject({ status: 'failed', reason: expect.stringMatching(/MALFORMED/) });
});

test('a busted execution leaves the position as it was before it', () => {
  const { state, outcome } = rollBackFill(applyFill(FLAT, FILL, CALLED).state, { orderId: 'o1', executionId: 'e1', reason: 'busted' });
  expect(state).toMatchObject({ qty: '0', avgPrice: '0', executions: [] });
  expect(outcome).toMatchObject({ status: 'compensated', events: [{ type: { name: 'trade.position.rolled_back' }, payload: { executionId: 'e1', restoredQty: '0' } }] });
});

test('a split of one date scales once', () => {
  const split = { symbol: 'AAPL', ratio: '2', effectiveDate: '2005-02-28' };
  const once = applySplit(applyFill(FLAT, FILL, CALLED).state, split).state;
  expect(once).toMatchObject({ qty: '8', avgPrice: '50' });
  expect(applySplit(once, split).state).toEqual(once);
});

const POOR: BuyingPowerState = { accountStatus: 'ACTIVE', connectionStatus: 'CONNECTED', available: '500', asOf: 0, reservations: [], booked: [], minuteStartedAt: 0, ordersThisMinute: 0 };
const RESERVE: ReserveBuyingPowerCommand = {
  orderId: 'o1', clientOrderId: 'c-1.submit_order', decisionId: 'd1', accountId: 'acc', brokerConnectionId: 'conn', symbol: 'AAPL', side: 'buy', qty: '4', orderType: 'market', limitPrice: null,
  referencePrice: '100', limits: { maxOrderValue: '1000', maxPositionValue: '1000', maxExposure: '1000', minConfidence: 0, maxOrdersPerMinute: 0, priceCollarPercent: '0' }, positionSnapshot: { qty: '0', avgPrice: '0' },
};

test('a checked order holds its cost and is registered with its connection before it is sent', () => {
  const { state, outcome, commands } = reserve(POOR, RESERVE, entityContext({ caller: CALLER, phase: 'execute' }));
  expect(state.reservations).toEqual([{ orderId: 'o1', correlationId: 'c-1', amount: '400' }]);
  expect(outcome).toEqual({ status: 'completed', output: null });
  expect(commands).toMatchObject([{ entity: 'connections', key: 'conn', payload: { clientOrderId: 'c-1.submit_order', saga: { correlationId: 'c-1' } } }]);
});

test('what is reserved is not spent twice', () => {
  const held = reserve(POOR, RESERVE, entityContext({ caller: CALLER })).state;
  const { outcome } = reserve(held, { ...RESERVE, orderId: 'o2', qty: '2' }, entityContext({ caller: CALLER }));
  expect(outcome).toMatchObject({
    status: 'failed', kind: 'requireCompensation',
    events: [{ type: { name: 'trade.order.rejected' }, payload: { source: 'pre_trade', reason: 'BUYING_POWER_INSUFFICIENT', decisionId: 'd1' } }],
  });
});

const BOUGHT = { orderId: 'o1', side: 'buy', filledQty: '3', avgPrice: '101' } as const;

test('released, the reservation is gone; settled, what was filled is booked', () => {
  const held = reserve(POOR, RESERVE, entityContext({ caller: CALLER })).state;
  expect(release(held, { orderId: 'o1' })).toMatchObject({ state: { available: '500', reservations: [], booked: [] }, outcome: { status: 'compensated' } });
  expect(settle(held, BOUGHT, entityContext({ caller: CALLER, nowMillis: 5_000 })).state).toMatchObject({ available: '500', reservations: [], booked: [{ amount: '303', at: 5_000 }] });
  expect(settle(held, { ...BOUGHT, side: 'sell' }, entityContext({ caller: CALLER })).state).toMatchObject({ available: '500', reservations: [], booked: [] });
});

const note = (buyingPower: string, accountAsOf: number) => ({ brokerConnectionId: 'conn', status: 'CONNECTED', accountId: 'acc', accountStatus: 'ACTIVE', buyingPower, cash: '0', accountAsOf }) as const;

test('a purchase is taken off once: by us until the venue was asked after it, then by the venue', () => {
  const spent = settle(POOR, BOUGHT, entityContext({ caller: CALLER, nowMillis: 5_000 })).state;
  const early = noteConnection(spent, note('500', 4_000)).state;
  expect(early).toMatchObject({ available: '500', booked: [{ amount: '303' }] });
  const late = noteConnection(early, note('197', 7_000)).state;
  expect(late).toMatchObject({ available: '197', booked: [] });
  expect(noteConnection(late, { ...note('500', 4_000), accountStatus: 'BLOCKED' }).state).toMatchObject({ available: '197', asOf: 7_000, accountStatus: 'BLOCKED' });
});

test('what was booked is not spent twice, and beyond the bound nothing of it is lost', () => {
  let state = POOR;
  for (let at = 0; at <= BOOKED_MAX; at++) state = settle(state, { ...BOUGHT, filledQty: '1', avgPrice: '7' }, entityContext({ caller: CALLER, nowMillis: at })).state;
  expect(state.booked).toHaveLength(BOOKED_MAX);
  expect(state.booked[0]).toEqual({ amount: '14', at: 1 });
  expect(reserve(state, { ...RESERVE, qty: '0.45' }, entityContext({ caller: CALLER })).outcome).toMatchObject({ status: 'completed' });
  expect(reserve(state, { ...RESERVE, qty: '0.46' }, entityContext({ caller: CALLER })).outcome).toMatchObject({ status: 'failed' });
});

test('M.C: an order under another saga\'s client order id or order id is refused, and its end leaves that saga\'s funds alone', () => {
  const other = entityContext({ caller: { ...CALLER, correlationId: 'm-2' } });
  expect(reserve(POOR, RESERVE, other).outcome).toMatchObject({ status: 'failed', reason: 'rejected_pre_trade: CLIENT_ORDER_ID_FOREIGN' });
  const held = reserve(POOR, RESERVE, entityContext({ caller: CALLER })).state;
  expect(reserve(held, { ...RESERVE, clientOrderId: 'm-2.submit_order' }, other).outcome).toMatchObject({ status: 'failed', reason: 'rejected_pre_trade: ORDER_ID_TAKEN' });
  expect(settle(held, { ...BOUGHT, filledQty: '0' }, other).state).toEqual(held);
});

const PLACED = { orderId: 'ord-c-1' } as PlaceOrderCommand;
const NONE: OrderState = { status: 'none', saga: null };

test('an order id is placed once, as a child under the correlationId of the step that asked', () => {
  const first = placeOrder(NONE, PLACED, entityContext({ caller: CALLER }));
  expect(first.events).toMatchObject([{
    to: { correlationId: 'c-1', sagaType: 'signal_to_execution', subSaga: 'order_execution', stepName: null, step: 3, subStep: 0, causationId: 'cause-1' },
    event: { type: { name: 'chorus.OrderPlacedEvent' } },
  }]);
  expect(placeOrder(first.state, PLACED, entityContext({ caller: CALLER }))).toEqual({ state: first.state });
});

test('a stop reaches the saga of a placed order, once', () => {
  const placed = placeOrder(NONE, PLACED, entityContext({ caller: CALLER })).state;
  const stopped = stopOrder(placed, { orderId: 'ord-c-1', reason: 'timeout' });
  expect(stopped.events).toMatchObject([{ to: { subSaga: 'order_execution' }, event: { type: { name: 'chorus.OrderStopRequested' }, payload: { reason: 'timeout' } } }]);
  expect(stopOrder(stopped.state, { orderId: 'ord-c-1', reason: 'timeout' }).events).toBeUndefined();
  expect(stopOrder(NONE, { orderId: 'ord-c-1', reason: 'timeout' })).toEqual({ state: NONE });
});
