/*
 * The takeover model with initialisations of a transactional id that arrive late: on the wire for any time, delivered for a task that
 * nobody owns any more, with one or two ids to a partition.
 */
import { type Chance, chanceOf, oneOf } from './chance.ts';
import { outcomeViolation } from './outcome-counts.ts';

export type LateRequestRule =
  /** One id, initialised once in a task's life. */
  | 'one-id'
  /** Two ids, initialised one after the other, the claim by the first: sound as well, and of no use. */
  | 'two-ids-claim-by-the-first'
  /** A fenced task initialises the id again and goes on without a new claim. */
  | 'initialises-again'
  /** The second id is initialised when it is first used. */
  | 'second-id-on-first-use'
  | 'both-ids-at-once'
  | 'claim-by-the-last';

const TICKS = 400;
const CALM_STEPS_MAX = 1_500;
const INSTANCE_COUNT = 4;
const TASKS_MAX = 7;

type Entry = { readonly kind: 'start' | 'outcome' | 'claim'; readonly id: number; readonly by: number; state: 'pending' | 'committed' | 'aborted' };
type Transaction = { readonly by: number; readonly offsets: readonly number[]; readonly watermark: number | null; isPrepared: boolean };
type Coordinator = { epoch: number; open: Transaction | null };
type Phase = 'initialise' | 'claim' | 'end-claim' | 'live' | 'send' | 'end';
type Task = {
  readonly number: number;
  /** By id: the epoch that was answered, zero before; whether it was asked for. */
  readonly epochs: number[];
  readonly isAsked: boolean[];
  readonly instances: Map<number, { readonly offset: number; isDone: boolean }>;
  readonly inFlight: Set<number>;
  outbox: number[];
  phase: Phase;
  isAlive: boolean;
  isCaughtUp: boolean;
  position: number;
  /** The id that writes next. */
  current: number;
};
type World = {
  readonly chance: Chance;
  readonly rule: LateRequestRule;
  readonly idCount: number;
  readonly log: Entry[];
  readonly coordinators: readonly Coordinator[];
  readonly wire: { readonly task: Task; readonly id: number }[];
  readonly tasks: Task[];
  watermark: number;
  staleWatermark: number;
  startedCount: number;
};

/** One schedule. Answers with what it broke: one outcome per instance (I1), none lost (I9). */
export const runLateRequests = (seed: number, rule: LateRequestRule): string | null => {
  const chance = chanceOf(seed);
  const idCount = rule === 'one-id' ? 1 : 2;
  const coordinators = Array.from({ length: idCount }, (): Coordinator => ({ epoch: 0, open: null }));
  const world: World = { chance, rule, idCount, log: [], coordinators, wire: [], tasks: [], watermark: 0, staleWatermark: 0, startedCount: 0 };
  addTask(world);
  for (let tick = 0; tick < TICKS; tick++) {
    happen(world);
    if (chance.is(0.03) && world.tasks.length < TASKS_MAX) addTask(world);
    if (chance.is(0.01)) oneOf(chance, world.tasks).isAlive = false;
    step(world, oneOf(chance, world.tasks));
  }
  return finish(world);
};

/** A start, a late request's arrival, markers of prepared transactions. */
const happen = (world: World): void => {
  const { chance, coordinators } = world;
  if (world.startedCount < INSTANCE_COUNT && chance.is(0.06)) start(world);
  if (world.wire.length > 0 && chance.next() <= 0.35) deliver(world, chance.below(world.wire.length));
  for (const [id, { open }] of coordinators.entries()) if (open?.isPrepared === true && chance.is(0.2)) settle(world, id);
};

const addTask = (world: World): Task => {
  const task: Task = {
    number: world.tasks.length, epochs: Array.from({ length: world.idCount }, () => 0), isAsked: [], instances: new Map(), inFlight: new Set(), outbox: [],
    phase: 'initialise', isAlive: true, isCaughtUp: false, position: 0, current: world.chance.below(world.idCount),
  };
  world.tasks.push(task);
  return task;
};

const start = (world: World): void => {
  world.log.push({ kind: 'start', id: world.startedCount++, by: -1, state: 'committed' });
};

const ask = ({ wire }: World, task: Task, id: number): void => {
  if (task.isAsked[id] === true) return;
  task.isAsked[id] = true;
  wire.push({ task, id });
};

/** An initialisation arrives: it settles what is open and fences everybody else, even where its sender is long gone. */
const deliver = (world: World, at: number): void => {
  const [request] = world.wire.splice(at, 1);
  const coordinator = request === undefined ? undefined : world.coordinators[request.id];
  if (request === undefined || coordinator === undefined) return;
  settle(world, request.id);
  request.task.epochs[request.id] = ++coordinator.epoch;
};

const settle = (world: World, id: number): void => {
  const coordinator = world.coordinators[id];
  const open = coordinator?.open ?? null;
  if (coordinator === undefined || open === null) return;
  for (const offset of open.offsets) {
    const entry = world.log[offset];
    if (entry !== undefined) entry.state = open.isPrepared ? 'committed' : 'aborted';
  }
  if (open.isPrepared && open.watermark !== null) {
    world.staleWatermark = world.watermark;
    world.watermark = open.watermark;
  }
  coordinator.open = null;
};

