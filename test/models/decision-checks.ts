/* What the raw log of a schedule of the decision model is held to. */
import { emptyFold, type Entry, evolve, type Saga, type Step } from './decision-fold.ts';

/** What a step's key stands for at the vendor. */
export type Effect = { isLive: boolean; executionCount: number };

/** Of one step, in the order of the log: offsets of its outcomes, of its undoings, of an operator's resolutions that applied. */
type Traces = { readonly outcomes: readonly number[]; readonly undoings: readonly number[]; readonly resolutions: readonly number[] };
type History = { readonly saga: Saga; readonly log: readonly Entry[]; readonly traces: readonly Traces[]; readonly effects: readonly Effect[] };

const NO_TRACES: Traces = { outcomes: [], undoings: [], resolutions: [] };
const STEP_RECORDS: readonly Entry['type'][] = ['Outcome', 'Compensated', 'CompensationFailed', 'CompensationRequested'];

/** The first of I1 to I5 that does not hold, or that the saga did not end. */
export const decisionViolation = (saga: Saga, log: readonly Entry[], effects: readonly Effect[]): string | null => {
  const history: History = { saga, log, effects, traces: tracesOf(saga, log) };
  const ends = log.flatMap((entry, offset) => (entry.type === 'End' ? [{ offset, how: entry.how }] : []));
  const [end] = ends;
  const repeated = history.traces.findIndex(({ outcomes }) => outcomes.length > 1);
  if (repeated >= 0) return `I1: step ${repeated} has several outcomes`;
  if (ends.length > 1) return 'I2: several terminal records';
  if (end === undefined) return 'LIVENESS: the saga does not end';
  const late = log.slice(end.offset + 1).find(({ type }) => STEP_RECORDS.includes(type));
  if (late !== undefined) return `I2: ${late.type} after the terminal record`;
  const check = end.how === 'COMPLETED' ? completedFault : undoFault;
  for (const step of saga.steps) {
    const fault = orderFault(history, step) ?? check(history, step);
    if (fault !== null) return fault;
  }
  return effects.some(({ executionCount }) => executionCount > 1) ? 'I5: executed twice' : null;
};

const tracesOf = (saga: Saga, log: readonly Entry[]): readonly Traces[] => {
  const resolutions = resolutionsOf(saga, log);
  const offsetsOf = (type: Entry['type'], step: number): readonly number[] => log.flatMap((entry, offset) => (entry.type === type && 'step' in entry && entry.step === step ? [offset] : []));
  return saga.steps.map(({ index }) => ({ outcomes: offsetsOf('Outcome', index), undoings: offsetsOf('Compensated', index), resolutions: resolutions.flatMap(({ step, offset }) => (step === index ? [offset] : [])) }));
};

const resolutionsOf = (saga: Saga, log: readonly Entry[]): readonly { readonly step: number; readonly offset: number }[] => {
  const fold = emptyFold(saga);
  return log.flatMap((entry, offset) => {
    const before = entry.type === 'Order' ? fold.undone[entry.step] : null;
    evolve(saga, fold, entry);
    const applied = entry.type === 'Order' && entry.order === 'resolve' && before !== 'resolved' && fold.undone[entry.step] === 'resolved';
    return applied ? [{ step: entry.step, offset }] : [];
  });
};

const traceOf = ({ traces }: History, index: number): Traces => traces[index] ?? NO_TRACES;
const outcomeOf = (history: History, index: number): Extract<Entry, { readonly type: 'Outcome' }> | null => {
  const entry = history.log[traceOf(history, index).outcomes[0] ?? -1];
  return entry?.type === 'Outcome' ? entry : null;
};

const completedAt = (history: History, index: number): number => (outcomeOf(history, index)?.outcome === 'Completed' ? (traceOf(history, index).outcomes[0] ?? Infinity) : Infinity);

const orderFault = (history: History, { index, after, isAny }: Step): string | null => {
  const [at] = traceOf(history, index).outcomes;
  if (at === undefined || after.length === 0) return null;
  const completions = after.map((earlier) => completedAt(history, earlier));
  return (isAny ? Math.min(...completions) : Math.max(...completions)) > at ? `I3: step ${index} before its dependencies` : null;
};

const completedFault = (history: History, { index }: Step): string | null => (outcomeOf(history, index)?.outcome === 'Completed' ? null : `I1: COMPLETED, but step ${index} is not`);

const needsUndo = (history: History, { index, isCompensable }: Step): boolean => {
  const outcome = outcomeOf(history, index);
  return isCompensable && outcome !== null && (outcome.outcome === 'Completed' || outcome.isUnknown);
};

const undoFault = (history: History, step: Step): string | null => {
  const { undoings, resolutions } = traceOf(history, step.index);
  const isNeeded = needsUndo(history, step);
  if (isNeeded && undoings.length + resolutions.length !== 1) return `I4: step ${step.index} is undone ${undoings.length} times, resolved ${resolutions.length}`;
  if (!isNeeded && undoings.length > 0) return `I4: step ${step.index} is undone though there is nothing to undo`;
  return resolutions.length > 0 ? null : (isNeeded ? undoOrderFault(history, step, undoings[0] ?? 0) : null) ?? liveEffectFault(history, step);
};

const undoOrderFault = (history: History, { index, followers }: Step, undoneAt: number): string | null =>
  followers.some((follower) => isUndoneAfter(history, follower, undoneAt)) ? `I4: step ${index} is undone before what depends on it` : null;

const liveEffectFault = ({ effects }: History, { index, isCompensable }: Step): string | null =>
  isCompensable && effects[index]?.isLive === true ? `I5: the effect of step ${index} lives in a FAILED instance` : null;

const isUndoneAfter = (history: History, index: number, offset: number): boolean => {
  const step = history.saga.steps[index];
  const { undoings, resolutions } = traceOf(history, index);
  return step !== undefined && needsUndo(history, step) && (undoings[0] ?? resolutions[0] ?? -1) > offset;
};
