import { expect, test } from '@jest/globals';
import { type ApplyOutcome, defineProjection, defineTable, type Generation, integer, type ProjectionBatch, put, text, when } from '#projections';
import { defineEvent } from '#saga-core';
import { EMPTY_ENVELOPE } from '#saga-core/runtime';
import { createMemoryCluster, createMemoryCodec, createMemorySchemaRegistry, createSimulatedClock, createSimulatedRandom } from '#saga-core/testing';
import { Lane, type LaneStatus } from './lane.ts';

// One partition of a small read model on the in-memory log, in simulated time, over a store of positions that fails on demand.

const TOPIC = 'test.notes';
const noted = defineEvent('test.noted', { text: 'string' });
const passedBy = defineEvent('test.passed', { text: 'string' });
const notes = defineTable({ name: 'notes', columns: { at: integer, note: text }, key: ['at'] });
const projection = defineProjection({
  name: 'notes', version: 1, topics: ['notes'], tables: [notes],
  handles: [when(noted, ({ offset, payload }) => [put(notes, { at: offset, note: payload.text })])],
});

const envelope = { ...EMPTY_ENVELOPE, eventId: 'e', occurredAt: 0, producer: 'test', chain: { id: 'e', seq: 1, prevHash: null } };

const open = async () => {
  const clock = createSimulatedClock({ nowMillis: Date.UTC(2026, 0, 5) });
  const random = createSimulatedRandom(7);
  const cluster = createMemoryCluster({ clock, random: random.fork('cluster') });
  cluster.createTopic({ name: TOPIC, partitionCount: 1 });
  const codec = createMemoryCodec({ registry: createMemorySchemaRegistry() });
  await codec.prepare([noted, passedBy]);
  const batches: ProjectionBatch[] = [];
  const store = { position: null as number | null, refusals: 0, isGone: false, isSuperseded: false };
  const generation: Generation = {
    number: 1,
    positions: () => Promise.resolve(new Map(store.position === null || store.isGone ? [] : [['notes/0', store.position]])),
    folded: () => Promise.resolve(new Map()),
    apply: (batch): Promise<ApplyOutcome> => {
      if (store.refusals-- > 0) return Promise.reject(new Error('permission denied for table notes'));
      if (store.isSuperseded) return Promise.resolve({ status: 'superseded' });
      if (store.position !== null && store.position !== batch.fromOffset) return Promise.resolve({ status: 'elsewhere', nextOffset: store.position });
      store.position = batch.toOffset;
      batches.push(batch);
      return Promise.resolve({ status: 'applied', faultCount: 0 });
    },
  };
  const errors: string[] = [];
  let superseded = 0;
  let written = 0;
  const write = async (type: typeof noted, count: number): Promise<void> => {
    const records = Array.from({ length: count }, () => ({
      topic: TOPIC, partition: 0, key: 'n', headers: { 'event-type': type.name }, timestampMs: clock.nowMillis(), value: codec.encode(type, envelope, { text: String(written++) }),
    }));
    await (await cluster.openTransaction(`writer-${written}`, { records })).commit();
    await clock.advance(10);
  };
  const start = async (): Promise<Lane> => {
    const { log } = cluster.connect('projector');
    const lane = new Lane({
      projection, generation, log, reader: log.reader(), codec, clock, topic: 'notes', liveTopic: TOPIC, partition: 0, onSuperseded: () => { superseded++; },
      logger: { info: () => undefined, warn: () => undefined, error: (message, fields) => void errors.push(`${message} ${JSON.stringify(fields)}`) },
    });
    const started = lane.start();
    await clock.advance(20);
    await started;
    return lane;
  };
  const stop = async (lane: Lane): Promise<void> => {
    const stopped = lane.stop();
    await clock.advance(20);
    await stopped;
  };
  const projected = (): readonly number[] => batches.flatMap(({ records }) => records.map(({ offset }) => offset));
  return { clock, cluster, store, batches, errors, projected, write, start, stop, supersededCount: () => superseded };
};
const IS_WELL: Partial<LaneStatus> = { error: null, failureCount: 0, isInputLost: false };

test('a lane whose store refuses stands still, says so, tries again later each time, and goes on from what is stored', async () => {
  const { clock, store, errors, projected, write, start } = await open();
  store.refusals = 3;
  const lane = await start();
  await write(noted, 2);
  expect(lane.status()).toMatchObject({ error: 'permission denied for table notes', failureCount: 1, isInputLost: false });
  expect(lane.failure).toBeNull();
  await clock.advance(600);
  expect(lane.status()).toMatchObject({ failureCount: 2 });
  await clock.advance(600);
  expect(lane.status()).toMatchObject({ failureCount: 2 });
  await clock.advance(600);
  expect(lane.failure).toBe('permission denied for table notes');
  expect(errors).toHaveLength(3);
  expect(errors[2]).toContain('"retryInMs":2000');
  await clock.advance(2_500);
  expect(lane.status()).toMatchObject(IS_WELL);
  expect(projected()).toEqual([0, 1]);
});

