import { createReadModelStore, type Database } from '#adapters/postgres';
import type { ProjectionDefinition } from '#projections';
import type { Clock, Codec, EventLog, Log } from '#saga-core/ports';
import { SILENT_LOG, systemClock } from '#saga-core/runtime';
import { extentsOf, reached } from './catch-up.ts';
import { rebuild, type RebuildOptions, type RebuildReport } from './rebuild.ts';
import { type ProjectionStatus, Runner } from './runner.ts';

export type ProjectorOptions = {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly database: Database;
  /** Topic prefix, and the schema that readers of the read models look into. */
  readonly namespace: string;
  readonly projections: readonly ProjectionDefinition[];
  readonly logger?: Log;
  /** Prefix of the consumer groups, default `<namespace>.projection`. */
  readonly groupPrefix?: string;
  /** Default the host's. */
  readonly clock?: Clock;
};

export type Projector = {
  /** Joins every projection's group; resolves when each has its first partitions. */
  readonly start: () => Promise<void>;
  /** Ends batches under way, then leaves the groups. Idempotent. */
  readonly stop: () => Promise<void>;
  readonly status: () => readonly ProjectionStatus[];
  /** Resolves when every read model holds all that the log held when asked. Rejects where a projection has lost input, or fails again and again. */
  readonly caughtUp: () => Promise<void>;
};

/** Runs projections in this process; any number of processes share the partitions. */
export const createProjector = (options: ProjectorOptions): Projector => {
  const { log, codec, database, namespace, projections, logger = SILENT_LOG, clock = systemClock } = options;
  const store = createReadModelStore({ database, namespace });
  const prefix = options.groupPrefix ?? `${namespace}.projection`;
  const runners = projections.map((projection) => new Runner({ projection, store, log, codec, clock, namespace, logger, group: `${prefix}.${projection.name}` }));
  let stopping: Promise<unknown> | undefined;
  return {
    start: async () => { await Promise.all(runners.map((runner) => runner.start())); },
    stop: async () => {
      stopping ??= Promise.all(runners.map((runner) => runner.stop()));
      await stopping;
    },
    status: () => runners.map((runner) => runner.status()),
    caughtUp: async () => {
      const topics = [...new Set(projections.flatMap((projection) => projection.topics))];
      const extents = await extentsOf(log, namespace, topics);
      await Promise.all(runners.map((runner) => {
        const own = new Map([...extents].filter(([key]) => runner.projection.topics.some((topic) => key.startsWith(`${topic}/`))));
        return reached(own, { positions: () => runner.positions(), failure: () => runner.failure });
      }));
    },
  };
};

/** What a rebuild needs, and whether it may come to something else than the live read model. */
export type RebuildProjectionOptions = Omit<ProjectorOptions, 'projections' | 'groupPrefix'> & { readonly projection: ProjectionDefinition } & Pick<RebuildOptions, 'isAcceptingDifferences'>;

/**
 * Builds one read model again from the log while the live one goes on, verifies it, then switches readers. Rejects with
 * READ_MODEL_DIFFERS, and leaves the live one, where both come from the same records and hold something else.
 */
export const rebuildProjection = (options: RebuildProjectionOptions): Promise<RebuildReport> =>
  rebuild({
    projection: options.projection,
    store: createReadModelStore({ database: options.database, namespace: options.namespace }),
    log: options.log,
    codec: options.codec,
    clock: options.clock ?? systemClock,
    namespace: options.namespace,
    logger: options.logger ?? SILENT_LOG,
    isAcceptingDifferences: options.isAcceptingDifferences ?? false,
  });
