import { type Column, keyText, type Row, type Table, type Value } from '#projections';
import type { Query } from './database.ts';
import { PostgresError } from './errors.ts';
import { sqlType } from './migrations.ts';
import { quoted } from './names.ts';

/** Rows of one statement: bounds its text. */
const ROWS_PER_STATEMENT_MAX = 5_000;

const at = (schema: string, table: Table): string => `${quoted(schema)}.${quoted(table.name)}`;

/** A value as JSON; decimals and bigints as text, so that no float comes near them. */
const written = (column: Column<Value>, value: Value | undefined): string | number | boolean | null => {
  if (value === null || value === undefined) return null;
  if (column.type === 'timestamp') return new Date(Number(value)).toISOString();
  return typeof value === 'bigint' ? value.toString() : value;
};

/** Decimals without the zeros that say nothing: equal numbers are equal texts. */
const canonical = (numericText: string): string => (numericText.includes('.') ? numericText.replace(/\.?0+$/, '') : numericText);

const READERS: Readonly<Record<Column<Value>['type'], (value: unknown) => Value>> = {
  text: String,
  numeric: (value) => canonical(String(value)),
  integer: Number,
  bigint: (value) => BigInt(String(value)),
  double: Number,
  boolean: (value) => value === true,
  timestamp: (value) => (value instanceof Date ? value : new Date(String(value))).getTime(),
};

const read = (column: Column<Value>, value: unknown): Value => (value === null || value === undefined ? null : READERS[column.type](value));

/** What the server gave, as a row of the table. */
export const readRow = (table: Table, given: Readonly<Record<string, unknown>>): Row => {
  const row: Record<string, Value> = {};
  for (const [name, column] of Object.entries(table.columns)) row[name] = read(column, given[name]);
  return row;
};

const chunksOf = <Item>(items: readonly Item[]): readonly (readonly Item[])[] => {
  const chunks: (readonly Item[])[] = [];
  for (let from = 0; from < items.length; from += ROWS_PER_STATEMENT_MAX) chunks.push(items.slice(from, from + ROWS_PER_STATEMENT_MAX));
  return chunks;
};

const jsonOf = (table: Table, names: readonly string[], rows: readonly Row[]): string =>
  JSON.stringify(rows.map((row) => Object.fromEntries(names.map((name) => [name, written(columnOf(table, name), row[name])]))));

const columnOf = (table: Table, name: string): Column<Value> => {
  const column = table.columns[name];
  if (column === undefined) throw new PostgresError('POSTGRES_CONFIG', `table ${table.name} has no column ${name}, which its key names`);
  return column;
};

const recordset = (table: Table, names: readonly string[]): string =>
  `json_to_recordset($1::json) as given(${names.map((name) => `${quoted(name)} ${sqlType(columnOf(table, name))}`).join(', ')})`;

/** The rows of these keys that exist, by key text. One statement per 5,000 keys. */
export const selectRows = async (query: Query, from: { readonly schema: string; readonly table: Table }, keys: readonly Row[]): Promise<ReadonlyMap<string, Row>> => {
  const { schema, table } = from;
  const found = new Map<string, Row>();
  for (const chunk of chunksOf(keys)) {
    const { rows } = await query(
      `select held.* from ${recordset(table, table.key)} join ${at(schema, table)} held using (${table.key.map(quoted).join(', ')})`,
      [jsonOf(table, table.key, chunk)],
    );
    for (const given of rows) {
      const row = readRow(table, given);
      found.set(keyText(table, row), row);
    }
  }
  return found;
};

/** Writes whole rows, new or not. One statement per 5,000 rows. */
export const upsertRows = async (query: Query, to: { readonly schema: string; readonly table: Table }, rows: readonly Row[]): Promise<void> => {
  const { schema, table } = to;
  const names = Object.keys(table.columns);
  const updated = names.filter((name) => !table.key.includes(name)).map((name) => `${quoted(name)} = excluded.${quoted(name)}`);
  const onConflict = updated.length === 0 ? 'do nothing' : `do update set ${updated.join(', ')}`;
  for (const chunk of chunksOf(rows)) {
    await query(
      `insert into ${at(schema, table)} (${names.map(quoted).join(', ')}) select * from ${recordset(table, names)}
       on conflict (${table.key.map(quoted).join(', ')}) ${onConflict}`,
      [jsonOf(table, names, chunk)],
    );
  }
};
