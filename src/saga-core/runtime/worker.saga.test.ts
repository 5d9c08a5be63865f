import { describe, expect, test } from '@jest/globals';
import { opsPartitionClaimed, sagaCompleted, sagaFailed, sagaRefused, sagaSignalled, sagaStarted, stepAttemptFailed, stepFailed } from '#contracts/core';
import {
  absent, compensated, completed, defineParticipant, defineSaga, type EffectHandler, event, implementAwait, implementEffect, initiate, none, NO_RETRY, pending, transient, undo,
} from '#saga-core';
import { createWorker } from '#saga-core/runtime';
import type { FaultyRequest, Verdict } from '#saga-core/testing';
import type { EventLog } from '#saga-core/ports';
import { erase } from '#kernel';
import { begun, CONTEXT, names, NAMESPACE, RuntimeStage, told } from '../../../test/support/runtime-stage.ts';

const LIMIT_MS = 1_000;
const sagaOf = (version: number) => defineSaga({
  type: 'calling', version, context: CONTEXT, initiator: 'alone', start: begun, timeoutMs: 0, totalSteps: 1, completed: { emits: null }, failed: { emits: null },
  validate: ({ text }: { readonly text: string }) => [...(text === 'bad' ? ['first fault', 'second fault'] : [])],
  steps: { call: { kind: 'effect', owner: 'alone', number: 1, after: 'start', output: told, timeoutMs: LIMIT_MS, retry: { maxAttempts: 2, initialDelayMs: 100, maxDelayMs: 100, multiplier: 1 }, compensation: undo({ retry: NO_RETRY }) } },
});
type Saga = ReturnType<typeof sagaOf>;
const saga = sagaOf(1);
const works: EffectHandler<Saga> = { execute: async () => completed(event(told, { text: 'done' })), compensate: async () => compensated() };
const participantOf = (handler: EffectHandler<Saga>, ...sagas: readonly Saga[]) => defineParticipant({
  name: 'alone', initiates: sagas.map((each) => initiate(each)), steps: sagas.map((each) => implementEffect(each, 'call', { compensate: async () => compensated(), ...handler })),
});
const open = async (handler: EffectHandler<Saga>, faults?: (request: FaultyRequest) => Verdict) => {
  const participants = [participantOf(handler, saga)];
  return RuntimeStage.open({ participants, ...(faults === undefined ? {} : { faults: { onRequest: faults } }) });
};
const never = (): Promise<never> => new Promise(() => undefined);

