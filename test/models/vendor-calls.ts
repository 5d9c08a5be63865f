/*
 * Takeover, seen from the vendor. No fence stops a call that has been sent, or that a process sends which does not know yet that it
 * is replaced. Time runs in ticks. Transactions are whole and fenced here; that they are is the business of the takeover model.
 *
 * A task is replaced in three ways: its process ends (its calls stay on the wire); it stands still for longer than the session and
 * wakes up as a zombie; or the group moves the partition without its knowing (a deposed coordinator goes on confirming it), and it
 * runs on and reads for a while. The third and a standstill of the same task do not coincide: that is one fault more than is promised.
 */
import { type Chance, chanceOf } from './chance.ts';

export type VendorCallRule =
  | 'mended'
  /** A task goes on behind a newer claim of its own group. */
  | 'acts-behind-a-newer-claim'
  /** A vendor is called though the group has not confirmed the member within its session. */
  | 'calls-unconfirmed'
  /** What a predecessor may have done is concluded before that predecessor's call must have arrived. */
  | 'concludes-early'
  /** What a look-up does not find is called again at once, at a vendor that makes a second effect of it. */
  | 'calls-again-early'
  /** After a look-up the vendor is called however long the look-up took. */
  | 'calls-after-the-limit';

const LIMIT = 12;
const UNDO_LIMIT = 4;
const SESSION = 25;
/** A task that runs has read everything at most this long ago. */
const READ_LAG_MAX = 10;
const TICKS = 260;
const CALM_TICKS_MAX = 400;
const INSTANCE_COUNT = 5;
const TASKS_MAX = 9;

/**
 * A vendor that knows keys repeats nothing and can be asked; with the others every call is an effect, and an intent tells of it: an
 * askable one can be asked, of a blind one nothing more is heard.
 */
const KINDS = ['keyed', 'askable', 'blind'] as const;
type Kind = (typeof KINDS)[number];
type Outcome = 'completed' | 'cancelled' | 'unknown';
type LogRecord =
  | { readonly type: 'start' | 'compensate' | 'undone'; readonly id: number }
  | { readonly type: 'intent'; readonly id: number; readonly by: number }
  | { readonly type: 'outcome'; readonly id: number; readonly outcome: Outcome }
  | { readonly type: 'claim'; readonly by: number };

type Step = { readonly kind: Kind; intentBy: number | null; outcome: Outcome | null; mustUndo: boolean; isUndone: boolean };
type Effect = { wasExecuted: boolean; liveCount: number };
type Call = { readonly at: number; readonly arrive: () => void };
type Lookup = { readonly id: number; readonly answerAt: number; readonly untilTick: number };

type Task = {
  readonly number: number;
  readonly epoch: number;
  readonly steps: Map<number, Step>;
  readonly busy: Set<number>;
  readonly suspects: Set<number>;
  readonly outbox: LogRecord[];
  readonly lookups: Lookup[];
  isOver: boolean;
  claimOffset: number;
  position: number;
  lastReadTick: number;
  liveSince: number | null;
  confirmedAt: number;
  stillUntil: number;
  /** Replaced, it runs on until then. */
  endsAt: number;
};

type World = {
  readonly chance: Chance;
  readonly rule: VendorCallRule;
  readonly log: LogRecord[];
  readonly kinds: readonly Kind[];
  readonly effects: readonly Effect[];
  readonly wire: Call[];
  readonly tasks: Task[];
  owner: Task | null;
  epoch: number;
  tick: number;
  startedCount: number;
};

/** One schedule. Answers with what it broke: one outcome per step (I1), nothing lost (I9), no live effect that the log denies (I5). */
export const runVendorCalls = (seed: number, rule: VendorCallRule): string | null => {
  const chance = chanceOf(seed);
  for (let warmUp = 0; warmUp < 5; warmUp++) chance.next();
  const world: World = {
    chance, rule, log: [], kinds: Array.from({ length: INSTANCE_COUNT }, () => KINDS[chance.below(KINDS.length)] ?? 'keyed'),
    effects: Array.from({ length: INSTANCE_COUNT }, () => ({ wasExecuted: false, liveCount: 0 })),
    wire: [], tasks: [], owner: null, epoch: 0, tick: 0, startedCount: 0,
  };
  takeOver(world);
  for (; world.tick < TICKS; world.tick++) {
    happen(world);
    advance(world);
  }
  return finish(world);
};

