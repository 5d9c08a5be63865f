import type { StepLimits } from '../definition/context.ts';
import { dependantsOf, dependenciesOf, endersOf, readableBy } from '../definition/graph.ts';
import type { AnyHandler, Endings } from '../definition/handlers.ts';
import type { SagaDefinition, SagaShape } from '../definition/saga.ts';
import { isWatch, type StepDefinition } from '../definition/step.ts';

/** A set of steps as bits of one integer (at most 30 steps). */
export type StepSet = number;
export const has = (set: StepSet, index: number): boolean => (set & (1 << index)) !== 0;

/** A step with everything about its place in the graph worked out once. */
export type CompiledStep = {
  readonly index: number;
  readonly name: string;
  /** Under which its own actions are busy, forwards and backwards; an item's add its name. */
  readonly forwardKey: string;
  readonly compensationKey: string;
  readonly definition: StepDefinition;
  readonly dependencies: StepSet;
  readonly isAnyEnough: boolean;
  /** Steps that depend on this one, directly or not. */
  readonly dependants: StepSet;
  /** Of a forEach step whose items arrive: the steps whose outcomes end the arriving. */
  readonly until: StepSet;
  readonly arrivingType: string | null;
  readonly isWatch: boolean;
  /** Of a watch: the watches whose completion ends it. */
  readonly endedBy: StepSet;
  /** The behaviour, where the folding participant owns the step. */
  readonly handler: AnyHandler | null;
  /** Its output is read by something the folding participant owns. */
  readonly isOutputKept: boolean;
};

/** One saga definition as one participant folds it. */
export type CompiledSaga = {
  readonly definition: SagaDefinition;
  readonly steps: readonly CompiledStep[];
  readonly indexOf: ReadonlyMap<string, number>;
  readonly owned: readonly CompiledStep[];
  readonly isInitiator: boolean;
  readonly endings: Endings<SagaShape>;
  /** Types that some own await step listens to. */
  readonly listenedTypes: ReadonlySet<string>;
  /** Types that open items. */
  readonly arrivingTypes: ReadonlySet<string>;
  readonly isStartKept: boolean;
};

export type ParticipantView = {
  readonly participant: string;
  readonly handlers: ReadonlyMap<string, AnyHandler>;
  /** Present where the participant initiates the saga. */
  readonly endings: Endings<SagaShape> | null;
};

export type PinnedLimits = readonly ({ readonly step: string } & StepLimits)[];

/** Of one step, pinned or not. */
export const limitsOf = (step: StepDefinition): StepLimits => ({
  timeoutMs: step.kind === 'effect' || step.kind === 'await' ? step.timeoutMs : 0,
  maxAttempts: step.kind === 'effect' ? step.retry.maxAttempts : 1,
});

/** The limits in force of every step, as the start record pins them. */
export const limitsInForce = (definition: SagaDefinition): PinnedLimits =>
  Object.entries(definition.steps).map(([step, stepDefinition]) => ({ step, ...limitsOf(stepDefinition) }));

/** The limits that an instance of this saga, pinned or not, runs under. */
export const limitsOfSteps = (saga: CompiledSaga): PinnedLimits =>
  saga.steps.map((step) => ({ step: step.name, ...limitsOf(step.definition) }));

const pinnedStep = (step: StepDefinition, limits: StepLimits): StepDefinition => {
  if (step.kind === 'effect') return { ...step, timeoutMs: limits.timeoutMs, retry: { ...step.retry, maxAttempts: limits.maxAttempts } };
  return step.kind === 'await' ? { ...step, timeoutMs: limits.timeoutMs } : step;
};

/** The usual case: every step's own limits, in the definition's order. */
const areOwn = ({ steps }: CompiledSaga, pinned: PinnedLimits): boolean =>
  pinned.length === steps.length && pinned.every((limit, index) => {
    const step = steps[index];
    if (step === undefined || step.name !== limit.step) return false;
    const own = limitsOf(step.definition);
    return limit.timeoutMs === own.timeoutMs && limit.maxAttempts === own.maxAttempts;
  });

/** The saga under the limits that an instance's start record pinned; the very same object where they are the definition's own. */
export const withPinnedLimits = (saga: CompiledSaga, pinned: PinnedLimits): CompiledSaga => {
  if (areOwn(saga, pinned)) return saga;
  const limits = new Map(pinned.map((limit) => [limit.step, limit]));
  const differs = (step: CompiledStep): boolean => {
    const limit = limits.get(step.name);
    const own = limitsOf(step.definition);
    return limit !== undefined && (limit.timeoutMs !== own.timeoutMs || limit.maxAttempts !== own.maxAttempts);
  };
  if (!saga.steps.some(differs)) return saga;
  const steps = saga.steps.map((step): CompiledStep => {
    const limit = limits.get(step.name);
    return limit === undefined ? step : { ...step, definition: pinnedStep(step.definition, limit) };
  });
  return { ...saga, steps, owned: steps.filter((step) => step.handler !== null) };
};

const setOf = (names: readonly string[], indexOf: ReadonlyMap<string, number>): StepSet => {
  let set = 0;
  for (const name of names) set |= 1 << (indexOf.get(name) ?? 31);
  return set;
};

/** Outputs that something of this participant reads: its steps, its endings, its children's results. */
const keptOutputs = (saga: SagaShape, view: ParticipantView): ReadonlySet<string> => {
  const kept = new Set<string>();
  for (const [name, step] of Object.entries(saga.steps)) {
    if (view.handlers.has(name)) for (const read of [...readableBy(step), ...(step.undoReads ?? [])]) kept.add(read);
  }
  if (view.endings !== null) {
    for (const read of [...(saga.completed.reads ?? []), ...(saga.failed.reads ?? [])]) kept.add(read);
  }
  if (saga.result !== undefined) kept.add(saga.result);
  return kept;
};

export const compileSaga = (definition: SagaDefinition, view: ParticipantView): CompiledSaga => {
  const names = Object.keys(definition.steps);
  const indexOf = new Map(names.map((name, index) => [name, index]));
  const kept = keptOutputs(definition, view);
  const steps = Object.entries(definition.steps).map(([name, step], index): CompiledStep => ({
    index,
    name,
    forwardKey: `f:${name}`,
    compensationKey: `c:${name}`,
    definition: step,
    dependencies: setOf(dependenciesOf(step), indexOf),
    isAnyEnough: typeof step.after === 'object' && 'any' in step.after,
    dependants: setOf([...dependantsOf(definition, name)], indexOf),
    until: step.forEach !== undefined && 'arriving' in step.forEach ? setOf(step.forEach.until, indexOf) : 0,
    arrivingType: step.forEach !== undefined && 'arriving' in step.forEach ? step.forEach.arriving.name : null,
    isWatch: isWatch(step),
    endedBy: isWatch(step) ? setOf(endersOf(definition, name), indexOf) : 0,
    handler: view.handlers.get(name) ?? null,
    isOutputKept: kept.has(name),
  }));
  const owned = steps.filter((step) => step.handler !== null);
  const arriving = steps.flatMap((step) => (step.arrivingType === null ? [] : [step.arrivingType]));
  const listened = owned.flatMap((step) => (step.definition.kind === 'await' ? step.definition.listensTo.map((type) => type.name) : []));
  return {
    definition,
    steps,
    indexOf,
    owned,
    isInitiator: view.endings !== null,
    endings: view.endings ?? {},
    listenedTypes: new Set(listened),
    arrivingTypes: new Set(arriving),
    isStartKept: owned.length > 0 || view.endings !== null,
  };
};
