/*
 * Checkpoints and the watermark: a recovery loads the checkpoints and folds from the watermark on. What it knows of every open
 * instance then must be what a fold of the whole log knows, and what has ended must not come back.
 */
import { type Chance, chanceOf, oneOf } from './chance.ts';

export type CheckpointRule =
  /** Written again whenever the watermark is to pass a record that it lacks; gone in the transaction whose watermark passes the end. */
  | 'designed'
  /** Written once; its tombstone follows some time after the end. */
  | 'written-once';

const TICKS = 60;
const INSTANCE_COUNT = 5;

type Entry = { readonly kind: 'start' | 'step' | 'end'; readonly id: number };
type Instance = { readonly firstOffset: number; stepCount: number; hasEnded: boolean; foldedTo: number };
type World = {
  readonly chance: Chance;
  readonly rule: CheckpointRule;
  readonly log: Entry[];
  readonly instances: Map<number, Instance>;
  readonly checkpoints: Map<number, Instance>;
  watermark: number;
};

/** One schedule. Answers with what the first wrong recovery makes of an instance. */
export const runCheckpoints = (seed: number, rule: CheckpointRule): string | null => {
  const chance = chanceOf(seed);
  const world: World = { chance, rule, log: [], instances: new Map(), checkpoints: new Map(), watermark: 0 };
  for (let tick = 0; tick < TICKS; tick++) {
    write(world);
    if (chance.is(0.2)) writeCheckpoint(world);
    if (chance.is(0.3)) world.watermark = Math.max(world.watermark, nextWatermark(world));
    const violation = chance.is(0.1) ? recover(world) : null;
    if (violation !== null) return violation;
  }
  return null;
};

const write = (world: World): void => {
  const id = world.chance.below(INSTANCE_COUNT);
  const known = world.instances.get(id);
  if (known?.hasEnded === true) return;
  const entry: Entry = known === undefined ? { kind: 'start', id } : { kind: world.chance.is(0.25) ? 'end' : 'step', id };
  world.log.push(entry);
  fold(world.instances, entry, world.log.length - 1);
};

const fold = (instances: Map<number, Instance>, { kind, id }: Entry, offset: number): void => {
  const known = instances.get(id) ?? (kind === 'start' ? { firstOffset: offset, stepCount: 0, hasEnded: false, foldedTo: -1 } : undefined);
  if (known === undefined) return;
  instances.set(id, known);
  if (offset <= known.foldedTo) return;
  if (kind === 'step') known.stepCount++;
  if (kind === 'end') known.hasEnded = true;
  known.foldedTo = offset;
};

const writeCheckpoint = ({ chance, rule, instances, checkpoints }: World): void => {
  const due = [...instances].filter(([id, { hasEnded, foldedTo }]) => {
    const checkpoint = checkpoints.get(id);
    return !hasEnded && (checkpoint === undefined || (rule === 'designed' && checkpoint.foldedTo < foldedTo));
  });
  if (due.length === 0) return;
  const [id, instance] = oneOf(chance, due);
  checkpoints.set(id, { ...instance });
};

const nextWatermark = (world: World): number => {
  let watermark = world.log.length;
  for (const [id, instance] of world.instances) watermark = Math.min(watermark, world.rule === 'designed' ? holdDesigned(world, id, instance) : holdWrittenOnce(world, id, instance));
  return watermark;
};

/** The first record of the instance that a recovery has to read. */
const holdDesigned = ({ log, checkpoints }: World, id: number, instance: Instance): number => {
  if (instance.hasEnded) {
    checkpoints.delete(id);
    return log.length;
  }
  const checkpoint = checkpoints.get(id);
  if (checkpoint === undefined) return instance.firstOffset;
  return checkpoint.foldedTo < instance.foldedTo ? checkpoint.foldedTo + 1 : log.length;
};

const holdWrittenOnce = ({ chance, log, checkpoints }: World, id: number, instance: Instance): number => {
  const isCheckpointed = checkpoints.has(id);
  if (instance.hasEnded && isCheckpointed && chance.is(0.5)) checkpoints.delete(id);
  return instance.hasEnded || isCheckpointed ? log.length : instance.firstOffset;
};

const recover = ({ log, instances, checkpoints, watermark }: World): string | null => {
  const recovered = new Map([...checkpoints].map(([id, checkpoint]) => [id, { ...checkpoint }]));
  for (const [offset, entry] of log.entries()) if (offset >= watermark) fold(recovered, entry, offset);
  for (const [id, instance] of instances) {
    const violation = differenceOf(id, instance, recovered.get(id));
    if (violation !== null) return violation;
  }
  return null;
};

const differenceOf = (id: number, instance: Instance, found: Instance | undefined): string | null => {
  if (instance.hasEnded) return found?.hasEnded === false ? `I10: instance ${id} has ended and comes back open` : null;
  return found?.stepCount === instance.stepCount ? null : `I10: instance ${id} is recovered with ${found?.stepCount ?? 'none'} of ${instance.stepCount} steps`;
};
