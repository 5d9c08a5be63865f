import { expect, test } from '@jest/globals';
import type { OrderRequest } from '#participants/trading-engine';
import { checkOrder, DEFAULT_ORDER_SAFETY, NO_ORDERS_YET, type OrderSafetyInput, type OrderSafetyState } from './order-safety.ts';

const request = (overrides: Partial<OrderRequest> = {}): OrderRequest => ({
  clientOrderId: 'saga-1.submit', symbol: 'AAPL', side: 'buy', kind: 'market', timeInForce: 'day', qty: '10', ...overrides,
});
const check = (overrides: Partial<OrderSafetyInput>): ReturnType<typeof checkOrder> =>
  checkOrder({ limits: DEFAULT_ORDER_SAFETY, state: NO_ORDERS_YET, request: request(), lastPrice: '100', nowMs: 0, ...overrides });
const codeOf = (verdict: ReturnType<typeof checkOrder>): string => (verdict.status === 'allowed' ? 'ALLOWED' : verdict.code);

test('the highest order value may be reached, not exceeded', () => {
  const limits = { ...DEFAULT_ORDER_SAFETY, orderValueMax: '1000' };
  expect(codeOf(check({ limits }))).toBe('ALLOWED');
  expect(codeOf(check({ limits, request: request({ qty: '10.000001' }) }))).toBe('ORDER_VALUE_EXCEEDED');
});

test('a limit price stays within the collar around the last quote, on both sides', () => {
  for (const [limitPrice, code] of [['110', 'ALLOWED'], ['90', 'ALLOWED'], ['110.01', 'PRICE_OUTSIDE_COLLAR'], ['89.99', 'PRICE_OUTSIDE_COLLAR']] as const) {
    expect(codeOf(check({ request: request({ kind: 'limit', limitPrice }) }))).toBe(code);
  }
});

test('a market order without any quote is refused', () => {
  expect(codeOf(check({ lastPrice: null }))).toBe('NO_REFERENCE_PRICE');
});

test('a quantity or a limit that is no positive decimal is refused', () => {
  expect(codeOf(check({ request: request({ qty: '0' }) }))).toBe('REQUEST_MALFORMED');
  expect(codeOf(check({ request: request({ qty: 'many' }) }))).toBe('REQUEST_MALFORMED');
  expect(codeOf(check({ limits: { ...DEFAULT_ORDER_SAFETY, orderValueMax: '' } }))).toBe('REQUEST_MALFORMED');
});

test('a limit price that no quote can be held against is refused, a market order with a value is not', () => {
  expect(codeOf(check({ lastPrice: null, request: request({ kind: 'limit', limitPrice: '100' }) }))).toBe('NO_REFERENCE_PRICE');
  expect(codeOf(check({ lastPrice: '100', request: request({ kind: 'limit', limitPrice: '110' }) }))).toBe('ALLOWED');
  expect(codeOf(check({ lastPrice: '100', request: request({ kind: 'limit', limitPrice: '110.01' }) }))).toBe('PRICE_OUTSIDE_COLLAR');
});

test('orders beyond the number a minute are refused until the oldest is a minute old; repeats are not counted again', () => {
  const limits = { ...DEFAULT_ORDER_SAFETY, ordersPerMinuteMax: 2 };
  let state: OrderSafetyState = NO_ORDERS_YET;
  const place = (clientOrderId: string, nowMs: number): string => {
    const verdict = check({ limits, state, nowMs, request: request({ clientOrderId }) });
    if (verdict.status === 'allowed') state = verdict.state;
    return codeOf(verdict);
  };
  expect([place('a', 0), place('b', 1_000), place('a', 2_000), place('c', 59_999), place('c', 60_000)]).toEqual([
    'ALLOWED', 'ALLOWED', 'ALLOWED', 'ORDER_RATE_EXCEEDED', 'ALLOWED',
  ]);
});
