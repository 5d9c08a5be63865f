import { expect, test } from '@jest/globals';
import { mutants } from './support/mutants.ts';
import { simulate } from './support/world.ts';

/* Goal: who guards the guards. Each fault is planted into a seam of the protocol; the checkers must report it, by its name. */
const SEED_COUNT_MAX = 150;
const CALM_LIMIT_MS = 40_000;
const LIMIT_MS = 180_000;

test.each(mutants)('$name is caught', async ({ mutant, seenAs }) => {
  const reported = new Set<string>();
  for (let seed = 1; seed <= SEED_COUNT_MAX && !seenAs.some((invariant) => reported.has(invariant)); seed++) {
    const { violations } = await simulate(seed, { mutant, calmLimitMs: CALM_LIMIT_MS });
    for (const { invariant } of violations) reported.add(invariant);
  }
  expect([...reported].filter((invariant) => seenAs.some((expected) => expected === invariant))).not.toEqual([]);
}, LIMIT_MS);
