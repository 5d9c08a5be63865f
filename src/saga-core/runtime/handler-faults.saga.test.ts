import { expect, test } from '@jest/globals';
import { instanceParked, sagaCompleted, sagaFailed, sagaRefused, sagaQuarantined, stepFailed } from '#contracts/core';
import {
  compensated, completed, command, defineEntity, defineParticipant, defineSaga, event, implementAwait, implementChild, implementEffect, implementEntityStep, initiate, none, NO_RETRY, on, type ParticipantDefinition,
  type SagaDefinition, type StepDefinition, terminal, undo, type Endings, type SagaShape, type StepImplementation,
} from '#saga-core';
import { asked, begun, CONTEXT, RuntimeStage, told } from '../../../test/support/runtime-stage.ts';
import { erase } from '#kernel';

/*
 * Goal: whatever an author's function does, the saga ends or is parked, and the task lives on. Each case is one saga
 * whose step `first` works and whose step `second` is broken in one place; a second instance runs beside it.
 */
const first: StepDefinition = { kind: 'effect', owner: 'alone', number: 1, after: 'start', output: told, timeoutMs: 1_000, retry: NO_RETRY, compensation: undo() };
const effect: StepDefinition = { kind: 'effect', owner: 'alone', number: 2, after: 'first', output: told, timeoutMs: 1_000, retry: NO_RETRY, compensation: undo() };

const boom = (): never => {
  throw new Error('the author erred');
};
const unsound = event(told, erase<{ readonly text: string }>({ text: 'a', more: 1 }));

type Case = { readonly second: StepDefinition; readonly handler: unknown; readonly shape?: Partial<SagaShape>; readonly endings?: Endings<SagaShape>; readonly undoFirst?: () => unknown };
const implement: Readonly<Record<StepDefinition['kind'], unknown>> = { effect: implementEffect, entity: implementEntityStep, await: implementAwait, child: implementChild };

/** What a worker demands of a step that declares `undo()`. */
const undos = { compensate: async () => compensated(), undo: () => command({ entity: 'boxes', key: 'k' }, asked, { text: 'undone' }) };

const participantOf = ({ second, handler, shape = {}, endings = {}, undoFirst = () => compensated() }: Case): { readonly saga: SagaDefinition; readonly participant: ParticipantDefinition } => {
  const saga: SagaDefinition = defineSaga({
    type: 'faulty', version: 1, context: CONTEXT, initiator: 'alone', start: begun, timeoutMs: 0, totalSteps: 2, steps: { first, second }, completed: { emits: told }, failed: { emits: null }, ...shape,
  });
  const steps: readonly StepImplementation[] = [
    implementEffect(saga, erase('first'), { execute: async () => completed(event(told, { text: 'one' })), compensate: async () => erase(undoFirst()) }),
    erase<(saga: SagaDefinition, step: string, handler: unknown) => StepImplementation>(implement[second.kind])(saga, 'second', { ...undos, ...erase<object>(handler) }),
  ];
  return { saga, participant: defineParticipant({ name: 'alone', initiates: [initiate(saga, endings)], steps, entities: [box] }) };
};

const box = defineEntity<{ readonly text: string }>({
  name: 'boxes', owner: 'alone', state: { kind: 'data', name: 'stage.Box', schema: { type: 'record', name: 'Box', namespace: 'stage', fields: [{ name: 'text', type: 'string' }] } }, initial: () => ({ text: '' }), emits: [],
  commands: [on(asked, (state) => ({ state, outcome: completed(null) }))],
});
const isSound = (text: string): boolean => text === 'sound';
const run = async (broken: Case) => {
  const { saga, participant } = participantOf(broken);
  const stage = await RuntimeStage.open({ participants: [participant], types: [box.state] });
  const { worker } = await stage.start();
  const client = stage.client();
  await stage.settled(client.start(saga, { text: 'a' }, { id: 'broken' }));
  return { stage, worker, client, saga };
};
const entityStep: StepDefinition = { kind: 'entity', owner: 'alone', number: 2, after: 'first', entity: 'boxes', output: null, compensation: undo() };
const awaitStep: StepDefinition = { kind: 'await', owner: 'alone', number: 2, after: 'first', output: null, timeoutMs: 0, onLimit: 'fail', listensTo: [told], compensation: none('waits only') };
const fold = (state: unknown): unknown => state;
const works = { execute: async () => completed(event(told, { text: 'two' })), compensate: async () => compensated() };

