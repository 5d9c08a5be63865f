import { erase } from '#kernel';
import { type SagaSignalled } from '#contracts/core';
import {
  absent, ambiguous, command, compensated, completed, data, defineEntity, defineParticipant, type EntityDefinition, event, initiate, on, type ParticipantDefinition,
  type SagaContext, type SagaDefinition, type StepDefinition, type StepImplementation, terminal, requireCompensation,
} from '#saga-core';
import type { SimulatedProcess } from '#saga-core/testing';
import { ENTITY_OWNER, INITIATOR, isUnasked, OWNERS } from './random-saga.ts';
import { done, noted, receipt, release, reserve, type Shelf, shelf } from './types.ts';
import type { Vendor } from './vendor.ts';

type Handler = StepImplementation['handler'];

const LOOK_UP_LIMIT_MS = 500;
/** Sagas that fit on one shelf: more are refused. */
export const SHELF_SIZE = 3;
const SHELF_COUNT = 2;

const shelfOf = (context: SagaContext): string => `shelf-${[...context.sagaId].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % SHELF_COUNT}`;

/** Holds at most so many keys; a key is held once. */
export const shelves: EntityDefinition = defineEntity<Shelf>({
  name: 'shelves',
  owner: ENTITY_OWNER,
  state: shelf,
  initial: () => ({ holders: [] }),
  emits: [],
  commands: [
    on(reserve, (state, { key }) => state.holders.length >= SHELF_SIZE
      ? { state, outcome: requireCompensation('the shelf is full') }
      : { state: { holders: [...state.holders, key] }, outcome: completed(data(receipt, { key }), { compensationData: data(receipt, { key }) }) }),
    on(release, (state, { key }) => ({ state: { holders: without(state.holders, key) }, outcome: compensated() })),
  ],
});

const without = (holders: readonly string[], key: string): readonly string[] => {
  const at = holders.indexOf(key);
  return at < 0 ? [...holders, `released twice: ${key}`] : holders.toSpliced(at, 1);
};

const outputOf = (saga: SagaDefinition, context: SagaContext) => (saga.steps[context.stepName]?.output === null ? null : event(done, { key: context.idempotencyKey }));

type EffectOptions = { readonly vendor: Vendor; readonly process: SimulatedProcess; readonly saga: SagaDefinition; readonly isIntent: boolean; readonly isUnasked: boolean };

/** Idempotent by key and, where it is not unasked, to be looked up; or, with an intent, neither. */
const effectHandler = ({ vendor, process, saga, isIntent, isUnasked: cannotAsk }: EffectOptions): Handler => {
  const limitOf = (context: SagaContext): number => {
    const step = saga.steps[context.stepName];
    return step?.kind === 'effect' ? step.timeoutMs : LOOK_UP_LIMIT_MS;
  };
  const callOf = (context: SagaContext) => ({ from: process, key: context.idempotencyKey.replace(/:compensate$/, ':execute'), limitMs: limitOf(context) });
  const done_ = (context: SagaContext) => completed(outputOf(saga, context), { compensationData: data(receipt, { key: context.idempotencyKey }) });
  const execute = async (context: SagaContext) => {
    const answer = await (isIntent ? vendor.executeBlindly(callOf(context)) : vendor.execute(callOf(context)));
    return answer === 'done' ? done_(context) : terminal('the vendor refuses');
  };
  const compensate = async (context: SagaContext) => {
    const answer = await vendor.undo({ ...callOf(context), limitMs: 1_500 });
    return answer === 'undone' ? compensated() : ambiguous('the vendor does not know');
  };
  if (isIntent || cannotAsk) return { kind: 'effect', execute, compensate };
  const reconcile = async (context: SagaContext) => {
    const answer = await vendor.lookUp({ ...callOf(context), limitMs: LOOK_UP_LIMIT_MS });
    return answer === 'done' ? done_(context) : answer === 'refused' ? terminal('the vendor refuses') : absent;
  };
  return { kind: 'effect', execute, reconcile, compensate };
};

const entityHandler: Handler = {
  kind: 'entity',
  command: (context) => command({ entity: 'shelves', key: shelfOf(context) }, reserve, { key: context.idempotencyKey }),
  undo: (context, kept) => command({ entity: 'shelves', key: shelfOf(context) }, release, { key: erase<{ readonly value?: { readonly key: string }; readonly key?: string }>(kept).key ?? context.idempotencyKey }),
};

const awaitHandler: Handler = {
  kind: 'await',
  initial: 0,
  fold: (state, fact) => erase<number>(state) + (erase<SagaSignalled>(fact.payload).signal === 'go' ? 1 : 100),
  verdict: (state) => {
    const seen = erase<number>(state);
    return seen === 0 ? null : seen >= 100 ? terminal('told not to go on') : completed(null);
  },
};

const GO_COUNT = 3;
/** Notes every signal to go on, and ends with the third. */
const watchHandler: Handler = {
  kind: 'watch',
  initial: 0,
  fold: (state, fact) => (erase<SagaSignalled>(fact.payload).signal === 'go' ? { state: erase<number>(state) + 1, note: fact.eventId } : { state: erase<number>(state) + 100 }),
  emit: (note) => [event(noted, { key: erase<string>(note) })],
  verdict: (state) => {
    const seen = erase<number>(state);
    return seen < GO_COUNT ? null : seen >= 100 ? terminal('told not to go on') : completed(null);
  },
};

const handlerOf = (definition: StepDefinition, of: Omit<EffectOptions, 'isIntent'>): Handler => {
  switch (definition.kind) {
    case 'effect': return effectHandler({ ...of, isIntent: definition.intent === true });
    case 'entity': return entityHandler;
    default: return definition.kind === 'await' && definition.watch !== undefined ? watchHandler : awaitHandler;
  }
};

/** The three participants of one saga, as one process runs them. */
export const participantsOf = (saga: SagaDefinition, vendor: Vendor, process: SimulatedProcess): readonly ParticipantDefinition[] =>
  OWNERS.map((name) => {
    const steps = Object.entries(saga.steps).filter(([, step]) => step.owner === name).map(([step, definition]): StepImplementation => ({
      saga,
      step,
      handler: handlerOf(definition, { vendor, process, saga, isUnasked: isUnasked(step) }),
    }));
    return defineParticipant({
      name,
      initiates: name === INITIATOR ? [initiate(saga)] : [],
      steps,
      entities: name === ENTITY_OWNER ? [shelves] : [],
      writesTo: { entities: ['shelves'] },
    });
  });
