import { expect, test } from '@jest/globals';
import { LazyPosition } from './lazy-position.ts';

const stage = () => {
  let nowMs = 0;
  const timers: { readonly atMs: number; readonly callback: () => void }[] = [];
  const clock = {
    nowMillis: () => nowMs,
    monotonicMillis: () => nowMs,
    after: (delayMs: number, callback: () => void) => {
      const timer = { atMs: nowMs + delayMs, callback };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), 1);
    },
  };
  const pass = (ms: number): void => {
    nowMs += ms;
    for (const timer of timers.filter(({ atMs }) => atMs <= nowMs)) {
      timers.splice(timers.indexOf(timer), 1);
      timer.callback();
    }
  };
  return { position: new LazyPosition({ at: { topic: 't', partition: 1 }, clock, intervalMs: 1_000 }), pass, timers };
};

test('is told at once, then at most once an interval, and asks for a transaction when none comes', () => {
  const { position, pass, timers } = stage();
  let kicks = 0;
  const kick = (): void => { kicks++; };
  expect(position.due()).toBeNull();
  position.reached(5, kick);
  expect(position.due()).toEqual({ offsets: [{ topic: 't', partition: 1, offset: 5, metadata: '' }], records: [] });
  position.reached(9, kick);
  expect(position.due()).toBeNull();
  pass(1_000);
  expect(kicks).toBe(1);
  expect(position.due()?.offsets[0]?.offset).toBe(9);
  // An older offset that is confirmed late neither goes back nor asks for anything.
  position.reached(7, kick);
  expect(timers).toHaveLength(0);
  expect(position.due()).toBeNull();
});

test('asks for nothing once it is closed', () => {
  const { position, pass, timers } = stage();
  let kicks = 0;
  position.reached(1, () => { kicks++; });
  position.close();
  pass(10_000);
  expect(kicks).toBe(0);
  expect(timers).toHaveLength(0);
});
