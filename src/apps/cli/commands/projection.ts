import type { Command } from 'commander';
import { createReadModels } from '#adapters/postgres';
import { allProjections, createProjector, type Projector, rebuildProjection } from '#apps/projector';
import { createPino, type HttpServer, logOn } from '#apps/worker';
import { withConnection, withDatabase } from '../environment.ts';
import { type Readiness, serveHealth } from '../health-server.ts';
import { answer, CommandFailed, type OutputOptions, table, WrongUse } from '../output.ts';
import { untilSignal } from './worker.ts';

/** Not ready while a lane stands still, for whatever reason: then its read model grows older. */
const readinessOf = (projector: Projector): Readiness => {
  const standing = projector.status().flatMap(({ projection, lanes }) => lanes.flatMap(({ topic, partition, error, failureCount, isInputLost }) => (error === null ? [] : [{ projection, topic, partition, error, failureCount, isInputLost }])));
  return { isReady: standing.length === 0, detail: standing };
};

const serveOn = (port: string | undefined, readiness: () => Readiness): Promise<HttpServer> | null => {
  if (port === undefined || port === '') return null;
  if (!/^\d{1,5}$/.test(port)) throw new CommandFailed(`PORT: ${port} is no port number`);
  return serveHealth({ port: Number(port), host: process.env['HOST'] ?? '127.0.0.1', readiness });
};

const run = (options: OutputOptions): Promise<void> =>
  withConnection((connection) => withDatabase(async (database, namespace) => {
    const ending = untilSignal();
    const { log, codec } = connection;
    const projector = createProjector({ log, codec, database, namespace, projections: allProjections, logger: logOn(createPino({ level: 'info', name: 'chorus-projector' })) });
    await projector.start();
    // Only now: before its first partitions are assigned it has nothing that could stand still.
    const health = await serveOn(process.env['PORT'], () => readinessOf(projector));
    answer(options, { projections: allProjections.map(({ name }) => name), url: health?.url ?? null }, () => `projecting ${allProjections.map(({ name }) => name).join(', ')}`);
    await ending;
    await health?.close();
    await projector.stop();
  }));

const list = (options: OutputOptions): Promise<void> =>
  withDatabase(async (database, namespace) => {
    const stored = new Map((await createReadModels({ database, namespace }).projections()).map((projection) => [projection.name, projection]));
    const rows = allProjections.map(({ name, version }) => ({ name, version, stored: stored.get(name) ?? null }));
    answer(options, rows, () => table(['projection', 'version', 'stored', 'faults'], rows.map((row) => [row.name, String(row.version), row.stored === null ? 'never run' : `version ${row.stored.version}, generation ${row.stored.generation}`, String(row.stored?.faultCount ?? '')])));
  });

const rebuild = (name: string, options: OutputOptions & { readonly acceptDifferences?: boolean }): Promise<void> => {
  const projection = allProjections.find((candidate) => candidate.name === name);
  if (projection === undefined) throw new WrongUse(`there is no projection ${JSON.stringify(name)}; there are ${allProjections.map((each) => each.name).join(', ')}`);
  return withConnection((connection) => withDatabase(async (database, namespace) => {
    const { log, codec, logger } = connection;
    const report = await rebuildProjection({ log, codec, database, namespace, logger, projection, isAcceptingDifferences: options.acceptDifferences ?? false });
    answer(options, report, () => `${report.projection}: generation ${report.generation} from ${report.recordCount} records in ${Math.round(report.elapsedMs)} ms, ${report.comparison}`);
  }));
};

/** Records between what each read model holds and the ends of its topics. */
const lag = (options: OutputOptions): Promise<void> =>
  withConnection((connection) => withDatabase(async (database, namespace) => {
    const { log } = connection;
    const rows = await createReadModels({ database, namespace }).snapshot(allProjections, async (snapshots) => Promise.all(allProjections.map(async ({ name, topics }) => {
      const positions = snapshots.get(name)?.positions ?? new Map<string, number>();
      const lags = await Promise.all(topics.map(async (topic) => {
        const count = await log.partitionCount(`${namespace}.${topic}`);
        const ends = await Promise.all(Array.from({ length: count }, (_, partition) => log.endOffset({ topic: `${namespace}.${topic}`, partition })));
        return ends.reduce((sum, end, partition) => sum + Math.max(0, end - (positions.get(`${topic}/${partition}`) ?? 0)), 0);
      }));
      return { projection: name, lagRecords: lags.reduce((sum, each) => sum + each, 0) };
    })));
    answer(options, rows, () => table(['projection', 'lag'], rows.map((row) => [row.projection, String(row.lagRecords)])));
  }));

export const addProjectionCommands = (program: Command): void => {
  const projection = program.command('projection').description('read models');
  projection.command('run').description('keep every read model up to date until SIGTERM').option('--json', 'answer as JSON').action(run);
  projection.command('list').description('read models of this build and what is stored of them').option('--json', 'answer as JSON').action(list);
  projection.command('rebuild').argument('<name>').description('build one again from the log beside the live one, verify it, then switch readers')
    .option('--accept-differences', 'switch even where the live one, from the same records, holds something else').option('--json', 'answer as JSON').action(rebuild);
  projection.command('lag').description('how far each is behind the log').option('--json', 'answer as JSON').action(lag);
};
