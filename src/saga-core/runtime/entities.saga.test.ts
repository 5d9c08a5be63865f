import { expect, test } from '@jest/globals';
import { entityPosition, entityTick, sagaCompleted, sagaStarted } from '#contracts/core';
import {
  command, compensated, completed, dataType, defineEntity, defineParticipant, defineSaga, event, implementChild, implementEffect, implementEntityStep, initiate, none, NO_RETRY, on, requireCompensation, type SagaRef, undo,
} from '#saga-core';
import { erase } from '#kernel';
import { asked, begun, CONTEXT, names, RuntimeStage, told, withdrawn } from '../../../test/support/runtime-stage.ts';

/*
 * A lock with a time to live, as the specification wants one: the holder, the waiters in order, an expiry without a further
 * command; a tally beside it counts what the lock says to it; every grant is a fact for everybody.
 */
const HOLD_MS = 3_000;
const LATE_MS_MAX = 50;
type Lock = { readonly holder: string; readonly until: number; readonly waiting: readonly SagaRef[]; readonly ticks: readonly number[] };
const lockType = dataType<{ readonly json: string }>('stage.Lock', { type: 'record', name: 'Lock', namespace: 'stage', fields: [{ name: 'json', type: 'string' }] });
const read = ({ json }: { readonly json: string }): Lock => erase(JSON.parse(json));
const written = (lock: Lock) => ({ json: JSON.stringify(lock) });

const granted = (lock: Lock, holder: string, nowMs: number): Lock => ({ ...lock, holder, until: nowMs + HOLD_MS });
const next = (lock: Lock, nowMs: number) => {
  const [first, ...waiting] = lock.waiting;
  if (first === undefined) return { state: written({ ...lock, holder: '', until: 0 }) };
  return { state: written({ ...granted(lock, first.correlationId, nowMs), waiting }), answers: [{ to: first, outcome: completed(event(told, { text: 'after waiting' })) }] };
};
const lock = defineEntity<{ readonly json: string }>({
  name: 'locks', owner: 'alone', state: lockType, initial: () => written({ holder: '', until: 0, waiting: [], ticks: [] }), emits: [told],
  commands: [
    on(asked, (state, { text }, { caller, nowMillis }) => {
      const held = read(state);
      if (caller === null) return { state };
      if (text === 'never') return { state, outcome: requireCompensation('never granted') };
      if (held.holder !== '') return { state: written({ ...held, waiting: [...held.waiting, caller] }) };
      return {
        state: written(granted(held, caller.correlationId, nowMillis)),
        outcome: completed(event(told, { text: 'at once' })),
        facts: [{ topic: 'market.grants', key: caller.correlationId, event: event(told, { text: `${caller.correlationId} holds` }) }],
        commands: [command({ entity: 'tallies', key: 'all' }, asked, { text: caller.correlationId })],
      };
    }),
    on(withdrawn, (state, _payload, { nowMillis, phase }) => ({ ...next(read(state), nowMillis), ...(phase === 'compensate' ? { outcome: compensated() } : {}) })),
  ],
  wakeAt: (state) => { const { until } = read(state); return until === 0 ? null : until; },
  onTick: (state, { nowMillis }) => { const held = read(state); return next({ ...held, ticks: [...held.ticks, nowMillis] }, nowMillis); },
});
const tallyType = dataType<{ readonly text: string }>('stage.Tally', { type: 'record', name: 'Tally', namespace: 'stage', fields: [{ name: 'text', type: 'string' }] });
const tally = defineEntity<{ readonly text: string }>({
  name: 'tallies', owner: 'alone', state: tallyType, initial: () => ({ text: '' }), emits: [], commands: [on(asked, (state, { text }) => ({ state: { text: `${state.text}${text};` } }))],
});

const saga = defineSaga({
  type: 'locking', version: 1, context: CONTEXT, initiator: 'alone', start: begun, timeoutMs: 0, totalSteps: 2, completed: { emits: null }, failed: { emits: null },
  steps: {
    lock: { kind: 'entity', owner: 'alone', number: 1, after: 'start', entity: 'locks', output: told, compensation: undo() },
    use: { kind: 'effect', owner: 'alone', number: 2, after: 'lock', output: told, timeoutMs: 1_000, retry: NO_RETRY, compensation: none('nothing') },
  },
});
const alone = defineParticipant({
  name: 'alone', initiates: [initiate(saga)], entities: [lock, tally], writesTo: { facts: ['market.grants'] },
  steps: [
    implementEntityStep(saga, 'lock', { command: ({ start }) => command({ entity: 'locks', key: 'k' }, asked, start), undo: () => command({ entity: 'locks', key: 'k' }, withdrawn, { text: '' }) }),
    implementEffect(saga, 'use', { execute: async ({ start }) => (start.text === 'break' ? requireCompensation('broken') : completed(event(told, { text: 'used' }))) }),
  ],
});
const open = () => RuntimeStage.open({ participants: [alone], types: [lockType, tallyType] });
const stateOf = (stage: RuntimeStage, name: string): unknown => {
  const last = stage.seen(names.state(name)).findLast(({ type }) => type === 'chorus.EntityState');
  return last === undefined ? null : stage.codec.decodeData(erase(last.payload['state'])).value;
};
const lockOf = (stage: RuntimeStage): Lock => read(erase(stateOf(stage, 'locks')));

