/*
 * Becoming the owner of a partition: fence, claim, fold to the own claim, decide, commit. One transactional id, one coordinator
 * that settles an open transaction when the id is initialised anew, a last stable offset that strangers' transactions hold back,
 * group positions that may be read stale, commit answers that get lost, predecessors that live on.
 */
import { type Chance, chanceOf, oneOf } from './chance.ts';
import { outcomeViolation } from './outcome-counts.ts';

export type TakeoverRule =
  | 'designed'
  /** A new owner writes under the epoch that is in force, without a new one. */
  | 'no-fence'
  /** It decides as soon as its claim is committed. */
  | 'decides-before-its-claim-is-read'
  /** It counts as caught up at the end of what can be read. */
  | 'trusts-the-end-offset'
  /** The watermark it commits is its position. */
  | 'watermark-is-the-position';

const TICKS = 250;
const CALM_STEPS_MAX = 1_000;
const INSTANCE_COUNT = 4;
const TASKS_MAX = 7;

type Entry = { readonly kind: 'start' | 'outcome' | 'claim' | 'noise'; readonly id: number; readonly by: number; state: 'pending' | 'committed' | 'aborted' };
type Transaction = { readonly epoch: number; readonly offsets: readonly number[]; readonly watermark: number | null; isPrepared: boolean };
type Phase = 'fence' | 'claim' | 'end-claim' | 'settle-claim' | 'live' | 'send' | 'end' | 'settle';
type Task = {
  readonly number: number;
  readonly instances: Map<number, { readonly offset: number; isDone: boolean }>;
  readonly inFlight: Set<number>;
  outbox: number[];
  phase: Phase;
  isAlive: boolean;
  epoch: number;
  position: number;
  isCaughtUp: boolean;
};
type World = {
  readonly chance: Chance;
  readonly rule: TakeoverRule;
  readonly log: Entry[];
  readonly tasks: Task[];
  epoch: number;
  open: Transaction | null;
  watermark: number;
  staleWatermark: number;
  startedCount: number;
};

/** One schedule. Answers with what it broke: one outcome per instance (I1), none lost (I9). */
export const runTakeover = (seed: number, rule: TakeoverRule): string | null => {
  const chance = chanceOf(seed);
  const world: World = { chance, rule, log: [], tasks: [], epoch: 0, open: null, watermark: 0, staleWatermark: 0, startedCount: 0 };
  world.tasks.push(newTask(0));
  for (let tick = 0; tick < TICKS; tick++) {
    if (world.startedCount < INSTANCE_COUNT && chance.is(0.1)) startTwiceAtTimes(world);
    writeOfStrangers(world);
    // A take-over: the old task lives on as a zombie.
    if (chance.is(0.03) && world.tasks.length < TASKS_MAX) world.tasks.push(newTask(world.tasks.length));
    if (chance.is(0.02)) oneOf(chance, world.tasks).isAlive = false;
    step(world, oneOf(chance, world.tasks));
  }
  return finish(world);
};

const newTask = (number: number): Task => ({ number, instances: new Map(), inFlight: new Set(), outbox: [], phase: 'fence', isAlive: true, epoch: 0, position: 0, isCaughtUp: false });

const append = (world: World, entry: Entry): number => world.log.push(entry) - 1;

const startTwiceAtTimes = (world: World): void => {
  const id = world.startedCount++;
  append(world, { kind: 'start', id, by: -1, state: 'committed' });
  if (world.chance.is(0.3)) append(world, { kind: 'start', id, by: -1, state: 'committed' });
};

/** Strangers' transactions hold the last stable offset back. */
const writeOfStrangers = (world: World): void => {
  const { chance, log } = world;
  if (chance.is(0.3)) append(world, { kind: 'noise', id: -1, by: -1, state: chance.is(0.3) ? 'pending' : 'committed' });
  for (const entry of log) if (entry.kind === 'noise' && entry.state === 'pending' && chance.is(0.08)) entry.state = chance.is(0.8) ? 'committed' : 'aborted';
};

const lastStableOffset = ({ log }: World): number => {
  const first = log.findIndex(({ state }) => state === 'pending');
  return first < 0 ? log.length : first;
};

/** The coordinator ends the open transaction: as it was prepared, or not at all. */
const settle = (world: World): void => {
  const { open, log } = world;
  if (open === null) return;
  for (const offset of open.offsets) {
    const entry = log[offset];
    if (entry !== undefined) entry.state = open.isPrepared ? 'committed' : 'aborted';
  }
  if (open.isPrepared && open.watermark !== null) {
    world.staleWatermark = world.watermark;
    world.watermark = open.watermark;
  }
  world.open = null;
};

const initialise = (world: World): number => {
  settle(world);
  return ++world.epoch;
};

