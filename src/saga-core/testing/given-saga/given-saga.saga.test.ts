import { expect, test } from '@jest/globals';
import { childSagaEnded, stepCompleted } from '#contracts/core';
import { completed, childSagaId, command, defineEntity, dataType, defineEvent, defineParticipant, defineSaga, event, implementChild, implementEffect, implementEntityStep, initiate, none, NO_RETRY, on } from '#saga-core';
import { createSimulatedClock, givenSaga } from '#saga-core/testing';

/* Goal: the world that authors of sagas meet tells what happened, and what did not. */
const CONTEXT = 'walks';
const set = defineEvent('walks.set', { name: 'string' });
const walked = defineEvent('walks.walked', { name: 'string' });
const open = defineEvent('walks.open', { name: 'string' });
const opened = defineEvent('walks.opened', { name: 'string' });
const base = { version: 1, context: CONTEXT, initiator: 'walker', start: set, timeoutMs: 0, totalSteps: 2, completed: { emits: null }, failed: { emits: null } } as const;
const kid = { kind: 'child', owner: 'walker', saga: 'leg', output: walked, compensation: none('a walk is a walk') } as const;
const leg = defineSaga({
  ...base, type: 'leg', result: 'walk',
  steps: { walk: { kind: 'effect', owner: 'walker', number: 1, after: 'start', output: walked, timeoutMs: 60_000, retry: NO_RETRY, compensation: none('a walk is a walk') } },
});
const hike = defineSaga({
  ...base, type: 'hike',
  steps: {
    pass_gate: { kind: 'entity', owner: 'walker', entity: 'gates', number: 1, after: 'start', output: opened, compensation: none('it closes by itself') },
    outward: { ...kid, id: 'own', number: 2, after: 'pass_gate' },
  },
});

const gateState = dataType<{ readonly count: number }>('walks.Gate', { type: 'record', name: 'Gate', namespace: 'walks', fields: [{ name: 'count', type: 'int' }] });
const gates = defineEntity<{ readonly count: number }>({
  name: 'gates', owner: 'walker', state: gateState, initial: () => ({ count: 0 }), emits: [opened],
  commands: [on(open, ({ count }, { name }) => ({ state: { count: count + 1 }, outcome: completed(event(opened, { name })) }))],
});

const given = async (walk: () => Promise<void> = async () => undefined) => givenSaga({
  participants: [defineParticipant({
    name: 'walker', initiates: [initiate(leg), initiate(hike)], entities: [gates],
    steps: [
      implementEffect(leg, 'walk', { execute: async ({ start }) => { await walk(); return completed(event(walked, start)); } }),
      implementEntityStep(hike, 'pass_gate', { command: ({ start }) => command({ entity: 'gates', key: start.name }, open, start) }),
      implementChild(hike, 'outward', { trigger: ({ start }) => ({ kind: 'event', event: event(set, start) }) }),
    ],
  })],
});
const never = (): Promise<never> => new Promise(() => undefined);

test('an instance that another one started is looked at under its own id; entities keep the invariants too', async () => {
  const world = await given();
  const saga = await world.start(hike, { name: 'Ada' }, { id: 'h' });
  expect([saga.status, saga.result]).toEqual(['PENDING', null]);
  await saga.ended();
  const child = world.saga(leg, childSagaId('h', 'outward', null));
  expect(await child.ended()).toMatchObject({ status: 'COMPLETED', result: { name: 'Ada' } });
  expect([child.status, child.result]).toEqual(['COMPLETED', { name: 'Ada' }]);
  expect(child.events()).toEqual(['walks.set', 'SagaStarted', 'walks.walked walk', 'SagaCompleted']);
  expect(saga.records().map(({ type }) => type)).toContain(childSagaEnded.name);
  expect(world.violations()).toEqual([]);
});

test('nothing is known of an instance that nobody started', async () => {
  const world = await given();
  const saga = world.saga(leg, 'nobody');
  expect([saga.status, saga.events()]).toEqual([null, []]);
  await expect(saga.ended(1_000)).rejects.toThrow('not settled within 1000 ms: nobody is not on the log');
});

test('what does not come is told with what came instead', async () => {
  const world = await given(never);
  const saga = await world.start(leg, { name: 'Ada' }, { id: 'l' });
  await expect(saga.ended(1_000)).rejects.toThrow('not settled within 1000 ms: l is RUNNING\n  walks.set\n  SagaStarted');
  await expect(saga.until('walks.walked walk', 1_000)).rejects.toThrow('no walks.walked walk within 1000 ms: l is RUNNING\n  walks.set\n  SagaStarted');
  await expect(world.until(() => false, 1_000)).rejects.toThrow('the condition does not hold within 1000 ms');
  expect(() => world.crash('runner')).toThrow('participant runner does not run; there are walker');
  await expect(world.restart('runner')).rejects.toThrow('participant runner is not given; there are walker');
});

test('a person\'s order reaches the instance', async () => {
  const world = await given(never);
  const saga = await world.start(leg, { name: 'Ada' });
  await saga.until('SagaStarted');
  await saga.ordered({ action: 'compensate', user: 'ann', reason: 'it rains' });
  expect(await saga.ended()).toMatchObject({ status: 'FAILED', reason: 'operator ann: it rains' });
});

test('a handler that waits on the clock waits in virtual time', async () => {
  const clock = createSimulatedClock({ nowMillis: 0 });
  const world = await givenSaga({
    clock, participants: [defineParticipant({
      name: 'walker', initiates: [initiate(leg)],
      steps: [implementEffect(leg, 'walk', { execute: async ({ start }) => { await new Promise<void>((resolve) => void clock.after(30_000, resolve)); return completed(event(walked, start)); } })],
    })],
  });
  const saga = await world.start(leg, { name: 'Ada' });
  await world.after(29_000);
  expect(saga.status).toBe('RUNNING');
  await world.after(2_000);
  expect(saga.status).toBe('COMPLETED');
});

test('records that break an invariant are told', async () => {
  const world = await given(never);
  const saga = await world.start(leg, { name: 'Ada' }, { id: 'l' });
  await saga.until('SagaStarted');
  const [begun] = saga.records();
  if (begun === undefined) throw new Error('nothing is on the log');
  const { topic, partition, envelope } = begun;
  const outcome = { ...envelope, eventId: 'by-hand', producer: 'stranger', causationId: 'nowhere', stepName: 'walk', outcome: 'completed' as const };
  const value = world.stage.codec.encode(stepCompleted, outcome, { stepName: 'walk', output: null, skipped: false, skipReason: null });
  await (await world.stage.cluster.openTransaction('stranger', { records: [{ topic, partition, key: 'l', value, headers: {}, timestampMs: world.clock.nowMillis() }] })).commit();
  await world.after(1_000);
  expect(world.violations().map(({ invariant }) => invariant)).toEqual(expect.arrayContaining(['I8', 'WRITER']));
});
