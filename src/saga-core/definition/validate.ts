import type { EventType } from '#contracts/core';
import { dependantsOf, dependenciesOf, readableBy, waitsFor } from './graph.ts';
import type { SagaShape } from './saga.ts';
import type { OutputType, RetryPolicy, StepDefinition } from './step.ts';
import { watchFaults } from './watch-faults.ts';

const STEP_NAME = /^[a-z][a-z0-9_]{0,63}$/;
/** Steps are kept as bits of one integer. */
const STEPS_MAX = 30;

const isTokenList = (output: OutputType): output is readonly EventType<unknown>[] => Array.isArray(output);
const eventsOf = (output: OutputType): readonly EventType<unknown>[] => {
  if (output === null) return [];
  if (isTokenList(output)) return output;
  return output.kind === 'event' ? [output] : [];
};

/** Every domain event type that a step may write. */
export const eventTypesOf = (step: StepDefinition): readonly EventType<unknown>[] => [...eventsOf(step.output), ...(step.emits ?? [])];

/** The messages of those claims that hold. */
const faultsOf = (...claims: readonly (readonly [isFault: boolean, message: string])[]): readonly string[] => claims.flatMap(([isFault, message]) => (isFault ? [message] : []));

const isNone = (text: string): boolean => text.trim() === '';
const isWholeFrom = (least: number, value: number): boolean => Number.isInteger(value) && value >= least;

const nameFaults = (saga: SagaShape): readonly string[] => {
  const names = Object.keys(saga.steps);
  return faultsOf(
    [!STEP_NAME.test(saga.type), `type ${JSON.stringify(saga.type)} must be snake_case`],
    [!isWholeFrom(1, saga.version), 'version must be an integer from 1'],
    [!(saga.timeoutMs >= 0), 'timeoutMs must be 0 (none) or more'],
    [!isWholeFrom(1, saga.totalSteps), 'totalSteps must be an integer from 1'],
    [isNone(saga.initiator), 'initiator must name a participant'],
    [names.length === 0, 'a saga needs at least one step'],
    ...Object.entries(saga.steps).map(([name, step]) => [step.number > saga.totalSteps, `step ${name}: number ${step.number} is above totalSteps ${saga.totalSteps}`] as const),
    [names.length > STEPS_MAX, `${names.length} steps, at most ${STEPS_MAX}`],
    ...names.map((name) => [!STEP_NAME.test(name), `step ${JSON.stringify(name)} must be snake_case, at most 64 characters`] as const),
  );
};

const referenceFaults = (saga: SagaShape, name: string, step: StepDefinition): string[] => {
  const faults: string[] = [];
  const known = (other: string, role: string): void => {
    if (!Object.hasOwn(saga.steps, other)) faults.push(`step ${name}: ${role} names unknown step ${JSON.stringify(other)}`);
  };
  for (const dependency of dependenciesOf(step)) known(dependency, 'after');
  for (const read of step.reads ?? []) known(read, 'reads');
  for (const read of step.undoReads ?? []) known(read, 'undoReads');
  if (step.when !== undefined && !Object.hasOwn(saga.predicates ?? {}, step.when)) faults.push(`step ${name}: no predicate ${JSON.stringify(step.when)}`);
  if (step.forEach !== undefined && 'listed' in step.forEach && !Object.hasOwn(saga.listings ?? {}, step.forEach.listed)) faults.push(`step ${name}: no listing ${JSON.stringify(step.forEach.listed)}`);
  if (step.forEach !== undefined && 'arriving' in step.forEach) for (const until of step.forEach.until) known(until, 'forEach.until');
  if (step.after !== 'start' && dependenciesOf(step).length === 0) faults.push(`step ${name}: after names no step (use 'start')`);
  return faults;
};

const retryFaults = (where: string, retry: RetryPolicy): string[] => {
  const faults: string[] = [];
  if (!Number.isInteger(retry.maxAttempts) || retry.maxAttempts < 1) faults.push(`${where}: retry.maxAttempts must be an integer from 1`);
  for (const [name, waitMs] of Object.entries({ initialDelayMs: retry.initialDelayMs, maxDelayMs: retry.maxDelayMs, firstDelayMs: retry.firstDelayMs ?? 0 })) {
    if (!(waitMs >= 0 && Number.isFinite(waitMs))) faults.push(`${where}: retry.${name} must be 0 or more milliseconds`);
  }
  if (!(retry.multiplier >= 1 && Number.isFinite(retry.multiplier))) faults.push(`${where}: retry.multiplier must be at least 1`);
  return faults;
};