test.each<readonly [string, Case, string, boolean]>([
  ['a predicate throws', { second: { ...effect, when: 'odd' }, handler: works, shape: { predicates: { odd: boom } } }, 'predicate odd: the author erred', false],
  ['a predicate reads what is not declared', { second: { ...effect, after: 'start', when: 'odd' }, handler: works, shape: { predicates: { odd: (outputs) => (outputs.of('second', told) === null ? { holds: true } : { holds: false, why: '' }) } } }, 'is not declared', false],
  ['a listing throws', { second: { ...effect, forEach: { listed: 'all' } }, handler: works, shape: { listings: { all: boom } } }, 'listing all: the author erred', false],
  ['a listing names an item twice', { second: { ...effect, forEach: { listed: 'all' } }, handler: works, shape: { listings: { all: () => ['a', 'a'] } } }, 'listed twice', false],
  ['an effect throws before it gives a promise', { second: effect, handler: { ...works, execute: boom } }, 'the author erred', true],
  ['an effect answers nothing', { second: effect, handler: { ...works, execute: async () => undefined } }, 'status', true],
  ['an effect answers what cannot be encoded', { second: effect, handler: { ...works, execute: async () => completed(unsound) } }, 'more is not a field', true],
  ['an effect answers an event of no known type', { second: effect, handler: { ...works, execute: async () => completed({ type: { kind: 'event', name: 'stage.strange', schema: {} }, payload: {} }) } }, 'stage.strange', true],
  ['an entity command throws', { second: entityStep, handler: { command: boom } }, 'the author erred', false],
  ['an entity command cannot be encoded', { second: entityStep, handler: { command: () => command({ entity: 'boxes', key: 'k' }, asked, erase({})) } }, 'text is missing', false],
  ['an entity command goes to an undeclared entity', { second: entityStep, handler: { command: () => command({ entity: 'strangers', key: 'k' }, asked, { text: 'a' }) } }, 'writesTo', false],
  ['a verdict throws', { second: awaitStep, handler: { initial: 0, fold, verdict: boom } }, 'verdict: the author erred', false],
  ['the fold of facts throws', { second: awaitStep, handler: { initial: 0, fold: boom, verdict: () => null } }, 'fold of stage.told: the author erred', false],
  ['an answer at the limit throws', { second: { ...awaitStep, timeoutMs: 500, onLimit: 'complete' }, handler: { initial: 0, fold, verdict: () => null, atLimit: boom } }, 'the author erred', false],
  ['a child trigger throws', { second: { kind: 'child', owner: 'alone', number: 2, after: 'first', saga: 'faulty', id: 'own', output: null, compensation: none('none') }, handler: { trigger: boom } }, 'the author erred', false],
])('%s: the step fails for that reason and the saga is undone', async (_name, broken, reason, isUnknown) => {
  const { stage, worker } = await run(broken);
  await stage.until(sagaFailed);
  const [failed] = await stage.until(stepFailed);
  expect(failed?.payload).toMatchObject({ stepName: 'second', outcomeUnknown: isUnknown, reason: expect.stringContaining(reason) });
  expect(failed?.envelope.stepName).toBe('second');
  expect(stage.types().filter((type) => type.startsWith('CompensationCompleted first'))).toHaveLength(1);
  await stage.clock.advance(3_000);
  expect(worker.status()).toMatchObject([{ tasks: 2, liveTasks: 2, openInstances: 0, counters: { inFlight: 0, takeovers: 2 } }]);
  await stage.settled(worker.stop());
});

