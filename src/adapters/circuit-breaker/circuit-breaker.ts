import { EventEmitter } from 'node:events';
import Opossum from 'opossum';
import { assertNever } from '#kernel';
import type { Cancel, Clock } from '#saga-core/ports';
import { CLOSED_CIRCUIT, DEFAULT_CIRCUIT_RULE, evolveCircuit, failureCountOf, type CircuitEvent, type CircuitRule, type CircuitState } from './counting-window.ts';
import type { CircuitKey } from './shared-state.ts';

/** Longest delay a Node timer takes: opossum's own half-open timer is set to it, so that it never acts before us. */
const NEVER_MS = 2 ** 31 - 1;

/** What a finished call says about the endpoint. Business refusals (403, 422) and 429 are successes: the endpoint answers. */
export type CallVerdict = 'success' | 'failure' | 'abandoned';

export type CircuitChange = CircuitKey & {
  readonly from: CircuitState['status'];
  readonly to: CircuitState['status'];
  /** Failures counted when it changed. */
  readonly failures: number;
  /** Wall time, milliseconds since the epoch. */
  readonly atMs: number;
  /** true: taken over from another worker's record, which is not to be announced again (A7.6). */
  readonly isAdopted: boolean;
};

export type GuardedResult<Value> =
  | { readonly status: 'executed'; readonly value: Value }
  /** Nothing was sent. The time is 0 while a probe is out. */
  | { readonly status: 'refused'; readonly retryAfterMs: number };

export type CircuitBreaker = CircuitKey & {
  /** Runs a call unless the circuit is open. `call` must not reject for an expected answer; if it rejects, that is a failure. */
  readonly execute: <Value>(call: () => Promise<Value>, judge: (value: Value) => CallVerdict) => Promise<GuardedResult<Value>>;
  /** Another worker's OPEN, for the rest of its time. */
  readonly openFor: (remainingMs: number) => void;
  readonly state: () => CircuitState['status'];
  /** Ends its timer. Calls under way finish. */
  readonly close: () => void;
};

export type CircuitBreakerOptions = CircuitKey & {
  readonly clock: Clock;
  readonly onStateChange: (change: CircuitChange) => void;
  readonly rule?: CircuitRule;
};

type Call = () => Promise<CallVerdict>;
type Executor = Opossum<[Call], CallVerdict>;

class CallFailed extends Error {
  override readonly name = 'CallFailed';
}

/**
 * opossum executes calls; the pure window decides. Its rate rule cannot fire (no rate exceeds infinity), its timers are
 * off, and its half-open state comes from a fresh instance born half-open, because opossum has no call to enter it: results
 * of calls admitted before then go to the instance that admitted them and cannot close or open the new one.
 */
const newExecutor = (state: CircuitState['status'], rotation: EventEmitter): Executor =>
  new Opossum(
    async (call: Call) => {
      const verdict = await call();
      if (verdict === 'failure') throw new CallFailed('the call failed by its verdict');
      return verdict;
    },
    {
      timeout: false,
      errorThresholdPercentage: Number.POSITIVE_INFINITY,
      resetTimeout: NEVER_MS,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      rotateBucketController: rotation,
      ...(state === 'HALF_OPEN' ? { state: { enabled: true, name: 'probe', closed: false, halfOpen: true, open: false, warmUp: false, shutdown: false } } : {}),
    },
  );

