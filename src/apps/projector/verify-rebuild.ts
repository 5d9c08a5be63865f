import { PostgresError } from '#adapters/postgres';
import type { Comparison, Folded, Generation, ProjectionDefinition, ReadModelStore } from '#projections';
import type { Clock, Log } from '#saga-core/ports';
import type { Lane } from './lane.ts';
import { pause } from './pause.ts';

export type VerifyOptions = {
  readonly projection: ProjectionDefinition;
  readonly store: ReadModelStore;
  readonly clock: Clock;
  readonly logger: Log;
  /** Switches even where the live read model holds something else though it comes from the same records: it is the live one that is wrong. */
  readonly isAcceptingDifferences?: boolean;
};

/** Where records keep coming the two are rarely seen at the same one: then the switch goes by the counts alone, and says so. */
const COMPARISONS_MAX = 10;
const COMPARISON_PAUSE_MS = 50;
/** The store's answer and the lane's own count are of one instant when their positions are the same. */
const COUNTS_ROUNDS_MAX = 100;
const COUNTS_PAUSE_MS = 25;

const NEVER = new AbortController().signal;

const keyOf = (lane: Lane): string => {
  const { topic, partition } = lane.status();
  return `${topic}/${partition}`;
};

/** Partitions whose count is not known to be right yet. */
const uncounted = async (lanes: readonly Lane[], generation: Generation, name: string): Promise<readonly Lane[]> => {
  const before = new Map(lanes.map((lane) => [lane, lane.folded]));
  const stored = await generation.folded();
  return lanes.filter((lane) => {
    const held: Folded | undefined = stored.get(keyOf(lane));
    const own = [before.get(lane), lane.folded].find((folded) => folded !== undefined && folded.nextOffset === held?.nextOffset);
    if (own === undefined || held === undefined) return true;
    if (own.count !== held.count) throw new PostgresError('READ_MODEL_DIFFERS', `projection ${name}: before ${held.nextOffset} of ${keyOf(lane)} there are ${own.count} records to fold, and ${held.count} are stored: somebody else wrote into the read model that is being built; build it again`);
    return false;
  });
};

const checkCounts = async (lanes: readonly Lane[], generation: Generation, { name, clock }: { readonly name: string; readonly clock: Clock }): Promise<void> => {
  let left = lanes;
  for (let round = 1; left.length > 0; round++) {
    left = await uncounted(left, generation, name);
    if (left.length === 0) return;
    if (round === COUNTS_ROUNDS_MAX) throw new PostgresError('POSTGRES_CONFLICT', `projection ${name}: the count of ${left.map(keyOf).join(', ')} could not be taken in ${COUNTS_ROUNDS_MAX} rounds`);
    await pause(clock, COUNTS_PAUSE_MS, NEVER);
  }
};

const compared = async ({ store, projection, clock }: VerifyOptions, generation: Generation): Promise<Comparison> => {
  for (let round = 1; ; round++) {
    const comparison = await store.compare(projection, generation);
    if (comparison.status !== 'apart' || round === COMPARISONS_MAX) return comparison;
    await pause(clock, COMPARISON_PAUSE_MS, NEVER);
  }
};

/**
 * Whether the generation may be read: every record that it had to fold was folded once, and where the live one comes from the same
 * records by the same version, both hold the same. Resolves with what was found; rejects with READ_MODEL_DIFFERS.
 */
export const verified = async (options: VerifyOptions, generation: Generation, lanes: readonly Lane[]): Promise<string> => {
  const { projection: { name }, clock, logger, isAcceptingDifferences = false } = options;
  await checkCounts(lanes, generation, { name, clock });
  const comparison = await compared(options, generation);
  switch (comparison.status) {
    case 'equal': return 'the same as the live one';
    case 'apart': return 'not compared: the live one stands at other records';
    case 'incomparable': return `not compared: ${comparison.reason}`;
    case 'different': {
      const differences = comparison.differences.join('; ');
      if (!isAcceptingDifferences) throw new PostgresError('READ_MODEL_DIFFERS', `projection ${name}: built again from the same records by the same version, it is not what the live one is: ${differences}; where the live one is wrong, \`chorus projection rebuild ${name} --accept-differences\` switches to the new one`);
      logger.warn('readers are switched to a read model that differs', { projection: name, differences });
      return `differs from the live one: ${differences}`;
    }
  }
};
