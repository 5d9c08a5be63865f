/*
 * The decision rules: one instance, three owners of whom the first is the initiator too, a random graph of steps, a deadline,
 * failures, lost answers, calls under way, crashes, operators. Everybody folds the same log and appends later than it decided.
 */
import { type Chance, chanceOf, oneOf } from './chance.ts';
import { decisionViolation, type Effect } from './decision-checks.ts';
import { areAllCompleted, type DecisionRule, emptyFold, type Entry, evolve, type Fold, isDue, isFinished, isReady, mayUndo, type Order, type OutcomeType, randomSteps, type Saga, type Step } from './decision-fold.ts';

const STORMY_TICKS = 350;
const CALM_TICKS_MAX = 4_000;
const CALM_TICKS_MIN = 300;
const PERSON_LOOKS_EVERY_TICKS = 40;
const OWNERS = [0, 1, 2] as const;
const ALL_ORDERS: readonly Order[] = ['retry', 'resolve', 'skip', 'compensate'];

type Call = { readonly step: number; hasArrived: boolean; answer: 'ok' | 'refused' | 'lost' | null };
type Said = { readonly entry: Entry; readonly key: string };
type Participant = {
  readonly id: number;
  fold: Fold;
  position: number;
  /** Keys of what is said and not read back yet. */
  said: Set<string>;
  outbox: Said[];
  calls: Map<number, Call>;
  isReady: boolean;
  bornAt: number;
};
type World = {
  readonly saga: Saga;
  readonly chance: Chance;
  readonly log: { readonly entry: Entry; readonly key: string; readonly by: number }[];
  readonly effects: readonly Effect[];
  readonly wire: Call[];
  readonly fates: readonly ('works' | 'refused' | 'uncertain')[];
  readonly undoFaultsLeft: number[];
  readonly participants: readonly Participant[];
  /** Orders that only the initiator hears of; empty by design. */
  readonly initiatorOrders: number[];
  readonly deadlineTick: number;
  tick: number;
  isStormy: boolean;
};

/** One schedule. Answers with what it broke: I1 to I5, or that the saga does not end. */
export const runDecisions = (seed: number, rule: DecisionRule): string | null => {
  const world = newWorld(seed, rule);
  for (; world.tick < STORMY_TICKS; world.tick++) advance(world);
  world.isStormy = false;
  arriveAll(world);
  for (let count = 0; count < CALM_TICKS_MAX; count++, world.tick++) {
    advance(world);
    if (count % PERSON_LOOKS_EVERY_TICKS === PERSON_LOOKS_EVERY_TICKS - 1) helpQuarantined(world);
    if (count > CALM_TICKS_MIN && world.participants.every(({ fold }) => fold.end !== null)) break;
  }
  arriveAll(world);
  return decisionViolation(world.saga, world.log.map(({ entry }) => entry), world.effects);
};

const newWorld = (seed: number, rule: DecisionRule): World => {
  const chance = chanceOf(seed);
  for (let warmUp = 0; warmUp < 5; warmUp++) chance.next();
  const saga: Saga = { steps: randomSteps(chance), rule };
  const { steps } = saga;
  const fates = steps.map(() => (chance.is(0.18) ? (chance.is(0.5) ? 'refused' : 'uncertain') : 'works'));
  const undoFaultsLeft = steps.map(() => (chance.is(0.15) ? 1 + chance.below(2) : 0));
  const log = [{ entry: { type: 'Start' } as const, key: 'start', by: -1 }];
  return {
    saga, chance, log, fates, undoFaultsLeft, wire: [], initiatorOrders: [], tick: 0, isStormy: true,
    effects: steps.map(() => ({ isLive: false, executionCount: 0 })),
    participants: OWNERS.map((id) => ({ id, ...newborn(saga, log.length) })),
    deadlineTick: chance.is(0.35) ? 20 + chance.below(200) : Number.POSITIVE_INFINITY,
  };
};

const newborn = (saga: Saga, bornAt: number): Omit<Participant, 'id'> => ({ fold: emptyFold(saga), position: 0, said: new Set(), outbox: [], calls: new Map(), isReady: false, bornAt });

/** Calls on the wire stay there. */
const crash = (world: World, participant: Participant): void => {
  Object.assign(participant, newborn(world.saga, world.log.length));
};

const advance = (world: World): void => {
  const { chance } = world;
  const participant = oneOf(chance, world.participants);
  const draw = chance.below(5);
  if (draw <= 1) read(world, participant, 1 + chance.below(3));
  else if (draw === 2) decide(world, participant);
  else if (draw === 3) commit(world, participant);
  else arriveOne(world);
  if (!world.isStormy) return;
  if (chance.is(0.006)) crash(world, oneOf(chance, world.participants));
  if (chance.is(0.012)) giveOrder(world, oneOf(chance, ALL_ORDERS), chance.below(world.saga.steps.length));
};

const giveOrder = ({ saga, log, initiatorOrders }: World, order: Order, step: number): void => {
  if (saga.rule === 'initiator-skips-steps' && order === 'skip') initiatorOrders.push(step);
  else log.push({ entry: { type: 'Order', order, step }, key: 'order', by: -1 });
};