describe('effects', () => {
  test('a limit aborts the call, and what the vendor made of it is asked before anything else', async () => {
    const aborted: boolean[] = [];
    let asked = 0;
    const stage = await open({
      execute: (_context, signal) => new Promise((resolve) => signal.addEventListener('abort', () => { aborted.push(signal.aborted); resolve({ status: 'failed', kind: 'unknown', reason: 'aborted' }); })),
      reconcile: async () => (asked++ === 0 ? completed(event(told, { text: 'it had arrived' })) : absent),
    });
    await stage.start();
    const startedAtMs = stage.clock.monotonicMillis();
    const handle = await stage.settled(stage.client().start(saga, { text: 'a' }));
    expect(await stage.settled(handle.result())).toMatchObject({ status: 'COMPLETED' });
    expect(aborted).toEqual([true]);
    expect(asked).toBe(1);
    expect(stage.clock.monotonicMillis() - startedAtMs).toBeLessThan(LIMIT_MS + 200);
    expect(stage.types()).toContain('told call');
  });

  test('a handler that ignores the abort is given up after the grace, and its late answer changes nothing', async () => {
    let answer: (result: ReturnType<typeof completed>) => void = () => undefined;
    const stage = await open({ execute: () => new Promise((resolve) => { answer = resolve; }), reconcile: async () => absent, compensate: async () => compensated() });
    await stage.start();
    await stage.settled(stage.client().start(saga, { text: 'a' }));
    await stage.until(sagaFailed);
    const [failed] = await stage.until(stepFailed);
    expect(failed?.payload).toMatchObject({ errorKind: 'RetriesExhausted', outcomeUnknown: false, attempts: 2, reason: 'no answer within 1000 ms' });
    answer(completed(event(told, { text: 'late' })));
    await stage.clock.advance(1_000);
    expect(stage.types().filter((type) => type === 'told call')).toEqual([]);
  });

  test('pending is polled within the limit, then unknown', async () => {
    const polls: number[] = [];
    const stage = await open({ execute: async () => pending(300), reconcile: async ({ attempt }) => { polls.push(attempt); return attempt === 2 ? completed(event(told, { text: 'at last' })) : pending(300); } });
    await stage.start();
    const handle = await stage.settled(stage.client().start(saga, { text: 'a' }));
    expect(await stage.settled(handle.result())).toMatchObject({ status: 'COMPLETED' });
    expect(polls.filter((attempt) => attempt === 1).length).toBeGreaterThanOrEqual(3);
    const [attemptFailed] = await stage.until(stepAttemptFailed);
    expect(attemptFailed?.payload['cause']).toContain('unknown');
  });

  test('a failed attempt is repeated no earlier than the vendor asks for', async () => {
    const calls: number[] = [];
    const stage = await open({ execute: async ({ nowMillis, attempt }) => { calls.push(nowMillis); return attempt === 1 ? transient('busy', { retryAfterMs: 4_000 }) : completed(event(told, { text: 'done' })); } });
    await stage.start();
    await stage.settled((await stage.settled(stage.client().start(saga, { text: 'a' }))).result());
    expect((calls[1] ?? 0) - (calls[0] ?? 0)).toBeGreaterThanOrEqual(4_000);
    expect((calls[1] ?? 0) - (calls[0] ?? 0)).toBeLessThan(4_200);
  });

  test('no more run at once than the bound allows, the others in their order, and none of a saga that has ended meanwhile', async () => {
    let running = 0;
    let most = 0;
    const order: string[] = [];
    const stage = await open({
      execute: async ({ sagaId }) => {
        order.push(sagaId);
        most = Math.max(most, ++running);
        await new Promise<void>((resolve) => void stage.clock.after(100, resolve));
        running--;
        return completed(event(told, { text: 'done' }));
      },
    });
    const { worker } = await stage.start({ limits: { effectsMax: 2 } });
    const client = stage.client();
    const ids = Array.from({ length: 9 }, (_, index) => `s${index}`);
    for (const id of ids) await stage.settled(client.start(saga, { text: 'a' }, { id }));
    await stage.until(sagaStarted, 9);
    await stage.settled(client.order(saga, 's5', { action: 'compensate', user: 'u', reason: 'changed my mind' }));
    await stage.until(sagaCompleted, 8);
    await stage.until(sagaFailed);
    expect(most).toBe(2);
    expect(order).toEqual(ids.filter((id) => id !== 's5'));
    expect(stage.types('s5')).toContain('StepFailed call');
    await stage.clock.advance(1_000);
    expect(worker.status()).toMatchObject([{ counters: { triggered: 8, inFlight: 0 }, openInstances: 0 }]);
  });
});

