import { expect, test } from '@jest/globals';
import { command, dataType, defineEntity, defineParticipant, defineSaga, defineSource, event, implementAwait, initiate, none, on } from '#saga-core';
import { sagaSignalled } from '#contracts/core';
import { erase } from '#kernel';
import { asked, begun, CONTEXT, names, RuntimeStage, told } from '../../../test/support/runtime-stage.ts';

/* Goal: what retention deleted unread is never jumped over in silence, and what it deleted after it was read stops nobody. */
const box = dataType<{ readonly text: string }>('stage.Box', { type: 'record', name: 'Box', namespace: 'stage', fields: [{ name: 'text', type: 'string' }] });
const boxes = defineEntity<{ readonly text: string }>({
  name: 'boxes', owner: 'keeper', state: box, initial: () => ({ text: '' }), emits: [],
  commands: [on(asked, (state, { text }) => ({ state: { text: `${state.text}${text}` } }))],
});
const rumours = defineSource({ owner: 'keeper', topic: 'market.rumours', map: ({ payload }) => [command({ entity: 'boxes', key: 'k' }, asked, { text: erase<{ readonly text: string }>(payload).text })] });
const saga = defineSaga({
  type: 'plain', version: 1, context: CONTEXT, initiator: 'keeper', start: begun, timeoutMs: 0, totalSteps: 1, completed: { emits: null }, failed: { emits: null },
  steps: { wait: { kind: 'await', owner: 'keeper', number: 1, after: 'start', output: told, timeoutMs: 0, onLimit: 'fail', listensTo: [sagaSignalled], compensation: none('only waits') } },
});
const keeper = defineParticipant({
  name: 'keeper', entities: [boxes], sources: [rumours], initiates: [initiate(saga)],
  steps: [implementAwait(saga, 'wait', { initial: 0, fold: (count: number) => count + 1, verdict: () => null })],
});
const COMMANDS = { topic: names.commands('boxes'), partition: 0 };
const FACTS = { topic: names.facts('market.rumours'), partition: 0 };

const open = async () => {
  const stage = await RuntimeStage.open({ participants: [keeper], types: [box] });
  const said = (text: string, at: typeof COMMANDS) => ({ ...stage.written(saga, 'x', event(at === COMMANDS ? asked : told, { text })), topic: at.topic, key: 'k' });
  const text = (): string => {
    const last = stage.seen(names.state('boxes')).findLast(({ type }) => type === 'chorus.EntityState');
    return last === undefined ? '' : erase<{ readonly text: string }>(stage.codec.decodeData(erase(last.payload['state'])).value).text;
  };
  const first = await stage.start();
  await stage.append(said('a', COMMANDS), said('b', FACTS));
  await stage.clock.advance(3_000);
  expect([...text()].toSorted()).toEqual(['a', 'b']);
  const crash = async (process: { readonly kill: () => void }): Promise<void> => {
    process.kill();
    await stage.clock.advance(11_000);
  };
  const end = (at: typeof COMMANDS): Promise<number> => stage.settled(stage.cluster.connect('probe').log.endOffset(at));
  /** A foreign client's transactions that come to nothing: an aborted record and a marker each. */
  const giveUp = async (): Promise<void> => {
    for (const at of [COMMANDS, FACTS]) await stage.settled((await stage.cluster.openTransaction(`gives up ${at.topic}`, { records: [said('never', at)] })).abort());
  };
  return { stage, said, text, first, crash, end, giveUp };
};

test.each([
  { what: 'commands of an entity', at: COMMANDS },
  { what: 'facts of a source', at: FACTS },
])('$what that were deleted unread refuse the partition, at the start for all to see', async ({ at }) => {
  const { stage, said, first, crash, end } = await open();
  await crash(first.process);
  await stage.append(said('c', at));
  stage.cluster.deleteRecordsBefore(at, await end(at));
  await expect(stage.start()).rejects.toThrow(/keeper is refused a partition: INPUT_LOST: .*deleted by retention before it was read/);
  expect(stage.errors.join()).toContain('INPUT_LOST');
});

test('a refusal in the middle of life is told by health, and does not keep the other partitions from being served', async () => {
  const { stage, said, text, first, crash, end } = await open();
  const heir = await stage.start();
  await crash(first.process);
  expect(heir.worker.status()).toMatchObject([{ isReady: true, refusals: [] }]);
  heir.process.pause();
  await stage.append(said('c', FACTS));
  stage.cluster.deleteRecordsBefore(FACTS, await end(FACTS));
  heir.process.resume();
  await stage.append(said('d', COMMANDS));
  await stage.clock.advance(20_000);
  expect(heir.worker.status()).toMatchObject([{ isReady: false, liveTasks: 2, refusals: [{ partition: `${FACTS.topic}/0`, code: 'INPUT_LOST', message: expect.stringContaining('below the log\'s start') }] }]);
  expect(text()).toContain('d');
  expect(text()).not.toContain('c');
});

test('a person accepts the loss of commands by a tombstone on the entity\'s position; `recover` takes the partition up', async () => {
  const { stage, said, text, first, crash, end } = await open();
  const heir = await stage.start();
  await crash(first.process);
  heir.process.pause();
  await stage.append(said('c', COMMANDS));
  stage.cluster.deleteRecordsBefore(COMMANDS, await end(COMMANDS));
  heir.process.resume();
  await stage.clock.advance(20_000);
  expect(heir.worker.status()).toMatchObject([{ refusals: [{ code: 'INPUT_LOST' }] }]);
  await stage.append({ topic: names.state('boxes'), key: `position:${COMMANDS.topic}:0`, value: null });
  await stage.settled(heir.worker.recover('keeper'));
  await stage.append(said('d', COMMANDS));
  await stage.clock.advance(3_000);
  expect(heir.worker.status()).toMatchObject([{ isReady: true, refusals: [] }]);
  expect(text()).toMatch(/^(ab|ba)d$/);
});

test('a topic that lay idle until retention had deleted all of it stops nobody, though markers alone came last', async () => {
  const { stage, said, text, first, crash, end, giveUp } = await open();
  await giveUp();
  await stage.clock.advance(3_000);
  await crash(first.process);
  for (const at of [COMMANDS, FACTS]) stage.cluster.deleteRecordsBefore(at, await end(at));
  const { worker } = await stage.start();
  await stage.append(said('c', COMMANDS), said('d', FACTS));
  await stage.clock.advance(3_000);
  expect(worker.status()).toMatchObject([{ isReady: true }]);
  expect([...text()].toSorted()).toEqual(['a', 'b', 'c', 'd']);
});

test('so does one whose last markers came just before a planned stop', async () => {
  const { stage, first, end, giveUp } = await open();
  await giveUp();
  await stage.clock.advance(100);
  await stage.settled(first.worker.stop());
  for (const at of [COMMANDS, FACTS]) stage.cluster.deleteRecordsBefore(at, await end(at));
  const { worker } = await stage.start();
  expect(worker.status()).toMatchObject([{ isReady: true }]);
});
