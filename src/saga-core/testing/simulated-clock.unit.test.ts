import { expect, test } from '@jest/globals';
import { createSimulatedClock } from './simulated-clock.ts';
import { createSimulatedProcess } from './simulated-process.ts';
import { createSimulatedRandom } from './simulated-random.ts';

const START = 1_767_623_400_000;

test('timers fire in the order of their instants, equal ones in the order of their setting', async () => {
  const clock = createSimulatedClock({ nowMillis: START });
  const fired: string[] = [];
  const at = (name: string, delayMs: number): void => void clock.after(delayMs, () => fired.push(`${name}@${clock.monotonicMillis()}`));
  at('late', 20);
  at('first', 10);
  at('second', 10);
  at('now', 0);
  await clock.advance(15);
  expect(fired).toEqual(['now@0', 'first@10', 'second@10']);
  expect(clock.monotonicMillis()).toBe(15);
  expect(clock.nowMillis()).toBe(START + 15);
});

test('a cancelled timer does not fire', async () => {
  const clock = createSimulatedClock({ nowMillis: START });
  let count = 0;
  const cancel = clock.after(5, () => count++);
  cancel();
  cancel();
  await clock.runUntilIdle();
  expect(count).toBe(0);
  expect(clock.pendingTimerCount()).toBe(0);
});

test('all promise jobs of a timer run before the next timer, however deep they are nested', async () => {
  const clock = createSimulatedClock({ nowMillis: START });
  const seen: string[] = [];
  clock.after(1, () => {
    void (async () => {
      for (let depth = 0; depth < 50; depth++) await Promise.resolve();
      seen.push('deep');
      clock.after(0, () => seen.push('set by the job'));
    })();
  });
  clock.after(1, () => seen.push('next'));
  await clock.runUntilIdle();
  expect(seen).toEqual(['deep', 'next', 'set by the job']);
});

test('runUntil stops at the condition, or at its limit', async () => {
  const clock = createSimulatedClock({ nowMillis: START });
  let ticks = 0;
  const tick = (): void => void clock.after(10, () => {
    ticks++;
    tick();
  });
  tick();
  expect(await clock.runUntil(() => ticks === 3, 1_000)).toBe(true);
  expect(clock.monotonicMillis()).toBe(30);
  expect(await clock.runUntil(() => ticks === 100, 55)).toBe(false);
  expect(clock.monotonicMillis()).toBe(85);
});

test('something that re-arms itself for ever is found out', async () => {
  const clock = createSimulatedClock({ nowMillis: START });
  const tick = (): void => void clock.after(10, tick);
  tick();
  await expect(clock.runUntilIdle(100)).rejects.toThrow(/still busy after 100 timers/);
});

test('wall time may jump, also backwards; elapsed time and timers do not notice', async () => {
  const clock = createSimulatedClock({ nowMillis: START });
  let fired = false;
  clock.after(100, () => void (fired = true));
  clock.jumpWallTime(-5_000);
  expect(clock.nowMillis()).toBe(START - 5_000);
  await clock.advance(99);
  expect(fired).toBe(false);
  await clock.advance(1);
  expect(fired).toBe(true);
  clock.jumpWallTime(-2 * START);
  expect(clock.nowMillis()).toBe(0);
});

test('a process that stands still hears everything afterwards, in order; a dead one nothing', async () => {
  const clock = createSimulatedClock({ nowMillis: START });
  const process = createSimulatedProcess({ name: 'p', clock, skewMs: 50 });
  const heard: string[] = [];
  process.clock.after(10, () => heard.push('timer'));
  process.pause();
  process.enter(() => heard.push('answer'));
  await clock.advance(1_000);
  expect(heard).toEqual([]);
  process.resume();
  await clock.advance(0);
  expect(heard).toEqual(['answer', 'timer']);
  expect(process.clock.nowMillis() - clock.nowMillis()).toBe(50);
  process.clock.after(1, () => heard.push('too late'));
  process.kill();
  process.resume();
  await clock.runUntilIdle();
  expect(heard).toEqual(['answer', 'timer']);
});

test('a timer cancelled while its process stands still does not fire afterwards', async () => {
  const clock = createSimulatedClock({ nowMillis: START });
  const process = createSimulatedProcess({ name: 'p', clock });
  let count = 0;
  const cancel = process.clock.after(10, () => count++);
  process.pause();
  await clock.advance(20);
  cancel();
  process.resume();
  await clock.runUntilIdle();
  expect(count).toBe(0);
});

test('the same seed gives the same numbers, another seed and another fork others', () => {
  const draw = (random: ReturnType<typeof createSimulatedRandom>): readonly number[] => Array.from({ length: 8 }, random.next);
  const numbers = draw(createSimulatedRandom(7));
  expect(draw(createSimulatedRandom(7))).toEqual(numbers);
  expect(draw(createSimulatedRandom(8))).not.toEqual(numbers);
  expect(draw(createSimulatedRandom(7).fork('a'))).not.toEqual(draw(createSimulatedRandom(7).fork('b')));
  const drawn = createSimulatedRandom(7);
  const fork = drawn.fork('a');
  drawn.next();
  expect(draw(fork)).toEqual(draw(createSimulatedRandom(7).fork('a')));
});

test('numbers are uniform enough and ids are 22 characters of base64url', () => {
  const random = createSimulatedRandom(1);
  const counts = Array.from({ length: 10 }, () => 0);
  for (let index = 0; index < 10_000; index++) {
    const bucket = random.integer(10);
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  expect(random.id()).toMatch(/^[A-Za-z0-9_-]{22}$/);
  expect(new Set(Array.from({ length: 1_000 }, random.id)).size).toBe(1_000);
  expect(() => random.pick([])).toThrow(RangeError);
});