/** Ticks and requests for the lock, as its topic of commands has them: when each was written, and what a tick says it is for. */
const commandsOf = (stage: RuntimeStage, type: string): readonly { readonly atMs: number; readonly dueAtMs: number }[] =>
  stage.seen(names.commands('locks')).filter((record) => record.type === type).map(({ envelope, payload }) => ({ atMs: envelope.occurredAt, dueAtMs: Number(payload['dueAt']) }));
/** Not before it is due, and then at once: what the network takes lies behind the record. */
const expectPunctual = (ticks: readonly { readonly atMs: number; readonly dueAtMs: number }[], dueAtMs: readonly number[]): void => {
  expect(ticks.map((tick) => tick.dueAtMs)).toEqual(dueAtMs);
  expect(ticks.map(({ atMs }, index) => atMs - (dueAtMs[index] ?? 0)).filter((lateMs) => lateMs < 0 || lateMs > LATE_MS_MAX)).toEqual([]);
};

test('waiters are granted in order when the holder\'s time is over: ticks come without a command, each when it is due and once', async () => {
  const stage = await open();
  await stage.start();
  const client = stage.client();
  for (const id of ['a', 'b', 'c']) await stage.settled(client.start(saga, { text: id }, { id }));
  await stage.until(sagaCompleted, 3);
  expect(stage.seen().filter(({ envelope, type }) => envelope.stepName === 'lock' && type === told.name).map(({ envelope, payload }) => [envelope.correlationId, payload['text']])).toEqual([['a', 'at once'], ['b', 'after waiting'], ['c', 'after waiting']]);
  await stage.clock.advance(3 * HOLD_MS);
  const ticks = commandsOf(stage, entityTick.name);
  // The first holder's time runs from its request, every other one's from the tick that granted it.
  const [asking] = commandsOf(stage, asked.name);
  const grantedAtMs = [asking, ...ticks.slice(0, 2)].map((grant) => grant?.atMs ?? 0);
  expectPunctual(ticks, grantedAtMs.map((atMs) => atMs + HOLD_MS));
  expect(lockOf(stage)).toMatchObject({ holder: '', waiting: [], ticks: ticks.map(({ atMs }) => atMs) });
});

test('a tick that was put off meanwhile does not come early', async () => {
  const stage = await open();
  await stage.start();
  const client = stage.client();
  await stage.settled(client.start(saga, { text: 'a' }, { id: 'a' }));
  await stage.until(sagaCompleted);
  await stage.clock.advance(1_500);
  await stage.settled(client.start(saga, { text: 'break' }, { id: 'b' }));
  // The holder's command by hand: it lets go, the waiter holds anew and for its full time, but gives it back soon.
  const release = stage.written(saga, 'a', event(withdrawn, { text: '' }));
  await stage.append({ ...release, topic: names.commands('locks'), key: 'k' });
  await stage.clock.advance(10);
  await stage.settled(client.start(saga, { text: 'c' }, { id: 'c' }));
  await stage.clock.advance(20_000);
  // Neither the first holder's time nor the second's ran out, each let go before: one tick, for the last holder, who has it from the second's undo.
  const last = commandsOf(stage, withdrawn.name).at(-1);
  expectPunctual(commandsOf(stage, entityTick.name), [(last?.atMs ?? 0) + HOLD_MS]);
  expect(lockOf(stage)).toMatchObject({ holder: '', waiting: [] });
  expect(stage.types('b')).toContain('CompensationCompleted lock');
  expect(stage.types('c')).toContain('SagaCompleted');
});

test('facts and commands between entities are told once, whatever dies in between; state and position are read together', async () => {
  const stage = await open();
  const client = stage.client();
  let { process } = await stage.start();
  const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
  for (const [index, id] of ids.entries()) {
    await stage.settled(client.start(saga, { text: id }, { id }));
    await stage.clock.advance(7 * index);
    process.kill();
    await stage.clock.advance(11_000);
    ({ process } = await stage.start());
  }
  await stage.until(sagaCompleted, ids.length);
  await stage.clock.advance(20_000);
  const facts = stage.seen(names.facts('market.grants')).map(({ payload }) => String(payload['text']).slice(0, 1));
  expect(new Set(facts).size).toBe(facts.length);
  expect(erase<{ readonly text: string }>(stateOf(stage, 'tallies')).text).toBe(facts.map((id) => `${id};`).join(''));
  const ends = stage.seen().filter(({ envelope }) => envelope.chain.id === 'locks/k').map(({ envelope }) => envelope.chain.seq);
  expect(ends).toEqual(ids.map((_, index) => index + 1));
  // The position in the state topic is that of the commands that the states contain.
  const position = stage.seen(names.state('locks')).findLast(({ type }) => type === entityPosition.name);
  expect(position?.payload['offset']).toBeGreaterThan(stage.seen(names.commands('locks')).at(-1)?.offset ?? Number.POSITIVE_INFINITY);
});

