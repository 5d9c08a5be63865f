import { expect, test } from '@jest/globals';
import { runCheckpoints } from './checkpoints.ts';
import { firstViolation } from './chance.ts';

/* Goal: a recovery from checkpoints and watermark knows what a fold of the whole log knows. */

test('a checkpoint is written again before the watermark passes what it lacks', () => {
  expect(firstViolation((seed) => runCheckpoints(seed, 'designed'), { count: 5_000 })).toBeNull();
});

test('a checkpoint written once, whose tombstone follows, is caught', () => {
  expect(firstViolation((seed) => runCheckpoints(seed, 'written-once'), { count: 100 })).toBe('seed 1: I10: instance 0 is recovered with 2 of 3 steps');
});