describe('worker', () => {
  test('a participant\'s faults are all told, before anything starts', async () => {
    const stage = await open(works);
    const { log, process } = stage.cluster.connect('w');
    const wrong = { ...participantOf(works, saga), name: 'other' };
    const missing = defineParticipant({ name: 'alone', initiates: [initiate(saga)] });
    const create = () => createWorker({ participants: [wrong, missing], log, codec: stage.codec, clock: process.clock, random: erase({}), namespace: NAMESPACE });
    expect(create).toThrow(/owned by alone, not by other[\s\S]*owned by alone but not implemented/);
  });

  test('a lost membership stops the tasks; a confirmed one starts them anew', async () => {
    let isCutOff = false;
    const stage = await open(works, ({ client, kind }) => (isCutOff && client === 'worker-1' && (kind === 'heartbeat' || kind === 'join-group') ? 'lose-request' : 'deliver'));
    const { worker } = await stage.start();
    isCutOff = true;
    await stage.clock.advance(12_000);
    expect(worker.status()).toMatchObject([{ tasks: 0, liveTasks: 0 }]);
    await stage.settled(stage.client().start(saga, { text: 'a' }));
    await stage.clock.advance(5_000);
    expect(stage.types()).toEqual(['begun']);
    isCutOff = false;
    await stage.until(sagaCompleted);
  });

  test('a fenced task comes back only after the group has confirmed it, and a live one is never replaced by the end of an old one', async () => {
    let isSilent = false;
    const stage = await open(works, ({ client, kind }) => (isSilent && client === 'worker-1' && kind === 'heartbeat' ? 'lose-request' : 'deliver'));
    const { worker } = await stage.start();
    const client = stage.client();
    const claims = (): number => stage.seen().filter(({ type }) => type === opsPartitionClaimed.name).length;
    expect(claims()).toBe(1);
    isSilent = true;
    const thief = stage.cluster.connect('thief').log.writer(`${NAMESPACE}/alone/${names.saga(CONTEXT)}/0`);
    await stage.settled(thief.fence());
    await stage.settled(client.start(saga, { text: 'a' }));
    await stage.clock.advance(5_000);
    expect(claims()).toBe(1);
    isSilent = false;
    await stage.until(sagaCompleted);
    expect(claims()).toBe(2);
    for (let round = 0; round < 20; round++) {
      stage.cluster.rebalance(names.group('alone'));
      await stage.clock.advance(round * 7);
    }
    await stage.clock.advance(20_000);
    const settled = claims();
    await stage.clock.advance(60_000);
    expect(claims()).toBe(settled);
    expect(worker.status()).toMatchObject([{ tasks: 1, liveTasks: 1 }]);
  });

  test('a task that took long to end does not take its successor with it', async () => {
    const stage = await open(works);
    const slowly = (log: EventLog): EventLog => ({
      ...log,
      writer: (id, options) => {
        const writer = log.writer(id, options);
        return { ...writer, close: async () => { await new Promise<void>((resolve) => void stage.clock.after(4_000, resolve)); await writer.close(); } };
      },
    });
    const { worker } = await stage.start({ wrap: slowly });
    const claims = (): number => stage.seen().filter(({ type }) => type === opsPartitionClaimed.name).length;
    await stage.settled(stage.cluster.connect('thief').log.writer(`${NAMESPACE}/alone/${names.saga(CONTEXT)}/0`).fence());
    await stage.settled(stage.client().start(saga, { text: 'a' }));
    await stage.clock.advance(500);
    stage.cluster.rebalance(names.group('alone'));
    await stage.until(sagaCompleted);
    await stage.clock.advance(30_000);
    expect(claims()).toBe(2);
    expect(worker.status()).toMatchObject([{ tasks: 1, liveTasks: 1 }]);
  });

  test('a version that is to come holds the watermark and is told; one that was removed with open instances refuses the start', async () => {
    const patient: EffectHandler<Saga> = { ...works, execute: async () => transient('later', { retryAfterMs: 600_000 }) };
    const stage = await open(patient);
    const [first, second] = [participantOf(patient, saga), participantOf(patient, saga, sagaOf(2))];
    const { process } = await stage.start({ participants: [first] });
    await stage.settled(stage.client().start(saga, { text: 'a' }, { id: 'old' }));
    await stage.until(sagaStarted);
    process.kill();
    await stage.clock.advance(11_000);
    const newer = await stage.start({ participants: [second] });
    await stage.settled(stage.client().start(sagaOf(2), { text: 'a' }, { id: 'new' }));
    await stage.until(sagaStarted, 2);
    newer.process.kill();
    await stage.clock.advance(11_000);
    const older = await stage.start({ participants: [first] });
    expect(older.worker.status()).toMatchObject([{ openInstances: 1 }]);
    expect(stage.errors.join()).toContain('calling v2');
    const offset = stage.seen().find(({ envelope }) => envelope.correlationId === 'new')?.offset;
    await stage.clock.advance(5_000);
    const position = await stage.settled(stage.cluster.connect('probe').log.committedPosition(names.group('alone'), { topic: names.saga(CONTEXT), partition: 0 }));
    expect(Number(/\d+/.exec(position?.metadata ?? '')?.[0])).toBeLessThanOrEqual(offset ?? -1);
    await stage.settled(older.worker.stop());
    await stage.clock.advance(11_000);
    await expect(stage.start({ participants: [participantOf(works, sagaOf(2))] })).rejects.toThrow(/participant alone lacks definition versions that still have open instances: old \(calling v1\)/);
    // It has left the group: who knows both versions need not wait for its session.
    const whole = await stage.start({ participants: [participantOf(works, saga, sagaOf(2))] });
    await stage.until(sagaCompleted, 2, 700_000);
    await stage.clock.advance(1_000);
    expect(whole.worker.status()).toMatchObject([{ openInstances: 0 }]);
    // Twelve virtual minutes of five workers: seconds, and more on a busy machine.
  }, 30_000);
});

