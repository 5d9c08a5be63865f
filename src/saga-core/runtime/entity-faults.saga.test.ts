import { describe, expect, test } from '@jest/globals';
import { entityTick, stepFailed } from '#contracts/core';
import { command, compensated, completed, dataType, defineEntity, defineParticipant, defineSaga, type EntityDefinition, event, implementEntityStep, initiate, none, on } from '#saga-core';
import { asked, begun, CONTEXT, names, RuntimeStage, told, withdrawn } from '../../../test/support/runtime-stage.ts';

/*
 * Goal: whatever a command, or an entity's own function, gets wrong concerns its key alone, and a timer acts when its time has
 * come and not before. The entity: an alarm clock that counts how often it rang.
 */
type Alarm = { readonly at: string; readonly rang: string };
const alarmType = dataType<Alarm>('stage.Alarm', { type: 'record', name: 'Alarm', namespace: 'stage', fields: [{ name: 'at', type: 'string' }, { name: 'rang', type: 'string' }] });
const alarmsThat = (onTick: (state: Alarm, context: { readonly nowMillis: number }) => { readonly state: Alarm }, hold?: EntityDefinition<Alarm>['hold']) => defineEntity<Alarm>({
  name: 'alarms', owner: 'alone', state: alarmType, emits: [told],
  initial: (key) => {
    if (key === 'unborn') throw new Error('no such alarm');
    return { at: '0', rang: '' };
  },
  commands: [
    on(asked, (state, { text }, { nowMillis, phase }) => ({
      state: { ...state, at: text === 'odd' ? text : String(nowMillis + Number(text)) },
      ...(phase === null ? {} : { outcome: text === '13' ? compensated() : completed(event(told, { text: 'set' })) }),
    })),
    on(withdrawn, (state) => ({ state: { ...state, at: '0' } })),
  ],
  wakeAt: ({ at }) => {
    if (at === 'odd') throw new Error('an odd time');
    return at === '0' ? null : Number(at);
  },
  onTick,
  ...(hold === undefined ? {} : { hold }),
});
const alarms = alarmsThat((state, { nowMillis }) => ({ state: { at: '0', rang: `${state.rang}${nowMillis - Number(state.at) >= 0 ? 'in time' : 'early'};` } }));
const saga = defineSaga({
  type: 'setting', version: 1, context: CONTEXT, initiator: 'alone', start: begun, timeoutMs: 0, totalSteps: 1, completed: { emits: null }, failed: { emits: null },
  steps: { set: { kind: 'entity', owner: 'alone', number: 1, after: 'start', entity: 'alarms', output: told, compensation: none('it only rings') } },
});
const alone = defineParticipant({
  name: 'alone', initiates: [initiate(saga)], entities: [alarms],
  steps: [implementEntityStep(saga, 'set', { command: ({ start }) => command({ entity: 'alarms', key: 'k' }, asked, start) })],
});

const open = async (): Promise<RuntimeStage> => RuntimeStage.open({ participants: [alone], types: [alarmType] });
const commandFor = (stage: RuntimeStage, key: string, said: { readonly type: typeof asked; readonly payload: { readonly text: string } }) => {
  const record = stage.written(saga, 'x', said);
  return { ...record, topic: names.commands('alarms'), key };
};
const setting = (text: string) => event(asked, { text });
const statesOf = (stage: RuntimeStage, key: string): readonly Alarm[] => stage.seen(names.state('alarms')).flatMap(({ type, payload }) =>
  (type === 'chorus.EntityState' && payload['key'] === key ? [stage.codec.decodeData(payload['state'] as Uint8Array).value as Alarm] : []));

describe('a command that cannot be carried out goes to dead letters, and the partition goes on', () => {
  test.each([
    { what: 'whose caller lies in a context that nobody here writes to', key: 'k', type: 'unknown', headers: { 'saga-context': 'elsewhere' } },
    { what: 'for a key that cannot be', key: 'unborn', type: 'known', headers: {} },
  ])('$what', async ({ key, type, headers }) => {
    const stage = await open();
    const { worker } = await stage.start();
    const bad = { ...commandFor(stage, key, setting('5')), headers };
    // A type that the entity does not take, of a step that waits for an answer.
    const unknown = stage.written(saga, 'x', event(told, { text: 'what?' }), { stepName: 'set', idempotencyKey: 'x:set:execute' });
    await stage.append(type === 'known' ? bad : { ...unknown, topic: names.commands('alarms'), key, headers }, commandFor(stage, 'good', setting('60000')));
    await stage.clock.advance(5_000);
    expect(stage.deadLetters()).toHaveLength(1);
    expect(statesOf(stage, 'good')).toHaveLength(1);
    expect(worker.status()).toMatchObject([{ isReady: true, counters: { deadLetters: 1, takeovers: 2 } }]);
  });
});

