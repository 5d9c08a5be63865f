import { expect, test } from '@jest/globals';
import { formatDecimal } from './decimal.ts';
import { bench, d, quote, request } from '../../../test/support/vendors/engine-bench.ts';

const names = (events: readonly { readonly event: string }[]): readonly string[] => events.map(({ event }) => event);

test('a market buy is acknowledged, then filled at the ask', () => {
  const { engine, events, place } = bench();
  engine.quote(quote('99', '101'), 0);
  place();
  expect(names(events)).toEqual(['new', 'fill']);
  expect(formatDecimal(events[1]?.execution?.price ?? 0n)).toBe('101');
  expect(formatDecimal(engine.cash())).toBe('98990');
  expect(engine.positions()).toEqual([{ symbol: 'AAPL', qty: d('10'), avgEntryPrice: d('101') }]);
});

test('a market order without a quote waits for one', () => {
  const { engine, events, place } = bench();
  place();
  expect(names(events)).toEqual(['new']);
  engine.quote(quote('99', '101'), 5);
  expect(names(events)).toEqual(['new', 'fill']);
});

test('a limit buy fills only at or under its limit', () => {
  const { engine, events, place } = bench();
  engine.quote(quote('99', '101'), 0);
  place({ type: 'limit', limitPrice: d('100') });
  expect(names(events)).toEqual(['new']);
  engine.quote(quote('98', '99.5'), 1);
  expect(formatDecimal(events[1]?.execution?.price ?? 0n)).toBe('99.5');
});

test('a stop sale triggers when the last price reaches its stop, then trades at the bid; a stop-limit one only within its limit', () => {
  const { engine, events, place } = bench();
  engine.quote(quote('100', '100'), 0);
  place({ qty: d('20') });
  place({ clientOrderId: 'stop', side: 'sell', type: 'stop', stopPrice: d('95') });
  place({ clientOrderId: 'stop-limit', side: 'sell', type: 'stop_limit', stopPrice: d('95'), limitPrice: d('94') });
  engine.quote(quote('95', '96', { last: d('95.01') }), 1);
  expect(events.length).toBe(4);
  engine.quote(quote('93', '96', { last: d('95') }), 2);
  expect(events.slice(4).map(({ order, execution }) => [order.clientOrderId, formatDecimal(execution?.price ?? 0n)])).toEqual([['stop', '93']]);
  engine.quote(quote('94', '99', { last: d('98') }), 3);
  expect(events.slice(5).map(({ order, execution }) => [order.clientOrderId, formatDecimal(execution?.price ?? 0n)])).toEqual([['stop-limit', '94']]);
});

test('the size of a quote makes partial fills', () => {
  const { engine, events, place } = bench();
  engine.quote(quote('99', '101', { askSize: d('4') }), 0);
  place();
  engine.quote(quote('99', '102', { askSize: d('6') }), 1);
  expect(names(events)).toEqual(['new', 'partial_fill', 'fill']);
  expect(engine.positions()[0]?.avgEntryPrice).toBe(d('101.6'));
});

test('immediate-or-cancel cancels what the quote cannot give, fill-or-kill takes nothing', () => {
  const { engine, events, place } = bench();
  engine.quote(quote('99', '101', { askSize: d('4') }), 0);
  place({ clientOrderId: 'fok', timeInForce: 'fok' });
  expect(names(events)).toEqual(['new', 'canceled']);
  place({ clientOrderId: 'ioc', timeInForce: 'ioc' });
  expect(names(events.slice(2))).toEqual(['new', 'partial_fill', 'canceled']);
});

test('buying power limits buys, reservations of open orders included', () => {
  const { engine, place } = bench({ cash: d('1500') });
  place({ type: 'limit', limitPrice: d('100') });
  expect(formatDecimal(engine.buyingPower())).toBe('500');
  const second = engine.place(request({ clientOrderId: 'second', type: 'limit', limitPrice: d('60') }), 0);
  expect(second).toEqual({ ok: false, refusal: { httpStatus: 403, code: 40310000, message: 'insufficient buying power' } });
});

