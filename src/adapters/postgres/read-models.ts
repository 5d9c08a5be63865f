import type { ProjectionDefinition, Row, Table, Value } from '#projections';
import type { Database, Query } from './database.ts';
import { generationSchema, quoted, readerSchema } from './names.ts';
import { readRow } from './rows-sql.ts';

/** Which rows of a reader's table or view, and in which order. */
export type RowQuery = {
  readonly table: string;
  /** Equal to each of these; a list means one of them. */
  readonly where?: Readonly<Record<string, Value | readonly Value[]>>;
  /** `column >= value`, such as a time. */
  readonly since?: { readonly column: string; readonly value: Value };
  readonly orderBy?: readonly { readonly column: string; readonly direction: 'asc' | 'desc' }[];
  /** Default 1,000. */
  readonly limit?: number;
  readonly offset?: number;
};

/** A projection as one instant saw it. */
export type Snapshot = {
  /** Next offset by `topic/partition`, topic without the namespace. */
  readonly positions: ReadonlyMap<string, number>;
  readonly faultCount: number;
  /** Every row of a table, in pages. */
  readonly rows: (table: Table) => AsyncIterable<readonly Row[]>;
};

export type ReadModels = {
  /** Numerics are text, timestamps are Dates, as `pg` gives them; bigints are text. */
  readonly select: (query: RowQuery) => Promise<readonly Readonly<Record<string, unknown>>[]>;
  readonly count: (query: Pick<RowQuery, 'table' | 'where' | 'since'>) => Promise<number>;
  /** What is stored of the projections of this namespace. */
  readonly projections: () => Promise<readonly { readonly name: string; readonly version: number; readonly generation: number; readonly faultCount: number }[]>;
  /** Rows and positions of several projections at one instant. `absent` tells, by name, why one is not among them: it was never run, or is stored in another version. */
  readonly snapshot: <Result>(
    projections: readonly ProjectionDefinition[], work: (snapshots: ReadonlyMap<string, Snapshot>, absent: ReadonlyMap<string, string>) => Promise<Result>,
  ) => Promise<Result>;
};

const LIMIT = 1_000;
const PAGE_ROWS = 10_000;

type Values = unknown[];
const parameter = (values: Values, value: unknown): string => `$${values.push(value)}`;

const sqlValue = (value: Value): unknown => (typeof value === 'bigint' ? value.toString() : value);

const conditions = (query: Pick<RowQuery, 'where' | 'since'>, values: Values): string => {
  const parts = Object.entries(query.where ?? {}).map(([column, wanted]) => {
    if (wanted === null) return `${quoted(column)} is null`;
    if (typeof wanted === 'object') return `${quoted(column)} = any(${parameter(values, wanted.map(sqlValue))})`;
    return `${quoted(column)} = ${parameter(values, sqlValue(wanted))}`;
  });
  if (query.since !== undefined) {
    const { column, value } = query.since;
    parts.push(`${quoted(column)} >= ${parameter(values, typeof value === 'number' ? new Date(value) : sqlValue(value))}`);
  }
  return parts.length === 0 ? '' : `where ${parts.join(' and ')}`;
};

const pages = async function* (query: Query, from: { readonly schema: string; readonly table: Table }): AsyncIterable<readonly Row[]> {
  const { schema, table } = from;
  await query(`declare pages no scroll cursor for select * from ${quoted(schema)}.${quoted(table.name)}`);
  for (;;) {
    const { rows } = await query(`fetch ${PAGE_ROWS} from pages`);
    if (rows.length === 0) break;
    yield rows.map((row) => readRow(table, row));
  }
  await query('close pages');
};

const NEVER_RUN = 'it was never run';

const snapshotOf = async (query: Query, namespace: string, projection: ProjectionDefinition): Promise<Snapshot | string> => {
  const reader = quoted(readerSchema(namespace));
  const { rows: [stored] } = await query(`select generation, version from ${reader}.projections where name = $1`, [projection.name]);
  // Generation 0: made known, never built.
  if (stored === undefined || Number(stored['generation']) === 0) return NEVER_RUN;
  if (Number(stored['version']) !== projection.version) return `stored in version ${String(stored['version'])}, this build has version ${projection.version}`;
  const generation = Number(stored['generation']);
  const offsets = await query(`select topic, partition, next_offset from ${reader}.projection_offsets where projection = $1 and generation = $2`, [projection.name, generation]);
  const faults = await query(`select count(*) as count from ${reader}.projection_faults where projection = $1 and generation = $2`, [projection.name, generation]);
  return {
    positions: new Map(offsets.rows.map((row) => [`${String(row['topic'])}/${String(row['partition'])}`, Number(row['next_offset'])])),
    faultCount: Number(faults.rows[0]?.['count'] ?? 0),
    rows: (table) => pages(query, { schema: generationSchema(namespace, projection.name, generation), table }),
  };
};

/** Reading what projections wrote. `select` sees the tables and views of the live generations. */
export const createReadModels = ({ database, namespace }: { readonly database: Database; readonly namespace: string }): ReadModels => {
  const reader = quoted(readerSchema(namespace));
  return {
    select: async (query) => {
      const values: Values = [];
      const where = conditions(query, values);
      const order = (query.orderBy ?? []).map(({ column, direction }) => `${quoted(column)} ${direction}`).join(', ');
      const limits = `limit ${parameter(values, query.limit ?? LIMIT)} offset ${parameter(values, query.offset ?? 0)}`;
      const { rows } = await database.query(`select * from ${reader}.${quoted(query.table)} ${where} ${order === '' ? '' : `order by ${order}`} ${limits}`, values);
      return rows;
    },
    count: async (query) => {
      const values: Values = [];
      const { rows } = await database.query(`select count(*) as count from ${reader}.${quoted(query.table)} ${conditions(query, values)}`, values);
      return Number(rows[0]?.['count'] ?? 0);
    },
    projections: async () => {
      const { rows } = await database.query(
        `select p.name, p.version, p.generation, (select count(*) from ${reader}.projection_faults f where f.projection = p.name and f.generation = p.generation) as faults
         from ${reader}.projections p order by p.name`);
      return rows.map((row) => ({ name: String(row['name']), version: Number(row['version']), generation: Number(row['generation']), faultCount: Number(row['faults']) }));
    },
    snapshot: (projections, work) => database.transaction(async (query) => {
      const snapshots = new Map<string, Snapshot>();
      const absent = new Map<string, string>();
      const { rows: [known] } = await query('select to_regclass($1) is not null as known', [`${reader}.projections`]);
      for (const projection of projections) {
        const snapshot = known?.['known'] === true ? await snapshotOf(query, namespace, projection) : NEVER_RUN;
        if (typeof snapshot === 'string') absent.set(projection.name, snapshot);
        else snapshots.set(projection.name, snapshot);
      }
      return work(snapshots, absent);
    }, { isolation: 'repeatable read', isReadOnly: true }),
  };
};
