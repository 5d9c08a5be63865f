import type { SagaShape } from './saga.ts';
import { isWatch, type StepDefinition } from './step.ts';

/** The steps that `step` waits for directly. */
export const dependenciesOf = (step: StepDefinition): readonly string[] => {
  const { after } = step;
  if (after === 'start') return [];
  if (typeof after === 'string') return [after];
  return 'all' in after ? after.all : after.any;
};

/** Every step that depends on `name`, directly or not. */
export const dependantsOf = (saga: SagaShape, name: string): ReadonlySet<string> => {
  const found = new Set<string>();
  const visit = (dependency: string): void => {
    for (const [candidate, step] of Object.entries(saga.steps)) {
      if (found.has(candidate) || !dependenciesOf(step).includes(dependency)) continue;
      found.add(candidate);
      visit(candidate);
    }
  };
  visit(name);
  return found;
};

/** The watches whose completion ends the watch `name`: whatever comes after one of them waits for something else. */
export const endersOf = (saga: SagaShape, name: string): readonly string[] =>
  Object.entries(saga.steps).filter(([other, step]) => other !== name && isWatch(step) && step.watch.endsWaiting && !dependantsOf(saga, other).has(name)).map(([other]) => other);

/** Every step that must be complete before `name` is: those it depends on, and those that end its items, directly or not. */
export const waitsFor = (saga: SagaShape, name: string): ReadonlySet<string> => {
  const found = new Set<string>();
  const visit = (step: StepDefinition | undefined): void => {
    if (step === undefined) return;
    const until = step.forEach !== undefined && 'arriving' in step.forEach ? step.forEach.until : [];
    for (const other of [...dependenciesOf(step), ...until]) {
      if (found.has(other)) continue;
      found.add(other);
      visit(saga.steps[other]);
    }
  };
  visit(saga.steps[name]);
  return found;
};

/** The steps whose outputs a handler of `step` may read. */
export const readableBy = (step: StepDefinition): readonly string[] => [...dependenciesOf(step), ...(step.reads ?? [])];