test('a sale needs shares that no open order has reserved', () => {
  const { engine, place } = bench();
  engine.quote(quote('99', '101'), 0);
  place();
  place({ clientOrderId: 'exit', side: 'sell', type: 'limit', limitPrice: d('120'), qty: d('6') });
  const refused = engine.place(request({ clientOrderId: 'more', side: 'sell', qty: d('5') }), 0);
  expect(refused.ok ? '' : refused.refusal.message).toBe('insufficient qty available for order (requested: 5, available: 4)');
});

test('a client order id is taken for ever', () => {
  const { engine, place } = bench();
  place();
  const again = engine.place(request(), 0);
  expect(again.ok ? 0 : again.refusal.httpStatus).toBe(422);
});

test('bracket legs wait for the parent, reserve the shares, and exclude each other', () => {
  const { engine, events, place } = bench();
  engine.quote(quote('99', '100'), 0);
  const parent = place({ orderClass: 'bracket', takeProfitPrice: d('110'), stopLossPrice: d('95') });
  expect(names(events)).toEqual(['new', 'fill', 'new', 'new']);
  expect(engine.availableQty('AAPL')).toBe(0n);
  engine.quote(quote('94', '94.5'), 1);
  expect(names(events.slice(4))).toEqual(['fill', 'canceled']);
  expect(parent.legIds.map((id) => engine.order(id)?.status)).toEqual(['canceled', 'filled']);
  expect(engine.positions()).toEqual([]);
});

test('an entry with one exit activates that exit', () => {
  const { engine, place } = bench();
  engine.quote(quote('99', '100'), 0);
  const guarded = place({ orderClass: 'oto', stopLossPrice: d('95') });
  expect(guarded.legIds.map((id) => engine.order(id))).toMatchObject([{ type: 'stop', side: 'sell', status: 'new', stopPrice: d('95'), siblingId: null }]);
  const greedy = place({ clientOrderId: 'greedy', orderClass: 'oto', takeProfitPrice: d('110') });
  expect(greedy.legIds.map((id) => engine.order(id))).toMatchObject([{ type: 'limit', status: 'new', limitPrice: d('110') }]);
  expect(engine.place(request({ clientOrderId: 'none', orderClass: 'oto' }), 0).ok).toBe(false);
});

test('a cancelled parent takes its legs along', () => {
  const { engine, place } = bench();
  const parent = place({ orderClass: 'bracket', type: 'limit', limitPrice: d('50'), takeProfitPrice: d('60'), stopLossPrice: d('45') });
  expect(engine.cancel(parent.id, 0, 1)).toBeNull();
  expect(parent.legIds.map((id) => engine.order(id)?.status)).toEqual(['canceled', 'canceled']);
});

test('one-cancels-other exits share the shares, partial fills included', () => {
  const { engine, events, place } = bench();
  engine.quote(quote('99', '100'), 0);
  place();
  const exit = place({ clientOrderId: 'exit', side: 'sell', orderClass: 'oco', takeProfitPrice: d('110'), stopLossPrice: d('95') });
  engine.quote(quote('110', '111', { bidSize: d('4') }), 1);
  expect(engine.availableQty('AAPL')).toBe(0n);
  engine.quote(quote('94', '95'), 2);
  expect(engine.positions()).toEqual([]);
  expect(engine.order(exit.id)?.status).toBe('canceled');
  expect(events.filter(({ execution }) => execution !== null).map(({ execution }) => formatDecimal(execution?.qty ?? 0n))).toEqual(['10', '4', '6']);
});

test('a cancel that is confirmed later passes through pending_cancel and may lose to a fill', () => {
  const { engine, events, place } = bench();
  const first = place({ type: 'limit', limitPrice: d('90') });
  expect(engine.cancel(first.id, 3_000, 0)).toBeNull();
  engine.advance(2_999);
  expect(engine.order(first.id)?.status).toBe('pending_cancel');
  engine.advance(3_000);
  expect(names(events)).toEqual(['new', 'pending_cancel', 'canceled']);
  const second = place({ clientOrderId: 'second', type: 'limit', limitPrice: d('90') });
  engine.cancel(second.id, 3_000, 4_000);
  engine.quote(quote('88', '89'), 5_000);
  engine.advance(9_000);
  expect(engine.order(second.id)?.status).toBe('filled');
  expect(engine.cancel(second.id, 0, 9_000)).toEqual({ httpStatus: 422, code: 42210000, message: 'order is already in "filled" state' });
});