const isLimit = (timeoutMs: number): boolean => timeoutMs > 0 && Number.isFinite(timeoutMs);

const limitFaults = (name: string, step: StepDefinition): readonly string[] => {
  const { compensation } = step;
  return [
    ...faultsOf(
      [step.kind === 'effect' && !isLimit(step.timeoutMs), `step ${name}: an effect needs timeoutMs > 0`],
      [isNone(step.owner), `step ${name}: owner must name a participant`],
      [!isWholeFrom(0, step.number), `step ${name}: number must be an integer from 0`],
      [step.kind === 'await' && !(step.timeoutMs >= 0), `step ${name}: timeoutMs must be 0 (none) or more`],
    ),
    ...(step.kind === 'effect' ? retryFaults(`step ${name}`, step.retry) : []),
    ...(compensation.kind === 'none'
      ? faultsOf([isNone(compensation.why), `step ${name}: none() needs a reason`])
      : [...retryFaults(`step ${name}, compensation`, compensation.retry), ...faultsOf([!isLimit(compensation.timeoutMs), `step ${name}, compensation: needs timeoutMs > 0`])]),
  ];
};

/** Children under the parent's id are told apart by their type alone. */
const childFaults = (saga: SagaShape): string[] => {
  const faults: string[] = [];
  const inherited = new Set<string>();
  for (const [name, step] of Object.entries(saga.steps)) {
    if (step.kind !== 'child' || step.id !== 'inherited') continue;
    if (step.forEach !== undefined) faults.push(`step ${name}: the items of a forEach cannot share the parent's id; give each child an id of its own (id: 'own')`);
    if (inherited.has(step.saga)) faults.push(`step ${name}: a second child ${step.saga} under the parent's id; give it an id of its own (id: 'own')`);
    inherited.add(step.saga);
  }
  return faults;
};

const typesOf = (saga: SagaShape): readonly EventType<unknown>[] => [
  saga.start,
  ...Object.values(saga.steps).flatMap((step) => [
    ...eventTypesOf(step),
    ...(step.kind === 'await' ? step.listensTo : []),
    ...(step.forEach !== undefined && 'arriving' in step.forEach ? [step.forEach.arriving] : []),
  ]),
  ...[saga.completed.emits, saga.failed.emits].flatMap((type) => (type === null ? [] : [type])),
];

/** A record names its type by name alone. */
const eventFaults = (saga: SagaShape): string[] => {
  const known = new Map<string, EventType<unknown>>();
  const faults: string[] = [];
  for (const type of typesOf(saga)) {
    const other = known.get(type.name);
    if (other !== undefined && other !== type && JSON.stringify(other.schema) !== JSON.stringify(type.schema)) faults.push(`two event types are named ${type.name}`);
    known.set(type.name, type);
  }
  return faults;
};

const orderFaults = (saga: SagaShape): string[] => {
  const faults: string[] = [];
  for (const [name, step] of Object.entries(saga.steps)) {
    const dependants = dependantsOf(saga, name);
    if (dependants.has(name)) faults.push(`step ${name} depends on itself`);
    else if (waitsFor(saga, name).has(name)) faults.push(`step ${name} waits for itself: its items, or those of a step it waits for, end only after it (forEach.until)`);
    for (const read of readableBy(step)) if (dependants.has(read)) faults.push(`step ${name} reads ${read}, which comes after it`);
  }
  if (saga.result !== undefined && !Object.hasOwn(saga.steps, saga.result)) faults.push(`result names unknown step ${JSON.stringify(saga.result)}`);
  const anchored = Object.values(saga.steps).some((step) => step.after === 'start');
  if (!anchored) faults.push('no step starts: one must be after the start');
  return faults;
};

/** Everything wrong with a definition; empty means well defined. */
export const definitionFaults = (saga: SagaShape): readonly string[] => {
  const steps = Object.entries(saga.steps);
  const local = [...nameFaults(saga), ...childFaults(saga), ...eventFaults(saga), ...watchFaults(saga), ...steps.flatMap(([name, step]) => [...referenceFaults(saga, name, step), ...limitFaults(name, step)])];
  return local.length > 0 ? local : orderFaults(saga);
};