const lastStableOffset = ({ log }: World): number => {
  const first = log.findIndex(({ state }) => state === 'pending');
  return first < 0 ? log.length : first;
};

const die = (task: Task): void => { task.isAlive = false; };

const step = (world: World, task: Task): void => {
  if (task.isAlive) PHASES[task.phase](world, task);
};

const claimingId = ({ rule, idCount }: World): number => (rule === 'claim-by-the-last' ? idCount - 1 : 0);
const coordinatorOf = (world: World, id: number): Coordinator => world.coordinators[id] ?? { epoch: -1, open: null };
const isFenced = (world: World, task: Task, id: number): boolean => task.epochs[id] !== coordinatorOf(world, id).epoch;

/** The records of one transaction, pending. */
const begin = (world: World, task: Task, entries: { readonly id: number; readonly kind: 'outcome' | 'claim'; readonly instances: readonly number[]; readonly watermark: number | null }): void => {
  const offsets = entries.instances.map((id) => world.log.push({ kind: entries.kind, id, by: task.number, state: 'pending' }) - 1);
  coordinatorOf(world, entries.id).open = { by: task.number, offsets, watermark: entries.watermark, isPrepared: false };
};

const PHASES: Readonly<Record<Phase, (world: World, task: Task) => void>> = {
  'initialise': (world, task) => {
    const { rule, idCount } = world;
    const isLazy = rule === 'second-id-on-first-use';
    const isAnswered = (id: number): boolean => (task.epochs[id] ?? 0) > 0;
    ask(world, task, 0);
    const asksSecond = idCount > 1 && !isLazy && (rule === 'both-ids-at-once' || isAnswered(0));
    if (asksSecond) ask(world, task, 1);
    if (isAnswered(0) && (isLazy || idCount === 1 || isAnswered(1))) task.phase = 'claim';
  },
  'claim': (world, task) => {
    const id = claimingId(world);
    if (isFenced(world, task, id)) return die(task);
    settle(world, id);
    begin(world, task, { id, kind: 'claim', instances: [-1], watermark: null });
    task.phase = 'end-claim';
  },
  'end-claim': (world, task) => {
    const id = claimingId(world);
    const { open } = coordinatorOf(world, id);
    if (isFenced(world, task, id) || open?.by !== task.number) return die(task);
    open.isPrepared = true;
    settle(world, id);
    task.position = world.chance.is(0.3) ? world.staleWatermark : world.watermark;
    task.phase = 'live';
  },
  'live': (world, task) => live(world, task),
  'send': (world, task) => send(world, task),
  'end': (world, task) => {
    const id = task.current;
    const { open } = coordinatorOf(world, id);
    if (isFenced(world, task, id) || open?.by !== task.number) return die(task);
    open.isPrepared = true;
    if (world.chance.is(0.1)) return die(task);
    // The end is answered; its markers may come later.
    if (world.chance.is(0.6)) settle(world, id);
    task.current = (id + 1) % world.idCount;
    task.phase = 'live';
  },
};

const send = (world: World, task: Task): void => {
  const id = task.current;
  if ((task.epochs[id] ?? 0) === 0) return ask(world, task, id);
  if (isFenced(world, task, id)) {
    if (world.rule !== 'initialises-again' || !world.chance.is(0.5)) return die(task);
    task.isAsked[id] = false;
    task.epochs[id] = 0;
    return;
  }
  const { open } = coordinatorOf(world, id);
  if (open !== null && !open.isPrepared) return die(task);
  settle(world, id);
  begin(world, task, { id, kind: 'outcome', instances: task.outbox, watermark: watermarkOf(task) });
  task.outbox = [];
  task.phase = 'end';
};

const live = (world: World, task: Task): void => {
  const { chance } = world;
  const draw = chance.below(5);
  if (draw <= 1) read(world, task, 1 + chance.below(3));
  if (!task.isCaughtUp) return;
  if (draw === 2) decide(world, task);
  else if (draw >= 3 && task.outbox.length > 0) task.phase = 'send';
};

const decide = ({ chance }: World, task: Task): void => {
  for (const [id, { isDone }] of task.instances) {
    if (isDone || task.inFlight.has(id)) continue;
    task.inFlight.add(id);
    if (chance.is(0.08)) return die(task);
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

const settlePrepared = (world: World): void => {
  for (const [id, { open }] of world.coordinators.entries()) if (open?.isPrepared === true) settle(world, id);
};

/** Everything that is on its way arrives, and a last owner takes over. */
const finish = (world: World): string | null => {
  while (world.startedCount < INSTANCE_COUNT) start(world);
  while (world.wire.length > 0) deliver(world, 0);
  const last = addTask(world);
  for (let count = 0; count < CALM_STEPS_MAX && last.isAlive; count++) {
    if (world.wire.length > 0) deliver(world, 0);
    settlePrepared(world);
    step(world, last);
  }
  for (const id of world.coordinators.keys()) settle(world, id);
  return outcomeViolation(world.log, INSTANCE_COUNT, last.isAlive);
};
