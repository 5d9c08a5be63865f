import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createDatabase, createReadModels, createReadModelStore, type Database } from '#adapters/postgres';
import { applyChanges, bigint, type Change, defineProjection, defineTable, double, flag, fold, type Generation, integer, nullable, numeric, put, type RowOf, type Rows, text, timestamp } from '#projections';
import { freshNamespace, sharedPlatform } from '../support/platform.ts';

const namespace = freshNamespace();
const TIMEOUT_MS = 60_000;

const things = defineTable({
  name: 'things',
  columns: { id: text, part: integer, note: nullable(text), amount: numeric, price: nullable(numeric), count: bigint, share: double, is_open: flag, at: timestamp },
  key: ['id', 'part'],
});
type Thing = RowOf<typeof things.columns>;
const projection = defineProjection({ name: 'things', version: 1, topics: ['t'], tables: [things], handles: [] });

let database: Database;
let generation: Generation;
beforeAll(async () => {
  database = createDatabase({ url: (await sharedPlatform()).database });
  const opened = await createReadModelStore({ database, namespace }).open(projection);
  if (opened.status !== 'live') throw new Error('not live');
  generation = opened.generation;
}, TIMEOUT_MS);
afterAll(async () => {
  for (const schema of [namespace, `${namespace}_things_g1`]) await database.query(`drop schema if exists "${schema}" cascade`);
  await database.close();
}, TIMEOUT_MS);

const decimal = fc.tuple(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.nat({ max: 12 })).map(([units, scale]) => {
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0');
  return `${units < 0n ? '-' : ''}${digits.slice(0, digits.length - scale)}${scale === 0 ? '' : `.${digits.slice(digits.length - scale)}`}`;
});
const thing: fc.Arbitrary<Thing> = fc.record({
  id: fc.constantFrom('a', 'b', "c'; drop", 'd"\\', 'é\ud83d\ude00'),
  part: fc.integer({ min: 0, max: 2 }),
  note: fc.option(fc.string({ unit: fc.oneof(fc.constant('\0'), fc.constant('\ud800'), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })) }), { nil: null }),
  amount: decimal,
  price: fc.option(decimal, { nil: null }),
  count: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  share: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  is_open: fc.boolean(),
  at: fc.integer({ min: 0, max: 4_102_444_800_000 }),
});
const change: fc.Arbitrary<Change> = fc.oneof(
  thing.map((row) => put(things, row)),
  thing.map((row) => fold(things, { id: row.id, part: row.part }, (before) => (before === null ? null : { ...before, note: row.note, count: before.count / 2n, amount: row.amount }))),
);

const stored = (): Promise<readonly string[]> => createReadModels({ database, namespace }).snapshot([projection], async (snapshots) => {
  const found: string[] = [];
  for await (const page of snapshots.get('things')?.rows(things as never) ?? []) found.push(...page.map(shown));
  return found.sort();
});
const shown = (row: object): string => JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));

test('whatever a record writes is read back as it was, in batches of any size, as if folded in memory', async () => {
  const memory: Rows = new Map();
  let offset = 0;
  await fc.assert(fc.asyncProperty(fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 12 }), async (records) => {
    const batch = records.map((changes) => ({ offset: offset++, changes }));
    for (const { changes } of batch) expect(applyChanges(memory, changes, () => undefined)).toBeNull();
    const outcome = await generation.apply({ topic: 't', partition: 0, fromOffset: offset - batch.length, toOffset: offset, records: batch, faults: [] });
    expect(outcome).toEqual({ status: 'applied', faultCount: 0 });
    expect(await stored()).toEqual([...(memory.get('things')?.values() ?? [])].map(shown).sort());
  }), { numRuns: 40 });
}, TIMEOUT_MS);

test('a record of which one row does not fit changes nothing, and the others of its batch are applied', async () => {
  const row: Thing = { id: 'fits', part: 0, note: null, amount: '1.50', price: null, count: 1n, share: 0, is_open: true, at: 1 };
  const [, stand] = [await stored(), (await generation.positions()).get('t/0') ?? 0];
  const records = [{ offset: stand, changes: [put(things, { ...row, id: 'half' }), put(things, { ...row, id: 'bad', amount: '1e5' })] }, { offset: stand + 1, changes: [put(things, row)] }];
  expect(await generation.apply({ topic: 't', partition: 0, fromOffset: stand, toOffset: stand + 2, records, faults: [] })).toEqual({ status: 'applied', faultCount: 1 });
  const ids = (await stored()).map((text_) => (JSON.parse(text_) as { readonly id: string }).id);
  expect(ids).toContain('fits');
  expect(ids.filter((id) => id === 'half' || id === 'bad')).toEqual([]);
  const [fault] = await createReadModels({ database, namespace }).select({ table: 'projection_faults', where: { projection: 'things' } });
  expect(fault).toMatchObject({ record_offset: String(stand), reason: expect.stringContaining('things.amount must be numeric, got 1e5') });
}, TIMEOUT_MS);

test('what only the server refuses is one record\'s fault: the others of its batch are applied', async () => {
  const row: Thing = { id: 'one', part: 0, note: null, amount: '1', price: null, count: 1n, share: 0, is_open: true, at: 1 };
  await database.query(`alter table "${namespace}_things_g1".things add constraint unlucky check (amount <> 666)`);
  const stand = (await generation.positions()).get('t/0') ?? 0;
  const records = ['two', 'three', 'unlucky', 'four'].map((id, index) => ({ offset: stand + 2 * index, changes: [put(things, { ...row, id, amount: id === 'unlucky' ? '666' : '1' })] }));
  const faults = [{ offset: stand + 1, reason: 'told before' }];
  expect(await generation.apply({ topic: 't', partition: 0, fromOffset: stand, toOffset: stand + 9, records, faults })).toEqual({ status: 'applied', faultCount: 2 });
  expect((await generation.positions()).get('t/0')).toBe(stand + 9);
  const ids = (await stored()).map((shownRow) => (JSON.parse(shownRow) as { readonly id: string }).id);
  expect(ids).toEqual(expect.arrayContaining(['two', 'three', 'four']));
  expect(ids).not.toContain('unlucky');
  const told = await createReadModels({ database, namespace }).select({ table: 'projection_faults', where: { projection: 'things', record_offset: [stand + 1, stand + 4] }, orderBy: [{ column: 'record_offset', direction: 'asc' }] });
  expect(told).toMatchObject([{ reason: 'told before' }, { reason: expect.stringContaining('unlucky') }]);
}, TIMEOUT_MS);

test('a batch that starts elsewhere than the store stands changes nothing', async () => {
  const before = await stored();
  const stand = (await generation.positions()).get('t/0') ?? 0;
  const lost = put(things, { id: 'lost', part: 0, note: null, amount: '1', price: null, count: 1n, share: 0, is_open: true, at: 1 });
  expect(await generation.apply({ topic: 't', partition: 0, fromOffset: stand - 1, toOffset: stand + 1, records: [{ offset: stand, changes: [lost] }], faults: [] })).toEqual({ status: 'elsewhere', nextOffset: stand });
  expect(await stored()).toEqual(before);
}, TIMEOUT_MS);
