import { expect, test } from '@jest/globals';
import type { AccountOutcome } from '#participants/trading-engine';
import { assertLoopbackOrNamedAccount, isLoopbackUrl } from './interlock.ts';

const LIVE = ['https://api.alpaca.markets', 'wss://api.alpaca.markets/stream'];
const account = (accountId: string): AccountOutcome => ({
  status: 'found',
  account: { accountId, accountNumber: 'PA1', isActive: true, venueStatus: 'ACTIVE', isTradingBlocked: false, buyingPower: '1', cash: '1', equity: '1', currency: 'USD' },
});
const run = (urls: readonly string[], liveTradingAccountId: string | undefined, outcome: AccountOutcome): Promise<string> =>
  assertLoopbackOrNamedAccount({ urls, liveTradingAccountId, getAccount: () => Promise.resolve(outcome) });

test('only addresses of this machine are loopback', () => {
  for (const url of ['http://127.0.0.1:80', 'ws://localhost/stream', 'http://[::1]:1', 'http://127.8.0.1']) expect(isLoopbackUrl(url)).toBe(true);
  for (const url of ['http://127.0.0.1.example.com', 'http://localhost.example.com', 'http://user@example.com', 'http://0.0.0.0', 'nonsense', '']) {
    expect(isLoopbackUrl(url)).toBe(false);
  }
});

test('loopback needs nothing and asks nobody', async () => {
  const asked = (): Promise<AccountOutcome> => Promise.reject(new Error('asked'));
  await expect(assertLoopbackOrNamedAccount({ urls: ['http://127.0.0.1:1', 'ws://127.0.0.1:1/stream'], liveTradingAccountId: undefined, getAccount: asked })).resolves.toBe('loopback');
});

test('another address is refused unless the account is named, and the broker reports that very account', async () => {
  await expect(run(LIVE, undefined, account('a'))).rejects.toMatchObject({ code: 'LIVE_TRADING_REFUSED' });
  await expect(run(LIVE, '', account('a'))).rejects.toMatchObject({ code: 'LIVE_TRADING_REFUSED' });
  await expect(run(LIVE, 'b', account('a'))).rejects.toThrow('reports account a, but CHORUS_LIVE_TRADING names b');
  await expect(run(LIVE, 'a', account('a'))).resolves.toBe('named-account');
});

test('one remote address among several is enough to be refused', async () => {
  await expect(run(['http://127.0.0.1:1', 'wss://api.alpaca.markets/stream'], undefined, account('a'))).rejects.toThrow('wss://api.alpaca.markets/stream');
});

test('a broker that does not tell its account is refused', async () => {
  await expect(run(LIVE, 'a', { status: 'circuit_open', retryAfterMs: 1 })).rejects.toThrow('circuit_open');
});
