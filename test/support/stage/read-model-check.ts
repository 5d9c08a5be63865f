// The read models of a namespace beside the same ones built again from the log.
import { createReadModels, type Database } from '#adapters/postgres';
import { allProjections, createProjector, type Projector, rebuildProjection } from '#apps/projector';
import type { Connection } from '#apps/worker';

/** Rows of all tables as text, `table {…}`, sorted. */
export type ReadModelRows = readonly string[];

const asText = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value);

const allRows = async (database: Database, namespace: string): Promise<ReadModelRows> => {
  const found: string[] = [];
  await createReadModels({ database, namespace }).snapshot(allProjections, async (snapshots) => {
    for (const projection of allProjections) {
      for (const table of projection.tables) {
        for await (const page of snapshots.get(projection.name)?.rows(table) ?? []) found.push(...page.map((row) => `${table.name} ${JSON.stringify(row, asText)}`));
      }
    }
  });
  return found.sort();
};

export const startProjector = async (connection: Connection, database: Database): Promise<Projector> => {
  const { log, codec, namespace, logger } = connection;
  const projector = createProjector({ log, codec, database, namespace, projections: allProjections, logger });
  await projector.start();
  return projector;
};

/** What the running projector wrote once it has caught up, and what a fresh rebuild writes. */
export const compareReadModels = async (connection: Connection, database: Database, projector: Projector): Promise<{ readonly live: ReadModelRows; readonly rebuilt: ReadModelRows }> => {
  const { log, codec, namespace } = connection;
  await projector.caughtUp();
  const live = await allRows(database, namespace);
  for (const projection of allProjections) await rebuildProjection({ log, codec, database, namespace, projection });
  return { live, rebuilt: await allRows(database, namespace) };
};

export const dropReadModels = async (database: Database, namespace: string): Promise<void> => {
  const { rows } = await database.query('select nspname as name from pg_namespace where nspname = $1 or nspname like $2', [namespace, `${namespace}\\_%`]);
  for (const { name } of rows) await database.query(`drop schema if exists "${String(name)}" cascade`);
};
