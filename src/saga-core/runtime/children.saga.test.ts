import { expect, test } from '@jest/globals';
import { childSagaEnded, sagaCompleted, sagaRefused, type StepCompleted, stepCompleted, stepFailed } from '#contracts/core';
import { type ChildTrigger, compensated, completed, defineParticipant, defineSaga, event, implementChild, implementEffect, initiate, none, NO_RETRY, type SagaContext, type SagaShape, type StepDefinition, undo } from '#saga-core';
import { givenSaga } from '#saga-core/testing';
import { erase } from '#kernel';
import { begun, CONTEXT, told } from '../../../test/support/runtime-stage.ts';

const base = { version: 1, context: CONTEXT, initiator: 'alone', start: begun, timeoutMs: 0, totalSteps: 2, completed: { emits: null }, failed: { emits: null } } as const;
const effect: StepDefinition = { kind: 'effect', owner: 'alone', number: 1, after: 'start', output: told, timeoutMs: 1_000, retry: NO_RETRY, compensation: none('nothing') };
const kid: StepDefinition = { kind: 'child', owner: 'alone', number: 1, after: 'start', saga: 'child', id: 'own', output: told, compensation: none('ends by itself') };

type Options = { readonly steps: Readonly<Record<string, StepDefinition>>; readonly more?: Partial<SagaShape>; readonly child?: Partial<SagaShape>; readonly trigger?: (context: SagaContext) => ChildTrigger };
const run = async ({ steps, more = {}, child: childMore = {}, trigger = ({ start }) => ({ kind: 'event', event: event(begun, erase(start)) }) }: Options) => {
  const child = defineSaga({ ...base, type: 'child', steps: { act: effect }, result: 'act', ...childMore });
  const parent = defineSaga({ ...base, type: 'parent', steps, ...more });
  const told_ = async ({ start, item }: SagaContext) => completed(event(told, { text: `${erase<{ readonly text: string }>(start).text}${item ?? ''}` }));
  const implemented = Object.entries(steps).map(([name, step]) => (step.kind === 'child' ? implementChild(parent, erase(name), { trigger }) : implementEffect(parent, erase(name), { execute: told_, compensate: async () => compensated() })));
  const world = await givenSaga({ participants: [defineParticipant({ name: 'alone', initiates: [initiate(parent), initiate(child)], steps: [...implemented, implementEffect(child, erase('act'), { execute: told_ })] })] });
  const saga = await world.start(parent, { text: 'a' }, { id: 'p' });
  const result = await saga.ended();
  expect(world.violations()).toEqual([]);
  return { world, saga, result };
};

test('each listed item begins a child of its own, and the parent completes when all of them have', async () => {
  const { world, result } = await run({ steps: { each: { ...kid, forEach: { listed: 'all' } } }, more: { listings: { all: () => ['x', 'y'] } } });
  expect(result).toMatchObject({ status: 'COMPLETED' });
  expect(world.records().filter(({ type }) => type === childSagaEnded.name)).toHaveLength(2);
  expect(world.records().filter(({ type }) => type === sagaCompleted.name)).toHaveLength(3);
});

test('each listed item of an effect with an intent is called once, behind the intent', async () => {
  const { saga, result } = await run({ steps: { each: { ...effect, intent: true, forEach: { listed: 'all' }, compensation: undo() } }, more: { listings: { all: () => ['x', 'y'] } } });
  expect(result).toMatchObject({ status: 'COMPLETED' });
  expect(saga.events()).toEqual(['stage.begun', 'SagaStarted', 'StepStarted each x', 'StepStarted each y', 'StepStarted each', 'StepStarted each x', 'StepStarted each y', 'stage.told each x', 'stage.told each y', 'SagaCompleted']);
});

test('the result of a child with an id of its own is its step\'s output', async () => {
  const { world, saga } = await run({ steps: { child: kid } });
  const answer = saga.records().find(({ type, envelope }) => type === stepCompleted.name && envelope.stepName === 'child');
  expect(world.stage.codec.decodeData(erase<StepCompleted>(answer?.payload).output ?? new Uint8Array())).toEqual({ type: told.name, value: { text: 'a' } });
});

test('a child that is refused reports to its parent', async () => {
  const { world, result } = await run({ steps: { child: kid }, child: { validate: () => ['never'] } });
  expect(result).toMatchObject({ status: 'FAILED', reason: expect.stringContaining('refused: never') });
  expect(world.records().map(({ type }) => type)).toContain(sagaRefused.name);
  expect(world.workerOf('alone').worker.status()).toMatchObject([{ openInstances: 0 }]);
});

test.each([
  ['skipped', { first: { ...effect, output: begun, when: 'no' }, child: { ...kid, id: 'inherited', after: 'first' } }],
  ['not declared', { first: { ...effect, output: begun }, second: effect, child: { ...kid, id: 'inherited', after: 'second' } }],
] as const)('a child whose trigger is an output that is %s fails its step and says why', async (_name, steps) => {
  const { saga, result } = await run({ steps, more: { predicates: { no: () => ({ holds: false, why: 'never' }) } }, trigger: () => ({ kind: 'output', step: 'first' }) });
  expect(result).toMatchObject({ status: 'FAILED' });
  expect(saga.records().find(({ type }) => type === stepFailed.name)?.payload).toMatchObject({ stepName: 'child', errorKind: 'Terminal', reason: expect.stringContaining('output of step first, which is not there') });
});
