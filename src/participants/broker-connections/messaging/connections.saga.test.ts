import { expect, test } from '@jest/globals';
import type { ConnectionState } from '#contracts';
import { parseObservation } from '#sagas/order-execution';
import { CALLER, entityContext } from '../../../../test/support/step-context.ts';
import type { VenueOrder } from '../gateways.ts';
import { connectionCommands } from './connections.entity.ts';
import { reportOfUpdate, reportsOfPoll } from './venue-reports.ts';

const EMPTY: ConnectionState = { status: 'DISCONNECTED', version: 0, accountId: '', accountStatus: 'UNKNOWN', buyingPower: '0', cash: '0', accountAsOf: 0, orders: [], unmatched: [], recentlyClosed: [], unmatchedDroppedCount: 0 };
const { registerOrder, forgetOrder, observeBroker, reportAccount, reportConnection } = connectionCommands({ venueNameOf: () => 'alpaca', symbolsOf: () => ['AAPL', 'MSFT'] });
const SAGA = { ...CALLER, subSaga: 'order_execution', causationId: 'cause-9' };
const REGISTER = { clientOrderId: 'c-1.submit_order', brokerOrderId: null, orderId: 'o1', symbol: 'AAPL', saga: SAGA };
const CONTEXT = entityContext({ key: 'conn' });
const VENUE_ORDER: VenueOrder = { brokerOrderId: 'b1', clientOrderId: 'c-1.submit_order', status: 'open', venueStatus: 'new', qty: '10', filledQty: '0', submittedAtMs: 1 };
const FILL = { executionId: 'e1', symbol: 'AAPL', side: 'buy', qty: '10', price: '100', atMs: 8 };

const reported = (update: Parameters<typeof reportOfUpdate>[0]) => {
  const report = reportOfUpdate(update, 50);
  if (report === null) throw new Error('no report');
  return report.payload;
};

test('a fill is recorded on the saga as an item of update_position, with the parent\'s number and its own', () => {
  const open = registerOrder(EMPTY, REGISTER, CONTEXT).state;
  const { events } = observeBroker(open, reported({ type: 'filled', order: { ...VENUE_ORDER, filledQty: '10' }, fill: FILL, atMs: 8 }), CONTEXT);
  expect(events).toMatchObject([{
    to: { correlationId: 'c-1', subSaga: 'order_execution', stepName: 'update_position', stepItem: 'e1', step: 5, subStep: 5, causationId: 'cause-9' },
    event: { type: { name: 'chorus.BrokerObservationRecorded' }, payload: { venue: 'alpaca', connectionId: 'conn', order_id: 'b1', kind: 'fill', receivedAt: 50 } },
  }]);
});

test('what is written is what a saga reads', () => {
  const body = reported({ type: 'partially_filled', order: { ...VENUE_ORDER, filledQty: '4' }, fill: { ...FILL, qty: '4' }, atMs: 8 }).body;
  expect(parseObservation(body)).toEqual({ ok: true, value: { kind: 'partial_fill', via: 'stream', brokerOrderId: 'b1', orderQty: '10', orderFilledQty: '4', fill: { ...FILL, qty: '4' }, bustedExecutionId: null, reason: null, atMs: 8 } });
  expect(parseObservation('{"kind":"new"}').ok).toBe(false);
  expect(parseObservation('not json').ok).toBe(false);
});

test('reports that overtook the registration are recorded with it', () => {
  const early = observeBroker(EMPTY, reported({ type: 'acknowledged', order: VENUE_ORDER, reason: null, atMs: 2 }), CONTEXT);
  expect(early.events).toEqual([]);
  expect(registerOrder(early.state, REGISTER, CONTEXT).events).toMatchObject([{ to: { stepName: 'await_acknowledgment', stepItem: null, step: 4, subStep: 3 } }]);
});

test('a closed order hears nothing any more', () => {
  const closed = forgetOrder(registerOrder(EMPTY, REGISTER, CONTEXT).state, { clientOrderId: 'c-1.submit_order' }, CONTEXT).state;
  expect(observeBroker(closed, reported({ type: 'acknowledged', order: VENUE_ORDER, reason: null, atMs: 2 }), CONTEXT)).toEqual({ state: closed, events: [] });
});

test('another saga cannot end an order\'s reports', () => {
  const open = registerOrder(EMPTY, REGISTER, CONTEXT).state;
  expect(forgetOrder(open, { clientOrderId: 'c-1.submit_order' }, { ...CONTEXT, caller: { ...CALLER, correlationId: 'm-2' } }).state).toEqual(open);
});

test('an account that answers makes the connection CONNECTED, and everyone concerned is told', () => {
  const { state, commands } = reportAccount(EMPTY, { accountId: 'acc', accountStatus: 'ACTIVE', buyingPower: '1000', cash: '900', accountAsOf: 40 }, CONTEXT);
  expect(state).toMatchObject({ status: 'CONNECTED', version: 1 });
  expect(commands?.map(({ entity, key }) => `${entity} ${key}`)).toEqual(['buying-power acc', 'exposures acc', 'cycles AAPL', 'cycles MSFT']);
  expect(reportConnection(state, { status: 'CONNECTED', reason: '' }, CONTEXT)).toEqual({ state });
  expect(reportConnection(state, { status: 'FAILED', reason: 'credentials refused' }, CONTEXT)).toMatchObject({ state: { status: 'FAILED', version: 2 }, commands: [{ payload: { status: 'FAILED' } }, {}, {}, {}] });
});

test('a poll tells what a stream would have told: acknowledgment, fills, end; a cancel under way tells nothing', () => {
  const kinds = (order: Partial<VenueOrder>, fills = [FILL]) => reportsOfPoll({ ...VENUE_ORDER, ...order }, fills, 9).map((report) => report.payload.kind);
  expect(kinds({ status: 'filled', filledQty: '10' })).toEqual(['new', 'partial_fill']);
  expect(kinds({ status: 'cancelled' }, [])).toEqual(['new', 'canceled']);
  expect(kinds({ status: 'rejected' }, [])).toEqual(['rejected']);
  expect(kinds({ status: 'pending' }, [])).toEqual([]);
  expect(reportOfUpdate({ type: 'pending_cancel', order: VENUE_ORDER, reason: null, atMs: 1 }, 1)).toBeNull();
});