const isFenced = (world: World, task: Task): boolean => task.epoch !== world.epoch;
const die = (task: Task): void => { task.isAlive = false; };

const step = (world: World, task: Task): void => {
  if (task.isAlive) PHASES[task.phase](world, task);
};

const PHASES: Readonly<Record<Phase, (world: World, task: Task) => void>> = {
  'fence': (world, task) => {
    task.epoch = world.rule === 'no-fence' ? world.epoch : initialise(world);
    task.phase = 'claim';
  },
  'claim': (world, task) => {
    if (isFenced(world, task)) return die(task);
    if (world.open !== null && world.rule === 'no-fence') return;
    settle(world);
    world.open = { epoch: task.epoch, offsets: [append(world, { kind: 'claim', id: -1, by: task.number, state: 'pending' })], isPrepared: false, watermark: null };
    task.phase = 'end-claim';
  },
  'end-claim': (world, task) => {
    if (isFenced(world, task) || world.open === null) return die(task);
    world.open.isPrepared = true;
    task.phase = 'settle-claim';
  },
  'settle-claim': (world, task) => {
    if (isFenced(world, task)) return die(task);
    if (world.open?.isPrepared === true) settle(world);
    task.position = world.chance.is(0.3) ? world.staleWatermark : world.watermark;
    task.phase = 'live';
  },
  'live': (world, task) => live(world, task),
  'send': (world, task) => {
    if (isFenced(world, task)) return die(task);
    if (world.open !== null && world.rule === 'no-fence') return;
    if (world.open !== null) return die(task);
    const offsets = task.outbox.map((id) => append(world, { kind: 'outcome', id, by: task.number, state: 'pending' }));
    world.open = { epoch: task.epoch, offsets, isPrepared: false, watermark: world.rule === 'watermark-is-the-position' ? task.position : watermarkOf(task) };
    task.outbox = [];
    task.phase = 'end';
  },
  'end': (world, task) => {
    if (isFenced(world, task) || world.open?.epoch !== task.epoch) return die(task);
    world.open.isPrepared = true;
    // The answer may be lost: a commit in doubt is never repaired.
    if (world.chance.is(0.15)) return die(task);
    task.phase = 'settle';
  },
  'settle': (world, task) => {
    if (isFenced(world, task)) return die(task);
    settle(world);
    task.phase = 'live';
  },
};

const live = (world: World, task: Task): void => {
  const { chance, rule } = world;
  const draw = chance.below(5);
  if (draw <= 1) read(world, task, 1 + chance.below(3));
  if (rule === 'trusts-the-end-offset' && !task.isCaughtUp) task.isCaughtUp = task.position >= lastStableOffset(world);
  if (!task.isCaughtUp && rule !== 'decides-before-its-claim-is-read') return;
  if (draw === 2) decide(world, task);
  else if (draw >= 3 && task.outbox.length > 0) task.phase = 'send';
};

const decide = ({ chance }: World, task: Task): void => {
  for (const [id, { isDone }] of task.instances) {
    if (isDone || task.inFlight.has(id)) continue;
    task.inFlight.add(id);
    if (chance.is(0.1)) return die(task);
    task.outbox.push(id);
    return;
  }
};

const read = (world: World, task: Task, countMax: number): void => {
  for (let count = 0; count < countMax && task.position < lastStableOffset(world); count++) {
    const entry = world.log[task.position];
    if (entry?.state === 'committed') fold(task, entry);
    task.position++;
  }
};

const fold = (task: Task, { kind, id, by }: Entry): void => {
  if (kind === 'start' && !task.instances.has(id)) task.instances.set(id, { offset: task.position, isDone: false });
  if (kind === 'claim' && by === task.number) task.isCaughtUp = true;
  if (kind !== 'outcome') return;
  const instance = task.instances.get(id);
  if (instance !== undefined) instance.isDone = true;
  task.inFlight.delete(id);
};

const watermarkOf = ({ instances, position }: Task): number => Math.min(position, ...[...instances.values()].flatMap(({ offset, isDone }) => (isDone ? [] : [offset])));

/** The weather clears and a last owner takes over. */
const finish = (world: World): string | null => {
  while (world.startedCount < INSTANCE_COUNT) append(world, { kind: 'start', id: world.startedCount++, by: -1, state: 'committed' });
  for (const entry of world.log) if (entry.kind === 'noise' && entry.state === 'pending') entry.state = 'committed';
  settle(world);
  const last = newTask(world.tasks.length);
  for (let count = 0; count < CALM_STEPS_MAX && last.isAlive; count++) step(world, last);
  settle(world);
  return outcomeViolation(world.log, INSTANCE_COUNT, last.isAlive);
};
