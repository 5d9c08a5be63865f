import { afterAll, beforeEach, expect, test } from '@jest/globals';
import { createDatabase, createReadModelStore, type Database } from '#adapters/postgres';
import { defineProjection, defineTable, type Generation, integer, put, type ReadModelStore, text } from '#projections';
import { dropReadModels } from '../support/stage/read-model-check.ts';
import { freshNamespace, sharedPlatform } from '../support/platform.ts';

// Generations of a read model beside each other, on the real PostgreSQL: who owns them, what tells them apart, when readers are switched.

const TIMEOUT_MS = 60_000;
const notes = defineTable({ name: 'notes', columns: { at: integer, note: text }, key: ['at'] });
const projectionOf = (version: number) => defineProjection({ name: 'notes', version, topics: ['t'], tables: [notes], handles: [] });
const projection = projectionOf(1);
const NO_ENDS: ReadonlyMap<string, number> = new Map();

const base = freshNamespace();
const databases: Database[] = [];
const namespaces: string[] = [];
let namespace: string;
let database: Database;
let store: ReadModelStore;

const connect = async (name?: string): Promise<Database> => {
  const opened = createDatabase({ url: (await sharedPlatform()).database, ...(name === undefined ? {} : { name }) });
  databases.push(opened);
  return opened;
};

beforeEach(async () => {
  namespace = `${base}n${namespaces.length}`;
  namespaces.push(namespace);
  database = await connect();
  store = createReadModelStore({ database, namespace });
}, TIMEOUT_MS);
afterAll(async () => {
  const last = await connect();
  for (const each of namespaces) await dropReadModels(last, each);
  for (const each of databases) await each.close();
}, TIMEOUT_MS);

const live = async (): Promise<Generation> => {
  const opened = await store.open(projection);
  if (opened.status !== 'live') throw new Error('not live');
  return opened.generation;
};
const apply = async (generation: Generation, [from, to]: readonly [number, number], notesAt: Readonly<Record<number, string>>): Promise<void> => {
  const records = Object.entries(notesAt).map(([at, note]) => ({ offset: Number(at), changes: [put(notes, { at: Number(at), note })] }));
  expect(await generation.apply({ topic: 't', partition: 0, fromOffset: from, toOffset: to, records, faults: [] })).toMatchObject({ status: 'applied' });
};
const schemas = async (): Promise<readonly string[]> =>
  (await database.query('select nspname as name from pg_namespace where starts_with(nspname, $1) order by 1', [`${namespace}_`])).rows.map(({ name }) => String(name).slice(namespace.length + 1));

test('what a killed rebuild left behind is removed at the next start, and not before its process has ended', async () => {
  await live();
  const name = `${namespace}-victim`;
  const victim = createReadModelStore({ database: await connect(name), namespace });
  await apply(await victim.begin(projection), [0, 2], { 1: 'a' });
  await store.open(projection);
  expect(await schemas()).toEqual(['notes_g1', 'notes_g2']);
  await database.query('select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = $1', [name]);
  await store.open(projection);
  expect(await schemas()).toEqual(['notes_g1']);
  const { rows } = await database.query(`select count(*)::integer as count from "${namespace}".projection_offsets where generation = 2`);
  expect(rows).toEqual([{ count: 0 }]);
});

test('the next rebuild removes it too, and leaves alone the rebuild that runs', async () => {
  await live();
  const name = `${namespace}-victim`;
  await createReadModelStore({ database: await connect(name), namespace }).begin(projection);
  const other = createReadModelStore({ database: await connect(), namespace });
  const running = await other.begin(projection);
  await database.query('select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = $1', [name]);
  const own = await store.begin(projection);
  expect(await schemas()).toEqual(['notes_g1', 'notes_g3', 'notes_g4']);
  expect(await other.switchTo(projection, running, NO_ENDS)).toBe('switched');
  await store.discard(projection, own);
  expect(await schemas()).toEqual(['notes_g3']);
});

