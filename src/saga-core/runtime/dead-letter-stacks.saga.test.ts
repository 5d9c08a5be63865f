import { expect, test } from '@jest/globals';
import { erase } from '#kernel';
import { command, dataType, defineEntity, defineParticipant, defineSaga, defineSource, event, initiate, none, NO_RETRY, on, implementEffect, completed } from '#saga-core';
import { asked, begun, CONTEXT, names, RuntimeStage, told } from '../../../test/support/runtime-stage.ts';

/* Goal: a dead letter says where a fault arose: the stack of what was thrown, bounded; none where nothing was thrown. */
const saga = defineSaga({
  type: 'plain', version: 1, context: CONTEXT, initiator: 'keeper', start: begun, timeoutMs: 0, totalSteps: 1, completed: { emits: null }, failed: { emits: null },
  steps: { work: { kind: 'effect', owner: 'keeper', number: 1, after: 'start', output: told, timeoutMs: 1_000, retry: NO_RETRY, compensation: none('nothing') } },
});
const box = dataType<{ readonly text: string }>('stage.Box', { type: 'record', name: 'Box', namespace: 'stage', fields: [{ name: 'text', type: 'string' }] });
const sinkInto = (depth: number): never => {
  if (depth > 0) return sinkInto(depth - 1);
  throw new RangeError('too deep: password=secret');
};
const handleBoxed = (text: string): never => {
  if (text === 'nothing') throw erase<Error>('a bare text');
  if (text !== 'deep') throw new TypeError('the box is shut');
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 1_000;
  try {
    return sinkInto(500);
  } finally {
    Error.stackTraceLimit = limit;
  }
};
const mapRumour = (): never => { throw new Error('cannot be mapped'); };
const keeper = defineParticipant({
  name: 'keeper', initiates: [initiate(saga)], steps: [implementEffect(saga, 'work', { execute: async () => completed(event(told, { text: 'done' })) })],
  entities: [defineEntity<{ readonly text: string }>({ name: 'boxes', owner: 'keeper', state: box, initial: () => ({ text: '' }), emits: [], commands: [on(asked, (_state, { text }) => handleBoxed(text))] })],
  sources: [defineSource({ owner: 'keeper', topic: 'market.rumours', map: ({ payload }) => [command({ entity: 'boxes', key: mapRumour() }, asked, erase<{ readonly text: string }>(payload))] })],
});

/** An envelope that cannot be parsed, behind a header that can. */
const broken = (value: Uint8Array): Uint8Array => value.with(value.indexOf(0x7b), 0x78);

const lettersOf = async (...records: readonly (readonly [topic: string, text: string | Uint8Array])[]) => {
  const stage = await RuntimeStage.open({ participants: [keeper], types: [box] });
  await stage.start();
  const written = stage.written(saga, 'x', event(told, { text: '' }));
  await stage.append(...records.map(([topic, text]) => ({
    ...written, topic, key: 'k', value: typeof text === 'string' ? stage.written(saga, 'x', event(topic === names.commands('boxes') ? asked : told, { text })).value : text,
  })));
  await stage.clock.advance(5_000);
  return stage.raw(names.deadLetters).map(({ headers }) => {
    const text = (name: string): string | null => (headers[name] === undefined ? null : Buffer.from(headers[name]).toString('utf8'));
    return { reason: text('dead-letter-reason'), stack: text('dead-letter-stack') };
  });
};

test('what a handler throws goes with its stack, name first', async () => {
  const [letter, ...others] = await lettersOf([names.commands('boxes'), 'shut']);
  expect(others).toEqual([]);
  expect(letter).toEqual({ reason: 'the box is shut', stack: expect.stringMatching(/^TypeError\n {4}at handleBoxed .*dead-letter-stacks/) });
});

test('what a source throws goes with its stack', async () => {
  expect(await lettersOf([names.facts('market.rumours'), 'a'])).toEqual([{ reason: 'cannot be mapped', stack: expect.stringMatching(/^Error\n {4}at mapRumour /) }]);
});

test('a long stack is cut to 4 KiB, in whole lines, and repeats no message', async () => {
  const [letter] = await lettersOf([names.commands('boxes'), 'deep']);
  const stack = letter?.stack ?? '';
  expect(Buffer.byteLength(stack)).toBeLessThanOrEqual(4_096);
  expect(Buffer.byteLength(stack)).toBeGreaterThan(3_800);
  expect(stack.split('\n').slice(1).every((line) => /^ {4}at sinkInto .*\d\)$/.test(line))).toBe(true);
  expect(stack).not.toContain('secret');
});

test('a body that cannot be decoded goes with the stack of the decoder; bytes that are no record, with none', async () => {
  const stage = await RuntimeStage.open({ participants: [keeper], types: [box] });
  const whole = stage.written(saga, 'x', event(told, { text: 'long enough to be cut' })).value ?? new Uint8Array();
  const letters = await lettersOf([names.saga(CONTEXT), broken(whole)], [names.saga(CONTEXT), new Uint8Array([7])]);
  expect(letters).toEqual([
    { reason: expect.stringContaining('envelope'), stack: expect.stringMatching(/^\w*Error\n {4}at /) },
    { reason: expect.stringContaining('no record'), stack: null },
  ]);
});

test('where no error was thrown, or a bare text, there is no stack', async () => {
  expect(await lettersOf([names.commands('boxes'), 'nothing'])).toEqual([{ reason: 'a bare text', stack: null }]);
});
