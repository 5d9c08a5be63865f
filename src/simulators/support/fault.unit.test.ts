import { expect, test } from '@jest/globals';
import { createFaultBook, parseFault } from './fault.ts';
import { createFaultPlanner, parseFaultPlan, variantFor } from './fault-plan.ts';

const target = { route: 'submit_order', keys: ['saga-1.submit'], symbol: 'AAPL' };

test('reads every form of a fault', () => {
  expect(parseFault(500)).toMatchObject({ kind: 'answer', status: 500, effect: false });
  expect(parseFault(200)).toEqual({ kind: 'none', delayMs: 0 });
  expect(parseFault({ delay_millis: 20 })).toEqual({ kind: 'none', delayMs: 20 });
  expect(parseFault({ lost: true })).toEqual({ kind: 'silent', phase: 'after_effect', delayMs: 0 });
  expect(parseFault({ silent: true })).toEqual({ kind: 'silent', phase: 'before_effect', delayMs: 0 });
  expect(parseFault({ drop: 'before_effect' })).toEqual({ kind: 'drop', phase: 'before_effect', delayMs: 0 });
  expect(parseFault({ text: 'not json' })).toMatchObject({ kind: 'answer', status: 200, text: 'not json', effect: true });
  expect(parseFault('500')).toBeNull();
});

test('a queue of canned statuses is used up in order, then all is normal', () => {
  const book = createFaultBook();
  for (const fault of [500, 500, 200]) book.add({ route: 'submit_order', times: 1, fault });
  const seen = [1, 2, 3, 4].map(() => book.take(target));
  expect(seen.map((fault) => (fault === null ? null : fault.kind))).toEqual(['answer', 'answer', 'none', null]);
});

test('a rule touches only what it is aimed at', () => {
  const book = createFaultBook();
  book.add({ key: 'saga-2.submit', fault: 500 });
  book.add({ symbol: 'MSFT', fault: 500 });
  book.add({ route: 'cancel_order', fault: 500 });
  expect(book.take(target)).toBeNull();
  expect(book.take({ ...target, symbol: 'MSFT' })?.kind).toBe('answer');
});

test('a fault plan is a function of seed and key, with shares close to what was asked', () => {
  const plan = parseFaultPlan({ seed: 7, variants: [{ name: 'error', permille: 100, faults: [500] }, { name: 'lost', permille: 50, faults: [{ lost: true }] }] });
  if (typeof plan === 'string') throw new TypeError(plan);
  const names = Array.from({ length: 10_000 }, (_, index) => variantFor(plan, `key-${index}`)?.name ?? 'none');
  expect(names.filter((name) => name === 'error').length).toBeGreaterThan(850);
  expect(names.filter((name) => name === 'error').length).toBeLessThan(1_150);
  expect(names.slice(0, 500)).toEqual(Array.from({ length: 500 }, (_, index) => variantFor(plan, `key-${index}`)?.name ?? 'none'));
});

test('a planned fault befalls the attempts of a key in order, then stops', () => {
  const planner = createFaultPlanner('submit_order');
  const plan = parseFaultPlan({ seed: 's', key_by: 'symbol_ordinal', variants: [{ name: 'twice', permille: 1000, faults: [500, 503] }] });
  planner.install(typeof plan === 'string' ? null : plan);
  const statuses = [1, 2, 3].map(() => planner.take(target)).map((fault) => (fault.kind === 'answer' ? fault.status : 200));
  expect(statuses).toEqual([500, 503, 200]);
  expect(planner.take({ ...target, route: 'get_order' }).kind).toBe('none');
});

test('by ordinal, the same position within a symbol meets the same fate whatever the ids are', () => {
  const fates = (prefix: string): readonly string[] => {
    const planner = createFaultPlanner('submit_order');
    const plan = parseFaultPlan({ seed: 's', key_by: 'symbol_ordinal', variants: [{ name: 'error', permille: 400, faults: [500] }] });
    planner.install(typeof plan === 'string' ? null : plan);
    return Array.from({ length: 50 }, (_, index) => planner.take({ ...target, keys: [`${prefix}-${index}`] }).kind);
  };
  expect(fates('run1')).toEqual(fates('run2'));
  expect(new Set(fates('run1')).size).toBe(2);
});

test('refuses a plan whose shares exceed the whole', () => {
  expect(parseFaultPlan({ seed: 1, variants: [{ permille: 600 }, { permille: 600 }] })).toContain('1200 permille');
});
