import { endersOf } from './graph.ts';
import type { SagaShape } from './saga.ts';
import { type AwaitStep, isWatch, type StepDefinition, type Watch } from './step.ts';

type WatchStep = AwaitStep & { readonly watch: Watch };
type Named = readonly [name: string, step: WatchStep];

/** The types that one watch emits and another, or itself, listens to. */
const heardBy = (from: WatchStep, to: WatchStep): readonly string[] =>
  (from.emits ?? []).filter((type) => to.listensTo.some((listened) => listened.name === type.name)).map(({ name }) => name);

/** An event that comes back to whoever emitted it calls for the next one, without end. */
const loopFaults = (watches: readonly Named[]): readonly string[] => watches.flatMap(([name, step]) => {
  const reached = new Set<WatchStep>();
  const visit = (from: WatchStep): void => {
    for (const [, to] of watches) {
      if (reached.has(to) || heardBy(from, to).length === 0) continue;
      reached.add(to);
      visit(to);
    }
  };
  visit(step);
  return reached.has(step) ? [`step ${name}: the watch hears what it emits, itself or by way of another watch, and would never come to rest`] : [];
});

/** A watch that only ends with the others needs one beside it that ends the waiting. */
const lonelinessFaults = (saga: SagaShape, watches: readonly Named[]): readonly string[] => watches
  .filter(([name, { watch }]) => !watch.endsWaiting && endersOf(saga, name).length === 0)
  .map(([name]) => `step ${name}: it is to end with the saga's waiting (watch.endsWaiting: false), but no watch that it does not come after ends the waiting`);

const shapeFaults = (name: string, step: StepDefinition): readonly string[] => {
  if (!('watch' in step) || step.watch === undefined) return [];
  if (step.kind !== 'await') return [`step ${name}: only an await step can be a watch`];
  return [
    ...(step.forEach === undefined ? [] : [`step ${name}: a watch has no items; one watch hears all of them, and keys what it emits by the record that caused it`]),
    ...(step.isChainRoot === true ? [`step ${name}: a watch cannot be a chain root, since what it emits names the record that caused it`] : []),
  ];
};

/** What is wrong with the watches of a definition. */
export const watchFaults = (saga: SagaShape): readonly string[] => {
  const watches = Object.entries(saga.steps).filter((entry): entry is [string, WatchStep] => isWatch(entry[1]));
  return [...Object.entries(saga.steps).flatMap(([name, step]) => shapeFaults(name, step)), ...loopFaults(watches), ...lonelinessFaults(saga, watches)];
};