const helpQuarantined = (world: World): void => {
  const { chance, saga, participants } = world;
  const fold = participants[0]?.fold;
  for (const { index } of saga.steps) if (fold?.end === null && fold.undone[index] === 'quarantined') giveOrder(world, chance.is(0.5) ? 'retry' : 'resolve', index);
};

const arriveOne = (world: World): void => {
  const waiting = world.wire.filter(({ hasArrived }) => !hasArrived);
  if (waiting.length > 0 && world.chance.is(0.5)) arrive(world, oneOf(world.chance, waiting));
};

const arriveAll = (world: World): void => {
  for (const call of world.wire) if (!call.hasArrived) arrive(world, call);
};

/** The vendor is idempotent by key. */
const arrive = ({ effects, fates, chance, isStormy }: World, call: Call): void => {
  call.hasArrived = true;
  const effect = effects[call.step];
  if (effect === undefined || fates[call.step] === 'refused') {
    call.answer = 'refused';
    return;
  }
  if (effect.executionCount === 0) {
    effect.executionCount++;
    effect.isLive = true;
  }
  call.answer = fates[call.step] === 'uncertain' || (isStormy && chance.is(0.15)) ? 'lost' : 'ok';
};

const read = (world: World, participant: Participant, countMax: number): void => {
  for (let count = 0; count < countMax && participant.position < world.log.length; count++) {
    const written = world.log[participant.position++];
    if (written !== undefined) readOne(world, participant, written);
  }
  if (participant.position >= participant.bornAt) participant.isReady = true;
};

const readOne = ({ saga }: World, { id, fold, said }: Participant, { entry, key, by }: World['log'][number]): void => {
  const wasQuarantined = 'step' in entry && fold.undone[entry.step] === 'quarantined';
  evolve(saga, fold, entry);
  if (by === id) said.delete(key);
  const isRetry = entry.type === 'Order' && entry.order === 'retry';
  if (isRetry && (wasQuarantined || saga.rule === 'void-orders-clear-memory')) said.delete(`undo ${entry.step}`);
  // The request was void.
  if (entry.type === 'CompensationRequested' && fold.status === 'RUNNING') said.delete('request');
};

const say = ({ said, outbox }: Participant, key: string, entry: Entry): void => {
  if (said.has(key)) return;
  said.add(key);
  outbox.push({ key, entry });
};

/** What a participant writes is appended later than it was decided: the race. */
const commit = (world: World, participant: Participant): void => {
  if (participant.outbox.length === 0) return;
  for (const { entry, key } of participant.outbox) world.log.push({ entry, key, by: participant.id });
  participant.outbox = [];
  if (world.isStormy && world.chance.is(0.05)) crash(world, participant);
};

const decide = (world: World, participant: Participant): void => {
  const { fold, id } = participant;
  if (!participant.isReady || fold.end !== null || fold.status === 'NONE') return;
  for (const step of world.saga.steps) if (step.owner === id) decideStep(world, participant, step);
  if (id === 0) initiate(world, participant);
};

const requestCompensation = (world: World, participant: Participant, more: readonly number[] = []): void => {
  const { outcomes } = participant.fold;
  const list = world.saga.steps.map(({ index }) => index).filter((index) => outcomes[index] === 'Completed' || outcomes[index] === 'Uncertain');
  say(participant, 'request', { type: 'CompensationRequested', list: [...list, ...more] });
};

const initiate = (world: World, initiator: Participant): void => {
  const { saga } = world;
  if (initiator.fold.status === 'RUNNING') initiateRunning(world, initiator);
  if (saga.rule !== 'anybody-fails-the-saga' && isFinished(saga, initiator.fold)) say(initiator, 'end', { type: 'End', how: 'FAILED' });
  for (const step of world.initiatorOrders.splice(0)) if (isOpen(world, initiator, step)) sayOutcome(initiator, `skip ${step}`, { step, outcome: 'Completed' });
};

const initiateRunning = (world: World, initiator: Participant): void => {
  const { fold } = initiator;
  const { rule } = world.saga;
  const hasFailed = rule !== 'anybody-fails-the-saga' && fold.outcomes.some((outcome) => outcome !== null && outcome !== 'Completed');
  if (areAllCompleted(fold)) {
    if (rule !== 'anybody-completes-the-saga') say(initiator, 'end', { type: 'End', how: 'COMPLETED' });
  } else if (hasFailed || world.tick > world.deadlineTick || fold.isCompensationOrdered) requestCompensation(world, initiator);
  if (rule === 'initiator-times-steps-out' && world.isStormy && world.chance.is(0.02)) timeOutOfTurn(world, initiator);
};

const timeOutOfTurn = (world: World, initiator: Participant): void => {
  const open = world.saga.steps.filter(({ index }) => isOpen(world, initiator, index));
  if (open.length === 0) return;
  const { index } = oneOf(world.chance, open);
  sayOutcome(initiator, `time-out ${index}`, { step: index, outcome: 'Failed', isUnknown: true });
};

