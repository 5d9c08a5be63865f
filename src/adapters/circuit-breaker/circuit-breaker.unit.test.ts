import { expect, test } from '@jest/globals';
import { createSimulatedClock, type SimulatedClock } from '#saga-core/testing';
import { createCircuitBreaker, type CallVerdict, type CircuitBreaker, type CircuitChange, type GuardedResult } from './circuit-breaker.ts';
import { remainingOpenMs } from './shared-state.ts';

type Bench = {
  readonly clock: SimulatedClock;
  readonly breaker: CircuitBreaker;
  readonly changes: CircuitChange[];
  /** How many calls reached the endpoint. */
  readonly requests: () => number;
  readonly call: (verdict: CallVerdict) => Promise<GuardedResult<CallVerdict>>;
  /** A call whose end is in the caller's hands. */
  readonly begin: () => { readonly end: (verdict: CallVerdict) => void; readonly result: Promise<GuardedResult<CallVerdict>> };
};

const KEY = { endpoint: 'alpaca', credential: 'ALPACA_KEY_1' };

const bench = (clock: SimulatedClock = createSimulatedClock({ nowMillis: 1_700_000_000_000 })): Bench => {
  const changes: CircuitChange[] = [];
  let requests = 0;
  const breaker = createCircuitBreaker({ ...KEY, clock, onStateChange: (change) => changes.push(change) });
  const judge = (verdict: CallVerdict): CallVerdict => verdict;
  return {
    clock, breaker, changes,
    requests: () => requests,
    call: (verdict) =>
      breaker.execute(() => {
        requests += 1;
        return Promise.resolve(verdict);
      }, judge),
    begin: () => {
      const { promise, resolve } = Promise.withResolvers<CallVerdict>();
      const result = breaker.execute(() => {
        requests += 1;
        return promise;
      }, judge);
      return { end: resolve, result };
    },
  };
};

const fail = async (table: Bench, count: number, gapMs = 0): Promise<void> => {
  for (let index = 0; index < count; index++) {
    await table.call('failure');
    await table.clock.advance(gapMs);
  }
};

const steps = (table: Bench): readonly string[] => table.changes.map(({ from, to }) => `${from}→${to}`);

test('SC-A7-1 five failures within a minute open the circuit and the sixth call makes no request', async () => {
  const table = bench();
  await fail(table, 5, 1_000);
  expect(table.changes).toEqual([
    { ...KEY, from: 'CLOSED', to: 'OPEN', failures: 5, atMs: 1_700_000_004_000, isAdopted: false },
  ]);
  expect(await table.call('success')).toEqual({ status: 'refused', retryAfterMs: 29_000 });
  expect(table.requests()).toBe(5);
});

test('SC-A7-2 four failures, or five spread over 61 seconds, leave it closed', async () => {
  const four = bench();
  await fail(four, 4);
  expect(four.breaker.state()).toBe('CLOSED');
  const spread = bench();
  await fail(spread, 4, 15_250);
  await spread.call('failure');
  expect(spread.breaker.state()).toBe('CLOSED');
  expect(spread.changes).toEqual([]);
});

test('SC-A7-3 after 30 seconds one probe goes out, and its success closes the circuit', async () => {
  const table = bench();
  await fail(table, 5);
  await table.clock.advance(30_000);
  expect(await table.call('success')).toEqual({ status: 'executed', value: 'success' });
  expect(steps(table)).toEqual(['CLOSED→OPEN', 'OPEN→HALF_OPEN', 'HALF_OPEN→CLOSED']);
  await fail(table, 4);
  expect(table.breaker.state()).toBe('CLOSED');
});

test('SC-A7-4 a failing probe opens it again, the next probe comes 30 seconds later', async () => {
  const table = bench();
  await fail(table, 5);
  await table.clock.advance(30_000);
  await table.call('failure');
  expect(steps(table)).toEqual(['CLOSED→OPEN', 'OPEN→HALF_OPEN', 'HALF_OPEN→OPEN']);
  await table.clock.advance(29_999);
  expect((await table.call('success')).status).toBe('refused');
  await table.clock.advance(1);
  expect((await table.call('success')).status).toBe('executed');
  expect(table.requests()).toBe(7);
});

test('SC-A7-5 before 30 seconds are over every call is refused without a request', async () => {
  const table = bench();
  await fail(table, 5);
  await table.clock.advance(29_999);
  expect(await table.call('success')).toEqual({ status: 'refused', retryAfterMs: 1 });
  expect(table.requests()).toBe(5);
});

