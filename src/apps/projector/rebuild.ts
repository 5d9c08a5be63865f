import { PostgresError } from '#adapters/postgres';
import type { Generation } from '#projections';
import type { Codec, EventLog } from '#saga-core/ports';
import { extentsOf, reached } from './catch-up.ts';
import { Lane } from './lane.ts';
import { verified, type VerifyOptions } from './verify-rebuild.ts';

export type RebuildOptions = VerifyOptions & {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly namespace: string;
};

export type RebuildReport = {
  readonly projection: string;
  readonly generation: number;
  readonly recordCount: number;
  readonly elapsedMs: number;
  /** What the comparison with the live read model came to, in words. */
  readonly comparison: string;
};

type Filled = Pick<RebuildReport, 'recordCount' | 'comparison'>;

/** The live one goes on meanwhile: each round reads what came since; with nothing new the switch succeeds. */
const SWITCH_ROUNDS_MAX = 100;

const lanesOf = async (options: RebuildOptions, generation: Generation, onApplied: (recordCount: number) => void): Promise<readonly Lane[]> => {
  const { projection, log, codec, clock, namespace, logger } = options;
  const lanes: Lane[] = [];
  for (const topic of projection.topics) {
    const liveTopic = `${namespace}.${topic}`;
    const count = await log.partitionCount(liveTopic);
    for (let partition = 0; partition < count; partition++) {
      lanes.push(new Lane({ projection, generation, log, reader: log.reader(), codec, clock, logger, topic, liveTopic, partition, onSuperseded: () => undefined, onApplied }));
    }
  }
  return lanes;
};

/** Reads to the end, verifies, switches; again, where the live one got ahead meanwhile. */
const switched = async (options: RebuildOptions, generation: Generation, lanes: readonly Lane[]): Promise<string> => {
  const { projection, log, namespace, store } = options;
  const failure = (): string | null => lanes.map((lane) => lane.failure).find((reason) => reason !== null) ?? null;
  const positions = async (): Promise<ReadonlyMap<string, number>> => {
    await Promise.all(lanes.map((lane) => lane.flush({ isFirst: true })));
    return generation.positions();
  };
  for (let round = 1; round <= SWITCH_ROUNDS_MAX; round++) {
    const extents = await extentsOf(log, namespace, projection.topics);
    await reached(extents, { positions, failure });
    const comparison = await verified(options, generation, lanes);
    const ends = new Map([...extents].map(([partition, { end }]) => [partition, end]));
    if (await store.switchTo(projection, generation, ends) === 'switched') return comparison;
  }
  throw new PostgresError('POSTGRES_CONFLICT', `projection ${projection.name}: the rebuilt read model did not overtake the live one in ${SWITCH_ROUNDS_MAX} rounds`);
};

const fill = async (options: RebuildOptions, generation: Generation): Promise<Filled> => {
  let recordCount = 0;
  const lanes = await lanesOf(options, generation, (applied) => { recordCount += applied; });
  try {
    await Promise.all(lanes.map((lane) => lane.start()));
    const comparison = await switched(options, generation, lanes);
    return { recordCount, comparison };
  } finally {
    await Promise.all(lanes.map((lane) => lane.stop()));
  }
};

/** Builds the read model again from the log, beside the live one, verifies it and switches readers to it at once. The old one stays where it fails. */
export const rebuild = async (options: RebuildOptions): Promise<RebuildReport> => {
  const startedAtMs = performance.now();
  const generation = await options.store.begin(options.projection);
  try {
    const filled = await fill(options, generation);
    return { projection: options.projection.name, generation: generation.number, ...filled, elapsedMs: Math.round(performance.now() - startedAtMs) };
  } catch (thrown) {
    await options.store.discard(options.projection, generation).catch(() => undefined);
    throw thrown;
  }
};
