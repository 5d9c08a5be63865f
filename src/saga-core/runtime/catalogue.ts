import { sagaStarted, type EventType } from '#contracts/core';
import { erase } from '#kernel';
import type { SagaContext } from '../definition/context.ts';
import type { AnyHandler, AwaitHandler, Fact } from '../definition/handlers.ts';
import type { ParticipantDefinition } from '../definition/participant.ts';
import { terminal } from '../definition/results.ts';
import type { SagaDefinition, SagaShape } from '../definition/saga.ts';
import { isWatch, type StepDefinition } from '../definition/step.ts';
import { eventTypesOf } from '../definition/validate.ts';
import { compileSaga, type CompiledSaga } from '../engine/index.ts';
import { caught } from './caught.ts';
import type { Catalogue } from './instance-table.ts';

/** The saga definitions a participant takes part in, by type and version, compiled with its own behaviour. */
export const catalogueOf = (participant: ParticipantDefinition): Catalogue & { readonly contexts: readonly string[]; readonly all: readonly CompiledSaga[] } => {
  const definitions = new Map<string, SagaDefinition>();
  const keyed = (saga: SagaDefinition): string => `${saga.type}@${saga.version}`;
  for (const { saga } of [...participant.initiates, ...participant.steps]) definitions.set(keyed(saga), saga);
  const compiled = new Map<string, CompiledSaga>();
  const latest = new Map<string, CompiledSaga>();
  for (const [key, definition] of definitions) {
    const handlers = new Map<string, AnyHandler>(participant.steps.filter((step) => keyed(step.saga) === key).map((step) => [step.step, guarded(step.handler)]));
    const initiation = participant.initiates.find((candidate) => keyed(candidate.saga) === key);
    const saga = compileSaga(definition, { participant: participant.name, handlers, endings: initiation?.endings ?? null });
    compiled.set(key, saga);
    const known = latest.get(definition.type);
    if (known === undefined || known.definition.version < definition.version) latest.set(definition.type, saga);
  }
  return {
    latest: (type) => latest.get(type),
    version: (type, version) => compiled.get(`${type}@${version}`),
    contexts: [...new Set([...definitions.values()].map((definition) => definition.context))],
    all: [...compiled.values()],
  };
};

type Faulted = { readonly 'chorus:fault': string };
const faultOf = (state: unknown): string | null => (typeof state === 'object' && state !== null && 'chorus:fault' in state ? erase<Faulted>(state)['chorus:fault'] : null);

/** An await step whose fold throws must not lose the record for the rest of the instance: the step fails, for that reason. */
const guarded = (handler: AnyHandler): AnyHandler => {
  if (handler.kind !== 'await' && handler.kind !== 'watch') return handler;
  const { fold, verdict } = erase<AwaitHandler<SagaShape, unknown>>(handler);
  // A watch's fold gives its state and a note; a plain one the state itself.
  const folded = (state: unknown): unknown => (handler.kind === 'watch' ? { state } : state);
  return erase<AnyHandler>({
    ...handler,
    fold: (state: unknown, fact: Fact): unknown => {
      if (faultOf(state) !== null) return folded(state);
      const made = caught(() => fold(state, fact));
      return made.ok ? made.value : folded({ 'chorus:fault': `fold of ${fact.type}: ${made.fault}` });
    },
    verdict: (state: unknown, context: SagaContext) => {
      const fault = faultOf(state);
      return fault === null ? verdict(state, context) : terminal(fault);
    },
  });
};

const hasUndo = (handler: AnyHandler): boolean => (handler.kind === 'entity' ? handler.undo !== undefined : 'compensate' in handler && handler.compensate !== undefined);

/** A watch that emits declares what: from its `emits` the log is read. */
const isUndeclared = ({ emits = [] }: StepDefinition, handler: AnyHandler): boolean => handler.kind === 'watch' && handler.emit !== undefined && emits.length === 0;

/** What is wrong with a participant: every fault, so that a worker refuses to start with one message. */
export const participantFaults = (participant: ParticipantDefinition): readonly string[] => {
  const faults: string[] = [];
  const seen = new Set<string>();
  const sagaTypes = new Set([...participant.initiates, ...participant.steps].map(({ saga }) => saga.type));
  for (const { saga, step, handler } of participant.steps) {
    const definition = saga.steps[step];
    const name = `${saga.type}.${step}`;
    if (definition === undefined) faults.push(`${name}: no such step`);
    else {
      if (definition.owner !== participant.name) faults.push(`${name} is owned by ${definition.owner}, not by ${participant.name}`);
      const kind = isWatch(definition) ? 'watch' : definition.kind;
      if (kind !== handler.kind) faults.push(`${name} is ${kind}, its handler ${handler.kind}`);
      if (isUndeclared(definition, handler)) faults.push(`${name}: its handler emits, but its definition declares no events that it emits`);
      if (definition.compensation.kind === 'undo' && !hasUndo(handler)) faults.push(`${name} declares undo(), but its handler has no ${definition.kind === 'entity' ? 'undo' : 'compensate'}`);
      if (definition.kind === 'child' && !sagaTypes.has(definition.saga)) faults.push(`${name} begins ${definition.saga}, a saga that ${participant.name} does not know`);
      if (definition.kind === 'entity' && !participant.entities.some((entity) => entity.name === definition.entity)) faults.push(`${name} asks the entity ${definition.entity}, which ${participant.name} does not own`);
    }
    if (seen.has(`${name}@${saga.version}`)) faults.push(`${name} is implemented twice`);
    seen.add(`${name}@${saga.version}`);
  }
  for (const { saga } of [...participant.initiates, ...participant.steps]) {
    for (const [step, definition] of Object.entries(saga.steps)) {
      if (definition.owner === participant.name && !seen.has(`${saga.type}.${step}@${saga.version}`)) faults.push(`${saga.type}.${step} is owned by ${participant.name} but not implemented`);
    }
    const initiates = participant.initiates.some((candidate) => candidate.saga === saga);
    if (saga.initiator === participant.name && !initiates) faults.push(`${saga.type} is initiated by ${participant.name} but not registered with initiate()`);
  }
  const initiated = new Set<string>();
  for (const { saga } of participant.initiates) {
    const name = `${saga.type}@${saga.version}`;
    if (saga.initiator !== participant.name) faults.push(`${saga.type} is initiated by ${saga.initiator}, not by ${participant.name}`);
    if (initiated.has(name)) faults.push(`${saga.type} is registered with initiate() twice`);
    initiated.add(name);
  }
  for (const entity of participant.entities) if (entity.owner !== participant.name) faults.push(`entity ${entity.name} belongs to ${entity.owner}, not to ${participant.name}`);
  return [...new Set(faults)];
};

/** Every event type that a participant may write in a saga of its own: what its codec must know before it goes live. */
export const eventTypesOfSagas = (sagas: readonly CompiledSaga[]): readonly EventType<unknown>[] => {
  const types = sagas.flatMap(({ definition }) => [
    definition.start,
    ...Object.values(definition.steps).flatMap((step) => eventTypesOf(step)),
    ...[definition.completed.emits, definition.failed.emits].flatMap((type) => (type === null ? [] : [type])),
  ]);
  return [...new Set([sagaStarted, ...types])];
};
