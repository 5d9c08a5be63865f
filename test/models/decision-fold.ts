/* The pure half of the decision model: what every participant makes of the same log, rule by rule. */
import type { Chance } from './chance.ts';

export type DecisionRule =
  | 'designed'
  /** What to undo is read from the request's list instead of from the fold. */
  | 'trusts-the-list'
  /** The end does not wait for an outcome of every triggered step. */
  | 'ends-without-all-answers'
  /** A request to compensate counts although every step had completed before it. */
  | 'request-never-void'
  /** Whoever undoes last, or fails, writes request and end. */
  | 'anybody-fails-the-saga'
  /** Whoever completes last writes the end. */
  | 'anybody-completes-the-saga'
  | 'initiator-times-steps-out'
  | 'initiator-skips-steps'
  /** An operator's "resolved" ends the saga at once. */
  | 'resolve-ends-the-saga'
  /** "Resolved" applies to what is not quarantined. */
  | 'resolve-applies-always'
  /** "Not found" counts at once, while a call may be on the wire. */
  | 'not-found-without-grace'
  | 'undo-in-any-order'
  /** A step under way is cancelled when the saga compensates, without awaiting its call. */
  | 'forgets-calls-under-way'
  /** A void retry makes the owner forget that its undo is in the outbox. */
  | 'void-orders-clear-memory';

export type Step = { readonly index: number; readonly owner: number; readonly after: readonly number[]; readonly isAny: boolean; readonly isCompensable: boolean; readonly followers: readonly number[] };
export type OutcomeType = 'Completed' | 'Failed' | 'Cancelled';
export type Order = 'retry' | 'resolve' | 'skip' | 'compensate';
export type Entry =
  | { readonly type: 'Start' }
  | { readonly type: 'Outcome'; readonly step: number; readonly outcome: OutcomeType; readonly isUnknown: boolean }
  | { readonly type: 'CompensationRequested'; readonly list: readonly number[] }
  | { readonly type: 'Compensated' | 'CompensationFailed'; readonly step: number }
  | { readonly type: 'Order'; readonly order: Order; readonly step: number }
  | { readonly type: 'End'; readonly how: 'COMPLETED' | 'FAILED' };

export type Fold = {
  status: 'NONE' | 'RUNNING' | 'COMPENSATING';
  readonly outcomes: (OutcomeType | 'Uncertain' | null)[];
  readonly undone: ('done' | 'quarantined' | 'resolved' | null)[];
  readonly isSkipped: boolean[];
  triggered: ReadonlySet<number>;
  listed: ReadonlySet<number>;
  isCompensationOrdered: boolean;
  isEndForced: boolean;
  end: 'COMPLETED' | 'FAILED' | null;
};

export type Saga = { readonly steps: readonly Step[]; readonly rule: DecisionRule };

const STEPS_MIN = 3;

/** Three to five steps of three owners, each after any of the earlier ones. */
export const randomSteps = (chance: Chance): readonly Step[] => {
  const count = STEPS_MIN + chance.below(3);
  const steps: Omit<Step, 'followers'>[] = [];
  for (let index = 0; index < count; index++) {
    const after = Array.from({ length: index }, (_, earlier) => earlier).filter(() => chance.is(0.45));
    steps.push({ index, owner: chance.below(3), after, isAny: after.length > 1 && chance.is(0.3), isCompensable: chance.is(0.85) });
  }
  return steps.map((step) => ({ ...step, followers: steps.filter(({ after }) => after.includes(step.index)).map(({ index }) => index) }));
};

export const emptyFold = ({ steps }: Saga): Fold => ({
  status: 'NONE', outcomes: steps.map(() => null), undone: steps.map(() => null), isSkipped: steps.map(() => false),
  triggered: new Set(), listed: new Set(), isCompensationOrdered: false, isEndForced: false, end: null,
});

export const isReady = (fold: Fold, { after, isAny }: Step): boolean => {
  const isCompleted = (index: number): boolean => fold.outcomes[index] === 'Completed';
  return fold.status !== 'NONE' && (isAny ? after.some(isCompleted) : after.every(isCompleted));
};

