import { expect, test } from '@jest/globals';
import { dataType, sagaCompleted, type SagaCompleted, sagaSignalled, type SagaSignalled } from '#contracts/core';
import { erase } from '#kernel';
import { completed, data, defineParticipant, defineSaga, event, implementAwait, implementEffect, initiate, none, NO_RETRY, type SagaDefinition, terminal } from '#saga-core';
import { createClient } from '#saga-core/runtime';
import { createSimulatedRandom } from '#saga-core/testing';
import { asked, begun, CONTEXT, NAMESPACE, RuntimeStage, told } from '../../../test/support/runtime-stage.ts';

// What a client hands to a saga as a value and gets from it as a value: signals and results.

const receipt = dataType<{ readonly cents: number }>('stage.Receipt', { type: 'record', name: 'Receipt', namespace: 'stage', fields: [{ name: 'cents', type: 'int' }] });
/** With an envelope around it, it fits into a record; with two, it does not. */
const [LARGE, RECORD_BYTES_MAX] = [1_200, 2_200];
const base = { version: 1, context: CONTEXT, initiator: 'alone', start: begun, timeoutMs: 0, completed: { emits: null }, failed: { emits: null } } as const;
const effect = { kind: 'effect', owner: 'alone', timeoutMs: 1_000, retry: NO_RETRY, compensation: none('nothing') } as const;

const toldSaga = defineSaga({ ...base, type: 'tells', totalSteps: 2, result: 'tell', steps: { tell: { ...effect, number: 1, after: 'start', output: told }, last: { ...effect, number: 2, after: 'tell', output: asked } } });
const paidSaga = defineSaga({
  ...base, type: 'pays', totalSteps: 1, result: 'pay', predicates: { isPaid: ({ start }) => (erase<{ readonly text: string }>(start).text === 'free' ? { holds: false, why: 'it is free' } : { holds: true }) },
  steps: { pay: { ...effect, number: 1, after: 'start', output: receipt, when: 'isPaid' } },
});
const silentSaga = defineSaga({ ...base, type: 'is_silent', totalSteps: 1, steps: { tell: { ...effect, number: 1, after: 'start', output: told } } });
const waitingSaga = defineSaga({
  ...base, type: 'waits', totalSteps: 1, steps: { wait: { kind: 'await', owner: 'alone', number: 1, after: 'start', output: told, timeoutMs: 0, onLimit: 'fail', listensTo: [sagaSignalled], compensation: none('only waits') } },
});
const alone = defineParticipant({
  name: 'alone', initiates: [toldSaga, paidSaga, silentSaga, waitingSaga].map((saga) => initiate(saga)),
  steps: [
    implementEffect(toldSaga, 'tell', { execute: async ({ start: { text } }) => (text === 'fails' ? terminal('cannot') : completed(event(told, { text: text === 'large' ? 'x'.repeat(LARGE) : `told ${text}` }))) }),
    implementEffect(toldSaga, 'last', { execute: async () => completed(event(asked, { text: 'last' })) }),
    implementEffect(paidSaga, 'pay', { execute: async () => completed(data(receipt, { cents: 300 })) }),
    implementEffect(silentSaga, 'tell', { execute: async () => completed(event(told, { text: 'nobody asked' })) }),
    implementAwait(waitingSaga, 'wait', { initial: false, fold: (hasHeard, { type }) => hasHeard || type === sagaSignalled.name, verdict: (hasHeard) => (hasHeard ? completed(event(told, { text: 'heard' })) : null) }),
  ],
});

const open = async (options: { readonly codecBytesMax?: number } = {}) => {
  const stage = await RuntimeStage.open({ participants: [alone], types: [receipt], ...options });
  await stage.start();
  const client = stage.client();
  const resultOf = async <Saga extends SagaDefinition>(saga: Saga, text: string) => stage.settled((await stage.settled(client.start(saga, erase({ text })))).result());
  return { stage, client, resultOf };
};

