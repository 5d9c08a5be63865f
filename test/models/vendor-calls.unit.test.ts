import { expect, test } from '@jest/globals';
import { firstViolation } from './chance.ts';
import { runVendorCalls, type VendorCallRule } from './vendor-calls.ts';

/* Goal: no call of a predecessor takes effect after its successor has told the log that there is none. */

test('the mended rules hold against killed, paused and unknowingly replaced owners', () => {
  expect(firstViolation((seed) => runVendorCalls(seed, 'mended'), { count: 3_000 })).toBeNull();
});

test.each<readonly [VendorCallRule, RegExp, number?]>([
  ['acts-behind-a-newer-claim', /step \d is cancelled, and its effect lives$/],
  ['calls-unconfirmed', /step \d is undone, and its effect lives$/],
  ['concludes-early', /step \d is undone, and its effect lives$/],
  ['calls-again-early', /step \d took effect more than once$/, 5_500],
  ['calls-after-the-limit', /step \d took effect more than once$/],
])('%s is caught', (rule, violation, from = 1) => {
  expect(firstViolation((seed) => runVendorCalls(seed, rule), { from, count: 5_000 })).toMatch(violation);
});