test('a refusal of an entity fails the step; a later failure undoes the grant on the same key', async () => {
  const stage = await open();
  await stage.start();
  const client = stage.client();
  const results = await stage.settled(Promise.all((await stage.settled(Promise.all(['never', 'break'].map((text) => client.start(saga, { text }, { id: text }))))).map((handle) => handle.result())));
  expect(results).toMatchObject([{ status: 'FAILED', reason: 'never granted' }, { status: 'FAILED', reason: 'broken' }]);
  expect(stage.types('break')).toEqual(['begun', 'SagaStarted', 'StepStarted lock', 'told lock', 'StepFailed use', 'CompensationRequested', 'StepStarted lock', 'CompensationCompleted lock', 'SagaFailed']);
  await stage.clock.advance(500);
  expect(lockOf(stage).holder).toBe('');
});

const childOf = (fate: 'works' | 'fails') => defineSaga({
  type: 'child', version: 1, context: CONTEXT, initiator: 'alone', start: begun, timeoutMs: 0, totalSteps: 1, result: 'act', completed: { emits: null }, failed: { emits: null },
  steps: { act: { kind: 'effect', owner: 'alone', number: 1, after: 'start', output: told, timeoutMs: 10_000, retry: NO_RETRY, compensation: none(fate) } },
});
const parentOf = (id: 'inherited' | 'own') => defineSaga({
  type: 'parent', version: 1, context: CONTEXT, initiator: 'alone', start: begun, timeoutMs: 0, totalSteps: 2, completed: { emits: null }, failed: { emits: null },
  steps: {
    before: { kind: 'effect', owner: 'alone', number: 1, after: 'start', output: begun, timeoutMs: 1_000, retry: NO_RETRY, compensation: undo() },
    child: { kind: 'child', owner: 'alone', number: 2, after: 'before', saga: 'child', id, output: told, compensation: none('ends by itself') },
  },
});

test.each([['inherited', 'works'], ['inherited', 'fails'], ['own', 'works'], ['own', 'fails']] as const)('a child of an %s id that %s reports to its parent, also when its end and the parent\'s answer are torn apart', async (id, fate) => {
  const [parent, child] = [parentOf(id), childOf(fate)];
  const whole = defineParticipant({
    name: 'alone', initiates: [initiate(parent), initiate(child)],
    steps: [
      implementEffect(parent, 'before', { execute: async ({ start }) => completed(event(begun, start)), compensate: async () => compensated() }),
      implementChild(parent, 'child', { trigger: ({ start }) => (id === 'own' ? { kind: 'event', event: event(begun, start) } : { kind: 'output', step: 'before' }) }),
      implementEffect(child, 'act', { execute: async ({ start }) => (fate === 'works' ? completed(event(told, { text: start.text })) : requireCompensation('the child cannot')) }),
    ],
  });
  for (let killAfterMs = 0; killAfterMs < 40; killAfterMs++) {
    const stage = await RuntimeStage.open({ participants: [whole] });
    const limits = { positionIntervalMs: 1, checkpointWindowMs: 0 };
    let { process } = await stage.start({ limits });
    const client = stage.client();
    const handle = await stage.settled(client.start(parent, { text: 'a' }, { id: 'p' }));
    if (killAfterMs > 0) {
      await stage.clock.advance(killAfterMs);
      process.kill();
      // A bad record takes the position along before the takeover is over.
      await stage.append({ value: new Uint8Array([1]) });
      for (let round = 0; round < 2; round++) {
        await stage.clock.advance(11_000);
        ({ process } = await stage.launch({ limits }));
        await stage.clock.advance(8 + (killAfterMs * 7 + round) % 23);
        process.kill();
      }
      await stage.clock.advance(11_000);
      await stage.start({ limits });
    }
    expect(await stage.settled(handle.result())).toMatchObject(fate === 'works' ? { status: 'COMPLETED' } : { status: 'FAILED', reason: expect.stringContaining('the child cannot') });
    const answer = stage.seen().find(({ type, envelope }) => type === 'chorus.StepCompleted' && envelope.stepName === 'child');
    if (fate === 'works') expect(answer).toBeDefined();
    expect(stage.seen().filter(({ type }) => type === sagaStarted.name)).toHaveLength(2);
    expect(stage.seen().filter(({ type }) => type === 'chorus.ChildSagaEnded')).toHaveLength(id === 'own' ? 1 : 0);
  }
}, 60_000);
