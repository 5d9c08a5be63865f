import { expect, test } from '@jest/globals';
import type { BrokerGateway, OrderRequest, SubmitOutcome } from '#participants/trading-engine';
import { judge } from './gateway.ts';
import { callHttp } from './http-call.ts';
import { DEFAULT_ORDER_SAFETY } from './order-safety.ts';
import { withOrderSafety } from './safe-gateway.ts';

const CLOCK = { monotonicMillis: () => 0 };
const LIMITS = { ...DEFAULT_ORDER_SAFETY, ordersPerMinuteMax: 2 };
const SENT: SubmitOutcome = { status: 'unknown', kind: 'timeout', reason: 'sent' };
const broker = { submitOrder: () => Promise.resolve(SENT) } as unknown as BrokerGateway;
const order = (clientOrderId: string): OrderRequest => ({ clientOrderId, symbol: 'AAPL', side: 'buy', kind: 'market', timeInForce: 'day', qty: '1', referencePrice: '100' });
const limits = () => ({ timeoutMs: 1_000, signal: new AbortController().signal });

test('gateways of one account share its count of orders, those of another do not', async () => {
  const open = (account: string): BrokerGateway => withOrderSafety(broker, { clock: CLOCK, limits: LIMITS, account });
  const [one, same, other] = [open('shared'), open('shared'), open('other')];
  expect([await one.submitOrder(order('a'), limits()), await same.submitOrder(order('b'), limits())]).toEqual([SENT, SENT]);
  expect(await one.submitOrder(order('c'), limits())).toMatchObject({ status: 'safety_refused', code: 'ORDER_RATE_EXCEEDED' });
  expect(await other.submitOrder(order('c'), limits())).toEqual(SENT);
});

test('a call that is given up before it is sent is held against nobody', async () => {
  const outcome = await callHttp({ method: 'GET', url: 'http://127.0.0.1:1/', headers: {} }, { timeoutMs: 1_000, signal: AbortSignal.abort() });
  expect(outcome).toMatchObject({ status: 'not_sent', kind: 'given_up' });
  expect(judge(outcome)).toBe('abandoned');
  expect(judge({ status: 'not_sent', kind: 'unreachable', reason: 'refused' })).toBe('failure');
});
