import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CLOSED_CIRCUIT, DEFAULT_CIRCUIT_RULE, evolveCircuit, type CircuitState } from './counting-window.ts';

const after = (failuresAtMs: readonly number[]): CircuitState =>
  failuresAtMs.reduce<CircuitState>(
    (state, nowMs) => (state.status === 'CLOSED' ? evolveCircuit(state, { type: 'call_failed' }, { rule: DEFAULT_CIRCUIT_RULE, nowMs }) : state),
    CLOSED_CIRCUIT,
  );

test('opens exactly when some five failures lie less than a minute apart', () => {
  const times = fc.array(fc.integer({ min: 0, max: 300_000 }), { maxLength: 25 }).map((list) => list.toSorted((a, b) => a - b));
  fc.assert(
    fc.property(times, (failuresAtMs) => {
      const isCrowded = failuresAtMs.some((at, index) => index >= 4 && at - (failuresAtMs[index - 4] ?? 0) < 60_000);
      expect(after(failuresAtMs).status).toBe(isCrowded ? 'OPEN' : 'CLOSED');
    }),
  );
});

test('successes in between change nothing', () => {
  let state: CircuitState = CLOSED_CIRCUIT;
  for (let nowMs = 0; nowMs < 5_000; nowMs += 1_000) {
    state = evolveCircuit(state, { type: 'call_succeeded' }, { rule: DEFAULT_CIRCUIT_RULE, nowMs });
    state = evolveCircuit(state, { type: 'call_failed' }, { rule: DEFAULT_CIRCUIT_RULE, nowMs });
  }
  expect(state).toEqual({ status: 'OPEN', untilMs: 34_000, failureCount: 5 });
});

test('an OPEN read from another worker never lasts longer than the rule, nor shortens one that does', () => {
  const opened = evolveCircuit(CLOSED_CIRCUIT, { type: 'opened_elsewhere', remainingMs: 90_000 }, { rule: DEFAULT_CIRCUIT_RULE, nowMs: 0 });
  expect(opened).toMatchObject({ status: 'OPEN', untilMs: 30_000 });
  expect(evolveCircuit(opened, { type: 'opened_elsewhere', remainingMs: 5_000 }, { rule: DEFAULT_CIRCUIT_RULE, nowMs: 1_000 })).toBe(opened);
  expect(evolveCircuit(CLOSED_CIRCUIT, { type: 'opened_elsewhere', remainingMs: 0 }, { rule: DEFAULT_CIRCUIT_RULE, nowMs: 0 })).toBe(CLOSED_CIRCUIT);
});

test('a minute is less than a minute: the fifth failure exactly 60 seconds after the first leaves it closed', () => {
  expect(after([0, 1, 2, 3, 60_000]).status).toBe('CLOSED');
  expect(after([0, 1, 2, 3, 59_999]).status).toBe('OPEN');
});