export const areAllCompleted = (fold: Fold): boolean => fold.outcomes.every((outcome) => outcome === 'Completed');

export const evolve = (saga: Saga, fold: Fold, entry: Entry): void => {
  switch (entry.type) {
    case 'Start': return begin(fold);
    case 'Outcome': return answerStep(fold, entry);
    case 'CompensationRequested': return beginCompensation(saga, fold, entry.list);
    case 'Compensated': fold.undone[entry.step] = 'done'; return;
    case 'CompensationFailed': fold.undone[entry.step] = 'quarantined'; return;
    case 'Order': return ORDERS[entry.order](saga, fold, entry.step);
    case 'End': fold.end ??= entry.how;
  }
};

const answerStep = (fold: Fold, { step, outcome, isUnknown }: Extract<Entry, { readonly type: 'Outcome' }>): void => {
  fold.outcomes[step] ??= isUnknown ? 'Uncertain' : outcome;
};

const begin = (fold: Fold): void => {
  if (fold.status === 'NONE') fold.status = 'RUNNING';
};

const beginCompensation = ({ steps, rule }: Saga, fold: Fold, list: readonly number[]): void => {
  if (fold.status !== 'RUNNING' || (rule !== 'request-never-void' && areAllCompleted(fold))) return;
  fold.triggered = new Set(steps.filter((step) => isReady(fold, step)).map(({ index }) => index));
  fold.listed = new Set(list);
  fold.status = 'COMPENSATING';
};

const ORDERS: Readonly<Record<Order, (saga: Saga, fold: Fold, step: number) => void>> = {
  compensate: (_, fold) => { fold.isCompensationOrdered ||= fold.status === 'RUNNING' && !areAllCompleted(fold); },
  retry: (_, fold, step) => { if (fold.undone[step] === 'quarantined') fold.undone[step] = null; },
  resolve: ({ rule }, fold, step) => {
    const appliesAlways = rule === 'resolve-applies-always' && fold.status === 'COMPENSATING' && fold.undone[step] !== 'done';
    if (fold.undone[step] !== 'quarantined' && !appliesAlways) return;
    fold.undone[step] = 'resolved';
    fold.isEndForced = rule === 'resolve-ends-the-saga';
  },
  skip: ({ steps }, fold, at) => {
    const step = steps[at];
    if (step !== undefined && fold.status === 'RUNNING' && fold.outcomes[at] === null && isReady(fold, step)) fold.isSkipped[at] = true;
  },
};

/** Its effect exists, or may, and has an undo. */
export const isDue = ({ rule }: Saga, fold: Fold, { index, isCompensable }: Step): boolean => {
  const among = rule === 'trusts-the-list' ? fold.listed : fold.triggered;
  return among.has(index) && isCompensable && (fold.outcomes[index] === 'Completed' || fold.outcomes[index] === 'Uncertain');
};

const isAnswered = (fold: Fold, { index }: Step): boolean => !fold.triggered.has(index) || fold.outcomes[index] !== null;
const isSettled = (fold: Fold, { index }: Step): boolean => fold.undone[index] === 'done' || fold.undone[index] === 'resolved';

/** Whatever depends on the step, directly or not, is answered and, where due, undone. */
export const mayUndo = (saga: Saga, fold: Fold, { followers }: Step): boolean => {
  const seen = new Set<number>(followers);
  for (const index of seen) {
    const follower = saga.steps[index];
    if (follower === undefined) continue;
    for (const next of follower.followers) seen.add(next);
    if (saga.rule !== 'trusts-the-list' && !isAnswered(fold, follower)) return false;
    if (isDue(saga, fold, follower) && !isSettled(fold, follower)) return false;
  }
  return true;
};

export const isFinished = (saga: Saga, fold: Fold): boolean => {
  const needsNoAnswers = saga.rule === 'ends-without-all-answers' || saga.rule === 'trusts-the-list';
  const isOver = (step: Step): boolean => (needsNoAnswers || isAnswered(fold, step)) && (!isDue(saga, fold, step) || isSettled(fold, step));
  return fold.status === 'COMPENSATING' && (fold.isEndForced || saga.steps.every(isOver));
};
