import { sagaSignalled } from '#contracts/core';
import { type After, type Compensation, definitionFaults, defineSaga, none, NO_RETRY, R3, type SagaDefinition, type SagaShape, type StepDefinition, undo } from '#saga-core';
import type { SimulatedRandom } from '#saga-core/testing';
import { done, noted, opened, receipt } from './types.ts';

export const OWNERS = ['alpha', 'beta', 'gamma'] as const;
export const INITIATOR = 'alpha';
export const ENTITY_OWNER = 'gamma';
export const CONTEXT = 'simulated';

const randomAfter = (random: SimulatedRandom, earlier: readonly string[]): After => {
  const chosen = earlier.filter(() => random.chance(0.45));
  const [first] = chosen;
  if (first === undefined) return 'start';
  if (chosen.length === 1) return first;
  return random.chance(0.3) ? { any: chosen } : { all: chosen };
};

const randomCompensation = (random: SimulatedRandom): Compensation => {
  if (random.chance(0.15)) return none('nothing to undo in this simulation');
  if (random.chance(0.1)) return { kind: 'kept', what: 'stays in this simulation', retry: { maxAttempts: 1, initialDelayMs: 0, maxDelayMs: 0, multiplier: 1 }, timeoutMs: 1_500 };
  return undo({ retry: { maxAttempts: 2, initialDelayMs: 200, maxDelayMs: 1_000, multiplier: 2 }, timeoutMs: 1_500 });
};

/** Effects at a vendor that is idempotent by key and cannot be asked afterwards. */
const UNASKED = 'unasked_';
export const isUnasked = (step: string): boolean => step.startsWith(UNASKED);

const randomStep = (random: SimulatedRandom, number: number, earlier: readonly string[]): StepDefinition => {
  const common = { number, after: randomAfter(random, earlier), compensation: randomCompensation(random), ...(random.chance(0.15) ? { when: random.pick(['always', 'never']) } : {}) };
  const owner = random.pick(OWNERS);
  const items = random.chance(0.25) ? { forEach: { listed: random.pick(['two', 'none']) } } : {};
  const draw = random.next();
  if (draw < 0.2) return { ...common, ...items, kind: 'entity', owner: ENTITY_OWNER, entity: 'shelves', output: receipt };
  if (draw < 0.35) {
    const watch = random.chance(0.6) ? { watch: { endsWaiting: random.chance(0.6) }, emits: [noted] } : {};
    return { ...common, ...watch, kind: 'await', owner, output: null, timeoutMs: 3_000 + random.integer(20_000), onLimit: random.chance(0.5) ? 'complete' : 'fail', listensTo: [sagaSignalled], compensation: none('waiting leaves nothing behind') };
  }
  if (draw < 0.5) return { ...common, ...items, kind: 'effect', owner, output: done, timeoutMs: 1_500, retry: random.chance(0.5) ? NO_RETRY : R3, intent: true };
  return { ...common, ...items, kind: 'effect', owner, output: random.chance(0.5) ? done : null, timeoutMs: 1_500, retry: { maxAttempts: 3, initialDelayMs: 100, maxDelayMs: 2_000, multiplier: 2 } };
};

/** A random acyclic saga of three to six steps over three owners. */
export const randomSaga = (random: SimulatedRandom): SagaDefinition => {
  const steps: Record<string, StepDefinition> = {};
  const count = 3 + random.integer(4);
  for (let index = 0; index < count; index++) {
    const step = randomStep(random, index + 1, Object.keys(steps));
    const isAsked = step.kind !== 'effect' || step.intent === true || random.chance(0.7);
    steps[`${isAsked ? 'step_' : UNASKED}${index}`] = step;
  }
  const shape: SagaShape = {
    type: 'simulated_saga',
    version: 1,
    context: CONTEXT,
    initiator: INITIATOR,
    start: opened,
    timeoutMs: random.chance(0.4) ? 2_000 + random.integer(20_000) : 0,
    totalSteps: count,
    steps,
    listings: { two: () => ['one', 'other'], none: () => [] },
    predicates: { always: () => ({ holds: true }), never: () => ({ holds: false, why: 'never in this simulation' }) },
    completed: { emits: null },
    failed: { emits: null },
  };
  // A watch that nothing could end ends the waiting itself.
  return defineSaga(definitionFaults(shape).length === 0 ? shape : { ...shape, steps: Object.fromEntries(Object.entries(steps).map(([name, step]) => [name, step.kind === 'await' && step.watch !== undefined ? { ...step, watch: { endsWaiting: true } } : step])) });
};
