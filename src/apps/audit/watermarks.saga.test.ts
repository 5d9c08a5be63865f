import { beforeAll, expect, test } from '@jest/globals';
import { instanceCheckpoint, sagaSignalled } from '#contracts/core';
import { completed, defineParticipant, defineSaga, event, implementAwait, initiate, none } from '#saga-core';
import type { EventLog, LogRecord, Position } from '#saga-core/ports';
import { EMPTY_ENVELOPE, watermarkOf } from '#saga-core/runtime';
import { begun, CONTEXT, NAMESPACE, names, RuntimeStage, told } from '../../../test/support/runtime-stage.ts';
import { createStaticLog } from '../../../test/support/static-log.ts';
import { verifyLog } from './index.ts';

// Goal: what a worker committed is found good, and each thing that could be wrong with it is found.
// One instance stays open for long and has a checkpoint, another is young and has none, others pass by.

const TOPIC = names.saga(CONTEXT);
const CHECKPOINTS = names.checkpoints('alone', CONTEXT);
const LIMITS = { positionIntervalMs: 200, checkpointWindowMs: 1_000 };
const saga = defineSaga({
  type: 'patient', version: 1, context: CONTEXT, initiator: 'alone', start: begun, timeoutMs: 0, totalSteps: 1, completed: { emits: null }, failed: { emits: null },
  steps: { wait: { kind: 'await', owner: 'alone', number: 1, after: 'start', output: told, timeoutMs: 0, onLimit: 'fail', listensTo: [sagaSignalled], compensation: none('only waits') } },
});
const alone = defineParticipant({
  name: 'alone', initiates: [initiate(saga)],
  steps: [implementAwait(saga, 'wait', {
    initial: 0, fold: (count: number, { payload }) => ((payload as { readonly signal: string }).signal === 'end' ? 1 : count), verdict: (count) => (count === 0 ? null : completed(event(told, { text: 'done' }))),
  })],
});

let stage: RuntimeStage;
let position: Position;
let records: readonly LogRecord[];

beforeAll(async () => {
  stage = await RuntimeStage.open({ participants: [alone] });
  const { process } = await stage.start({ limits: LIMITS });
  const client = stage.client();
  const passBy = async (): Promise<void> => {
    const { correlationId } = await stage.settled(client.start(saga, { text: 'short' }));
    await stage.settled(client.signal(saga, correlationId, 'end'));
    await stage.settled(client.handle(saga, correlationId).result());
    await stage.clock.advance(500);
  };
  await passBy();
  await stage.settled(client.start(saga, { text: 'long' }, { id: 'long' }));
  for (let count = 0; count < 4; count++) await passBy();
  await stage.settled(client.signal(saga, 'long', 'hello'));
  await stage.clock.advance(500);
  await stage.settled(client.start(saga, { text: 'young' }, { id: 'young' }));
  await passBy();
  const committed = await stage.settled(stage.cluster.connect('probe').log.committedPosition(names.group('alone'), { topic: TOPIC, partition: 0 }));
  if (committed === null) throw new Error('no position');
  position = committed;
  process.kill();
  records = [...stage.raw(TOPIC), ...stage.raw(CHECKPOINTS)];
});

