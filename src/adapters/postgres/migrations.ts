import { setTimeout as pause } from 'node:timers/promises';
import type { Column, ProjectionDefinition, Table, Value } from '#projections';
import type { Database, Query } from './database.ts';
import { PostgresError } from './errors.ts';
import { quoted } from './names.ts';

const SQL_TYPES: Readonly<Record<Column<Value>['type'], string>> = {
  text: 'text', numeric: 'numeric', integer: 'integer', bigint: 'bigint', double: 'double precision', boolean: 'boolean', timestamp: 'timestamptz',
};
export const sqlType = (column: Column<Value>): string => SQL_TYPES[column.type];

/** Steps of the bookkeeping's own schema, applied in order and once each. Released ones are never edited. */
const BOOKKEEPING: readonly string[] = [
  `create table projections (
     name text primary key, version integer not null, generation integer not null, last_generation integer not null, switched_at timestamptz not null default now());
   create table projection_offsets (
     projection text not null, generation integer not null, topic text not null, partition integer not null, next_offset bigint not null,
     primary key (projection, generation, topic, partition));
   create table projection_faults (
     projection text not null, generation integer not null, topic text not null, partition integer not null, record_offset bigint not null,
     reason text not null, recorded_at timestamptz not null default now(),
     primary key (projection, generation, topic, partition, record_offset));`,
  // What a generation was folded from: where it began, how many records it made something of, and where the last of them ended.
  `alter table projection_offsets
     add column first_offset bigint, add column folded_count bigint not null default 0, add column folded_to bigint not null default 0;`,
];

const CREATE_ATTEMPTS_MAX = 20;
const CREATE_PAUSE_MS = 50;

/** `create schema if not exists` of two processes at once may still collide on the catalogue's unique index. */
const isCreatedMeanwhile = (thrown: unknown): boolean => thrown instanceof PostgresError && (thrown.sqlState === '23505' || thrown.sqlState === '42P06' || thrown.sqlState === '42P07');

/** Applies, in one transaction and once for all processes, the steps that the schema has not seen. */
export const migrate = async (database: Database, schema: string, steps: readonly string[] = BOOKKEEPING): Promise<void> => {
  for (let attempt = 1; ; attempt++) {
    try {
      await database.transaction(async (query) => {
        await query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`chorus migrate ${schema}`]);
        await query(`create schema if not exists ${quoted(schema)}`);
        await query(`set local search_path to ${quoted(schema)}`);
        await query('create table if not exists schema_steps (number integer primary key, applied_at timestamptz not null default now())');
        const { rows } = await query('select coalesce(max(number), 0) as applied from schema_steps');
        const applied = Number(rows[0]?.['applied'] ?? 0);
        for (const [index, step] of steps.entries()) {
          if (index < applied) continue;
          await query(step);
          await query('insert into schema_steps (number) values ($1)', [index + 1]);
        }
      });
      return;
    } catch (thrown) {
      if (!isCreatedMeanwhile(thrown) || attempt >= CREATE_ATTEMPTS_MAX) throw thrown;
      await pause(CREATE_PAUSE_MS);
    }
  }
};

const tableSql = (schema: string, table: Table): readonly string[] => {
  const columns = Object.entries(table.columns).map(([name, column]) => `${quoted(name)} ${sqlType(column)}${column.isNullable ? '' : ' not null'}`);
  const at = `${quoted(schema)}.${quoted(table.name)}`;
  const indexes = table.indexes.map((names) => `create index on ${at} (${names.map(quoted).join(', ')})`);
  return [`create table ${at} (${columns.join(', ')}, primary key (${table.key.map(quoted).join(', ')}))`, ...indexes];
};

/** The tables of one generation, in a schema of their own. */
export const createTables = async (query: Query, schema: string, projection: ProjectionDefinition): Promise<void> => {
  await query(`create schema ${quoted(schema)}`);
  for (const table of projection.tables) for (const sql of tableSql(schema, table)) await query(sql);
};

/** Points what readers see to this generation. */
export const createViews = async (query: Query, at: { readonly reader: string; readonly schema: string }, projection: ProjectionDefinition): Promise<void> => {
  for (const table of projection.tables) {
    const name = `${quoted(at.reader)}.${quoted(table.name)}`;
    await query(`create view ${name} as select * from ${quoted(at.schema)}.${quoted(table.name)}`);
  }
  for (const view of projection.views) {
    const select = view.select.replaceAll(/\{(\w+)\}/g, (_, table: string) => `${quoted(at.schema)}.${quoted(table)}`);
    await query(`create view ${quoted(at.reader)}.${quoted(view.name)} as ${select}`);
  }
};