test('a database is closed with its locks: a rebuild that its process gave up is nobody\'s', async () => {
  await live();
  const leaving = await connect();
  await createReadModelStore({ database: leaving, namespace }).begin(projection);
  await leaving.close();
  await store.open(projection);
  expect(await schemas()).toEqual(['notes_g1']);
});

test('generations of the same records are the same, or it is told what differs', async () => {
  const old = await live();
  await apply(old, [0, 5], { 1: 'a', 2: 'b' });
  const built = await store.begin(projection);
  await apply(built, [0, 2], { 1: 'a' });
  expect(await store.compare(projection, built)).toEqual({ status: 'apart' });
  // Positions may differ: nothing of interest lies between them.
  await apply(built, [2, 9], { 2: 'b' });
  expect(await store.compare(projection, built)).toEqual({ status: 'equal' });
  await database.query(`update "${namespace}_notes_g1".notes set note = 'x' where at = 2`);
  expect(await store.compare(projection, built)).toEqual({ status: 'different', differences: ['table notes: 2 rows live, 2 built, of other content'] });
  await database.query(`delete from "${namespace}_notes_g1".notes where at = 2`);
  expect(await store.compare(projection, built)).toEqual({ status: 'different', differences: ['table notes: 1 rows live, 2 built'] });
});

test('a record that the live one holds and the new one cannot project is a difference', async () => {
  await apply(await live(), [0, 2], { 1: 'a' });
  const built = await store.begin(projection);
  await built.apply({ topic: 't', partition: 0, fromOffset: 0, toOffset: 2, records: [], faults: [{ offset: 1, reason: 'schema 7: not found' }] });
  expect(await store.compare(projection, built)).toEqual({
    status: 'different', differences: ['table notes: 1 rows live, 0 built', '1 records cannot be projected any more, such as t/0 at 1: schema 7: not found'],
  });
});

test('generations of other beginnings, other versions or an older build\'s making are not compared', async () => {
  const old = await live();
  await apply(old, [0, 20], { 1: 'a', 12: 'b' });
  const built = await store.begin(projection);
  await apply(built, [10, 20], { 12: 'b' });
  expect(await store.compare(projection, built)).toEqual({ status: 'incomparable', reason: 'the live one was read from 0 on t/0, this one from 10' });
  expect(await store.compare(projectionOf(2), built)).toMatchObject({ status: 'incomparable', reason: 'the live one is of version 1, this one of version 2' });
  await database.query(`update "${namespace}".projection_offsets set first_offset = null where generation = 1`);
  expect(await store.compare(projection, built)).toMatchObject({ status: 'incomparable', reason: 'an older build filled the live one: where it began on t/0 is not known' });
});

test('readers are switched to what has read as far as the live one, or as the log still goes', async () => {
  await apply(await live(), [0, 20], { 1: 'a' });
  const built = await store.begin(projection);
  await apply(built, [0, 5], { 1: 'a' });
  expect(await store.switchTo(projection, built, new Map([['t/0', 30]]))).toBe('behind');
  // The topic was made anew, and is shorter than it was.
  expect(await store.switchTo(projection, built, new Map([['t/0', 5]]))).toBe('switched');
  expect(await schemas()).toEqual(['notes_g2']);
});

test('positions tell how many records a partition came to, whatever was written with nothing to tell', async () => {
  const generation = await live();
  await apply(generation, [0, 4], {});
  await apply(generation, [4, 9], { 5: 'a', 6: 'b' });
  await apply(generation, [9, 11], {});
  expect(await generation.folded()).toEqual(new Map([['t/0', { nextOffset: 11, count: 2 }]]));
  expect(await generation.apply({ topic: 't', partition: 0, fromOffset: 9, toOffset: 12, records: [], faults: [] })).toEqual({ status: 'elsewhere', nextOffset: 11 });
});