/** Breaker of one endpoint and credential in this process (A7). Time comes from the clock alone. */
export const createCircuitBreaker = (options: CircuitBreakerOptions): CircuitBreaker => {
  const rule = options.rule ?? DEFAULT_CIRCUIT_RULE;
  const { clock, endpoint, credential } = options;
  let state: CircuitState = CLOSED_CIRCUIT;
  /** Rises with every change of state: results carry the epoch in which their call was admitted. */
  let epoch = 0;
  /**
   * opossum keeps every latency in its current bucket, percentiles or not. Turned once per call instead of by an interval,
   * its buckets stay small and there is no timer.
   */
  const rotation = new EventEmitter();
  let executor = newExecutor('CLOSED', rotation);
  let cancelTimer: Cancel | null = null;

  /** A host's timer may fire a fraction of a millisecond before its time: then the wait goes on. */
  const awaitHalfOpen = (untilMs: number): void => {
    cancelTimer = clock.after(Math.max(1, untilMs - clock.monotonicMillis()), () => {
      apply({ type: 'time_passed' });
      if (state.status === 'OPEN' && state.untilMs === untilMs) awaitHalfOpen(untilMs);
    });
  };

  const command = (to: CircuitState): void => {
    cancelTimer?.();
    cancelTimer = null;
    switch (to.status) {
      case 'OPEN':
        executor.open();
        awaitHalfOpen(to.untilMs);
        return;
      case 'HALF_OPEN':
      case 'CLOSED':
        executor.shutdown();
        executor = newExecutor(to.status, rotation);
        return;
      default:
        return assertNever(to, 'circuit state');
    }
  };

  const apply = (event: CircuitEvent): void => {
    const before = state;
    state = evolveCircuit(before, event, { rule, nowMs: clock.monotonicMillis() });
    if (state.status === before.status) {
      // An OPEN made longer by another worker needs a later timer.
      if (state !== before && state.status === 'OPEN') command(state);
      return;
    }
    epoch += 1;
    command(state);
    options.onStateChange({
      endpoint, credential, from: before.status, to: state.status, failures: failureCountOf(state.status === 'CLOSED' ? before : state),
      atMs: clock.nowMillis(), isAdopted: event.type === 'opened_elsewhere',
    });
  };

  const report = (verdict: CallVerdict, admittedIn: number): void => {
    if (admittedIn !== epoch) return;
    if (verdict !== 'abandoned') return apply({ type: verdict === 'success' ? 'call_succeeded' : 'call_failed' });
    // opossum has counted the one probe; a fresh instance has its place free.
    if (state.status === 'HALF_OPEN') command(state);
  };

  const execute = async <Value>(call: () => Promise<Value>, judge: (value: Value) => CallVerdict): Promise<GuardedResult<Value>> => {
    apply({ type: 'time_passed' });
    const admittedIn = epoch;
    let outcome: Outcome<Value> | null = null;
    const guarded: Call = async () => {
      try {
        const value = await call();
        outcome = { value };
        return judge(value);
      } catch (cause) {
        outcome = { cause };
        return 'failure';
      }
    };
    const verdict = await executor.fire(guarded).catch((cause: unknown): CallVerdict | 'refused' => {
      if (cause instanceof CallFailed) return 'failure';
      if (isRefusal(cause)) return 'refused';
      throw cause;
    });
    if (verdict === 'refused') {
      return { status: 'refused', retryAfterMs: state.status === 'OPEN' ? Math.max(0, state.untilMs - clock.monotonicMillis()) : 0 };
    }
    rotation.emit('rotate');
    report(verdict, admittedIn);
    return settled(outcome);
  };

  return {
    endpoint,
    credential,
    execute,
    openFor: (remainingMs) => apply({ type: 'opened_elsewhere', remainingMs }),
    state: () => {
      apply({ type: 'time_passed' });
      return state.status;
    },
    close: () => {
      cancelTimer?.();
      cancelTimer = null;
      executor.shutdown();
    },
  };
};

type Outcome<Value> = { readonly value: Value } | { readonly cause: unknown };

/** opossum's own refusals: the circuit is open, its one probe is out, or the breaker was closed down with its worker. */
const isRefusal = (cause: unknown): boolean =>
  typeof cause === 'object' && cause !== null && 'code' in cause && (cause.code === 'EOPENBREAKER' || cause.code === 'ESHUTDOWN');

const settled = <Value>(outcome: Outcome<Value> | null): GuardedResult<Value> => {
  if (outcome === null) throw new TypeError('circuit breaker: the call was admitted but not made');
  if ('cause' in outcome) throw outcome.cause;
  return { status: 'executed', value: outcome.value };
};