test.each<readonly [string, Case, string]>([
  ['a compensation throws before it gives a promise', { second: effect, handler: { execute: async () => terminal('no') }, undoFirst: boom }, 'the author erred'],
  ['a compensation answers what cannot be encoded', { second: effect, handler: { execute: async () => terminal('no') }, undoFirst: () => compensated({ events: [unsound] }) }, 'more is not a field'],
])('%s: it is quarantined, and an operator may resolve it', async (_name, broken, reason) => {
  const { stage, client, saga } = await run(broken);
  const [quarantined] = await stage.until(sagaQuarantined);
  expect(quarantined?.payload['reason']).toContain(reason);
  await stage.settled(client.order(saga, 'broken', { action: 'resolve', user: 'u', reason: 'r' }));
  await stage.until(sagaFailed);
});

test('an entity undo that throws is quarantined, not lost', async () => {
  const last: StepDefinition = { ...effect, number: 3, after: 'second' };
  const broken: Case = { second: entityStep, handler: { command: () => command({ entity: 'boxes', key: 'k' }, asked, { text: 'a' }), undo: boom }, shape: { steps: { first, second: entityStep } } };
  const { saga, participant } = participantOf(broken);
  const three: SagaDefinition = defineSaga({ ...saga, totalSteps: 3, steps: { ...saga.steps, third: last } });
  const whole = defineParticipant({ ...participant, initiates: [initiate(three)], steps: [...participant.steps.map((step) => ({ ...step, saga: three })), implementEffect(three, erase('third'), { execute: async () => terminal('no'), compensate: async () => compensated() })] });
  const stage = await RuntimeStage.open({ participants: [whole], types: [box.state] });
  await stage.start();
  await stage.settled(stage.client().start(three, { text: 'a' }, { id: 'broken' }));
  const [quarantined] = await stage.until(sagaQuarantined);
  expect(quarantined?.payload).toMatchObject({ stepName: 'second', reason: 'the author erred' });
});

test('a validation that throws refuses the start with its reason', async () => {
  const { stage } = await run({ second: effect, handler: works, shape: { validate: boom } });
  const [refused] = await stage.until(sagaRefused);
  expect(refused?.payload['faults']).toEqual(['the author erred']);
});

test.each<readonly [string, Endings<SagaShape>, string]>([
  ['throws', { completed: ({ start }) => (isSound(erase<{ readonly text: string }>(start).text) ? {} : boom()) }, 'the author erred'],
  ['cannot be encoded', { completed: ({ start }) => (isSound(erase<{ readonly text: string }>(start).text) ? {} : { event: unsound }) }, 'more is not a field'],
])('an ending that %s parks its instance; others go on, and a new takeover tries once more', async (_name, endings, reason) => {
  const { stage, worker, client, saga } = await run({ second: effect, handler: works, endings });
  const [parked] = await stage.until(instanceParked);
  expect(parked?.payload['reason']).toContain(reason);
  expect(parked?.envelope.correlationId).toBe('broken');
  const other = await stage.settled(client.start(saga, { text: 'sound' }, { id: 'other' }));
  expect(await stage.settled(other.result())).toMatchObject({ status: 'COMPLETED' });
  await stage.clock.advance(30_000);
  expect(stage.types('broken').filter((type) => type.startsWith('InstanceParked'))).toHaveLength(1);
  expect(worker.status()).toMatchObject([{ openInstances: 1, liveTasks: 2 }]);
  expect(await stage.settled(worker.recover('alone'))).toEqual(['broken']);
  await stage.until(instanceParked, 2);
  // The writer's chain has no gap, whatever was tried in vain.
  const seqs = stage.seen().filter(({ envelope }) => envelope.correlationId === 'broken' && envelope.chain.id === 'alone').map(({ envelope }) => envelope.chain.seq);
  expect(seqs).toEqual(seqs.map((_, index) => index + 1));
  expect(stage.seen().filter(({ type }) => type === sagaCompleted.name)).toHaveLength(1);
  expect(stage.deadLetters()).toEqual([]);
});
