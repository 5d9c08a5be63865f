import type { ProjectionDefinition } from '#projections';
import { book, type GenerationAt, positionsOf, type Stored, storedOf } from './bookkeeping.ts';
import { LOCK_OF_NAME, type Query } from './database.ts';
import { PostgresError } from './errors.ts';
import { createTables, createViews } from './migrations.ts';
import { generationSchema, quoted, readerSchema } from './names.ts';

/** Name of the lock that a rebuild holds for as long as its process lives. */
export const ownershipOf = ({ namespace, projection, generation }: GenerationAt): string => `chorus generation ${generationSchema(namespace, projection, generation)}`;

/** Takes a number of its own under the lock of the projection's row. */
export const beginGeneration = async (query: Query, namespace: string, projection: ProjectionDefinition): Promise<number> => {
  const { rows } = await query(`update ${book(namespace, 'projections')} set last_generation = last_generation + 1 where name = $1 returning last_generation`, [projection.name]);
  const generation = Number(rows[0]?.['last_generation'] ?? 1);
  await createTables(query, generationSchema(namespace, projection.name, generation), projection);
  return generation;
};

/** Tables, positions and faults of a generation that nobody reads any more. */
export const forget = async (query: Query, { namespace, projection, generation }: GenerationAt): Promise<void> => {
  for (const table of ['projection_offsets', 'projection_faults']) await query(`delete from ${book(namespace, table)} where projection = $1 and generation = $2`, [projection, generation]);
  await query(`drop schema if exists ${quoted(generationSchema(namespace, projection, generation))} cascade`);
};

/** Numbers of the generations that have a schema. */
const generationsOf = async (query: Query, namespace: string, projection: string): Promise<readonly number[]> => {
  const prefix = generationSchema(namespace, projection, 0).slice(0, -1);
  const { rows } = await query('select substr(nspname, length($1) + 1) as number from pg_namespace where starts_with(nspname, $1)', [prefix]);
  return rows.map((row) => String(row['number'])).filter((text) => /^\d{1,9}$/.test(text)).map(Number);
};

/** Removes generations that are neither live nor anybody's: their rebuild was killed. Under the lock of the projection's row. */
const removeAbandoned = async (query: Query, namespace: string, { projection, live }: { readonly projection: string; readonly live: number }): Promise<void> => {
  for (const generation of await generationsOf(query, namespace, projection)) {
    if (generation === live) continue;
    const at = { namespace, projection, generation };
    const { rows } = await query(`select pg_try_advisory_xact_lock(${LOCK_OF_NAME}) as abandoned`, [ownershipOf(at)]);
    if (rows[0]?.['abandoned'] === true) await forget(query, at);
  }
};

/** What readers see, made where there is nothing yet. */
export const openLive = async (query: Query, namespace: string, projection: ProjectionDefinition): Promise<Stored> => {
  const books = book(namespace, 'projections');
  await query(`insert into ${books} (name, version, generation, last_generation) values ($1, $2, 0, 0) on conflict do nothing`, [projection.name, projection.version]);
  const stored = await storedOf(query, { namespace, name: projection.name }, 'exclusive');
  if (stored !== null && stored.generation > 0) {
    await removeAbandoned(query, namespace, { projection: projection.name, live: stored.generation });
    return stored;
  }
  const generation = await beginGeneration(query, namespace, projection);
  await createViews(query, { reader: readerSchema(namespace), schema: generationSchema(namespace, projection.name, generation) }, projection);
  await query(`update ${books} set generation = $2, version = $3 where name = $1`, [projection.name, generation, projection.version]);
  return { version: projection.version, generation };
};

type Switch = { readonly namespace: string; readonly projection: ProjectionDefinition; readonly generation: number; readonly ends: ReadonlyMap<string, number> };

/** Under the lock that every live batch shares: nothing is applied meanwhile, so neither side can move. */
export const switchTo = async (query: Query, { namespace, projection, generation, ends }: Switch): Promise<'switched' | 'behind'> => {
  const { name, version } = projection;
  const stored = await storedOf(query, { namespace, name }, 'exclusive');
  if (stored === null) throw new PostgresError('POSTGRES_REFUSED', `read model ${name} of ${namespace} does not exist any more`);
  const live = await positionsOf(query, { namespace, projection: name, generation: stored.generation });
  const built = await positionsOf(query, { namespace, projection: name, generation });
  for (const [partition, nextOffset] of live) {
    if ((built.get(partition) ?? 0) < Math.min(nextOffset, ends.get(partition) ?? nextOffset)) return 'behind';
  }
  // The old views go with the tables they look at.
  await forget(query, { namespace, projection: name, generation: stored.generation });
  await createViews(query, { reader: readerSchema(namespace), schema: generationSchema(namespace, name, generation) }, projection);
  await query(`update ${book(namespace, 'projections')} set generation = $2, version = $3, switched_at = now() where name = $1`, [name, generation, version]);
  return 'switched';
};