const takeOver = (world: World): void => {
  const task: Task = {
    number: world.tasks.length, epoch: ++world.epoch, steps: new Map(), busy: new Set(), suspects: new Set(), outbox: [], lookups: [], isOver: false,
    claimOffset: world.log.length, position: 0, lastReadTick: world.tick, liveSince: null, confirmedAt: world.tick, stillUntil: 0, endsAt: Infinity,
  };
  world.log.push({ type: 'claim', by: task.number });
  world.tasks.push(task);
  world.owner = task;
};

/** What the world does to the tasks: starts, compensations, standstills, kills, rebalances. */
const happen = (world: World): void => {
  const { chance, owner } = world;
  if (world.startedCount < INSTANCE_COUNT && chance.is(0.06)) world.log.push({ type: 'start', id: world.startedCount++ });
  if (world.startedCount > 0 && chance.is(0.06)) requestCompensation(world, chance.below(world.startedCount));
  if (owner !== null) trouble(world, owner);
  else if (chance.is(0.6)) takeOver(world);
};

const trouble = (world: World, owner: Task): void => {
  const { chance } = world;
  if (owner.stillUntil > world.tick) {
    if (world.tick - owner.confirmedAt >= SESSION) takeOver(world);
  } else if (chance.is(0.03)) owner.stillUntil = world.tick + 1 + chance.below(3 * SESSION);
  else if (world.tasks.length < TASKS_MAX && chance.is(0.04)) replace(world, owner);
};

const replace = (world: World, owner: Task): void => {
  if (world.chance.is(0.4)) {
    owner.isOver = true;
    world.owner = null;
    return;
  }
  owner.endsAt = world.tick + 1 + world.chance.below(2 * SESSION);
  takeOver(world);
};

const requestCompensation = ({ log }: World, id: number): void => {
  if (!log.some((record) => record.type === 'compensate' && record.id === id)) log.push({ type: 'compensate', id });
};

/** One tick: calls arrive, tasks that do not stand still take a step. */
const advance = (world: World): void => {
  arrive(world);
  for (const task of world.tasks) {
    if (task.isOver || task.stillUntil > world.tick) continue;
    hearOfTheGroup(world, task);
    if (!task.isOver) step(world, task);
  }
};

const arrive = ({ wire, tick }: World): void => {
  for (let at = wire.length - 1; at >= 0; at--) {
    const call = wire[at];
    if (call === undefined || call.at > tick) continue;
    wire.splice(at, 1);
    call.arrive();
  }
};

const hearOfTheGroup = ({ chance, owner, tick }: World, task: Task): void => {
  // An answer to a heartbeat takes a moment: a process that has just woken up acts before it has heard.
  if (task === owner || task.endsAt < Infinity) {
    if (chance.is(0.7)) task.confirmedAt = tick;
    task.isOver = tick >= task.endsAt;
  } else if (chance.is(0.15)) task.isOver = true;
};

const step = (world: World, task: Task): void => {
  const { chance } = world;
  readOn(world, task);
  if (task.isOver || task.liveSince === null) return;
  answerLookups(world, task);
  for (const id of task.steps.keys()) if (!task.busy.has(id) && chance.is(0.5)) decide(world, task, id);
  if (task.outbox.length > 0 && chance.is(0.4)) commit(world, task);
};

/** A task that is replaced without its knowing reads slowly, so that it acts on old news as long as it may. */
const readOn = (world: World, task: Task): void => {
  const { chance, tick } = world;
  const isBehind = tick - task.lastReadTick >= READ_LAG_MAX && tick - task.stillUntil >= READ_LAG_MAX;
  if (isBehind || chance.is(task.endsAt < Infinity ? 0.1 : 0.5)) read(world, task, isBehind ? Infinity : 1 + chance.below(4));
};

const read = (world: World, task: Task, countMax: number): void => {
  for (let count = 0; count < countMax && task.position < world.log.length; count++) {
    const record = world.log[task.position];
    if (record === undefined) return;
    task.isOver = isNewerClaim(task, record) && world.rule !== 'acts-behind-a-newer-claim';
    if (task.isOver) return;
    fold(world, task, record);
    task.position++;
    if (task.liveSince === null && task.position > task.claimOffset) goLive(world, task);
  }
  if (task.position === world.log.length) task.lastReadTick = world.tick;
};

