import { assertNever } from '#kernel';

/** The rule of A7, as data. Times in milliseconds. */
export type CircuitRule = {
  /** Failures that open the circuit … */
  readonly failuresToOpen: number;
  /** … when they lie less than this apart. */
  readonly windowMs: number;
  /** How long it stays open before one probe is let through. */
  readonly openForMs: number;
};

/** Five failures within a minute; half a minute of rest. */
export const DEFAULT_CIRCUIT_RULE: CircuitRule = { failuresToOpen: 5, windowMs: 60_000, openForMs: 30_000 };

export type Closed = { readonly status: 'CLOSED'; readonly failuresAtMs: readonly number[] };
export type Open = { readonly status: 'OPEN'; readonly untilMs: number; readonly failureCount: number };
/** One probe decides; letting out only one is the executor's part. */
export type HalfOpen = { readonly status: 'HALF_OPEN'; readonly failureCount: number };
export type CircuitState = Closed | Open | HalfOpen;

/** What happened, at a monotonic time. Results of calls admitted before the last change of state are not told here. */
export type CircuitEvent =
  | { readonly type: 'time_passed' }
  | { readonly type: 'call_succeeded' }
  | { readonly type: 'call_failed' }
  /** Another worker found the endpoint failing. */
  | { readonly type: 'opened_elsewhere'; readonly remainingMs: number };

export const CLOSED_CIRCUIT: CircuitState = { status: 'CLOSED', failuresAtMs: [] };

/** How many failures count now; what `ops.circuit.state_changed` reports. */
export const failureCountOf = (state: CircuitState): number =>
  state.status === 'CLOSED' ? state.failuresAtMs.length : state.failureCount;

/** The state after an event. Total and pure: the only clock is `nowMs`. */
export const evolveCircuit = (state: CircuitState, event: CircuitEvent, at: { readonly rule: CircuitRule; readonly nowMs: number }): CircuitState => {
  if (event.type === 'opened_elsewhere') return openedElsewhere(state, event.remainingMs, at);
  switch (state.status) {
    case 'CLOSED':
      return evolveClosed(state, event, at);
    case 'OPEN':
      return at.nowMs >= state.untilMs ? { status: 'HALF_OPEN', failureCount: state.failureCount } : state;
    case 'HALF_OPEN':
      return evolveHalfOpen(state, event, at);
    default:
      return assertNever(state, 'circuit state');
  }
};

type At = { readonly rule: CircuitRule; readonly nowMs: number };

/** A success leaves the failures of the window as they are (A7.5). */
const evolveClosed = (state: Closed, event: CircuitEvent, { rule, nowMs }: At): CircuitState => {
  const recent = state.failuresAtMs.filter((failedAtMs) => nowMs - failedAtMs < rule.windowMs);
  if (event.type !== 'call_failed') return recent.length === state.failuresAtMs.length ? state : { status: 'CLOSED', failuresAtMs: recent };
  const failuresAtMs = [...recent, nowMs];
  if (failuresAtMs.length < rule.failuresToOpen) return { status: 'CLOSED', failuresAtMs };
  return { status: 'OPEN', untilMs: nowMs + rule.openForMs, failureCount: failuresAtMs.length };
};

const evolveHalfOpen = (state: HalfOpen, event: CircuitEvent, { rule, nowMs }: At): CircuitState => {
  switch (event.type) {
    case 'call_succeeded':
      return CLOSED_CIRCUIT;
    case 'call_failed':
      return { status: 'OPEN', untilMs: nowMs + rule.openForMs, failureCount: state.failureCount + 1 };
    default:
      return state;
  }
};

/** Never longer than the rule's own rest, whatever another clock says; an OPEN that lasts longer stays. */
const openedElsewhere = (state: CircuitState, remainingMs: number, { rule, nowMs }: At): CircuitState => {
  if (remainingMs <= 0) return state;
  const untilMs = nowMs + Math.min(remainingMs, rule.openForMs);
  if (state.status === 'OPEN' && state.untilMs >= untilMs) return state;
  return { status: 'OPEN', untilMs, failureCount: failureCountOf(state) };
};