describe('client', () => {
  test('a lost answer to a commit rejects clearly; the same id again is one instance', async () => {
    let isLost = true;
    const stage = await open(works, ({ client, kind }) => (isLost && client === 'client' && kind === 'end-txn' ? 'lose-answer' : 'deliver'));
    await stage.start();
    const client = stage.client();
    await expect(stage.settled(client.start(saga, { text: 'a' }, { id: 'twice' }))).rejects.toThrow(/UNKNOWN.*no definite answer/);
    isLost = false;
    const handle = await stage.settled(client.start(saga, { text: 'a' }, { id: 'twice' }));
    expect(await stage.settled(handle.result())).toMatchObject({ status: 'COMPLETED' });
    expect(stage.types('twice').filter((type) => type === 'begun')).toHaveLength(2);
    expect(stage.types('twice').filter((type) => type === 'SagaStarted')).toHaveLength(1);
  });

  test('a writer that cannot be opened rejects, and the next send tries anew', async () => {
    let isAway = true;
    const stage = await open(works, ({ client, kind }) => (isAway && client === 'client' && kind === 'init-producer-id' ? 'lose-request' : 'deliver'));
    await stage.start();
    const client = stage.client();
    await expect(stage.settled(client.start(saga, { text: 'a' }))).rejects.toThrow('client cannot write');
    isAway = false;
    expect(await stage.settled((await stage.settled(client.start(saga, { text: 'a' }))).result())).toMatchObject({ status: 'COMPLETED' });
  });

  test('a refused start tells all its faults; an id that is none, and an input that cannot be encoded, reject', async () => {
    const stage = await open(works);
    await stage.start();
    const client = stage.client();
    const handle = await stage.settled(client.start(saga, { text: 'bad' }));
    expect(await stage.settled(handle.result())).toMatchObject({ status: 'REFUSED', reason: 'first fault; second fault' });
    expect(stage.types()).toEqual(['begun', 'SagaRefused']);
    expect(stage.seen().find(({ type }) => type === sagaRefused.name)?.payload['faults']).toEqual(['first fault', 'second fault']);
    await expect(stage.settled(client.start(saga, { text: 'a' }, { id: '' }))).rejects.toThrow();
    await expect(stage.settled(client.start(saga, erase({})))).rejects.toThrow('text is missing');
  });

  test('one start that the log refuses rejects alone', async () => {
    const participants = [participantOf(works, saga)];
    const stage = await RuntimeStage.open({ participants, recordBytesMax: { [names.saga(CONTEXT)]: 2_000 } });
    await stage.start();
    const client = stage.client();
    const [good, large, other] = await stage.settled(Promise.allSettled([client.start(saga, { text: 'a' }), client.start(saga, { text: 'x'.repeat(3_000) }), client.start(saga, { text: 'b' })]));
    expect([good.status, other.status]).toEqual(['fulfilled', 'fulfilled']);
    expect(large).toMatchObject({ status: 'rejected', reason: expect.objectContaining({ message: expect.stringContaining('RECORD_TOO_LARGE') }) });
    expect(await stage.settled((await stage.settled(client.start(saga, { text: 'c' }))).result())).toMatchObject({ status: 'COMPLETED' });
  });

  test('close settles whatever waits, and refuses what comes after', async () => {
    const stage = await open({ ...works, execute: never });
    await stage.start();
    const client = stage.client();
    const handle = await stage.settled(client.start(saga, { text: 'a' }));
    const named = await stage.settled(client.start(saga, { text: 'a' }, { id: 'named' }));
    const waiting = Promise.allSettled([handle.result(), named.result(), client.handle(saga, 'nobody').result()]);
    await stage.clock.advance(100);
    const sent = Promise.allSettled([client.start(saga, { text: 'b' }), client.signal(saga, 'named', 'go')]);
    await stage.settled(client.close());
    const results = await stage.settled(waiting);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(results).toEqual(results.map(() => expect.objectContaining({ reason: expect.objectContaining({ message: 'the client is closed' }) })));
    await stage.settled(sent);
    await expect(stage.settled(client.start(saga, { text: 'a' }))).rejects.toThrow('the client is closed');
    await expect(stage.settled(handle.result())).rejects.toThrow('the client is closed');
  });
});

