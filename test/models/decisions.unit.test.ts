import { expect, test } from '@jest/globals';
import { firstViolation } from './chance.ts';
import { runDecisions } from './decisions.ts';

/* Goal: owners that fold the same log decide alike; every rule of deciding and compensating that is left out breaks an invariant. */

test('the decision rules hold through failures, lost answers, crashes and operators', () => {
  expect(firstViolation((seed) => runDecisions(seed, 'designed'), { count: 2_000 })).toBeNull();
});

test.each([
  ['trusts-the-list', 'seed 1: I4: step 3 is undone 0 times, resolved 0'],
  ['ends-without-all-answers', 'seed 4: I4: step 0 is undone 0 times, resolved 0'],
  ['request-never-void', 'seed 139: I2: CompensationFailed after the terminal record'],
  ['anybody-fails-the-saga', 'seed 4: LIVENESS: the saga does not end'],
  ['anybody-completes-the-saga', 'seed 6: LIVENESS: the saga does not end'],
  ['initiator-times-steps-out', 'seed 11: I1: step 0 has several outcomes'],
  ['initiator-skips-steps', 'seed 26: I1: step 1 has several outcomes'],
  ['resolve-ends-the-saga', 'seed 11: I4: step 0 is undone 0 times, resolved 0'],
  ['resolve-applies-always', 'seed 26: I4: step 0 is undone 0 times, resolved 2'],
  ['not-found-without-grace', 'seed 684: I5: the effect of step 0 lives in a FAILED instance'],
  ['undo-in-any-order', 'seed 1: I4: step 0 is undone before what depends on it'],
  ['forgets-calls-under-way', 'seed 27: I5: the effect of step 2 lives in a FAILED instance'],
  ['void-orders-clear-memory', 'seed 42: I4: step 2 is undone 2 times, resolved 0'],
] as const)('%s is caught', (rule, violation) => {
  expect(firstViolation((seed) => runDecisions(seed, rule), { count: 2_000 })).toBe(violation);
});
