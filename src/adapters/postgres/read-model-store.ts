import { applyChanges, type ApplyOutcome, type Change, type Fault, type Generation, keyText, type OpenOutcome, type ProjectionBatch, type ProjectionDefinition, type ReadModelStore, type Row, type Rows, rowsOf, type Table } from '#projections';
import type { Database, Query } from './database.ts';
import { isOfValues, PostgresError } from './errors.ts';
import { createTables, createViews, migrate } from './migrations.ts';
import { generationSchema, quoted, readerSchema } from './names.ts';
import { selectRows, upsertRows } from './rows-sql.ts';

export type ReadModelStoreOptions = { readonly database: Database; readonly namespace: string };

type At = { readonly database: Database; readonly namespace: string; readonly projection: ProjectionDefinition; readonly generation: number };
type Stored = { readonly version: number; readonly generation: number };

const book = (namespace: string, table: string): string => `${quoted(readerSchema(namespace))}.${table}`;

const storedOf = async (query: Query, at: { readonly namespace: string; readonly name: string }, lock: 'for share' | 'for update'): Promise<Stored | null> => {
  const { rows } = await query(`select version, generation from ${book(at.namespace, 'projections')} where name = $1 ${lock}`, [at.name]);
  const [row] = rows;
  return row === undefined ? null : { version: Number(row['version']), generation: Number(row['generation']) };
};

/** The rows that some change looks at, loaded in one statement per table. */
const loaded = async (query: Query, schema: string, changes: readonly Change[]): Promise<Rows> => {
  const keys = new Map<Table, Map<string, Row>>();
  for (const { table, key, isBlind } of changes) {
    if (isBlind) continue;
    const wanted = keys.get(table) ?? new Map<string, Row>();
    keys.set(table, wanted);
    wanted.set(keyText(table, key), key);
  }
  const rows: Rows = new Map();
  for (const [table, wanted] of keys) {
    const held = rowsOf(rows, table);
    for (const [key, row] of await selectRows(query, { schema, table }, [...wanted.values()])) held.set(key, row);
  }
  return rows;
};

/** Folds the batch onto the loaded rows and writes what it touched. Returns the records that could not be applied. */
const write = async (query: Query, schema: string, batch: ProjectionBatch): Promise<readonly Fault[]> => {
  const rows = await loaded(query, schema, batch.records.flatMap((record) => record.changes));
  const touched = new Map<Table, Set<string>>();
  const faults: Fault[] = [...batch.faults];
  for (const { offset, changes } of batch.records) {
    const reason = applyChanges(rows, changes, (table, key) => {
      const keys = touched.get(table) ?? new Set<string>();
      touched.set(table, keys);
      keys.add(key);
    });
    if (reason !== null) faults.push({ offset, reason });
  }
  for (const [table, keys] of touched) {
    const held = rowsOf(rows, table);
    await upsertRows(query, { schema, table }, [...keys].map((key) => held.get(key)).filter((row) => row !== undefined));
  }
  return faults;
};

const recordFaults = async (query: Query, at: At, { batch, faults }: { readonly batch: ProjectionBatch; readonly faults: readonly Fault[] }): Promise<void> => {
  if (faults.length === 0) return;
  await query(
    `insert into ${book(at.namespace, 'projection_faults')} (projection, generation, topic, partition, record_offset, reason)
     select $1, $2, $3, $4, given.record_offset, given.reason from json_to_recordset($5::json) as given(record_offset bigint, reason text) on conflict do nothing`,
    [at.projection.name, at.generation, batch.topic, batch.partition, JSON.stringify(faults.map(({ offset, reason }) => ({ record_offset: offset, reason: reason.replaceAll('\0', '').toWellFormed() })))],
  );
};