test('signals and orders of a person reach an instance', async () => {
  const waiting = defineSaga({
    type: 'waiting', version: 1, context: CONTEXT, initiator: 'alone', start: begun, timeoutMs: 0, totalSteps: 1, completed: { emits: null }, failed: { emits: null },
    steps: { wait: { kind: 'await', owner: 'alone', number: 1, after: 'start', output: told, timeoutMs: 0, onLimit: 'fail', listensTo: [sagaSignalled], compensation: none('waits') } },
  });
  const alone = defineParticipant({
    name: 'alone', initiates: [initiate(waiting)],
    steps: [implementAwait(waiting, 'wait', { initial: '', fold: (state, fact) => `${state}${erase<{ readonly signal: string }>(fact.payload).signal}`, verdict: (state) => (state === '' ? null : completed(event(told, { text: state }))) })],
  });
  const stage = await RuntimeStage.open({ participants: [alone] });
  await stage.start();
  const client = stage.client();
  const handle = await stage.settled(client.start(waiting, { text: 'a' }));
  await stage.settled(client.signal(waiting, handle.correlationId, 'go'));
  expect(await stage.settled(handle.result())).toMatchObject({ status: 'COMPLETED' });
  const other = await stage.settled(client.start(waiting, { text: 'a' }));
  await stage.until(sagaStarted, 2);
  await stage.settled(client.order(waiting, other.correlationId, { action: 'compensate', user: 'ann', reason: 'enough' }));
  expect(await stage.settled(other.result())).toMatchObject({ status: 'FAILED', reason: 'operator ann: enough' });
});

test('a worker is ready from its first live assignment on, and not before, nor after it was stopped', async () => {
  const stage = await open(works);
  const { worker, started } = await stage.launch();
  expect(worker.status()).toMatchObject([{ isReady: false }]);
  await stage.settled(started);
  expect(worker.status()).toMatchObject([{ isReady: true, tasks: 1, liveTasks: 1 }]);
  await stage.settled(worker.stop());
  expect(worker.status()).toMatchObject([{ isReady: false }]);
});