test('SC-A7-6 an OPEN read from another worker refuses for its remaining time and is marked as adopted', async () => {
  const first = bench();
  await fail(first, 5);
  const opened = first.changes[0];
  const second = bench();
  await second.clock.advance(12_000);
  const record = { ...KEY, worker: 'w1', to: 'OPEN' as const, atMs: opened?.atMs ?? 0 };
  second.breaker.openFor(remainingOpenMs([record], KEY, { nowMs: second.clock.nowMillis(), openForMs: 30_000 }));
  expect(await second.call('success')).toEqual({ status: 'refused', retryAfterMs: 18_000 });
  expect(second.changes).toMatchObject([{ from: 'CLOSED', to: 'OPEN', isAdopted: true }]);
  await second.clock.advance(18_000);
  expect((await second.call('success')).status).toBe('executed');
  expect(second.changes.slice(1).map(({ isAdopted }) => isAdopted)).toEqual([false, false]);
});

test('OPEN turns to HALF_OPEN by itself, without a call', async () => {
  const table = bench();
  await fail(table, 5);
  await table.clock.advance(30_000);
  expect(steps(table)).toEqual(['CLOSED→OPEN', 'OPEN→HALF_OPEN']);
});

test('a timer that fires early waits on, so that the change is still announced without a call', async () => {
  const clock = createSimulatedClock({ nowMillis: 1_700_000_000_000 });
  const hasty: SimulatedClock = { ...clock, after: (delayMs, callback) => clock.after(Math.max(0.1, delayMs - 0.5), callback) };
  const table = bench(hasty);
  await fail(table, 5);
  await clock.advance(30_001);
  expect(steps(table)).toEqual(['CLOSED→OPEN', 'OPEN→HALF_OPEN']);
});

test('after it was closed down every call is refused', async () => {
  const table = bench();
  table.breaker.close();
  expect(await table.call('success')).toEqual({ status: 'refused', retryAfterMs: 0 });
  expect(table.requests()).toBe(0);
});

test('HALF_OPEN admits one probe: others are refused while it is out', async () => {
  const table = bench();
  await fail(table, 5);
  await table.clock.advance(30_000);
  const probe = table.begin();
  expect(await table.call('success')).toEqual({ status: 'refused', retryAfterMs: 0 });
  probe.end('success');
  await probe.result;
  expect(table.breaker.state()).toBe('CLOSED');
  expect(table.requests()).toBe(6);
});

test('a probe that its caller abandons frees its place and proves nothing', async () => {
  const table = bench();
  await fail(table, 5);
  await table.clock.advance(30_000);
  await table.call('abandoned');
  expect(table.breaker.state()).toBe('HALF_OPEN');
  const probe = table.begin();
  expect((await table.call('success')).status).toBe('refused');
  probe.end('success');
  await probe.result;
  expect(table.breaker.state()).toBe('CLOSED');
});

test('the late result of a call that began before the circuit opened neither closes nor opens it', async () => {
  const table = bench();
  const slowSuccess = table.begin();
  const slowFailure = table.begin();
  await fail(table, 5);
  await table.clock.advance(30_000);
  slowSuccess.end('success');
  expect(await slowSuccess.result).toEqual({ status: 'executed', value: 'success' });
  slowFailure.end('failure');
  expect(await slowFailure.result).toEqual({ status: 'executed', value: 'failure' });
  expect(table.breaker.state()).toBe('HALF_OPEN');
});

test('successes and abandoned calls in CLOSED do not clear the failures that count', async () => {
  const table = bench();
  await fail(table, 4);
  await table.call('success');
  await table.call('abandoned');
  await table.call('failure');
  expect(table.breaker.state()).toBe('OPEN');
});

test('a call that throws counts as a failure and its error reaches the caller', async () => {
  const table = bench();
  const broken = (): Promise<GuardedResult<string>> => table.breaker.execute(() => Promise.reject(new TypeError('boom')), () => 'success');
  for (let index = 0; index < 5; index++) await expect(broken()).rejects.toThrow('boom');
  expect(table.breaker.state()).toBe('OPEN');
});

test('recent records of other circuits, other states and old times do not keep a circuit open', () => {
  const at = { nowMs: 100_000, openForMs: 30_000 };
  const record = { ...KEY, worker: 'w1', to: 'OPEN' as const, atMs: 80_000 };
  expect(remainingOpenMs([record], KEY, at)).toBe(10_000);
  expect(remainingOpenMs([{ ...record, credential: 'other' }, { ...record, endpoint: 'openai' }], KEY, at)).toBe(0);
  expect(remainingOpenMs([{ ...record, to: 'HALF_OPEN' }, { ...record, atMs: 70_000 }], KEY, at)).toBe(0);
  expect(remainingOpenMs([{ ...record, atMs: 999_000 }], KEY, at)).toBe(30_000);
});