const isNewerClaim = (task: Task, record: LogRecord): boolean => record.type === 'claim' && task.position > task.claimOffset;

const fold = ({ kinds }: World, task: Task, record: LogRecord): void => {
  if (record.type === 'claim') return;
  if (record.type === 'start') {
    task.steps.set(record.id, { kind: kinds[record.id] ?? 'keyed', intentBy: null, outcome: null, mustUndo: false, isUndone: false });
    return;
  }
  const known = task.steps.get(record.id);
  if (known === undefined) return;
  // Whatever the log says of it, except that it is to be undone, answers what this task was about to say.
  if (record.type !== 'compensate') task.busy.delete(record.id);
  learn(known, record);
};

const learn = (known: Step, record: Exclude<LogRecord, { readonly type: 'claim' }>): void => {
  switch (record.type) {
    case 'start': return;
    case 'intent': known.intentBy ??= record.by; return;
    case 'compensate': known.mustUndo = true; return;
    case 'undone': known.isUndone = true; return;
    case 'outcome': known.outcome ??= record.outcome;
  }
  // An effect that may have happened is undone.
  if (known.outcome === 'unknown') known.mustUndo = true;
};

const goLive = (world: World, task: Task): void => {
  task.liveSince = world.tick;
  for (const [id, { outcome }] of task.steps) if (outcome === null) task.suspects.add(id);
};

const commit = (world: World, task: Task): void => {
  if (task.epoch !== world.epoch) {
    task.isOver = true;
    return;
  }
  world.log.push(...task.outbox.splice(0));
};

const say = (task: Task, record: LogRecord & { readonly id: number }): void => {
  task.busy.add(record.id);
  task.outbox.push(record);
};

const conclude = (task: Task, id: number, outcome: Outcome): void => say(task, { type: 'outcome', id, outcome });

const decide = (world: World, task: Task, id: number): void => {
  const known = task.steps.get(id);
  if (known === undefined) return;
  if (known.outcome === null) {
    if (known.kind === 'keyed') decideKeyed(world, task, { id, known });
    else decideIntended(world, task, { id, known });
  } else if (known.mustUndo && !known.isUndone && known.outcome !== 'cancelled' && isConfirmed(world, task)) undo(world, task, id);
};

type Due = { readonly id: number; readonly known: Step };

const decideKeyed = (world: World, task: Task, { id, known }: Due): void => {
  const isSuspect = task.suspects.has(id);
  if (known.mustUndo && !isSuspect) return conclude(task, id, 'cancelled');
  if (known.mustUndo) {
    if (world.effects[id]?.wasExecuted === true) conclude(task, id, 'completed');
    else if (!isEarly(world, task)) conclude(task, id, 'cancelled');
    return;
  }
  if (!isConfirmed(world, task)) return;
  task.busy.add(id);
  const untilTick = world.tick + LIMIT;
  if (isSuspect) task.lookups.push({ id, answerAt: world.tick + 1 + world.chance.below(LIMIT), untilTick });
  else call(world, task, { id, untilTick });
};

const decideIntended = (world: World, task: Task, { id, known }: Due): void => {
  if (known.intentBy === null) {
    if (known.mustUndo) conclude(task, id, 'cancelled');
    else say(task, { type: 'intent', id, by: task.number });
    return;
  }
  if (known.intentBy !== task.number && known.kind === 'askable') return decideAskable(world, task, { id, known });
  if (known.intentBy !== task.number) {
    if (!isEarly(world, task)) conclude(task, id, 'unknown');
    return;
  }
  if (known.mustUndo) return conclude(task, id, 'cancelled');
  if (!isConfirmed(world, task)) return;
  task.busy.add(id);
  call(world, task, { id, untilTick: world.tick + LIMIT });
};

