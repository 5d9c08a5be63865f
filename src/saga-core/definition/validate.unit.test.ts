import { expect, test } from '@jest/globals';
import { erase } from '#kernel';
import { defineEvent } from './define-event.ts';
import type { SagaShape } from './saga.ts';
import { NO_RETRY, none, type StepDefinition, undo } from './step.ts';
import { definitionFaults } from './validate.ts';

const begun = defineEvent('v.begun', { text: 'string' });
const told = defineEvent('v.told', { text: 'string' });
const effect = (after: StepDefinition['after'], more: Partial<StepDefinition> = {}): StepDefinition =>
  erase({ kind: 'effect', owner: 'o', number: 1, after, output: told, timeoutMs: 1_000, retry: NO_RETRY, compensation: none('nothing'), ...more });
const arriving = (...until: readonly string[]): Partial<StepDefinition> => ({ forEach: { arriving: told, until } });
const faultsOf = (steps: Readonly<Record<string, StepDefinition>>, more: Partial<SagaShape> = {}): string =>
  definitionFaults({ type: 'valid', version: 1, context: 'c', initiator: 'o', start: begun, timeoutMs: 0, totalSteps: 1, steps, completed: { emits: null }, failed: { emits: null }, ...more }).join('\n');

test('a sound definition has no faults, also where items end with a step beside them', () => {
  expect(faultsOf({ a: effect('start'), each: effect('start', arriving('a')), last: effect({ all: ['a', 'each'] }) })).toBe('');
});

test.each([
  ['itself', { a: effect('start'), each: effect('start', arriving('each')) }],
  ['a step that comes after them', { each: effect('start', arriving('last')), last: effect('each') }],
  ['a forEach that waits for them', { each: effect('start', arriving('more')), more: effect('start', arriving('each')) }],
])('items that end with %s are refused', (_name, steps) => {
  expect(faultsOf(steps)).toContain('waits for itself');
});

test('names are those that are declared, not what every object has', () => {
  expect(faultsOf({ a: effect('constructor') })).toContain('unknown step "constructor"');
  expect(faultsOf({ a: effect('start', { when: 'toString' }) })).toContain('no predicate "toString"');
  expect(faultsOf({ a: effect('start', { forEach: { listed: 'valueOf' } }) })).toContain('no listing "valueOf"');
  expect(faultsOf({ a: effect('start') }, { result: 'hasOwnProperty' })).toContain('result names unknown step');
});

test.each([
  [{ maxAttempts: 0 }, 'maxAttempts'], [{ maxAttempts: Number.NaN }, 'maxAttempts'], [{ maxAttempts: 1.5 }, 'maxAttempts'], [{ initialDelayMs: -1 }, 'initialDelayMs'],
  [{ maxDelayMs: Number.NaN }, 'maxDelayMs'], [{ firstDelayMs: Number.POSITIVE_INFINITY }, 'firstDelayMs'], [{ multiplier: 0 }, 'multiplier'],
])('retries of %j are refused, of a call and of its undo', (wrong, named) => {
  expect(faultsOf({ a: effect('start', erase({ retry: { ...NO_RETRY, ...wrong } })) })).toContain(`step a: retry.${named}`);
  expect(faultsOf({ a: effect('start', { compensation: undo({ retry: { ...NO_RETRY, ...wrong } }) }) })).toContain(`step a, compensation: retry.${named}`);
});

test('limits, owners and numbers that cannot be are refused', () => {
  expect(faultsOf({ a: effect('start', erase({ timeoutMs: Number.NaN })) })).toContain('timeoutMs > 0');
  expect(faultsOf({ a: effect('start', { compensation: undo({ timeoutMs: 0 }) }) })).toContain('step a, compensation: needs timeoutMs > 0');
  expect(faultsOf({ a: effect('start', { owner: ' ' }) })).toContain('owner must name');
  expect(faultsOf({ a: effect('start', { number: -1 }) })).toContain('number must be');
  expect(faultsOf({ a: effect('start') }, { totalSteps: 0 })).toContain('totalSteps');
  expect(faultsOf({ a: effect('start'), b: effect('a', { number: 3 }) }, { totalSteps: 2 })).toBe('step b: number 3 is above totalSteps 2');
  expect(faultsOf({ a: effect('start'), b: effect('a', { number: 2 }) }, { totalSteps: 2 })).toBe('');
});

test('children under the parent\'s id are one of each type, and never items', () => {
  const child = (more: Partial<StepDefinition> = {}): StepDefinition => erase({ kind: 'child', owner: 'o', number: 1, after: 'start', saga: 'kid', id: 'inherited', output: null, compensation: none('ends'), ...more });
  expect(faultsOf({ a: child(arriving()) })).toContain('cannot share the parent\'s id');
  expect(faultsOf({ a: child(), b: child({ after: 'a' }) })).toContain('a second child kid');
  expect(faultsOf({ a: child(), b: child(erase({ after: 'a', id: 'own' })) })).toBe('');
});

test('two event types of one name are refused, one declared twice is not', () => {
  expect(faultsOf({ a: effect('start', { emits: [defineEvent('v.told', { other: 'int' })] }) })).toContain('two event types are named v.told');
  expect(faultsOf({ a: effect('start', { emits: [defineEvent('v.told', { text: 'string' })] }) })).toBe('');
});

const watch = (more: Partial<StepDefinition> = {}): StepDefinition =>
  erase({ kind: 'await', owner: 'o', number: 1, after: 'start', output: null, timeoutMs: 0, onLimit: 'fail', listensTo: [begun], watch: { endsWaiting: true }, compensation: none('watches'), ...more });
const ended = (more: Partial<StepDefinition> = {}): StepDefinition => watch(erase({ watch: { endsWaiting: false }, ...more }));

test('watches that stand beside one another, or alone, are sound', () => {
  expect(faultsOf({ alone: watch({ emits: [told] }) })).toBe('');
  expect(faultsOf({ a: watch(), b: ended({ emits: [told] }), c: watch({ after: 'b' }) })).toBe('');
});

test.each<readonly [string, Readonly<Record<string, StepDefinition>>, string]>([
  ['of another kind', { a: effect('start', erase({ watch: { endsWaiting: true } })) }, 'step a: only an await step can be a watch'],
  ['of items', { a: effect('start'), w: watch(arriving('a')) }, 'step w: a watch has no items'],
  ['at the root of a chain of causes', { w: watch({ isChainRoot: true }) }, 'step w: a watch cannot be a chain root'],
  ['that hears itself', { w: watch(erase({ emits: [told], listensTo: [told] })) }, 'step w: the watch hears what it emits'],
  ['that hear one another', { v: watch(erase({ emits: [told], listensTo: [begun] })), w: watch(erase({ emits: [begun], listensTo: [told] })) }, 'step v: the watch hears what it emits'],
  ['that nothing ends', { w: ended(), other: ended() }, 'step w: it is to end with the saga\'s waiting'],
  ['that only what comes before it could end', { v: watch(), w: ended({ after: 'v' }) }, 'step w: it is to end with the saga\'s waiting'],
])('a watch %s is refused', (_name, steps, fault) => {
  expect(faultsOf(steps)).toContain(fault);
});

test('a watch that hears what another emits, one way, is sound', () => {
  expect(faultsOf({ v: watch(erase({ emits: [told] })), w: watch(erase({ listensTo: [told] })) })).toBe('');
});
