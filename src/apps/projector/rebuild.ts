import type { Generation, ProjectionDefinition, ReadModelStore } from '#projections';
import type { Codec, EventLog, Log } from '#saga-core/ports';
import { endsOf, reached } from './catch-up.ts';
import { Lane } from './lane.ts';

export type RebuildOptions = {
  readonly projection: ProjectionDefinition;
  readonly store: ReadModelStore;
  readonly log: EventLog;
  readonly codec: Codec;
  readonly namespace: string;
  readonly logger: Log;
};

export type RebuildReport = { readonly projection: string; readonly generation: number; readonly recordCount: number; readonly elapsedMs: number };

/** The live one goes on meanwhile: each round reads what came since; with nothing new the switch succeeds. */
const SWITCH_ROUNDS_MAX = 100;

const fill = async (options: RebuildOptions, generation: Generation): Promise<number> => {
  const { projection, log, codec, namespace, logger, store } = options;
  let recordCount = 0;
  const lanes: Lane[] = [];
  try {
    for (const topic of projection.topics) {
      const liveTopic = `${namespace}.${topic}`;
      const count = await log.partitionCount(liveTopic);
      for (let partition = 0; partition < count; partition++) {
        const lane = new Lane({
          projection, generation, log, reader: log.reader(), codec, logger, topic, liveTopic, partition,
          onSuperseded: () => undefined, onApplied: (applied) => { recordCount += applied; },
        });
        lanes.push(lane);
        await lane.start(null);
      }
    }
    const failure = (): string | null => lanes.map((lane) => lane.failure).find((reason) => reason !== null) ?? null;
    for (let round = 1; round <= SWITCH_ROUNDS_MAX; round++) {
      await reached(await endsOf(log, namespace, projection.topics), generation.positions, failure);
      if (await store.switchTo(projection, generation) === 'switched') return recordCount;
    }
  } finally {
    await Promise.all(lanes.map((lane) => lane.stop()));
  }
  throw new Error(`projection ${projection.name}: the rebuilt read model did not overtake the live one in ${SWITCH_ROUNDS_MAX} rounds`);
};

/** Builds the read model again from the log, beside the live one, and switches readers to it at once. The old one stays where it fails. */
export const rebuild = async (options: RebuildOptions): Promise<RebuildReport> => {
  const startedAtMs = performance.now();
  const generation = await options.store.begin(options.projection);
  try {
    const recordCount = await fill(options, generation);
    return { projection: options.projection.name, generation: generation.number, recordCount, elapsedMs: Math.round(performance.now() - startedAtMs) };
  } catch (thrown) {
    await options.store.discard(options.projection, generation).catch(() => undefined);
    throw thrown;
  }
};