test('a fill script decides instead of the market', () => {
  const { engine, events, place } = bench();
  engine.quote(quote('99', '101'), 0);
  place({
    script: [
      { do: 'fill', afterMillis: 10, qty: { percent: 25 }, price: null },
      { do: 'fill', afterMillis: 20, qty: { amount: d('3') }, price: d('102') },
      { do: 'expire', afterMillis: 30 },
    ],
  });
  engine.advance(20);
  expect(engine.nextDueMs()).toBe(30);
  engine.advance(30);
  expect(names(events)).toEqual(['new', 'partial_fill', 'partial_fill', 'expired']);
  expect(events.map(({ execution }) => (execution === null ? null : formatDecimal(execution.qty)))).toEqual([null, '2', '3', null]);
});

test('a script may fill more than the order', () => {
  const { engine, events, place } = bench();
  place({ script: [{ do: 'fill', afterMillis: 0, qty: { amount: d('15') }, price: d('100') }] });
  engine.advance(0);
  expect(events.at(-1)?.event).toBe('fill');
  expect(formatDecimal(events.at(-1)?.execution?.qty ?? 0n)).toBe('15');
});

test('a bust takes an execution back: holding, average and cash as before it', () => {
  const { engine, events, place } = bench();
  engine.quote(quote('99', '100'), 0);
  place({ clientOrderId: 'base', qty: d('5') });
  const order = place({
    script: [
      { do: 'fill', afterMillis: 1, qty: { amount: d('5') }, price: d('120') },
      { do: 'bust', afterMillis: 2, execution: 0 },
    ],
  });
  engine.advance(1);
  expect(engine.positions()[0]?.avgEntryPrice).toBe(d('110'));
  engine.advance(2);
  expect(events.at(-1)?.event).toBe('trade_bust');
  expect(engine.positions()).toEqual([{ symbol: 'AAPL', qty: d('5'), avgEntryPrice: d('100') }]);
  expect(formatDecimal(engine.cash())).toBe('99500');
  expect(engine.order(order.id)?.status).toBe('new');
});

test('a split multiplies the holding and divides its price', () => {
  const { engine, place } = bench();
  engine.quote(quote('99', '100'), 0);
  place();
  engine.split('AAPL', 4n, 1n);
  expect(engine.positions()).toEqual([{ symbol: 'AAPL', qty: d('40'), avgEntryPrice: d('25') }]);
});

test('day orders expire at the close, good-till-cancelled ones stay', () => {
  const { engine, place } = bench();
  const day = place({ clientOrderId: 'day', type: 'limit', limitPrice: d('50') });
  const gtc = place({ clientOrderId: 'gtc', type: 'limit', limitPrice: d('50'), timeInForce: 'gtc' });
  engine.expireDayOrders(100);
  expect([engine.order(day.id)?.status, engine.order(gtc.id)?.status]).toEqual(['expired', 'new']);
});

test('refuses requests that Alpaca cannot read', () => {
  const { engine } = bench();
  const codes = [
    request({ qty: 0n }), request({ clientOrderId: 'x'.repeat(49) }), request({ type: 'limit' }), request({ type: 'stop' }),
    request({ orderClass: 'bracket' }), request({ orderClass: 'bracket', takeProfitPrice: d('90'), stopLossPrice: d('95') }),
  ].map((bad) => engine.place(bad, 0));
  expect(codes.map((result) => (result.ok ? 0 : result.refusal.httpStatus))).toEqual([422, 422, 422, 422, 422, 422]);
});

test('orders without a client order id have ids of their own in every account and start, and the same ones in a replay', () => {
  const idsOf = (idScope: string): readonly string[] => {
    const { place } = bench({ idScope });
    return [place({ clientOrderId: null }), place({ clientOrderId: null, qty: d('1') })].flatMap(({ id, clientOrderId }) => [id, clientOrderId]);
  };
  expect(new Set([...idsOf('seed/one'), ...idsOf('seed/two'), ...idsOf('other/one')]).size).toBe(12);
  expect(idsOf('seed/one')).toEqual(idsOf('seed/one'));
});