/** A predecessor intended a call: what the vendor has is the answer, and what it has not may still be on the wire. */
const decideAskable = (world: World, task: Task, { id, known }: Due): void => {
  const isTooEarly = isEarly(world, task);
  if (known.mustUndo || (isTooEarly && world.rule !== 'calls-again-early')) {
    if (world.effects[id]?.wasExecuted === true) conclude(task, id, 'completed');
    else if (!isTooEarly) conclude(task, id, 'cancelled');
    return;
  }
  if (!isConfirmed(world, task)) return;
  task.busy.add(id);
  task.lookups.push({ id, answerAt: world.tick + 1 + world.chance.below(LIMIT), untilTick: world.tick + LIMIT });
};

const isConfirmed = ({ rule, tick }: World, task: Task): boolean => rule === 'calls-unconfirmed' || tick - task.confirmedAt < SESSION;

/** A predecessor starts its last call before it can have read our claim, and no call is on the wire for longer than its limit. */
const isEarly = ({ rule, tick }: World, task: Task): boolean => {
  return rule !== 'concludes-early' && tick < (task.liveSince ?? Infinity) + 2 * LIMIT;
};

const answerLookups = (world: World, task: Task): void => {
  for (const lookup of task.lookups.splice(0)) {
    if (lookup.answerAt > world.tick) task.lookups.push(lookup);
    else if (world.effects[lookup.id]?.wasExecuted === true) conclude(task, lookup.id, 'completed');
    else if (world.tick >= lookup.untilTick && world.rule !== 'calls-after-the-limit') task.busy.delete(lookup.id);
    else call(world, task, lookup);
  }
};

/** On the wire until its deadline at most. Its answer may be lost: then the vendor is asked, where it can be. */
const call = (world: World, task: Task, { id, untilTick }: { readonly id: number; readonly untilTick: number }): void => {
  const isLost = world.chance.is(0.2);
  const at = world.tick + 1 + world.chance.below(Math.max(1, untilTick - world.tick));
  world.wire.push({ at, arrive: () => {
    const effect = world.effects[id];
    if (effect === undefined) return;
    if (world.kinds[id] !== 'keyed' || !effect.wasExecuted) effect.liveCount++;
    effect.wasExecuted = true;
    if (!task.isOver) conclude(task, id, isLost && world.kinds[id] === 'blind' ? 'unknown' : 'completed');
  } });
};

const undo = (world: World, task: Task, id: number): void => {
  task.busy.add(id);
  world.wire.push({ at: world.tick + 1 + world.chance.below(UNDO_LIMIT), arrive: () => {
    const effect = world.effects[id];
    if (effect !== undefined) effect.liveCount = 0;
    if (!task.isOver) say(task, { type: 'undone', id });
  } });
};

/** The weather clears, a last owner takes over, and everything that is on its way arrives. */
const finish = (world: World): string | null => {
  while (world.startedCount < INSTANCE_COUNT) world.log.push({ type: 'start', id: world.startedCount++ });
  takeOver(world);
  const isAnswered = (id: number): boolean => world.log.some((record) => record.type === 'outcome' && record.id === id);
  const isSettled = (): boolean => world.wire.length === 0 && world.kinds.every((_, id) => isAnswered(id));
  const until = world.tick + CALM_TICKS_MAX;
  while (world.tick < until && !(world.tick > TICKS + 3 * SESSION && isSettled())) {
    world.tick++;
    advance(world);
  }
  return violationOf(world);
};

const violationOf = ({ log, kinds, effects }: World): string | null => {
  for (const [id, kind] of kinds.entries()) {
    const outcomes = log.flatMap((record) => (record.type === 'outcome' && record.id === id ? [record.outcome] : []));
    const [outcome] = outcomes;
    const isUndone = log.some((record) => record.type === 'undone' && record.id === id);
    const fault = outcome === undefined ? 'I9: % has no outcome' : outcomes.length > 1 ? 'I1: % has several outcomes' : effectFault(outcome, isUndone, effects[id]?.liveCount ?? 0);
    if (fault !== null) return fault.replace('%', `${kind} step ${id}`);
  }
  return null;
};

const effectFault = (outcome: Outcome, isUndone: boolean, liveCount: number): string | null => {
  if (liveCount > 1) return 'I5: % took effect more than once';
  if (isUndone) return liveCount > 0 ? 'I5: % is undone, and its effect lives' : null;
  if (outcome === 'cancelled') return liveCount > 0 ? 'I5: % is cancelled, and its effect lives' : null;
  return outcome === 'completed' && liveCount === 0 ? 'I5: % is completed, and has no effect' : null;
};
