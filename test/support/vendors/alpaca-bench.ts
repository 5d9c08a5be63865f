import { createAlpacaGateway } from '#adapters/alpaca';
import type { BrokerGateway, CallLimits, OrderRequest } from '#participants/trading-engine';
import type { Clock } from '#saga-core/ports';
import { startAlpacaSimulator, type AlpacaSimulator } from '#simulators/alpaca';

export const KEYS = { keyId: 'KEY', secret: 'SECRET' };

export const realClock: Clock = {
  nowMillis: () => Date.now(),
  monotonicMillis: () => performance.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

export const limits = (timeoutMs = 2_000): CallLimits => ({ timeoutMs, signal: new AbortController().signal });

export const order = (overrides: Partial<OrderRequest> = {}): OrderRequest => ({
  clientOrderId: 'saga-1.submit', symbol: 'AAPL', side: 'buy', kind: 'market', timeInForce: 'day', qty: '10', ...overrides,
});

export type LoggedRequest = { readonly route: string; readonly monotonic_ms: number; readonly outcome: number | string | null };

export type Bench = {
  readonly simulator: AlpacaSimulator;
  readonly gateway: BrokerGateway;
  readonly admin: (method: string, path: string, body?: unknown) => Promise<unknown>;
  readonly requests: (route: string) => Promise<readonly LoggedRequest[]>;
};

/** A simulator with a quote for AAPL, a gateway to it, and its controls. */
export const startBench = async (): Promise<Bench> => {
  const simulator = await startAlpacaSimulator();
  const admin = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`${simulator.adminUrl}${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  await admin('POST', '/quotes', [{ symbol: 'AAPL', bid: '99', ask: '101', last: '100' }]);
  return {
    simulator, admin,
    gateway: createAlpacaGateway({ baseUrl: simulator.url, ...KEYS, breaker: null }),
    requests: async (route) => {
      const { requests } = (await admin('GET', `/requests?route=${route}`)) as { readonly requests: readonly LoggedRequest[] };
      return requests;
    },
  };
};

/** Asks until the answer satisfies; rejects after five seconds with the last answer. */
export const until = async <Value>(ask: () => Promise<Value> | Value, isWanted: (value: Value) => boolean): Promise<Value> => {
  const endsAtMs = performance.now() + 5_000;
  for (;;) {
    const value = await ask();
    if (isWanted(value)) return value;
    if (performance.now() > endsAtMs) throw new Error(`condition not met: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
};
