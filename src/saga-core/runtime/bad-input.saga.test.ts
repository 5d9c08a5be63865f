import { hash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { instanceParked, sagaCompleted, sagaFailed, stepCompleted, stepFailed } from '#contracts/core';
import {
  command, compensated, completed, data, dataType, defineEntity, defineParticipant, defineSaga, defineSource, event, implementEffect, implementEntityStep, initiate, none, NO_RETRY, on, undo,
} from '#saga-core';
import { erase } from '#kernel';
import type { EventLog } from '#saga-core/ports';
import { asked, begun, CONTEXT, names, RuntimeStage, told, withdrawn } from '../../../test/support/runtime-stage.ts';

/*
 * Goal: nothing that lies on a topic, and nothing that the log refuses, stops a partition; every bad record is in dead
 * letters, once per group, with its bytes and the reason.
 */
const box = dataType<{ readonly text: string }>('stage.Box', { type: 'record', name: 'Box', namespace: 'stage', fields: [{ name: 'text', type: 'string' }] });
const boxes = defineEntity<{ readonly text: string }>({
  name: 'boxes', owner: 'keeper', state: box, initial: () => ({ text: '' }), emits: [told],
  commands: [
    on(asked, (state, { text }, { caller }) => {
      if (text === 'throw') throw new Error('the entity erred');
      if (text === 'state') return { state: erase({ text: 1 }), outcome: completed(null) };
      if (text === 'event') return { state: { text }, outcome: completed(event(told, erase({}))) };
      return { state: { text: `${state.text}${text}` }, outcome: completed(null, { compensationData: data(box, { text: caller?.correlationId ?? '' }) }) };
    }),
    on(withdrawn, (state) => ({ state, outcome: compensated() })),
  ],
});

const saga = defineSaga({
  type: 'plain', version: 1, context: CONTEXT, initiator: 'leader', start: begun, timeoutMs: 0, totalSteps: 2, completed: { emits: null }, failed: { emits: null },
  steps: {
    work: { kind: 'effect', owner: 'leader', number: 1, after: 'start', output: told, timeoutMs: 1_000, retry: NO_RETRY, compensation: none('nothing') },
    keep: { kind: 'entity', owner: 'keeper', number: 2, after: 'work', entity: 'boxes', output: null, compensation: undo() },
  },
});
const leader = defineParticipant({
  name: 'leader', initiates: [initiate(saga)],
  steps: [implementEffect(saga, 'work', { execute: async ({ start }) => completed(event(told, { text: start.text === 'large' ? 'x'.repeat(2_000) : start.text })) })],
});
const keeper = defineParticipant({
  name: 'keeper', entities: [boxes],
  steps: [implementEntityStep(saga, 'keep', { command: ({ output }) => command({ entity: 'boxes', key: 'k' }, asked, { text: output('work')?.text ?? '' }), undo: () => command({ entity: 'boxes', key: 'k' }, withdrawn, { text: '' }) })],
});
const participants = [leader, keeper];
const open = (options: Partial<Parameters<typeof RuntimeStage.open>[0]> = {}) => RuntimeStage.open({ participants, types: [box], ...options });
const settle = async (stage: RuntimeStage): Promise<void> => stage.clock.advance(5_000);

test('undecodable records, unknown schemas, illegal transitions and orphans go to dead letters once, also across takeovers', async () => {
  const stage = await open();
  const { worker } = await stage.start();
  const client = stage.client();
  const handle = await stage.settled(client.start(saga, { text: 'a' }));
  await stage.settled(handle.result());
  const garbage = new Uint8Array([7, 7, 7]);
  const strange = new Uint8Array([0, 0, 0, 9, 9, 1]);
  const orphan = stage.written(saga, 'orphan', event(stepCompleted, { stepName: 'work', output: null, skipped: false, skipReason: null }), { stepName: 'work', outcome: 'completed' });
  await stage.settled(client.start(saga, { text: 'open' }, { id: 'open' }));
  const illegal = stage.written(saga, 'open', event(stepCompleted, { stepName: 'nowhere', output: null, skipped: false, skipReason: null }), { stepName: 'nowhere', outcome: 'completed' });
  await stage.append({ value: garbage }, { value: strange }, orphan, illegal);
  await settle(stage);
  const expected = (group: string) => stage.deadLetters().filter((letter) => letter.group === group).map(({ value, reason }) => [value, reason]);
  const [first, second, third, fourth] = expected('leader');
  expect(first).toEqual([garbage, expect.stringContaining('no record')]);
  expect(second).toEqual([strange, expect.stringContaining('is not registered')]);
  expect([third, fourth]).toEqual([[orphan.value, 'ILLEGAL_TRANSITION'], [illegal.value, 'UNKNOWN_STEP']]);
  expect(expected('keeper')).toHaveLength(2);
  expect((await stage.settled((await stage.settled(client.start(saga, { text: 'after' }))).result())).status).toBe('COMPLETED');
  for (const participant of ['leader', 'keeper']) await stage.settled(worker.recover(participant));
  await settle(stage);
  expect(stage.deadLetters()).toHaveLength(6);
});

test('what arrives while nobody folds goes to dead letters at the takeover, once, however often it is interrupted', async () => {
  const stage = await open();
  const { process } = await stage.start();
  await stage.settled((await stage.settled(stage.client().start(saga, { text: 'a' }))).result());
  await settle(stage);
  process.kill();
  const garbage = new Uint8Array([7, 7, 7]);
  await stage.append({ value: garbage }, stage.written(saga, 'orphan', event(stepFailed, { stepName: 'work', errorKind: 'Terminal', outcomeUnknown: false, reason: '', attempts: 1 }), { stepName: 'work' }));
  for (let round = 0; round < 5; round++) {
    const next = await stage.launch();
    await stage.clock.advance(12_000 + round * 3);
    next.process.kill();
    await stage.clock.advance(11_000);
  }
  await stage.start();
  await settle(stage);
  expect(stage.deadLetters().filter(({ group }) => group === 'leader').map(({ reason }) => reason.split(':')[0])).toEqual([expect.stringContaining('no record'), 'ILLEGAL_TRANSITION']);
  expect(stage.deadLetters()).toHaveLength(3);
});

test('a dead letter and the position that passes its original are one transaction', async () => {
  const stage = await open();
  let { process } = await stage.start();
  for (let round = 1; round <= 4; round++) {
    await stage.settled((await stage.settled(stage.client(`client-${round}`).start(saga, { text: 'a' }))).result());
    await stage.append({ value: new Uint8Array([7, 7, round]) });
    await stage.clock.runUntil(() => stage.deadLetters().length >= 2 * round, 900);
    process.kill();
    await stage.clock.advance(11_000);
    ({ process } = await stage.start());
    await settle(stage);
    expect(stage.deadLetters()).toHaveLength(2 * round);
  }
});

test('a registry out of reach is no bad record: the task ends, and reads it again', async () => {
  const stage = await open();
  const codec = await stage.newCodec();
  let isReachable = false;
  const hidden = { ...codec, learn: (schemaId: number) => (isReachable ? codec.learn(schemaId) : Promise.reject(Object.assign(new Error('REGISTRY_UNREACHABLE: no answer'), { code: 'REGISTRY_UNREACHABLE' }))) };
  await stage.start({ codec: hidden });
  const late = await stage.newCodec();
  const rumour = { ...told, name: 'stage.rumour', schema: { ...told.schema, name: 'rumour' } };
  await late.prepare([rumour]);
  const record = stage.written(saga, 'x', event(told, { text: 'a' }));
  const decoded = late.decode(record.value ?? new Uint8Array());
  await stage.append({ ...record, value: decoded.status === 'decoded' ? late.encode(rumour, decoded.envelope, { text: 'a' }) : null });
  await stage.clock.advance(8_000);
  expect(stage.deadLetters()).toEqual([]);
  isReachable = true;
  await stage.settled((await stage.settled(stage.client().start(saga, { text: 'a' }))).result());
  await stage.clock.advance(8_000);
  expect(stage.deadLetters().map(({ reason }) => reason)).toEqual(['ILLEGAL_TRANSITION']);
});

test.each([
  ['throws', 'throw', 'the entity erred'],
  ['makes a state that cannot be encoded', 'state', 'text'],
  ['answers an event that cannot be encoded', 'event', 'text is missing'],
])('an entity whose handler %s: the command goes to dead letters, the step fails, the state stays', async (_name, text, reason) => {
  const stage = await open();
  const { worker } = await stage.start();
  const client = stage.client();
  const results: string[] = [];
  for (const part of ['a', text, 'b']) results.push((await stage.settled((await stage.settled(client.start(saga, { text: part }))).result())).status);
  expect(results).toEqual(['COMPLETED', 'FAILED', 'COMPLETED']);
  const [failed] = stage.seen().filter(({ type }) => type === stepFailed.name);
  expect(failed?.payload).toMatchObject({ stepName: 'keep', errorKind: 'Terminal', outcomeUnknown: false, reason: expect.stringContaining(reason) });
  expect(stage.deadLetters()).toHaveLength(1);
  const states = stage.seen(names.state('boxes')).filter(({ type }) => type === 'chorus.EntityState');
  expect(stage.codec.decodeData(erase(states.at(-1)?.payload['state'])).value).toEqual({ text: 'ab' });
  // The entity's chain of outcomes has no gap.
  const seqs = stage.seen().filter(({ envelope }) => envelope.chain.id === 'boxes/k').map(({ envelope }) => envelope.chain.seq);
  expect(seqs).toEqual([1, 2, 3]);
  expect(worker.status().every(({ liveTasks, tasks }) => liveTasks === tasks)).toBe(true);
});

test('a command of no known type, or from ahead of the clock, is refused, and the step that sent it is told', async () => {
  const stage = await open();
  await stage.start();
  await stage.append({ topic: names.commands('boxes'), key: 'k', value: new Uint8Array([1]) });
  const strange = stage.written(saga, 'x', event(told, { text: 'a' }));
  await stage.append({ ...strange, topic: names.commands('boxes'), key: 'k' });
  await stage.settled(stage.client().start(saga, { text: 'a' }, { id: 'ahead' }));
  await stage.until(sagaCompleted);
  const call = stage.raw(names.commands('boxes')).at(-1);
  await stage.append({ topic: names.commands('boxes'), key: 'k', value: call?.value ?? null, timestampMs: stage.clock.nowMillis() + 6_000, headers: { 'saga-context': CONTEXT } });
  await settle(stage);
  expect(stage.deadLetters().map(({ reason }) => reason)).toEqual([expect.stringContaining('no record'), expect.stringContaining('has no command stage.told'), expect.stringContaining('ahead of the entity owner')]);
  const [answer] = await stage.until(stepFailed);
  expect(answer?.envelope).toMatchObject({ correlationId: 'ahead', stepName: 'keep', producer: 'keeper' });
});

test('a fact that a source cannot map goes to dead letters; the source goes on', async () => {
  const source = defineSource({
    owner: 'keeper', topic: 'market.rumours',
    map: ({ payload }) => {
      const { text } = erase<{ readonly text: string }>(payload);
      if (text === 'odd') throw new Error('cannot be mapped');
      return [command({ entity: 'boxes', key: 'k' }, asked, { text: text === 'unsound' ? erase<string>(1) : text })];
    },
  });
  const sourced = [leader, defineParticipant({ ...keeper, sources: [source] })];
  const stage = await open({ participants: sourced });
  await stage.start({ participants: sourced });
  const fact = (text: string) => ({ ...stage.written(saga, 'x', event(told, { text })), topic: names.facts('market.rumours'), key: 'k' });
  await stage.append(fact('a'), fact('odd'), fact('unsound'), fact('b'), { topic: names.facts('market.rumours'), value: new Uint8Array([1]) });
  await settle(stage);
  expect(stage.deadLetters().map(({ reason }) => reason)).toEqual(['cannot be mapped', expect.stringContaining('text'), expect.stringContaining('no record')]);
  expect(stage.seen(names.commands('boxes')).map(({ payload }) => payload['text'])).toEqual(['a', 'b']);
});

test('a fact whose command the log refuses takes no other fact with it, also across a restart', async () => {
  const source = defineSource({
    owner: 'keeper', topic: 'market.rumours',
    map: ({ payload }) => [command({ entity: 'boxes', key: 'k' }, asked, { text: erase<{ readonly text: string }>(payload).text })],
  });
  const sourced = [leader, defineParticipant({ ...keeper, sources: [source] })];
  const stage = await open({ participants: sourced, recordBytesMax: { [names.commands('boxes')]: 1_800 } });
  const { process } = await stage.start({ participants: sourced });
  const fact = (text: string) => ({ ...stage.written(saga, 'x', event(told, { text })), topic: names.facts('market.rumours'), key: 'k' });
  const isTold = () => {
    expect(stage.deadLetters()).toEqual([expect.objectContaining({ reason: expect.stringContaining('RECORD_TOO_LARGE') })]);
    expect(stage.seen(names.commands('boxes')).map(({ payload }) => payload['text'])).toEqual(['a', 'b']);
  };
  await stage.append(fact('a'), fact('x'.repeat(2_000)), fact('b'));
  await settle(stage);
  isTold();
  process.kill();
  await stage.clock.advance(11_000);
  await stage.start({ participants: sourced });
  await settle(stage);
  isTold();
});

test('poison: the instance is parked and its originals lie in dead letters, what shared its transaction commits, the task carries on', async () => {
  const stage = await open({ recordBytesMax: { [names.saga(CONTEXT)]: 1_800 } });
  const { worker } = await stage.start();
  const client = stage.client();
  const ids = ['s0', 's1', 's2', 's3'];
  await stage.settled(Promise.all(ids.map((id, index) => client.start(saga, { text: index === 1 ? 'large' : 'a' }, { id }))));
  const [parked] = await stage.until(instanceParked);
  expect(parked?.envelope.correlationId).toBe('s1');
  expect(parked?.payload['reason']).toContain('RECORD_TOO_LARGE');
  await stage.until(sagaCompleted, 3);
  const [letter, ...others] = stage.deadLetters();
  expect(others).toEqual([]);
  expect(letter?.reason).toContain('RECORD_TOO_LARGE');
  const original = stage.codec.decode(letter?.value ?? new Uint8Array());
  expect(original).toMatchObject({ status: 'decoded', type: told.name, envelope: { correlationId: 's1', stepName: 'work' } });
  const after = await stage.settled(client.start(saga, { text: 'a' }, { id: 's4' }));
  expect((await stage.settled(after.result())).status).toBe('COMPLETED');
  expect(worker.status()).toMatchObject([{ counters: { takeovers: 1 }, openInstances: 1, liveTasks: 1 }, { counters: { takeovers: 2 }, liveTasks: 2 }]);
  const seqs = stage.seen().filter(({ envelope }) => envelope.correlationId === 's1' && envelope.chain.id === 'leader').map(({ envelope }) => envelope.chain.seq);
  expect(seqs).toEqual([1, 2]);
});

test('poison that dead letters refuse too is told without its bytes', async () => {
  const stage = await open({ recordBytesMax: { [names.saga(CONTEXT)]: 1_800, [names.deadLetters]: 1_800 } });
  const { worker } = await stage.start();
  await stage.settled(stage.client().start(saga, { text: 'large' }, { id: 's1' }));
  await stage.until(instanceParked);
  await settle(stage);
  expect(stage.deadLetters()).toEqual([{ value: null, reason: expect.stringContaining('RECORD_TOO_LARGE'), group: 'leader' }]);
  expect(worker.status()).toMatchObject([{ counters: { takeovers: 1 }, liveTasks: 1 }, { liveTasks: 2 }]);
});

test('a command whose transaction the log refuses goes to dead letters, its step fails, and every other command goes on', async () => {
  const stage = await open({ recordBytesMax: { [names.state('boxes')]: 1_000 } });
  const { worker, process } = await stage.start();
  const client = stage.client();
  const ids = ['s0', 's1', 's2', 's3'];
  await stage.settled(Promise.all(ids.map((id, index) => client.start(saga, { text: index === 1 ? 'large' : id }, { id }))));
  await stage.until(sagaCompleted, 3);
  const [failed] = await stage.until(sagaFailed);
  expect(failed?.envelope.correlationId).toBe('s1');
  const answers = stage.seen().filter(({ type }) => type === stepFailed.name);
  expect(answers.map(({ envelope, payload }) => [envelope.correlationId, payload['errorKind']])).toEqual([['s1', 'Terminal']]);
  await settle(stage);
  const isSettled = (after: readonly string[]) => {
    expect(stage.deadLetters()).toEqual([expect.objectContaining({ group: 'keeper', reason: expect.stringContaining('RECORD_TOO_LARGE') })]);
    const states = stage.seen(names.state('boxes')).filter(({ type }) => type === 'chorus.EntityState');
    // The commands come from instances of two partitions: their order is nobody's promise.
    const { text } = erase<{ readonly text: string }>(stage.codec.decodeData(erase(states.at(-1)?.payload['state'])).value);
    expect([...text.matchAll(/s\d/g)].map(([id]) => id).toSorted()).toEqual(['s0', 's2', 's3', ...after]);
    // The entity's chain of outcomes has no gap.
    const seqs = stage.seen().filter(({ envelope }) => envelope.chain.id === 'boxes/k').map(({ envelope }) => envelope.chain.seq);
    expect(seqs).toEqual([...Array(4 + after.length).keys()].map((index) => index + 1));
  };
  isSettled([]);
  expect(worker.status().every(({ liveTasks, tasks }) => liveTasks === tasks)).toBe(true);
  process.kill();
  await stage.clock.advance(11_000);
  await stage.start();
  await stage.settled((await stage.settled(client.start(saga, { text: 's4' }, { id: 's4' }))).result());
  isSettled(['s4']);
});

test('a refused command that dead letters refuse too is told without its bytes, to its step too, and the partition goes on', async () => {
  const stage = await open({ recordBytesMax: { [names.state('boxes')]: 1_000, [names.deadLetters]: 1_800 } });
  await stage.start();
  const client = stage.client();
  await stage.settled(client.start(saga, { text: 'large' }, { id: 's1' }));
  const [failed] = await stage.until(stepFailed);
  expect([failed?.envelope.correlationId, failed?.payload['errorKind']]).toEqual(['s1', 'Terminal']);
  expect(failed?.payload['reason']).toContain('refused by the log: RECORD_TOO_LARGE');
  expect((await stage.settled((await stage.settled(client.start(saga, { text: 'a' }))).result())).status).toBe('COMPLETED');
  expect(stage.deadLetters()).toEqual([{ value: null, reason: expect.stringContaining('RECORD_TOO_LARGE'), group: 'keeper' }]);
  // Whoever finds the bytes elsewhere can tell that they are these.
  const [letter] = stage.raw(names.deadLetters);
  const original = stage.raw(names.commands('boxes'))[0]?.value ?? new Uint8Array();
  const header = (name: string): string => Buffer.from(letter?.headers[name] ?? []).toString('utf8');
  expect([header('dead-letter-bytes'), header('dead-letter-sha256')]).toEqual([String(original.length), hash('sha256', original, 'hex')]);
  expect(stage.errors.join()).toContain(header('dead-letter-sha256'));
  const seqs = stage.seen().filter(({ envelope }) => envelope.chain.id === 'boxes/k').map(({ envelope }) => envelope.chain.seq);
  expect(seqs).toEqual([1, 2]);
});

test('a position that the log refuses together with something else, or for a while, is committed in the end', async () => {
  const stage = await open();
  let isRefusing = true;
  let refusals = 0;
  const strict = (log: EventLog): EventLog => ({
    ...log,
    writer: (id, options) => {
      const writer = log.writer(id, options);
      return {
        ...writer,
        commit: async (transaction) => {
          if (!isRefusing || transaction.positions === undefined || !id.includes('.sagas.')) return writer.commit(transaction);
          refusals++;
          return { status: 'not-committed', code: 'NOT_AUTHORISED', message: 'not the positions' };
        },
      };
    },
  });
  const { worker } = await stage.start({ wrap: strict });
  await stage.settled((await stage.settled(stage.client().start(saga, { text: 'a' }))).result());
  await stage.clock.advance(5_000);
  // Once an interval, not without end.
  expect(refusals).toBeGreaterThan(3);
  expect(refusals).toBeLessThan(20);
  isRefusing = false;
  await stage.clock.advance(2_000);
  const { log } = stage.cluster.connect('probe');
  const at = { topic: names.saga(CONTEXT), partition: 0 };
  const end = await stage.settled(log.endOffset(at));
  for (const group of ['leader', 'keeper']) {
    if (worker.status().find(({ participant }) => participant === group) === undefined) continue;
    expect((await stage.settled(log.committedPosition(names.group(group), at)))?.offset).toBe(end);
  }
});
