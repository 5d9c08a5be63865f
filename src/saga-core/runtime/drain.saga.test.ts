import { expect, test } from '@jest/globals';
import { sagaCompleted, sagaStarted, stepStarted } from '#contracts/core';
import { absent, completed, defineParticipant, defineSaga, type EffectHandler, event, implementEffect, initiate, none, pending, type StepResult, transient } from '#saga-core';
import type { FaultyRequest, Verdict } from '#saga-core/testing';
import { begun, CONTEXT, names, NAMESPACE, RuntimeStage, told } from '../../../test/support/runtime-stage.ts';

/*
 * Goal: a planned stop turns no call under way into a question for the next owner, as far as time allows; and nothing begins that
 * it would have to wait for. Method: two steps, the first a call that the test lets last as long as it wants.
 */
const DRAIN_MS = 10_000;
const REVOKE_MS = 3_000;
const sagaOf = (isIntent: boolean) => defineSaga({
  type: 'calling', version: 1, context: CONTEXT, initiator: 'alone', start: begun, timeoutMs: 0, totalSteps: 2, completed: { emits: null }, failed: { emits: null },
  steps: {
    call: {
      kind: 'effect', owner: 'alone', number: 1, after: 'start', output: told, timeoutMs: 60_000, intent: isIntent,
      retry: { maxAttempts: 3, initialDelayMs: 500, maxDelayMs: 500, multiplier: 1 }, compensation: none('only talk'),
    },
    next: { kind: 'effect', owner: 'alone', number: 2, after: 'call', output: told, timeoutMs: 1_000, retry: { maxAttempts: 1, initialDelayMs: 100, maxDelayMs: 100, multiplier: 1 }, compensation: none('only talk') },
  },
});
type Saga = ReturnType<typeof sagaOf>;
const says = (text: string) => completed(event(told, { text }));

type Calls = { executed: number; asked: number; aborted: number; next: number };
const newCalls = (): Calls => ({ executed: 0, asked: 0, aborted: 0, next: 0 });
const open = async (handlerOf: (calls: Calls, after: (ms: number, result: StepResult) => Promise<StepResult>) => EffectHandler<Saga>, options: { readonly isIntent?: boolean; readonly faults?: (request: FaultyRequest) => Verdict } = {}) => {
  const calls = newCalls();
  const saga = sagaOf(options.isIntent ?? false);
  const holder: { stage?: RuntimeStage } = {};
  const after = (ms: number, result: StepResult): Promise<StepResult> => new Promise((resolve) => void holder.stage?.clock.after(ms, () => resolve(result)));
  const { execute, reconcile } = handlerOf(calls, after);
  const participant = defineParticipant({
    name: 'alone', initiates: [initiate(saga)],
    steps: [
      implementEffect(saga, 'call', {
        execute: (context, signal) => {
          calls.executed++;
          signal.addEventListener('abort', () => { calls.aborted++; });
          return execute(context, signal);
        },
        ...(reconcile === undefined ? {} : { reconcile: (context, signal) => { calls.asked++; return reconcile(context, signal); } }),
      }),
      implementEffect(saga, 'next', { execute: async () => { calls.next++; return says('next'); } }),
    ],
  });
  const stage = await RuntimeStage.open({ participants: [participant], ...(options.faults === undefined ? {} : { faults: { onRequest: options.faults } }) });
  holder.stage = stage;
  return { stage, saga, calls };
};
/** Until the call of one saga is under way. */
const call = async ({ stage, saga, calls }: Awaited<ReturnType<typeof open>>): Promise<void> => {
  await stage.settled(stage.client().start(saga, { text: 'a' }, { id: 's' }));
  expect(await stage.clock.runUntil(() => calls.executed === 1, 1_000)).toBe(true);
};
const steal = (stage: RuntimeStage) => stage.settled(stage.cluster.connect('thief').log.writer(`${NAMESPACE}/alone/${names.saga(CONTEXT)}/0`).fence());

test('a call under way is answered, its answer committed, and nothing follows it; the successor need not ask', async () => {
  const set = await open((_calls, after) => ({ execute: () => after(4_000, says('done')), reconcile: async () => absent }));
  const { stage, calls } = set;
  const { worker } = await stage.start();
  await call(set);
  const startedAtMs = stage.clock.monotonicMillis();
  const stopped = worker.stop();
  await stage.clock.advance(100);
  expect(worker.status()).toMatchObject([{ isReady: false, liveTasks: 1, drainingTasks: 1 }]);
  await stage.settled(stopped);
  expect(stage.clock.monotonicMillis() - startedAtMs).toBeLessThan(5_000);
  expect(stage.types('s')).toEqual(['begun', 'SagaStarted', 'told call']);
  expect(worker.status()).toMatchObject([{ tasks: 0, drainingTasks: 0 }]);
  await stage.start();
  await stage.until(sagaCompleted);
  expect(calls).toEqual({ executed: 1, asked: 0, aborted: 0, next: 1 });
});