/** What I10 says of the log with another watermark, or with records added. */
const told10 = async (change: { readonly watermark?: number; readonly more?: readonly LogRecord[]; readonly logStart?: number } = {}): Promise<readonly string[]> => {
  const held = createStaticLog([...records, ...(change.more ?? [])], 1);
  const metadata = change.watermark === undefined ? position.metadata : JSON.stringify({ watermark: change.watermark });
  const log: EventLog = {
    ...held,
    committedPosition: (group) => Promise.resolve(group === names.group('alone') ? { ...position, metadata } : null),
    logStartOffset: (at) => (at.topic === TOPIC ? Promise.resolve(change.logStart ?? 0) : held.logStartOffset(at)),
  };
  const { violations } = await verifyLog({ log, codec: stage.codec, namespace: NAMESPACE, definitions: [saga], nowMs: stage.clock.nowMillis() });
  return violations.filter(({ invariant }) => invariant === 'I10').map(({ instance, message }) => `${instance ?? '-'}: ${message}`);
};
const offsetsOf = (id: string): readonly number[] => stage.seen().filter(({ envelope }) => envelope.correlationId === id).map(({ offset }) => offset);
const checkpoint = (key: string, foldedTo: number | null, offset: number): LogRecord => {
  const envelope = { ...EMPTY_ENVELOPE, eventId: 'c', occurredAt: 0, producer: 'test', chain: { id: 'c', seq: 1, prevHash: null } };
  const value = foldedTo === null ? null : stage.codec.encode(instanceCheckpoint, envelope, { state: new Uint8Array(), schemaVersion: 3, foldedTo, firstOffset: 0 });
  return { topic: CHECKPOINTS, partition: 0, offset: 100_000 + offset, timestampMs: 0, key: new TextEncoder().encode(key), value, headers: {} };
};
const of = (watermark: number): string => `the watermark of alone on sagas.${CONTEXT}/0 is ${watermark}`;

test('what the worker committed is as far back as it must be, and no further', async () => {
  expect(watermarkOf(position.metadata)).toBe(offsetsOf('young')[0]);
  expect(position.offset).toBeGreaterThan(offsetsOf('young')[0] ?? 0);
  expect(await told10()).toEqual([]);
});

test('a watermark that has passed the start of an open instance without a checkpoint', async () => {
  const start = offsetsOf('young')[0] ?? 0;
  expect(await told10({ watermark: start + 1 })).toEqual([`young: ${of(start + 1)}, but the instance began at ${start}, is open and has no checkpoint: a restart would lose it`]);
  const own = offsetsOf('young').at(-1) ?? 0;
  expect(await told10({ watermark: position.offset, more: [checkpoint('young', own, 0)] })).toEqual([]);
  expect(await told10({ watermark: position.offset, more: [checkpoint('young', own, 0), checkpoint('young', null, 1)] })).toEqual([expect.stringContaining('a restart would lose it')]);
});

test('a watermark that has passed a record which came after the instance\'s checkpoint', async () => {
  const [start = 0, ...later] = offsetsOf('long');
  const last = later.at(-1) ?? 0;
  const watermark = offsetsOf('young')[0] ?? 0;
  expect(await told10({ more: [checkpoint('long', last - 1, 0)] })).toEqual([`long: ${of(watermark)}, but the instance's checkpoint holds what came up to ${last - 1}, and its next record lies at ${last}: a restart would miss it`]);
  expect(await told10({ more: [checkpoint('long', start, 0)] })).toEqual([expect.stringContaining(`its next record lies at ${later[0] ?? 0}`)]);
  expect(await told10({ more: [checkpoint('long', last, 0)] })).toEqual([]);
});

test('a watermark further back than anything that is open asks for', async () => {
  const young = offsetsOf('young')[0] ?? 0;
  expect(await told10({ watermark: 0 })).toEqual([`-: ${of(0)}, but at its position ${position.offset} no open instance needed a record before ${young}: recovery reads further back than it must`]);
  expect(await told10({ watermark: young - 1 })).toHaveLength(1);
});

test('a watermark that retention has overtaken, and a checkpoint that nobody can read', async () => {
  const watermark = offsetsOf('young')[0] ?? 0;
  expect(await told10({ logStart: watermark })).toEqual([]);
  expect(await told10({ logStart: watermark + 1 })).toEqual([`-: ${of(watermark)}, but the log begins at ${watermark + 1}: a takeover is refused`]);
  expect(await told10({ more: [{ ...checkpoint('any', 0, 0), value: Uint8Array.from([9, 9]) }] })).toEqual([expect.stringMatching(/^-: checkpoint any at .*: no takeover gets past it$/)]);
});
