import type { EventType } from '#contracts/core';
import { dependantsOf, dependenciesOf, readableBy } from './graph.ts';
import type { SagaShape } from './saga.ts';
import type { OutputType, StepDefinition } from './step.ts';

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

const nameFaults = (saga: SagaShape): string[] => {
  const faults: string[] = [];
  if (!STEP_NAME.test(saga.type)) faults.push(`type ${JSON.stringify(saga.type)} must be snake_case`);
  if (!Number.isInteger(saga.version) || saga.version < 1) faults.push('version must be an integer from 1');
  if (!(saga.timeoutMs >= 0)) faults.push('timeoutMs must be 0 (none) or more');
  const names = Object.keys(saga.steps);
  if (names.length === 0) faults.push('a saga needs at least one step');
  if (names.length > STEPS_MAX) faults.push(`${names.length} steps, at most ${STEPS_MAX}`);
  for (const name of names) if (!STEP_NAME.test(name)) faults.push(`step ${JSON.stringify(name)} must be snake_case, at most 64 characters`);
  return faults;
};

const referenceFaults = (saga: SagaShape, name: string, step: StepDefinition): string[] => {
  const faults: string[] = [];
  const known = (other: string, role: string): void => {
    if (!(other in saga.steps)) faults.push(`step ${name}: ${role} names unknown step ${JSON.stringify(other)}`);
  };
  for (const dependency of dependenciesOf(step)) known(dependency, 'after');
  for (const read of step.reads ?? []) known(read, 'reads');
  for (const read of step.undoReads ?? []) known(read, 'undoReads');
  if (step.when !== undefined && !(step.when in (saga.predicates ?? {}))) faults.push(`step ${name}: no predicate ${JSON.stringify(step.when)}`);
  if (step.forEach !== undefined && 'listed' in step.forEach && !(step.forEach.listed in (saga.listings ?? {}))) faults.push(`step ${name}: no listing ${JSON.stringify(step.forEach.listed)}`);
  if (step.forEach !== undefined && 'arriving' in step.forEach) for (const until of step.forEach.until) known(until, 'forEach.until');
  if (step.after !== 'start' && dependenciesOf(step).length === 0) faults.push(`step ${name}: after names no step (use 'start')`);
  return faults;
};

const limitFaults = (name: string, step: StepDefinition): string[] => {
  const faults: string[] = [];
  if (step.kind === 'effect' && !(step.timeoutMs > 0)) faults.push(`step ${name}: an effect needs timeoutMs > 0`);
  if (step.kind === 'effect' && !(step.retry.maxAttempts >= 1)) faults.push(`step ${name}: retry.maxAttempts must be at least 1`);
  if (step.kind === 'await' && !(step.timeoutMs >= 0)) faults.push(`step ${name}: timeoutMs must be 0 (none) or more`);
  if (step.compensation.kind === 'none' && step.compensation.why.trim() === '') faults.push(`step ${name}: none() needs a reason`);
  return faults;
};

const orderFaults = (saga: SagaShape): string[] => {
  const faults: string[] = [];
  for (const [name, step] of Object.entries(saga.steps)) {
    const dependants = dependantsOf(saga, name);
    if (dependants.has(name)) faults.push(`step ${name} depends on itself`);
    for (const read of readableBy(step)) if (dependants.has(read)) faults.push(`step ${name} reads ${read}, which comes after it`);
  }
  if (saga.result !== undefined && !(saga.result in saga.steps)) faults.push(`result names unknown step ${JSON.stringify(saga.result)}`);
  const anchored = Object.values(saga.steps).some((step) => step.after === 'start');
  if (!anchored) faults.push('no step starts: one must be after the start');
  return faults;
};

/** Everything wrong with a definition; empty means well defined. */
export const definitionFaults = (saga: SagaShape): readonly string[] => {
  const steps = Object.entries(saga.steps);
  const local = [...nameFaults(saga), ...steps.flatMap(([name, step]) => [...referenceFaults(saga, name, step), ...limitFaults(name, step)])];
  return local.length > 0 ? local : orderFaults(saga);
};
