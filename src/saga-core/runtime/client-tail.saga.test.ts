import { expect, test } from '@jest/globals';
import { completed, defineParticipant, defineSaga, event, implementEffect, initiate, none, NO_RETRY } from '#saga-core';
import { createClient } from '#saga-core/runtime';
import type { EventLog } from '#saga-core/ports';
import { createSimulatedRandom } from '#saga-core/testing';
import { begun, CONTEXT, NAMESPACE, RuntimeStage, told } from '../../../test/support/runtime-stage.ts';

const saga = defineSaga({
  type: 'quick', version: 1, context: CONTEXT, initiator: 'alone', start: begun, timeoutMs: 0, totalSteps: 1, completed: { emits: null }, failed: { emits: null },
  steps: { tell: { kind: 'effect', owner: 'alone', number: 1, after: 'start', output: told, timeoutMs: 1_000, retry: NO_RETRY, compensation: none('told') } },
});
const alone = defineParticipant({ name: 'alone', initiates: [initiate(saga)], steps: [implementEffect(saga, 'tell', { execute: async () => completed(event(told, { text: 'done' })) })] });

/** Counts the readings of a log. */
const counting = (log: EventLog): { readonly log: EventLog; readonly readings: () => number } => {
  let readings = 0;
  const reader: EventLog['reader'] = () => {
    const inner = log.reader();
    return { ...inner, subscribe: (...given) => {
      readings++;
      return inner.subscribe(...given);
    } };
  };
  return { log: { ...log, reader }, readings: () => readings };
};

const open = async (limits: { readonly endsKeptMax?: number } = {}) => {
  const stage = await RuntimeStage.open({ participants: [alone] });
  await stage.start();
  const { log, process } = stage.cluster.connect('client');
  const counted = counting(log);
  const client = createClient({ log: counted.log, codec: stage.codec, clock: process.clock, random: createSimulatedRandom(2), namespace: NAMESPACE, ...limits });
  return { stage, client, readings: counted.readings };
};

test('every end of one client is told by one reading of the partition, however late it is asked for', async () => {
  const { stage, client, readings } = await open();
  const handles = await stage.settled(Promise.all(Array.from({ length: 20 }, () => client.start(saga, { text: 'a' }))));
  await stage.clock.advance(5_000);
  const results = await stage.settled(Promise.all(handles.map((handle) => handle.result())));
  expect(results.map(({ status, correlationId }) => [status, correlationId])).toEqual(handles.map(({ correlationId }) => ['COMPLETED', correlationId]));
  expect(readings()).toBe(1);
});

test('a result can be asked for more than once', async () => {
  const { stage, client, readings } = await open();
  const handle = await stage.settled(client.start(saga, { text: 'a' }));
  const [first, second] = await stage.settled(Promise.all([handle.result(), handle.result()]));
  expect(first).toBe(second);
  expect(await stage.settled(handle.result())).toBe(first);
  expect(readings()).toBe(1);
});

test('more ends than are kept are looked for in the log again, one by one', async () => {
  const { stage, client, readings } = await open({ endsKeptMax: 2 });
  const handles = await stage.settled(Promise.all(Array.from({ length: 3 }, () => client.start(saga, { text: 'a' }))));
  await stage.clock.advance(5_000);
  const results = await stage.settled(Promise.all(handles.slice(1).map((handle) => handle.result())));
  expect(results).toHaveLength(2);
  expect(readings()).toBe(1);
  expect(await stage.settled(handles[0]?.result() ?? Promise.reject(new Error('no handle')))).toMatchObject({ status: 'COMPLETED', correlationId: handles[0]?.correlationId });
  expect(readings()).toBe(2);
});