test.each([
  { how: 'fails', answer: (): StepResult => transient('aborted') },
  { how: 'succeeds', answer: (): StepResult => says('late') },
  { how: 'throws', answer: (): StepResult => { throw new Error('aborted'); } },
])('a call that outlasts the bound is aborted, and nothing of it is recorded though it $how then', async ({ answer }) => {
  const set = await open(() => ({
    execute: (_context, signal) => new Promise<void>((resolve) => { signal.addEventListener('abort', () => resolve()); }).then(answer),
    reconcile: async () => says('found'),
  }));
  const { stage, calls } = set;
  const { worker } = await stage.start();
  await call(set);
  const stopped = worker.stop();
  await stage.clock.advance(DRAIN_MS - 100);
  expect(calls.aborted).toBe(0);
  await stage.settled(stopped, 1_000);
  expect(calls.aborted).toBe(1);
  await stage.clock.advance(60_000);
  expect(stage.types('s')).toEqual(['begun', 'SagaStarted']);
  await stage.start();
  await stage.until(sagaCompleted);
  expect(calls).toMatchObject({ executed: 1, asked: 1 });
});

test('no call begins after a look-up that found nothing: the successor makes it', async () => {
  const set = await open((calls, after) => ({
    execute: () => (calls.executed === 1 ? new Promise(() => undefined) : Promise.resolve(says('done'))),
    reconcile: () => (calls.asked === 1 ? after(2_000, transient('')).then(() => absent) : Promise.resolve(absent)),
  }));
  const { stage, calls } = set;
  const { process } = await stage.start();
  await call(set);
  process.kill();
  await stage.clock.advance(11_000);
  const second = await stage.start();
  expect(await stage.clock.runUntil(() => calls.asked === 1, 1_000)).toBe(true);
  await stage.settled(second.worker.stop());
  expect(calls).toMatchObject({ executed: 1, asked: 1 });
  expect(stage.types('s')).toEqual(['begun', 'SagaStarted']);
  await stage.start();
  await stage.until(sagaCompleted);
  expect(calls).toMatchObject({ executed: 2, asked: 2 });
  expect(stage.types('s')).not.toContain('StepAttemptFailed call');
});

test('while one call drains, no attempt of another follows its wait, no step follows its step, and no saga starts', async () => {
  let tries = 0;
  const set = await open((_calls, after) => ({
    execute: ({ start: { text } }) => (text === 'a' ? after(4_000, says('slow')) : after(200, text === 'busy' && tries++ === 0 ? transient('busy') : says('done'))),
  }));
  const { stage, saga, calls } = set;
  const { worker } = await stage.start();
  const client = stage.client();
  await call(set);
  for (const id of ['busy', 'quick']) await stage.settled(client.start(saga, { text: id }, { id }));
  expect(await stage.clock.runUntil(() => calls.executed === 3, 1_000)).toBe(true);
  const stopped = worker.stop();
  await stage.settled(client.start(saga, { text: 'quick' }, { id: 'late' }));
  await stage.settled(stopped);
  expect(stage.types('busy')).toEqual(['begun', 'SagaStarted', 'StepAttemptFailed call']);
  expect(stage.types('quick')).toEqual(['begun', 'SagaStarted', 'told call']);
  expect(stage.types('late')).toEqual(['begun']);
  expect([tries, calls.next]).toEqual([1, 0]);
  await stage.start();
  await stage.until(sagaCompleted, 4);
  expect([tries, calls.next]).toEqual([2, 4]);
});

test('a call that waits between two look-ups is not waited for: its successor looks on', async () => {
  const set = await open((calls) => ({ execute: async () => pending(5_000), reconcile: async () => (calls.asked < 2 ? pending(5_000) : says('at last')) }));
  const { stage, calls } = set;
  const { worker } = await stage.start();
  await call(set);
  await stage.clock.advance(1_000);
  const startedAtMs = stage.clock.monotonicMillis();
  await stage.settled(worker.stop());
  expect(stage.clock.monotonicMillis() - startedAtMs).toBeLessThan(1_000);
  expect(stage.types('s')).toEqual(['begun', 'SagaStarted']);
  await stage.start();
  await stage.until(sagaCompleted);
  expect(calls).toMatchObject({ executed: 1, asked: 2 });
});

test('a call whose intent is on its way to the log when the stop comes is made: nobody else could tell whether it was', async () => {
  const set = await open((_calls, after) => ({ execute: () => after(100, says('done')) }), { isIntent: true });
  const { stage, saga, calls } = set;
  const { worker } = await stage.start();
  await stage.settled(stage.client().start(saga, { text: 'a' }, { id: 's' }));
  await stage.until(stepStarted);
  expect(calls.executed).toBe(0);
  await stage.settled(worker.stop());
  expect(stage.types('s')).toEqual(['begun', 'SagaStarted', 'StepStarted call', 'told call']);
  await stage.start();
  await stage.until(sagaCompleted);
  expect(calls.executed).toBe(1);
});

