import type { Comparison, ProjectionDefinition, Table } from '#projections';
import { book, storedOf } from './bookkeeping.ts';
import type { Query } from './database.ts';
import { generationSchema, quoted } from './names.ts';

type Pair = { readonly namespace: string; readonly projection: ProjectionDefinition; readonly live: number; readonly built: number };
type Digest = { readonly rowCount: number; readonly digest: string };

/** A begun generation that is to be compared with the live one. */
export type Compared = { readonly namespace: string; readonly projection: ProjectionDefinition; readonly generation: number };

/**
 * Two generations of one version are folds of the same records where, on every partition, they began at the same offset and made
 * something of as many records, the last of them the same one. Positions alone say less: they are written lazily.
 */
const standings = async (query: Query, { namespace, projection, live, built }: Pair): Promise<Comparison | 'together'> => {
  const { rows } = await query(
    `select topic, partition, a.first_offset as live_first, b.first_offset as built_first, (a.folded_count, a.folded_to) = (b.folded_count, b.folded_to) as is_together
     from (select * from ${book(namespace, 'projection_offsets')} where projection = $1 and generation = $2) a
     full join (select * from ${book(namespace, 'projection_offsets')} where projection = $1 and generation = $3) b using (topic, partition)
     where coalesce(a.folded_count, 0) > 0 or coalesce(b.folded_count, 0) > 0 or a.first_offset is null and a.next_offset is not null`,
    [projection.name, live, built],
  );
  // Null where only one of them has got there.
  for (const { topic, partition, live_first: liveFirst, built_first: builtFirst } of rows.filter((row) => row['is_together'] !== null)) {
    const at = `${String(topic)}/${String(partition)}`;
    if (liveFirst === null) return { status: 'incomparable', reason: `an older build filled the live one: where it began on ${at} is not known` };
    if (liveFirst !== builtFirst) return { status: 'incomparable', reason: `the live one was read from ${String(liveFirst)} on ${at}, this one from ${String(builtFirst)}` };
  }
  return rows.every((row) => row['is_together'] === true) ? 'together' : { status: 'apart' };
};

/** Of all rows in any order: a sum of hashes. */
const digestOf = async (query: Query, schema: string, table: Table): Promise<Digest> => {
  const { rows: [row] } = await query(`select count(*) as count, coalesce(sum(hashtextextended(held::text, 0)::numeric), 0) as digest from ${quoted(schema)}.${quoted(table.name)} held`);
  return { rowCount: Number(row?.['count'] ?? 0), digest: String(row?.['digest']) };
};

const tableDifferences = async (query: Query, { namespace, projection, live, built }: Pair): Promise<readonly string[]> => {
  const found: string[] = [];
  for (const table of projection.tables) {
    const before = await digestOf(query, generationSchema(namespace, projection.name, live), table);
    const after = await digestOf(query, generationSchema(namespace, projection.name, built), table);
    if (before.digest !== after.digest || before.rowCount !== after.rowCount) found.push(`table ${table.name}: ${before.rowCount} rows live, ${after.rowCount} built${before.rowCount === after.rowCount ? ', of other content' : ''}`);
  }
  return found;
};

const faultDifferences = async (query: Query, { namespace, projection, live, built }: Pair): Promise<readonly string[]> => {
  const faults = book(namespace, 'projection_faults');
  const { rows: [row] } = await query(
    `select count(*) as count, min(b.topic || '/' || b.partition || ' at ' || b.record_offset || ': ' || b.reason) as example from ${faults} b
     where b.projection = $1 and b.generation = $3 and not exists (
       select from ${faults} a where a.projection = $1 and a.generation = $2 and a.topic = b.topic and a.partition = b.partition and a.record_offset = b.record_offset)`,
    [projection.name, live, built],
  );
  const count = Number(row?.['count'] ?? 0);
  return count === 0 ? [] : [`${count} records cannot be projected any more, such as ${String(row?.['example']).slice(0, 300)}`];
};

/** In one snapshot of both, which stops nobody. */
export const compareWithLive = async (query: Query, { namespace, projection, generation }: Compared): Promise<Comparison> => {
  const stored = await storedOf(query, { namespace, name: projection.name }, 'none');
  if (stored === null || stored.version !== projection.version) return { status: 'incomparable', reason: `the live one is of version ${stored?.version ?? 'none'}, this one of version ${projection.version}` };
  const pair = { namespace, projection, live: stored.generation, built: generation };
  const standing = await standings(query, pair);
  if (standing !== 'together') return standing;
  const differences = [...(await tableDifferences(query, pair)), ...(await faultDifferences(query, pair))];
  return differences.length === 0 ? { status: 'equal' } : { status: 'different', differences };
};
