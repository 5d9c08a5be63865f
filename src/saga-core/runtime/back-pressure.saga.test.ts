import { expect, test } from '@jest/globals';
import { sagaCompleted } from '#contracts/core';
import { command, completed, dataType, defineEntity, defineParticipant, defineSaga, defineSource, event, implementEffect, initiate, none, NO_RETRY, on } from '#saga-core';
import { erase } from '#kernel';
import type { EventLog } from '#saga-core/ports';
import { asked, begun, CONTEXT, names, RuntimeStage, told } from '../../../test/support/runtime-stage.ts';

/* Goal: what a slow log cannot take stays on the topics, not in memory. Method: commits are held; a task reads on only while there is room. */
const saga = defineSaga({
  type: 'plain', version: 1, context: CONTEXT, initiator: 'alone', start: begun, timeoutMs: 0, totalSteps: 1, completed: { emits: null }, failed: { emits: null },
  steps: { work: { kind: 'effect', owner: 'alone', number: 1, after: 'start', output: told, timeoutMs: 1_000, retry: NO_RETRY, compensation: none('nothing') } },
});
const count = dataType<{ readonly text: string }>('stage.Count', { type: 'record', name: 'Count', namespace: 'stage', fields: [{ name: 'text', type: 'string' }] });
const heard: string[] = [];
const counts = defineEntity<{ readonly text: string }>({
  name: 'counts', owner: 'alone', state: count, initial: () => ({ text: '' }), emits: [],
  commands: [on(asked, (_state, { text }) => { heard.push(text); return { state: { text } }; })],
});
const mapped: string[] = [];
const rumours = defineSource({
  owner: 'alone', topic: 'market.rumours',
  map: ({ payload }) => {
    const { text } = erase<{ readonly text: string }>(payload);
    mapped.push(text);
    return [command({ entity: 'counts', key: 'k' }, asked, { text })];
  },
});
const alone = defineParticipant({ name: 'alone', initiates: [initiate(saga)], steps: [implementEffect(saga, 'work', { execute: async () => completed(event(told, { text: 'done' })) })], entities: [counts], sources: [rumours] });

const open = async () => {
  const stage = await RuntimeStage.open({ participants: [alone], types: [count] });
  const held: (() => void)[] = [];
  const state = { isHolding: false };
  const slow = (log: EventLog): EventLog => ({
    ...log,
    writer: (id, options) => {
      const writer = log.writer(id, options);
      return { ...writer, commit: async (transaction) => { if (state.isHolding) await new Promise<void>((resolve) => held.push(resolve)); return writer.commit(transaction); } };
    },
  });
  const { worker } = await stage.start({ wrap: slow, limits: { waitingMax: { records: 2, bytes: 1_000_000 } } });
  state.isHolding = true;
  const release = (): void => {
    state.isHolding = false;
    for (const go of held) go();
  };
  return { stage, worker, release };
};
const texts = (prefix: string): readonly string[] => Array.from({ length: 4 }, (_, index) => `${prefix}${index}`);

test('a saga task folds no further while its outbox is full', async () => {
  const { stage, worker, release } = await open();
  const starts = (prefix: string) => stage.append(...texts(prefix).map((id) => stage.written(saga, id, event(begun, { text: id }))));
  await starts('a');
  await stage.clock.advance(200);
  await starts('b');
  await stage.clock.advance(200);
  // One record of the first batch is under way at most; the others fill the outbox.
  await starts('c');
  await stage.clock.advance(2_000);
  expect(worker.status()[0]?.openInstances).toBeLessThan(12);
  release();
  await stage.until(sagaCompleted, 12);
});

test('an entity task and a source task handle no more while theirs are full', async () => {
  const { stage, release } = await open();
  heard.length = 0;
  mapped.length = 0;
  const said = (text: string, topic: string) => ({ ...stage.written(saga, 'x', event(topic === names.commands('counts') ? asked : told, { text })), topic, key: 'k' });
  for (const prefix of ['a', 'b', 'c', 'd']) {
    await stage.append(...texts(prefix).flatMap((text) => [said(text, names.commands('counts')), said(text, names.facts('market.rumours'))]));
    await stage.clock.advance(200);
  }
  await stage.clock.advance(2_000);
  expect(heard.length).toBeLessThan(16);
  expect(mapped.length).toBeLessThan(16);
  release();
  await stage.clock.advance(3_000);
  expect(mapped).toEqual(['a', 'b', 'c', 'd'].flatMap(texts));
  expect(heard.length).toBe(32);
});