const isOpen = ({ saga }: World, { fold }: Participant, index: number): boolean => {
  const step = saga.steps[index];
  return step !== undefined && fold.status === 'RUNNING' && fold.outcomes[index] === null && isReady(fold, step);
};

const sayOutcome = (participant: Participant, key: string, { step, outcome, isUnknown = false }: { readonly step: number; readonly outcome: OutcomeType; readonly isUnknown?: boolean }): void =>
  say(participant, key, { type: 'Outcome', step, outcome, isUnknown });

const decideStep = (world: World, participant: Participant, step: Step): void => {
  const { fold, said } = participant;
  const { index } = step;
  const isCalledFor = fold.status === 'RUNNING' || fold.triggered.has(index);
  if (fold.outcomes[index] === null && !said.has(`outcome ${index}`) && isReady(fold, step) && isCalledFor) goForward(world, participant, step);
  else if (fold.status === 'COMPENSATING' && fold.undone[index] === null && !said.has(`undo ${index}`) && isDue(world.saga, fold, step)) undo(world, participant, step);
};

const goForward = (world: World, participant: Participant, step: Step): void => {
  const { calls, fold } = participant;
  const { index } = step;
  const own = calls.get(index);
  if (own !== undefined) return awaitCall(world, participant, own);
  if (effectOf(world, index).executionCount > 0) return answer(world, participant, { step: index, ...(world.fates[index] === 'uncertain' ? UNKNOWN : COMPLETED) });
  const isFinal = world.saga.rule === 'not-found-without-grace' || !isOnWire(world, index);
  if (fold.status === 'COMPENSATING' || fold.isSkipped[index] === true) {
    if (isFinal) answer(world, participant, { step: index, outcome: fold.status === 'COMPENSATING' ? 'Cancelled' : 'Completed' });
    return;
  }
  const call: Call = { step: index, hasArrived: false, answer: null };
  world.wire.push(call);
  calls.set(index, call);
};

const COMPLETED = { outcome: 'Completed' } as const;
const UNKNOWN = { outcome: 'Failed', isUnknown: true } as const;

const effectOf = ({ effects }: World, index: number): Effect => effects[index] ?? { isLive: false, executionCount: 0 };
/** Not found is final only when no call can be under way any more. */
const isOnWire = ({ wire }: World, index: number): boolean => wire.some(({ step, hasArrived }) => step === index && !hasArrived);

const awaitCall = (world: World, participant: Participant, call: Call): void => {
  const { step } = call;
  if (!call.hasArrived || world.chance.is(0.3)) {
    if (world.saga.rule === 'forgets-calls-under-way' && participant.fold.status === 'COMPENSATING') sayOutcome(participant, `outcome ${step}`, { step, outcome: 'Cancelled' });
    return;
  }
  participant.calls.delete(step);
  if (call.answer === 'ok') answer(world, participant, { step, outcome: 'Completed' });
  else if (call.answer === 'refused') answer(world, participant, { step, outcome: 'Failed' });
  // Any other lost answer is looked up at the next decision.
  else if (world.fates[step] === 'uncertain') answer(world, participant, { step, ...UNKNOWN });
};

const answer = (world: World, participant: Participant, given: { readonly step: number; readonly outcome: OutcomeType; readonly isUnknown?: boolean }): void => {
  const { fold } = participant;
  sayOutcome(participant, `outcome ${given.step}`, given);
  const { rule } = world.saga;
  if (rule === 'anybody-fails-the-saga' && given.outcome !== 'Completed' && fold.status === 'RUNNING') requestCompensation(world, participant, given.isUnknown === true ? [given.step] : []);
  if (rule !== 'anybody-completes-the-saga' || given.outcome !== 'Completed') return;
  const isLast = fold.outcomes.every((outcome, index) => outcome === 'Completed' || index === given.step);
  if (isLast) say(participant, 'end', { type: 'End', how: 'COMPLETED' });
};

const undo = (world: World, participant: Participant, step: Step): void => {
  const { index } = step;
  const { saga, undoFaultsLeft } = world;
  if (saga.rule !== 'undo-in-any-order' && !mayUndo(saga, participant.fold, step)) return;
  const effect = effectOf(world, index);
  if (effect.executionCount === 0 && isOnWire(world, index) && saga.rule !== 'not-found-without-grace') return;
  const faultsLeft = undoFaultsLeft[index] ?? 0;
  if (faultsLeft > 0) {
    undoFaultsLeft[index] = faultsLeft - 1;
    return say(participant, `undo ${index}`, { type: 'CompensationFailed', step: index });
  }
  effect.isLive = false;
  say(participant, `undo ${index}`, { type: 'Compensated', step: index });
  if (saga.rule !== 'anybody-fails-the-saga') return;
  const undone = participant.fold.undone.map((state, at) => (at === index ? 'done' : state));
  if (isFinished(saga, { ...participant.fold, undone })) say(participant, 'end', { type: 'End', how: 'FAILED' });
};