test('the time between attempts is bounded', async () => {
  const { clock, store, errors, write, start } = await open();
  store.refusals = Number.POSITIVE_INFINITY;
  await start();
  await write(noted, 1);
  await clock.advance(3_600_000);
  expect(errors.at(-1)).toContain('"retryInMs":60000');
  expect(errors.length).toBeGreaterThan(60);
});

test('a position below the log\'s start is lost input: refused aloud, with what to do, until a rebuild has switched readers', async () => {
  const { clock, cluster, store, errors, batches, write, start, supersededCount } = await open();
  await write(noted, 5);
  store.position = 2;
  cluster.deleteRecordsBefore({ topic: TOPIC, partition: 0 }, 4);
  const lane = await start();
  expect(lane.status()).toMatchObject({ isInputLost: true, failureCount: 1 });
  expect(lane.failure).toBe('READ_MODEL_INPUT_LOST: the read model holds everything before 2 of notes/0, but the log begins at 4: what lay between was deleted unread; `chorus projection rebuild notes` builds it from what the log still holds');
  expect(errors).toEqual([expect.stringContaining('begins at 4')]);
  await clock.advance(120_000);
  expect(batches).toEqual([]);
  expect(lane.status().isInputLost).toBe(true);
  store.isGone = true;
  await clock.advance(60_000);
  // Its tables went with the switch.
  expect(supersededCount()).toBe(1);
});

test('a position beyond the log\'s end is of another topic of that name: lost input too', async () => {
  const { store, write, start } = await open();
  await write(noted, 2);
  store.position = 50;
  const lane = await start();
  expect(lane.failure).toContain('ends at 3: the topic was made anew, or cut');
});

test('records that are deleted while the lane has not read them are lost input', async () => {
  const { clock, cluster, store, write, start } = await open();
  store.refusals = 1;
  const lane = await start();
  await write(noted, 4);
  store.position = 0;
  cluster.deleteRecordsBefore({ topic: TOPIC, partition: 0 }, 3);
  await clock.advance(1_000);
  expect(lane.status()).toMatchObject({ isInputLost: true, nextOffset: 0 });
});

test('a lane that readers were switched away from asks for the other generation', async () => {
  const { clock, store, write, start, supersededCount } = await open();
  await start();
  await write(noted, 1);
  store.isSuperseded = true;
  await clock.advance(200);
  await write(noted, 1);
  expect(supersededCount()).toBe(1);
  store.isGone = true;
  await clock.advance(600);
  expect(supersededCount()).toBe(2);
});

test('records of no interest cost no transaction: their position goes with the next rows', async () => {
  const { clock, store, batches, write, start } = await open();
  const lane = await start();
  for (let round = 0; round < 10; round++) {
    await write(passedBy, 1);
    await clock.advance(200);
  }
  expect(batches).toEqual([]);
  expect(lane.status()).toMatchObject({ nextOffset: 0, lag: 0 });
  await write(noted, 1);
  expect(batches).toMatchObject([{ fromOffset: 0, toOffset: 22 }]);
  expect(store.position).toBe(22);
});

test('a position with no rows to go with is written after a while, after so many offsets, when asked for, and at the end', async () => {
  const { clock, batches, store, write, start, stop } = await open();
  const lane = await start();
  await write(passedBy, 1);
  await clock.advance(4_000);
  expect(store.position).toBeNull();
  await clock.advance(1_500);
  expect(store.position).toBe(2);
  await clock.advance(60_000);
  expect(batches).toHaveLength(1);
  await write(passedBy, 1);
  await clock.advance(200);
  await lane.flush();
  expect(store.position).toBe(4);
  for (let round = 0; round < 10; round++) await write(passedBy, 1_000);
  await clock.advance(3_000);
  expect(store.position).toBeGreaterThan(10_000);
  await write(passedBy, 1);
  await clock.advance(200);
  await stop(lane);
  expect(store.position).toBe(10_016);
  expect(batches.every(({ records }) => records.length === 0)).toBe(true);
});

test('what one owner has read and not stored its successor reads again, and of two owners each record is applied by one', async () => {
  const { clock, cluster, store, projected, write, start } = await open();
  const first = await start();
  await write(noted, 1);
  await clock.advance(200);
  await write(passedBy, 3);
  await clock.advance(200);
  expect(first.status()).toMatchObject({ nextOffset: 2 });
  // Another process owns the partition now, and the first one does not know yet.
  const second = await start();
  await write(noted, 1);
  await clock.advance(1_000);
  expect(projected()).toEqual([0, 6]);
  expect(store.position).toBe(cluster.entries({ topic: TOPIC, partition: 0 }).length);
  for (const lane of [first, second]) expect(lane.status()).toMatchObject({ ...IS_WELL, nextOffset: 8 });
});
