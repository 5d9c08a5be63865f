import { expect, test } from '@jest/globals';
import { erase } from '#kernel';
import { applyChanges, checkedRow, fold, put, type Rows } from './change.ts';
import { bigint, defineTable, integer, type Table, text, timestamp } from './table.ts';

const table = erase<Table>(defineTable({ name: 'things', columns: { id: text, size: integer, total: bigint, at: timestamp, symbol: text, note: text }, key: ['id'], indexes: [['symbol']] }));
const row = { id: 'a', size: 0, total: 0n, at: 0, symbol: 'AAPL', note: '' };

test.each([
  ['size', 2_147_483_647, 2_147_483_648], ['size', -2_147_483_648, -2_147_483_649],
  ['total', 9_223_372_036_854_775_807n, 9_223_372_036_854_775_808n], ['total', -9_223_372_036_854_775_808n, -9_223_372_036_854_775_809n],
  ['at', Date.parse('9999-12-31T23:59:59.999Z'), Date.parse('+010000-01-01T00:00:00.000Z')], ['at', Date.parse('0001-01-01T00:00:00.000Z'), Date.parse('0000-12-31T23:59:59.999Z')],
  ['id', 'x'.repeat(500), 'x'.repeat(501)], ['symbol', 'x'.repeat(500), 'x'.repeat(501)],
])('%s: the last value that PostgreSQL holds fits, the next is a fault', (column, last, beyond) => {
  expect(checkedRow(table, { ...row, [column]: last })).toHaveProperty('row');
  expect(checkedRow(table, { ...row, [column]: beyond })).toHaveProperty('fault', expect.stringContaining(`things.${column}`));
});

test('a row is looked up under the key that it is stored under', () => {
  const rows: Rows = new Map();
  const [stored, found] = [put(table, { ...row, id: 'a\0b' }), fold(table, { id: 'a\0b' }, (before) => (before === null ? null : { ...before, note: 'found' }))];
  expect(applyChanges(rows, [stored, found], () => undefined)).toBeNull();
  expect([...(rows.get('things')?.values() ?? [])]).toMatchObject([{ id: 'a\uFFFDb', note: 'found' }]);
});

test('text that nobody searches by may be long', () => {
  expect(checkedRow(table, { ...row, note: 'x'.repeat(100_000) })).toHaveProperty('row');
});