/** Position check first: the row is locked, so of two that hold the same batch one waits and then finds that it is done. */
const positionIsTaken = async (query: Query, at: At, batch: ProjectionBatch): Promise<ApplyOutcome | null> => {
  const key = [at.projection.name, at.generation, batch.topic, batch.partition];
  const offsets = book(at.namespace, 'projection_offsets');
  await query(`insert into ${offsets} (projection, generation, topic, partition, next_offset) values ($1, $2, $3, $4, $5) on conflict do nothing`, [...key, batch.fromOffset]);
  const { rows } = await query(`select next_offset from ${offsets} where projection = $1 and generation = $2 and topic = $3 and partition = $4 for update`, key);
  const nextOffset = Number(rows[0]?.['next_offset'] ?? 0);
  if (nextOffset !== batch.fromOffset) return { status: 'elsewhere', nextOffset };
  await query(`update ${offsets} set next_offset = $5 where projection = $1 and generation = $2 and topic = $3 and partition = $4`, [...key, batch.toOffset]);
  return null;
};

const applyWhole = (at: At, isLive: boolean, batch: ProjectionBatch): Promise<ApplyOutcome> =>
  at.database.transaction(async (query) => {
    if (isLive) {
      const stored = await storedOf(query, { namespace: at.namespace, name: at.projection.name }, 'for share');
      if (stored?.generation !== at.generation) return { status: 'superseded' };
    }
    const taken = await positionIsTaken(query, at, batch);
    if (taken !== null) return taken;
    const faults = await write(query, generationSchema(at.namespace, at.projection.name, at.generation), batch);
    await recordFaults(query, at, { batch, faults });
    return { status: 'applied', faultCount: faults.length };
  });

/** Two batches that follow each other: the records before the middle one, and the rest. */
const halves = (batch: ProjectionBatch): readonly [ProjectionBatch, ProjectionBatch] => {
  const middle = Math.floor(batch.records.length / 2);
  const border = batch.records[middle]?.offset ?? batch.toOffset;
  return [
    { ...batch, toOffset: border, records: batch.records.slice(0, middle), faults: batch.faults.filter(({ offset }) => offset < border) },
    { ...batch, fromOffset: border, records: batch.records.slice(middle), faults: batch.faults.filter(({ offset }) => offset >= border) },
  ];
};

/** Where the server refuses what a batch writes, the batch is halved until the record is found that is to blame: that one becomes a fault. */
const applyIn = async (at: At, isLive: boolean, batch: ProjectionBatch): Promise<ApplyOutcome> => {
  try {
    return await applyWhole(at, isLive, batch);
  } catch (thrown) {
    const [only] = batch.records;
    if (!isOfValues(thrown) || only === undefined) throw thrown;
    if (batch.records.length === 1) return applyWhole(at, isLive, { ...batch, records: [], faults: [...batch.faults, { offset: only.offset, reason: thrown.message }] });
    const [before, after] = halves(batch);
    const first = await applyIn(at, isLive, before);
    if (first.status !== 'applied') return first;
    const second = await applyIn(at, isLive, after);
    return second.status === 'applied' ? { ...second, faultCount: first.faultCount + second.faultCount } : second;
  }
};

const positionsOf = async (query: Query, at: Omit<At, 'database'>): Promise<ReadonlyMap<string, number>> => {
  const { rows } = await query(`select topic, partition, next_offset from ${book(at.namespace, 'projection_offsets')} where projection = $1 and generation = $2`, [at.projection.name, at.generation]);
  return new Map(rows.map((row) => [`${String(row['topic'])}/${String(row['partition'])}`, Number(row['next_offset'])]));
};

const generationOf = (at: At, isLive: boolean): Generation => ({
  number: at.generation,
  positions: () => positionsOf(at.database.query, at),
  apply: (batch) => applyIn(at, isLive, batch),
});

/** Takes a number of its own under the lock of the projection's row. */
const beginGeneration = async (query: Query, namespace: string, projection: ProjectionDefinition): Promise<number> => {
  const { rows } = await query(`update ${book(namespace, 'projections')} set last_generation = last_generation + 1 where name = $1 returning last_generation`, [projection.name]);
  const generation = Number(rows[0]?.['last_generation'] ?? 1);
  await createTables(query, generationSchema(namespace, projection.name, generation), projection);
  return generation;
};

