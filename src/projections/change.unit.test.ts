import { expect, test } from '@jest/globals';
import { applyChanges, bigint, checkedRow, defineTable, fold, integer, nullable, put, type Row, type Rows, text, timestamp } from '#projections';

const things = defineTable({
  name: 'things',
  columns: { id: text, kind: nullable(text), note: text, count: integer, total: bigint, at: timestamp },
  key: ['id'],
  indexes: [['kind', 'at']],
});
const row = { id: 'a', kind: null, note: '', count: 0, total: 0n, at: 0 };
const faultOf = (change: Partial<Row>): string | null => {
  const checked = checkedRow(things as never, { ...row, ...change });
  return 'fault' in checked ? checked.fault : null;
};

test.each<[string, Partial<Row>, Partial<Row>]>([
  ['integer, upwards', { count: 2_147_483_647 }, { count: 2_147_483_648 }],
  ['integer, downwards', { count: -2_147_483_648 }, { count: -2_147_483_649 }],
  ['bigint, upwards', { total: 9_223_372_036_854_775_807n }, { total: 9_223_372_036_854_775_808n }],
  ['bigint, downwards', { total: -9_223_372_036_854_775_808n }, { total: -9_223_372_036_854_775_809n }],
  ['timestamp, upwards', { at: Date.parse('9999-12-31T23:59:59.999Z') }, { at: Date.parse('+010000-01-01T00:00:00.000Z') }],
  ['timestamp, downwards', { at: Date.parse('0001-01-01T00:00:00.000Z') }, { at: Date.parse('0001-01-01T00:00:00.000Z') - 1 }],
  ['timestamp beyond every date', { at: 0 }, { at: 8.64e15 + 1 }],
  ['text of the key', { id: 'é'.repeat(1_300) }, { id: `${'é'.repeat(1_300)}x` }],
  ['text of an index', { kind: 'x'.repeat(2_600) }, { kind: 'x'.repeat(2_601) }],
])('the bound of a store holds: %s', (_, within, beyond) => {
  expect(faultOf(within)).toBeNull();
  expect(faultOf(beyond)).toMatch(/^things/);
});

test('text in no index may be of any length', () => {
  expect(faultOf({ note: 'x'.repeat(1_000_000) })).toBeNull();
});

test('a row is looked up under the key that it is stored under', () => {
  const rows: Rows = new Map();
  const apply = (change: ReturnType<typeof put>): string | null => applyChanges(rows, [change], () => undefined);
  expect(apply(put(things, { ...row, id: 'a\0b' }))).toBeNull();
  expect(apply(fold(things, { id: 'a\0b' }, (before) => (before === null ? null : { ...before, count: before.count + 1 })))).toBeNull();
  expect([...(rows.get('things')?.values() ?? [])]).toMatchObject([{ id: 'a\uFFFDb', count: 1 }]);
});
