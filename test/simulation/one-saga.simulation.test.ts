import { describe, expect, test } from '@jest/globals';
import { simulate } from './support/world.ts';

/*
 * Goal: whatever the weather, the invariants hold. Method: each seed draws a saga, faults of the log, kills, zombies,
 * re-balances and operators; when the storm is over everything must end, and the records are judged by checkers that
 * share no code with the engine.
 */
const SEED_COUNT = 500;
const CHUNK = 50;
const LIMIT_MS = 180_000;

const chunks = Array.from({ length: SEED_COUNT / CHUNK }, (_, index) => [index * CHUNK + 1, (index + 1) * CHUNK] as const);

test.each(chunks)('the invariants hold for the seeds %i to %i', async (from, to) => {
  const bad: string[] = [];
  for (let seed = from; seed <= to; seed++) {
    const { violations } = await simulate(seed);
    if (violations.length === 0) continue;
    bad.push(`seed ${seed}, replayed by: node --conditions=chorus:source test/simulation/run.ts ${seed} --records --trace`);
    for (const { invariant, instance, message } of violations.slice(0, 5)) bad.push(`  ${invariant} ${instance ?? ''}: ${message}`);
  }
  expect(bad).toEqual([]);
}, LIMIT_MS);

describe('the simulation itself', () => {
  test('a seed replays to the same records, byte for byte', async () => {
    const [first, second] = [await simulate(17), await simulate(17)];
    expect(second.records).toEqual(first.records);
    expect(second.eventCount).toBe(first.eventCount);
  }, LIMIT_MS);

  test('it is rough enough: takeovers, completed and failed instances, and watches with something to say all happen', async () => {
    const sum = { completed: 0, failed: 0, takeovers: 0, instances: 0, noted: 0 };
    for (let seed = 1; seed <= 20; seed++) {
      const result = await simulate(seed);
      sum.completed += result.completedCount;
      sum.failed += result.failedCount;
      sum.takeovers += result.takeoverCount;
      sum.noted += result.notedCount;
      sum.instances += result.instanceCount;
    }
    expect(sum.instances).toBe(20 * 6);
    expect(sum.completed).toBeGreaterThan(10);
    expect(sum.failed).toBeGreaterThan(10);
    expect(sum.takeovers).toBeGreaterThan(100);
    expect(sum.noted).toBeGreaterThan(20);
  }, LIMIT_MS);
});
