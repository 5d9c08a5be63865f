import { expect, test } from '@jest/globals';
import { firstViolation } from './chance.ts';
import { runTakeover } from './takeover.ts';

/* Goal: whoever follows the protocol writes one outcome per instance and loses none; every rule left out breaks that. */

test('the protocol holds through zombies, lost answers, stale positions and strangers’ transactions', () => {
  expect(firstViolation((seed) => runTakeover(seed, 'designed'), { count: 2_000 })).toBeNull();
});

test.each([
  ['no-fence', 'seed 7: I1: instance 0 has 2 outcomes'],
  ['decides-before-its-claim-is-read', 'seed 2: I1: instance 1 has 2 outcomes'],
  ['trusts-the-end-offset', 'seed 43: I1: instance 0 has 2 outcomes'],
  ['watermark-is-the-position', 'seed 14: I9: instance 1 has no outcome'],
] as const)('%s is caught', (rule, violation) => {
  expect(firstViolation((seed) => runTakeover(seed, rule), { count: 3_000 })).toBe(violation);
});
