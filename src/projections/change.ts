import { erase, formatDecimal, parseDecimal } from '#kernel';
import { type Column, type Columns, type ColumnType, keyText, type Row, type RowOf, type Table, type Value } from './table.ts';

/** What one record does to one row. */
export type Change = {
  readonly table: Table;
  /** The key's columns. */
  readonly key: Row;
  /** The row after it, from the row before; null leaves it as it is. Pure. */
  readonly next: (before: Row | null) => Row | null;
  /** Whether `next` looks at the row before: if not, it need not be loaded. */
  readonly isBlind: boolean;
};

const INTEGER_MAX = 2 ** 31 - 1;
const BIGINT_MAX = 2n ** 63n - 1n;
/** The years 1 to 9999: what ISO 8601 writes with four digits. */
const TIMESTAMP_MIN_MS = -62_135_596_800_000;
const TIMESTAMP_MAX_MS = 253_402_300_799_999;
/** PostgreSQL refuses index entries of more than 2,704 bytes; a character takes up to four. */
const INDEXED_CHARACTERS_MAX = 500;

const isWithin = (value: Value, least: number, most: number): boolean => typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most;

const FITS: Readonly<Record<ColumnType, (value: Value) => boolean>> = {
  text: (value) => typeof value === 'string',
  numeric: (value) => typeof value === 'string' && parseDecimal(value).ok,
  integer: (value) => isWithin(value, -INTEGER_MAX - 1, INTEGER_MAX),
  bigint: (value) => typeof value === 'bigint' && value >= -BIGINT_MAX - 1n && value <= BIGINT_MAX,
  double: (value) => typeof value === 'number' && Number.isFinite(value),
  boolean: (value) => typeof value === 'boolean',
  timestamp: (value) => isWithin(value, TIMESTAMP_MIN_MS, TIMESTAMP_MAX_MS),
};

/** PostgreSQL's text holds neither NUL nor half a surrogate pair. */
const storable = (value: string): string => (value.includes('\0') ? value.replaceAll('\0', '\uFFFD') : value).toWellFormed();

const kept = (column: Column<Value>, value: Value): Value => {
  if (typeof value !== 'string') return value;
  if (column.type === 'text') return storable(value);
  const decimal = parseDecimal(value);
  return decimal.ok ? formatDecimal(decimal.value) : value;
};

/** The key's columns as every store keeps them: a row is looked up under what it is stored under. */
const keyOf = (table: Table, row: Row): Row => Object.fromEntries(table.key.map((name) => {
  const [column, value] = [table.columns[name], row[name] ?? null];
  return [name, column === undefined ? value : kept(column, value)];
}));

/** Writes the whole row, whatever was there. */
export const put = <Of extends Columns>(table: Table<Of>, row: RowOf<Of>): Change => ({
  table: erase<Table>(table), key: keyOf(erase<Table>(table), erase<Row>(row)), next: () => erase<Row>(row), isBlind: true,
});

/** The row as the fold of one more record; null: nothing changes. */
export const fold = <Of extends Columns>(table: Table<Of>, key: Partial<RowOf<Of>>, next: (before: RowOf<Of> | null) => RowOf<Of> | null): Change => ({
  table: erase<Table>(table), key: keyOf(erase<Table>(table), erase<Row>(key)), next: (before) => erase<Row | null>(next(erase<RowOf<Of> | null>(before))), isBlind: false,
});

const isIndexed = ({ key, indexes }: Table, column: string): boolean => key.includes(column) || indexes.some((index) => index.includes(column));

/** The row as every store keeps it, or what is wrong with it. */
export const checkedRow = (table: Table, row: Row): { readonly row: Row } | { readonly fault: string } => {
  const checked: Record<string, Value> = {};
  for (const [name, column] of Object.entries(table.columns)) {
    const value = row[name];
    if (value === undefined) return { fault: `${table.name}.${name} was not given` };
    if (value === null ? !column.isNullable : !FITS[column.type](value)) return { fault: `${table.name}.${name} must be ${column.type}${column.isNullable ? ' or null' : ''}, got ${String(value).slice(0, 80)}` };
    if (typeof value === 'string' && value.length > INDEXED_CHARACTERS_MAX && isIndexed(table, name)) return { fault: `${table.name}.${name} is searched by and may have ${INDEXED_CHARACTERS_MAX} characters, got ${value.length}` };
    checked[name] = kept(column, value);
  }
  return { row: checked };
};

/** Rows by table and key: what a batch has loaded, or a whole read model in memory. */
export type Rows = Map<string, Map<string, Row>>;

/** A table's rows by key; an empty map is made where there is none yet. */
export const rowsOf = (rows: Rows, table: Table): Map<string, Row> => {
  const known = rows.get(table.name);
  if (known !== undefined) return known;
  const fresh = new Map<string, Row>();
  rows.set(table.name, fresh);
  return fresh;
};

/**
 * Applies what one record does, all of it or nothing. Returns what is wrong where nothing was applied; null otherwise.
 * `touched` collects the keys of rows that are now to be written.
 */
export const applyChanges = (rows: Rows, changes: readonly Change[], touched: (table: Table, key: string) => void): string | null => {
  const after: { readonly table: Table; readonly key: string; readonly row: Row }[] = [];
  const pending = new Map<string, Row>();
  for (const { table, key, next, isBlind } of changes) {
    const at = keyText(table, key);
    const before = isBlind ? null : (pending.get(`${table.name}\u001f${at}`) ?? rows.get(table.name)?.get(at) ?? null);
    const made = next(before);
    if (made === null) continue;
    const checked = checkedRow(table, made);
    if ('fault' in checked) return checked.fault;
    pending.set(`${table.name}\u001f${at}`, checked.row);
    after.push({ table, key: at, row: checked.row });
  }
  for (const { table, key, row } of after) {
    rowsOf(rows, table).set(key, row);
    touched(table, key);
  }
  return null;
};