test('a dead letter keeps the headers of its original', async () => {
  const stage = await open();
  await stage.start();
  await stage.append({ ...commandFor(stage, 'unborn', setting('5')), headers: { 'event-type': asked.name, 'of-somebody': 'else' } });
  await stage.clock.advance(5_000);
  const [letter] = stage.raw(names.deadLetters);
  expect(Buffer.from(letter?.headers['of-somebody'] ?? []).toString()).toBe('else');
  expect(Buffer.from(letter?.headers['event-type'] ?? []).toString()).toBe(asked.name);
  expect(Buffer.from(letter?.headers['dead-letter-topic'] ?? []).toString()).toBe(names.commands('alarms'));
});

test('a fault of one key\'s timer is its own: other keys and later commands go on', async () => {
  const stage = await open();
  const { worker } = await stage.start();
  await stage.append(commandFor(stage, 'bad', setting('odd')), commandFor(stage, 'good', setting('500')));
  await stage.clock.advance(3_000);
  expect(statesOf(stage, 'good').at(-1)).toEqual({ at: '0', rang: 'in time;' });
  expect(stage.errors.some((error) => error.includes('an odd time'))).toBe(true);
  await stage.append(commandFor(stage, 'bad', event(withdrawn, { text: '' })));
  await stage.clock.advance(3_000);
  expect(statesOf(stage, 'bad').at(-1)).toEqual({ at: '0', rang: '' });
  expect(worker.status()).toMatchObject([{ isReady: true, counters: { takeovers: 2 } }]);
});

test('a tick acts on nothing that was put off by a command before it', async () => {
  const stage = await open();
  await stage.start();
  await stage.append(commandFor(stage, 'k', setting('1000')));
  await stage.clock.runUntil(() => statesOf(stage, 'k').length === 1, 5_000);
  // Both lie on the topic before the task reads either: the tick is due by then, the alarm is not any more.
  const tick = stage.written(saga, 'x', event(entityTick, { entity: 'alarms', key: 'k', dueAt: stage.clock.nowMillis() }));
  await stage.append(commandFor(stage, 'k', setting('4000')), { ...tick, topic: names.commands('alarms'), key: 'k' });
  await stage.clock.advance(2_000);
  expect(statesOf(stage, 'k').at(-1)?.rang).toBe('');
  await stage.clock.advance(4_000);
  expect(statesOf(stage, 'k').at(-1)).toEqual({ at: '0', rang: 'in time;' });
});

test.each([
  { what: 'by its handler', rings: () => { throw new Error('the bell is stuck'); } },
  { what: 'by the log', rings: () => 'x'.repeat(5_000) },
])('a tick that is refused $what is sent again a minute later, and not in between', async ({ rings }) => {
  let isStuck = true;
  const stuck = alarmsThat(() => ({ state: { at: '0', rang: isStuck ? rings() : 'at last' } }));
  const participants = [defineParticipant({ ...alone, entities: [stuck] })];
  const stage = await RuntimeStage.open({ participants, types: [alarmType], recordBytesMax: { [names.state('alarms')]: 2_000 } });
  await stage.start();
  await stage.append(commandFor(stage, 'k', setting('1000')), commandFor(stage, 'other', setting('1500')));
  await stage.clock.advance(50_000);
  expect(stage.deadLetters()).toHaveLength(2);
  isStuck = false;
  await stage.clock.advance(20_000);
  expect(['k', 'other'].map((key) => statesOf(stage, key).at(-1))).toEqual([{ at: '0', rang: 'at last' }, { at: '0', rang: 'at last' }]);
  expect(stage.deadLetters()).toHaveLength(2);
});

test('an answer of the wrong kind is the handler\'s fault, and fails its step', async () => {
  const stage = await open();
  await stage.start();
  await stage.settled(stage.client().start(saga, { text: '13' }, { id: 's' }));
  const [failed] = await stage.until(stepFailed);
  expect(failed?.payload['reason']).toContain('answers a step\'s execute with "compensated"');
  await stage.clock.advance(1_000);
  expect(statesOf(stage, 'k').at(-1)).toEqual({ at: '0', rang: '' });
});

test('a held resource that cannot be closed is told of, the others are closed, and the worker leaves', async () => {
  const closed: string[] = [];
  const close = (key: string): Promise<void> => {
    closed.push(key);
    if (key === 'thrown') throw new Error('threw');
    return key === 'refused' ? Promise.reject(new Error('will not close')) : Promise.resolve();
  };
  const holding = alarmsThat((state) => ({ state }), (key) => ({ update: () => undefined, close: () => close(key) }));
  const participants = [defineParticipant({ ...alone, entities: [holding] })];
  const stage = await RuntimeStage.open({ participants, types: [alarmType] });
  const { worker } = await stage.start();
  await stage.append(...['thrown', 'refused', 'good'].map((key) => commandFor(stage, key, setting('60000'))));
  await stage.clock.advance(1_000);
  await stage.settled(worker.stop());
  expect(closed.toSorted()).toEqual(['good', 'refused', 'thrown']);
  expect(stage.errors.filter((error) => error.includes('a held resource cannot be closed'))).toEqual([expect.stringContaining('threw'), expect.stringContaining('will not close')]);
  // It has left: a successor need not wait for its session.
  const startedAtMs = stage.clock.monotonicMillis();
  await stage.start();
  expect(stage.clock.monotonicMillis() - startedAtMs).toBeLessThan(5_000);
});
