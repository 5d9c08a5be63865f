import { expect, test } from '@jest/globals';
import { firstViolation } from './chance.ts';
import { runLateRequests } from './late-requests.ts';

/* Goal: an initialisation that arrives late costs a takeover and never a wrong record, as long as each is followed by a claim. */

test.each(['one-id', 'two-ids-claim-by-the-first'] as const)('%s holds', (rule) => {
  expect(firstViolation((seed) => runLateRequests(seed, rule), { count: 2_000 })).toBeNull();
});

// Where a fault shows once in thousands of schedules, the search begins near where it does.
test.each([
  ['initialises-again', 1, 'seed 6: I1: instance 2 has 2 outcomes'],
  ['second-id-on-first-use', 1, 'seed 4: I1: instance 1 has 3 outcomes'],
  ['both-ids-at-once', 2_800, 'seed 2810: I1: instance 0 has 2 outcomes'],
  ['claim-by-the-last', 1_200, 'seed 1254: I1: instance 0 has 2 outcomes'],
] as const)('%s is caught', (rule, from, violation) => {
  expect(firstViolation((seed) => runLateRequests(seed, rule), { from, count: 500 })).toBe(violation);
});