test('a completed saga\'s result is the output of the step that its definition names, with its type', async () => {
  const { stage, client } = await open();
  const handle = await stage.settled(client.start(toldSaga, { text: 'a' }));
  const { status, result } = await stage.settled(handle.result());
  const text: string | undefined = result?.text;
  expect([status, text]).toEqual(['COMPLETED', 'told a']);
  expect(await stage.settled(client.handle(toldSaga, handle.correlationId).result())).toEqual({ status: 'COMPLETED', correlationId: handle.correlationId, reason: null, result: { text: 'told a' } });
  const receiptOf = await stage.settled((await stage.settled(client.start(paidSaga, { text: 'a' }))).result());
  const cents: number | undefined = receiptOf.result?.cents;
  expect(cents).toBe(300);
});

test('there is none where the definition names none, where the step was skipped, and where the saga failed', async () => {
  const { resultOf } = await open();
  expect(await resultOf(silentSaga, 'a')).toMatchObject({ status: 'COMPLETED', result: null });
  expect(await resultOf(paidSaga, 'free')).toMatchObject({ status: 'COMPLETED', result: null });
  expect(await resultOf(toldSaga, 'fails')).toMatchObject({ status: 'FAILED', reason: 'cannot', result: null });
});

test('the end carries the bytes of the output as they were written', async () => {
  const { stage, resultOf } = await open();
  await resultOf(toldSaga, 'a');
  const output = stage.raw(`${NAMESPACE}.sagas.${CONTEXT}`).find(({ value }) => value !== null && erase<{ readonly type: string }>(stage.codec.decode(value)).type === told.name);
  const [end] = stage.seen().filter(({ type }) => type === sagaCompleted.name);
  expect(Buffer.from(erase<SagaCompleted>(end?.payload).result ?? [])).toEqual(Buffer.from(output?.value ?? []));
});

test('a client that has never met the result\'s schema fetches it', async () => {
  const { stage } = await open();
  const { log, process } = stage.cluster.connect('stranger');
  const codec = await stage.newCodec([receipt]);
  const client = createClient({ log, codec, clock: process.clock, random: createSimulatedRandom(9), namespace: NAMESPACE });
  const { correlationId } = await stage.settled(client.start(paidSaga, { text: 'a' }));
  expect(await stage.settled(client.handle(paidSaga, correlationId).result())).toMatchObject({ result: { cents: 300 } });
});

test('an end that would grow too large by its result is written without it: what is done must end', async () => {
  const { stage, resultOf } = await open({ codecBytesMax: RECORD_BYTES_MAX });
  expect(await resultOf(toldSaga, 'large')).toMatchObject({ status: 'COMPLETED', result: null });
  expect(stage.seen().filter(({ type }) => type === told.name)).toHaveLength(1);
});

test.each([
  ['an event', event(asked, { text: 'now' }), { type: 'stage.asked', value: { text: 'now' } }],
  ['typed data', data(receipt, { cents: 5 }), { type: 'stage.Receipt', value: { cents: 5 } }],
] as const)('a signal carries %s, encoded by its type', async (_, payload, expected) => {
  const { stage, client } = await open();
  const { correlationId, result } = await stage.settled(client.start(waitingSaga, { text: 'a' }));
  await stage.settled(client.signal(waitingSaga, correlationId, 'go', payload));
  expect(await stage.settled(result())).toMatchObject({ status: 'COMPLETED' });
  const [signal] = await stage.until(sagaSignalled);
  expect(stage.codec.decodeData(erase<SagaSignalled>(signal?.payload).payload ?? new Uint8Array())).toEqual(expected);
});

test('a signal\'s payload that does not fit its type is refused, bytes and nothing are passed on', async () => {
  const { stage, client } = await open();
  const { correlationId } = await stage.settled(client.start(waitingSaga, { text: 'a' }));
  await expect(stage.settled(client.signal(waitingSaga, correlationId, 'go', erase(event(asked, erase({ words: 1 })))))).rejects.toThrow(/stage\.asked: words is not a field|stage\.asked: text is missing/);
  await stage.settled(client.signal(waitingSaga, correlationId, 'go', Uint8Array.from([0, 0, 0, 0, 9, 1])));
  await stage.settled(client.signal(waitingSaga, correlationId, 'go'));
  expect((await stage.until(sagaSignalled, 2)).map(({ payload }) => erase<SagaSignalled>(payload).payload?.length ?? null)).toEqual([6, null]);
});