test('a second stop waits for the same end and changes nothing', async () => {
  const set = await open((_calls, after) => ({ execute: () => after(4_000, says('done')) }));
  const { stage } = set;
  const { worker } = await stage.start();
  await call(set);
  const ended: string[] = [];
  void worker.stop().then(() => ended.push('first'));
  await stage.clock.advance(1_000);
  void worker.stop().then(() => ended.push('second'));
  await stage.clock.advance(1_000);
  expect(ended).toEqual([]);
  await stage.clock.advance(3_000);
  expect(ended).toEqual(['first', 'second']);
  await stage.settled(worker.stop(), 1);
  expect(stage.types('s')).toEqual(['begun', 'SagaStarted', 'told call']);
});

test('a task that is fenced aborts at once, drains nothing and writes nothing', async () => {
  const set = await open((_calls, after) => ({ execute: () => after(4_000, says('late')), reconcile: () => after(50_000, says('found')) }));
  const { stage, calls } = set;
  await stage.start();
  await call(set);
  await steal(stage);
  // Its next commit tells it.
  await stage.settled(stage.client().start(set.saga, { text: 'b' }, { id: 'other' }));
  await stage.clock.advance(1_000);
  expect(calls.aborted).toBe(1);
  await stage.clock.advance(5_000);
  expect(stage.types('s')).toEqual(['begun', 'SagaStarted']);
});

test('a task whose successor claims the partition while it drains is over at once', async () => {
  const set = await open(() => ({ execute: () => new Promise(() => undefined), reconcile: async () => says('found') }));
  const { stage, calls } = set;
  const { worker } = await stage.start();
  await call(set);
  const stopped = worker.stop();
  await stage.clock.advance(1_000);
  const heir = stage.cluster.connect('heir').log.writer(`${NAMESPACE}/alone/${names.saga(CONTEXT)}/0`);
  await stage.settled(heir.fence());
  const claim = stage.raw(names.saga(CONTEXT)).find(({ key }) => Buffer.from(key ?? []).toString().startsWith('claim:'));
  await stage.settled(heir.commit({ records: [{ topic: names.saga(CONTEXT), partition: 0, key: 'claim:alone:0', value: claim?.value ?? null, headers: {}, timestampMs: stage.clock.nowMillis() }] }));
  await stage.settled(stopped, 1_000);
  expect(calls.aborted).toBe(1);
});

test('partitions that the group takes back are drained before the member joins again, within a bound of their own', async () => {
  const set = await open((calls, after) => ({ execute: () => after(calls.executed === 1 ? 1_500 : 600_000, says('done')), reconcile: async () => absent }));
  const { stage, calls, saga } = set;
  const { worker } = await stage.start();
  await call(set);
  stage.cluster.rebalance(names.group('alone'));
  expect(await stage.clock.runUntil(() => worker.status()[0]?.drainingTasks === 1, 1_500)).toBe(true);
  expect(worker.status()).toMatchObject([{ isReady: false }]);
  await stage.until(sagaCompleted);
  expect(calls).toMatchObject({ executed: 1, asked: 0, aborted: 0 });
  await stage.settled(stage.client().start(saga, { text: 'b' }, { id: 'long' }));
  expect(await stage.clock.runUntil(() => calls.executed === 2, 1_000)).toBe(true);
  stage.cluster.rebalance(names.group('alone'));
  const startedAtMs = stage.clock.monotonicMillis();
  expect(await stage.clock.runUntil(() => calls.aborted === 1, 20_000)).toBe(true);
  expect(stage.clock.monotonicMillis() - startedAtMs).toBeGreaterThanOrEqual(REVOKE_MS);
  expect(stage.clock.monotonicMillis() - startedAtMs).toBeLessThan(REVOKE_MS + 1_500);
  await stage.clock.advance(2_000);
  expect(worker.status()).toMatchObject([{ isReady: true, drainingTasks: 0 }]);
  expect(stage.types('long')).toEqual(['begun', 'SagaStarted']);
});

test('a membership that is lost leaves no time: what is under way is aborted at once', async () => {
  let isCutOff = false;
  const set = await open(() => ({ execute: () => new Promise(() => undefined), reconcile: async () => absent }), {
    faults: ({ client, kind }) => (isCutOff && client === 'worker-1' && (kind === 'heartbeat' || kind === 'join-group') ? 'lose-request' : 'deliver'),
  });
  const { stage, calls } = set;
  const { worker } = await stage.start();
  await call(set);
  await stage.until(sagaStarted);
  isCutOff = true;
  expect(await stage.clock.runUntil(() => worker.status()[0]?.tasks === 0, 13_000)).toBe(true);
  expect(calls.aborted).toBe(1);
});
