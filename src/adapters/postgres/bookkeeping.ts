import type { ApplyOutcome, Folded, ProjectionBatch } from '#projections';
import type { Query } from './database.ts';
import { quoted, readerSchema } from './names.ts';

/** One generation of one projection of a namespace. */
export type GenerationAt = { readonly namespace: string; readonly projection: string; readonly generation: number };

/** What readers see of a projection. */
export type Stored = { readonly version: number; readonly generation: number };

/** A table of the bookkeeping, as SQL. */
export const book = (namespace: string, table: string): string => `${quoted(readerSchema(namespace))}.${table}`;

const LOCKS = { none: '', shared: 'for share', exclusive: 'for update' } as const;

/** What readers see now; every batch of the live generation shares the row's lock, a switch has it alone. */
export const storedOf = async (query: Query, at: { readonly namespace: string; readonly name: string }, lock: keyof typeof LOCKS): Promise<Stored | null> => {
  const { rows } = await query(`select version, generation from ${book(at.namespace, 'projections')} where name = $1 ${LOCKS[lock]}`, [at.name]);
  const [row] = rows;
  return row === undefined ? null : { version: Number(row['version']), generation: Number(row['generation']) };
};

/**
 * Position check first, and the position's step in the same statement: it locks the row, so of two that hold the same batch one waits
 * and then finds that it is done. Null: taken, go on.
 */
export const takePosition = async (query: Query, at: GenerationAt, batch: ProjectionBatch): Promise<ApplyOutcome | null> => {
  const key = [at.projection, at.generation, batch.topic, batch.partition];
  const offsets = book(at.namespace, 'projection_offsets');
  const last = [...batch.records, ...batch.faults].reduce((highest, { offset }) => Math.max(highest, offset), -1);
  const { rows: taken } = await query(
    `insert into ${offsets} as held (projection, generation, topic, partition, first_offset, next_offset, folded_count, folded_to) values ($1, $2, $3, $4, $5, $6, $7, $8)
     on conflict (projection, generation, topic, partition) do update
       set next_offset = excluded.next_offset, folded_count = held.folded_count + excluded.folded_count, folded_to = greatest(held.folded_to, excluded.folded_to)
       where held.next_offset = excluded.first_offset
     returning next_offset`,
    [...key, batch.fromOffset, batch.toOffset, batch.records.length + batch.faults.length, last + 1],
  );
  if (taken.length > 0) return null;
  const { rows } = await query(`select next_offset from ${offsets} where projection = $1 and generation = $2 and topic = $3 and partition = $4`, key);
  return { status: 'elsewhere', nextOffset: rows[0] === undefined ? null : Number(rows[0]['next_offset']) };
};

/** How far each partition was folded, by `topic/partition`. */
export const foldedOf = async (query: Query, at: GenerationAt): Promise<ReadonlyMap<string, Folded>> => {
  const { rows } = await query(`select topic, partition, next_offset, folded_count from ${book(at.namespace, 'projection_offsets')} where projection = $1 and generation = $2`, [at.projection, at.generation]);
  return new Map(rows.map((row) => [`${String(row['topic'])}/${String(row['partition'])}`, { nextOffset: Number(row['next_offset']), count: Number(row['folded_count']) }]));
};

/** Positions by `topic/partition`. */
export const positionsOf = async (query: Query, at: GenerationAt): Promise<ReadonlyMap<string, number>> =>
  new Map([...(await foldedOf(query, at))].map(([partition, { nextOffset }]) => [partition, nextOffset]));