const forget = async (query: Query, namespace: string, { name, generation }: { readonly name: string; readonly generation: number }): Promise<void> => {
  for (const table of ['projection_offsets', 'projection_faults']) await query(`delete from ${book(namespace, table)} where projection = $1 and generation = $2`, [name, generation]);
  await query(`drop schema if exists ${quoted(generationSchema(namespace, name, generation))} cascade`);
};

const openLive = async (query: Query, namespace: string, projection: ProjectionDefinition): Promise<Stored> => {
  const books = book(namespace, 'projections');
  await query(`insert into ${books} (name, version, generation, last_generation) values ($1, $2, 0, 0) on conflict do nothing`, [projection.name, projection.version]);
  const stored = await storedOf(query, { namespace, name: projection.name }, 'for update');
  if (stored !== null && stored.generation > 0) return stored;
  const generation = await beginGeneration(query, namespace, projection);
  await createViews(query, { reader: readerSchema(namespace), schema: generationSchema(namespace, projection.name, generation) }, projection);
  await query(`update ${books} set generation = $2, version = $3 where name = $1`, [projection.name, generation, projection.version]);
  return { version: projection.version, generation };
};

const open = async ({ database, namespace }: ReadModelStoreOptions, projection: ProjectionDefinition): Promise<OpenOutcome> => {
  await migrate(database, readerSchema(namespace));
  const stored = await database.transaction((query) => openLive(query, namespace, projection));
  if (stored.version < projection.version) return { status: 'outdated', storedVersion: stored.version };
  if (stored.version > projection.version) {
    throw new PostgresError('READ_MODEL_NEWER', `read model ${projection.name} of ${namespace} is of version ${stored.version}, this build knows ${projection.version}: run the newer build, or rebuild with this one`);
  }
  return { status: 'live', generation: generationOf({ database, namespace, projection, generation: stored.generation }, true) };
};

/** Under the lock that every live batch shares: nothing is applied meanwhile, so neither side can move. */
const switchTo = (namespace: string, projection: ProjectionDefinition, generation: Generation) => async (query: Query): Promise<'switched' | 'behind'> => {
  const stored = await storedOf(query, { namespace, name: projection.name }, 'for update');
  if (stored === null) throw new PostgresError('POSTGRES_REFUSED', `read model ${projection.name} of ${namespace} does not exist any more`);
  const live = await positionsOf(query, { namespace, projection, generation: stored.generation });
  const built = await positionsOf(query, { namespace, projection, generation: generation.number });
  for (const [partition, nextOffset] of live) if ((built.get(partition) ?? 0) < nextOffset) return 'behind';
  // The old views go with the tables they look at.
  await forget(query, namespace, { name: projection.name, generation: stored.generation });
  await createViews(query, { reader: readerSchema(namespace), schema: generationSchema(namespace, projection.name, generation.number) }, projection);
  await query(`update ${book(namespace, 'projections')} set generation = $2, version = $3, switched_at = now() where name = $1`, [projection.name, generation.number, projection.version]);
  return 'switched';
};

/** Read models in PostgreSQL: one schema per generation of a projection, and views of the live one in a schema named like the namespace. */
export const createReadModelStore = (options: ReadModelStoreOptions): ReadModelStore => {
  const { database, namespace } = options;
  return {
    open: (projection) => open(options, projection),
    begin: async (projection) => {
      await migrate(database, readerSchema(namespace));
      await database.transaction((query) => openLive(query, namespace, projection));
      const generation = await database.transaction((query) => beginGeneration(query, namespace, projection));
      return generationOf({ database, namespace, projection, generation }, false);
    },
    switchTo: (projection, generation) => database.transaction(switchTo(namespace, projection, generation)),
    discard: (projection, generation) => database.transaction((query) => forget(query, namespace, { name: projection.name, generation: generation.number })),
  };
};
