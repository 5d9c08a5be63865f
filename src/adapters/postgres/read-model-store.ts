import { applyChanges, type ApplyOutcome, type Change, type Fault, type Generation, keyText, type OpenOutcome, type ProjectionBatch, type ProjectionDefinition, type ReadModelStore, type Row, type Rows, rowsOf, type Table } from '#projections';
import { book, foldedOf, type GenerationAt, positionsOf, storedOf, takePosition } from './bookkeeping.ts';
import { compareWithLive } from './compare-generations.ts';
import type { Database, Query, Release } from './database.ts';
import { isOfValues, PostgresError } from './errors.ts';
import { beginGeneration, forget, openLive, ownershipOf, switchTo } from './generations.ts';
import { migrate } from './migrations.ts';
import { generationSchema, readerSchema } from './names.ts';
import { selectRows, upsertRows } from './rows-sql.ts';

export type ReadModelStoreOptions = { readonly database: Database; readonly namespace: string };

type At = GenerationAt & { readonly database: Database };

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
    [at.projection, at.generation, batch.topic, batch.partition, JSON.stringify(faults.map(({ offset, reason }) => ({ record_offset: offset, reason: reason.replaceAll('\0', '').toWellFormed() })))],
  );
};

const applyWhole = (at: At, isLive: boolean, batch: ProjectionBatch): Promise<ApplyOutcome> =>
  at.database.transaction(async (query) => {
    if (isLive) {
      const stored = await storedOf(query, { namespace: at.namespace, name: at.projection }, 'shared');
      if (stored?.generation !== at.generation) return { status: 'superseded' };
    }
    const taken = await takePosition(query, at, batch);
    if (taken !== null) return taken;
    const faults = await write(query, generationSchema(at.namespace, at.projection, at.generation), batch);
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

const generationOf = (at: At, isLive: boolean): Generation => ({
  number: at.generation,
  positions: () => positionsOf(at.database.query, at),
  folded: () => foldedOf(at.database.query, at),
  apply: (batch) => applyIn(at, isLive, batch),
});

const open = async ({ database, namespace }: ReadModelStoreOptions, projection: ProjectionDefinition): Promise<OpenOutcome> => {
  await migrate(database, readerSchema(namespace));
  const stored = await database.transaction((query) => openLive(query, namespace, projection));
  if (stored.version < projection.version) return { status: 'outdated', storedVersion: stored.version };
  if (stored.version > projection.version) {
    throw new PostgresError('READ_MODEL_NEWER', `read model ${projection.name} of ${namespace} is of version ${stored.version}, this build knows ${projection.version}: run the newer build, or rebuild with this one`);
  }
  return { status: 'live', generation: generationOf({ database, namespace, projection: projection.name, generation: stored.generation }, true) };
};

/** A number, its tables, and the lock that tells others that somebody fills them. */
const begin = async ({ database, namespace }: ReadModelStoreOptions, projection: ProjectionDefinition): Promise<{ readonly at: At; readonly release: Release }> => {
  await migrate(database, readerSchema(namespace));
  await database.transaction((query) => openLive(query, namespace, projection));
  let release: Release | null = null;
  const generation = await database.transaction(async (query) => {
    await release?.();
    const number = await beginGeneration(query, namespace, projection);
    // Before the commit: nobody sees the tables without their owner.
    release = await database.lock(ownershipOf({ namespace, projection: projection.name, generation: number }));
    return number;
  });
  return { at: { database, namespace, projection: projection.name, generation }, release: async () => release?.() };
};

/** Read models in PostgreSQL: one schema per generation of a projection, and views of the live one in a schema named like the namespace. */
export const createReadModelStore = (options: ReadModelStoreOptions): ReadModelStore => {
  const { database, namespace } = options;
  /** By schema: of the generations that this process began. */
  const owned = new Map<string, Release>();
  const release = async (projection: string, generation: number): Promise<void> => {
    const schema = generationSchema(namespace, projection, generation);
    await owned.get(schema)?.();
    owned.delete(schema);
  };
  return {
    open: (projection) => open(options, projection),
    begin: async (projection) => {
      const begun = await begin(options, projection);
      owned.set(generationSchema(namespace, projection.name, begun.at.generation), begun.release);
      return generationOf(begun.at, false);
    },
    compare: (projection, { number: generation }) =>
      database.transaction((query) => compareWithLive(query, { namespace, projection, generation }), { isolation: 'repeatable read', isReadOnly: true }),
    switchTo: async (projection, { number: generation }, ends) => {
      const outcome = await database.transaction((query) => switchTo(query, { namespace, projection, generation, ends }));
      if (outcome === 'switched') await release(projection.name, generation);
      return outcome;
    },
    discard: async (projection, { number: generation }) => {
      await database.transaction((query) => forget(query, { namespace, projection: projection.name, generation }));
      await release(projection.name, generation);
    },
  };
};
