/** What a column may hold. `numeric` is decimal text, never a float; `bigint` a bigint; `timestamp` milliseconds since the epoch. */
export type Value = string | number | bigint | boolean | null;
/** How a column is stored. */
export type ColumnType = 'text' | 'numeric' | 'integer' | 'bigint' | 'double' | 'boolean' | 'timestamp';
/** A column, with the type of what it holds. */
export type Column<out Held extends Value> = {
  readonly type: ColumnType;
  readonly isNullable: boolean;
  /** Never present: carries the type for the compiler. */
  readonly value?: () => Held;
};

/** Text of any length; of a key or an index, at most 500 characters. */
export const text: Column<string> = { type: 'text', isNullable: false };
/** Decimal text: money, prices, quantities. */
export const numeric: Column<string> = { type: 'numeric', isNullable: false };
/** A whole number of 32 bits. */
export const integer: Column<number> = { type: 'integer', isNullable: false };
/** A whole number of 64 bits. */
export const bigint: Column<bigint> = { type: 'bigint', isNullable: false };
/** For shares of one and other measures; never for money. */
export const double: Column<number> = { type: 'double', isNullable: false };
/** True or false. */
export const flag: Column<boolean> = { type: 'boolean', isNullable: false };
/** Milliseconds since the epoch, within the years 1 to 9999. */
export const timestamp: Column<number> = { type: 'timestamp', isNullable: false };
/** The same column, where there may be nothing. */
export const nullable = <Held extends Value>(column: Column<Held>): Column<Held | null> => ({ type: column.type, isNullable: true });

/** A table's columns by name. */
export type Columns = Readonly<Record<string, Column<Value>>>;
/** A row, of any table. */
export type Row = Readonly<Record<string, Value>>;
/** A row of a table with these columns. */
export type RowOf<Of extends Columns> = { readonly [Name in keyof Of]: Of[Name] extends Column<infer Held> ? Held : never };

/** A table of a read model. Every row is a fold of the records of one partition: so partitions never touch each other's rows. */
export type Table<Of extends Columns = Columns> = {
  readonly name: string;
  readonly columns: Of;
  /** Primary key. */
  readonly key: readonly (keyof Of & string)[];
  /** Further indexes, each a list of columns. */
  readonly indexes: readonly (readonly (keyof Of & string)[])[];
  /** Every row is written once and never looked at by a later record. */
  readonly isAppendOnly: boolean;
};

/** Declares a table; without indexes and not append-only unless said. */
export const defineTable = <const Of extends Columns>(table: {
  readonly name: string;
  readonly columns: Of;
  readonly key: readonly (keyof Of & string)[];
  readonly indexes?: readonly (readonly (keyof Of & string)[])[];
  readonly isAppendOnly?: boolean;
}): Table<Of> => ({ indexes: [], isAppendOnly: false, ...table });

/** The key's values as one text: the identity of a row within its table. */
export const keyText = (table: Pick<Table, 'key'>, row: Row): string => table.key.map((name) => String(row[name])).join('\u001f');
