import { invariant, type Result } from '#kernel';
import type { Completed, StepFailure } from '../definition/results.ts';
import type { Outputs } from '../definition/saga.ts';
import { type CompiledStep, has } from './compile.ts';
import { isDue, isEveryStepDone, isLaidToRestWhole, isReady, mayCompensate, readyAtMs } from './readiness.ts';
import { type ChildEnd, EMPTY_SLOT, type Instance, isEnded, itemsOf, type Slot } from './state.ts';
import { type Emission, emissionKey, EMISSIONS_MAX, emissionsDue, endOfWaiting } from './watch.ts';

/** What is due for one (step, item), or for the instance's lifecycle. The shell carries it out and records what came of it. */
export type Action =
  | { readonly do: 'start' }
  | { readonly do: 'skip'; readonly step: CompiledStep; readonly why: string }
  | { readonly do: 'open'; readonly step: CompiledStep; readonly items: readonly string[] }
  | { readonly do: 'execute'; readonly step: CompiledStep; readonly item: string | null; readonly attempt: number }
  /** COMPENSATING: a triggered effect without outcome; nothing new is started, what may have happened is found out. */
  | { readonly do: 'conclude'; readonly step: CompiledStep; readonly item: string | null; readonly attempts: number }
  | { readonly do: 'command'; readonly step: CompiledStep; readonly item: string | null }
  | { readonly do: 'spawn'; readonly step: CompiledStep; readonly item: string | null }
  | { readonly do: 'stop-child'; readonly step: CompiledStep; readonly item: string | null }
  /** What a watch has to write before its outcome. */
  | { readonly do: 'emit'; readonly step: CompiledStep; readonly item: null; readonly emissions: readonly Emission[] }
  /** An await step or a child has its answer; null = the await's limit has passed. What a watch still has to write goes with it. */
  | { readonly do: 'answer'; readonly step: CompiledStep; readonly item: string | null; readonly result: Completed | StepFailure | null }
  /** Another watch, by the record `cause`, has ended the saga's waiting. */
  | { readonly do: 'answer-ended'; readonly step: CompiledStep; readonly item: null; readonly cause: string }
  | { readonly do: 'answer-child'; readonly step: CompiledStep; readonly item: string | null; readonly child: ChildEnd }
  | { readonly do: 'cancel'; readonly step: CompiledStep; readonly item: string | null }
  | { readonly do: 'compensate'; readonly step: CompiledStep; readonly item: string | null; readonly attempt: number }
  | { readonly do: 'undo'; readonly step: CompiledStep; readonly item: string | null }
  | { readonly do: 'keep'; readonly step: CompiledStep; readonly item: string | null }
  | { readonly do: 'excuse'; readonly step: CompiledStep; readonly item: string | null; readonly byOperator: string }
  | { readonly do: 'quarantine'; readonly step: CompiledStep; readonly item: string | null; readonly reason: string }
  | { readonly do: 'request-compensation'; readonly reason: string; readonly step: string | null; readonly item: string | null; readonly cause: string | null }
  /** A function beside the definition, or of the step's handler, threw: the step, or its undo, fails for that reason. */
  | { readonly do: 'fail-step'; readonly step: CompiledStep; readonly item: string | null; readonly reason: string }
  | { readonly do: 'fail-undo'; readonly step: CompiledStep; readonly item: string | null; readonly reason: string }
  | { readonly do: 'complete' }
  | { readonly do: 'fail' };

/** What decide may look at beside the instance. All of it is a function of the log, of time, or of what is under way here. */
export type DecisionWorld = {
  readonly nowMs: number;
  /** An action of this slot is under way, or its record is not yet read back. */
  readonly isBusy: (key: string) => boolean;
  readonly outputsOf: (instance: Instance) => Outputs;
  /** What an author's function says, or why it threw. */
  readonly ask: <Answer>(question: () => Answer) => Result<Answer, string>;
  readonly verdictOf: (instance: Instance, step: CompiledStep, item: string | null) => Completed | StepFailure | null;
  /** Of a kept effect: it is to be undone after all. */
  readonly mustUndo: (instance: Instance, step: CompiledStep, item: string | null) => boolean;
  /** The child instance of a step that runs under the same correlationId, once it has ended. */
  readonly endedChild: (instance: Instance, step: CompiledStep) => ChildEnd | null;
};

export type Decision = { readonly actions: readonly Action[]; readonly wakeAtMs: number | null };

export const forwardKey = (step: CompiledStep, item: string | null): string => (item === null ? step.forwardKey : `${step.forwardKey}/${item}`);
export const compensationKey = (step: CompiledStep, item: string | null): string => (item === null ? step.compensationKey : `${step.compensationKey}/${item}`);
export const START_KEY = 'start';
export const REQUEST_KEY = 'request';
export const END_KEY = 'end';
export const quarantineKey = (step: CompiledStep, item: string | null): string => `q:${step.name}/${item ?? ''}`;

/** The key under which an action is busy until its record is read back. */
export const keyOfAction = (action: Action): string => {
  switch (action.do) {
    case 'start': return START_KEY;
    case 'request-compensation': return REQUEST_KEY;
    case 'complete':
    case 'fail': return END_KEY;
    case 'skip':
    case 'open': return forwardKey(action.step, null);
    case 'quarantine': return quarantineKey(action.step, action.item);
    case 'emit': return emissionKey(action.step, action.emissions.at(-1)?.cause ?? '');
    case 'compensate':
    case 'undo':
    case 'keep':
    case 'excuse':
    case 'fail-undo':
    case 'stop-child': return compensationKey(action.step, action.item);
    default: return forwardKey(action.step, action.item);
  }
};

/** Everything this participant has to do about the instance now, and when to ask again without a further record. */
export const decide = (instance: Instance, world: DecisionWorld): Decision => {
  // While the own end is on its way nothing more is begun: it would lie behind the end.
  if (isEnded(instance) || world.isBusy(END_KEY)) return NOTHING;
  const found: Findings = { instance, world, isRunning: instance.status === 'RUNNING', actions: NO_ACTIONS, wakeAtMs: null };
  if (instance.saga.isInitiator) lifecycle(found);
  if (instance.status !== 'PENDING') for (const step of instance.saga.owned) considerStep(found, step);
  return found.actions === NO_ACTIONS && found.wakeAtMs === null ? NOTHING : { actions: found.actions, wakeAtMs: found.wakeAtMs };
};

const NO_ACTIONS: readonly Action[] = [];
const NOTHING: Decision = { actions: NO_ACTIONS, wakeAtMs: null };

/** The findings of one decision: a local accumulator that does not escape. Most find nothing to do, and make no list. */
type Findings = {
  readonly instance: Instance;
  readonly world: DecisionWorld;
  readonly isRunning: boolean;
  actions: readonly Action[];
  wakeAtMs: number | null;
};

/** One (step, item) and what is folded of it. */
type Place = { readonly step: CompiledStep; readonly item: string | null; readonly slot: Slot };

const lifecycle = (found: Findings): void => {
  const instance = found.instance;
  switch (instance.status) {
    case 'PENDING': return add(found, { do: 'start' });
    case 'RUNNING': return running(found);
    case 'COMPENSATING':
    case 'MANUAL_REQUIRED': return compensating(found);
    default: return undefined;
  }
};

const running = (found: Findings): void => {
  const { firstFailure, deadlineAtMs, compensateOrder } = found.instance;
  if (isEveryStepDone(found.instance)) return add(found, { do: 'complete' });
  if (firstFailure !== null) return add(found, { do: 'request-compensation', reason: firstFailure.reason, step: firstFailure.step, item: firstFailure.item, cause: firstFailure.eventId });
  if (compensateOrder !== null) return add(found, { do: 'request-compensation', reason: `operator ${compensateOrder.user}`, step: null, item: null, cause: compensateOrder.eventId });
  if (deadlineAtMs !== null && isDueAt(found, deadlineAtMs)) add(found, { do: 'request-compensation', reason: 'timeout', step: null, item: null, cause: null });
};

const compensating = (found: Findings): void => {
  const instance = found.instance;
  for (const step of instance.saga.steps) {
    for (const [item, slot] of slotsOf(instance, step)) {
      if (slot?.compensation === 'failed') add(found, { do: 'quarantine', step, item, reason: slot.outcomeReason });
    }
  }
  if (instance.status === 'COMPENSATING' && isLaidToRestWhole(instance)) add(found, { do: 'fail' });
};

const considerStep = (found: Findings, step: CompiledStep): void => {
  const instance = found.instance;
  const { isRunning } = found;
  const whole = instance.slots[step.index];
  // The usual case, told before anything is worked out.
  if (isRunning && isAnswered(step, whole)) return;
  if (isRunning ? !isReady(instance, step) : !has(instance.triggered, step.index)) return;
  if (step.definition.forEach !== undefined && whole?.outcome == null && (isRunning ? isHandledWhole(found, step, whole) : isUnopened(found, step, whole))) return;
  if (step.definition.forEach === undefined) return considerSlot(found, { step, item: null, slot: whole ?? EMPTY_SLOT });
  for (const [item, slot] of itemsOf(instance, step.index)) considerSlot(found, { step, item, slot });
};

const isAnswered = (step: CompiledStep, whole: Slot | undefined): boolean => whole !== undefined && whole.outcome !== null && step.definition.forEach === undefined;

const considerSlot = (found: Findings, place: Place): void => {
  if (place.slot.outcome === null) forward(found, place);
  else if (!found.isRunning) backward(found, place);
};

/** A forEach step as a whole: skipped by its predicate, or its listed items are still to be opened. */
const isHandledWhole = (found: Findings, step: CompiledStep, whole: Slot | undefined): boolean => {
  if (itemsOf(found.instance, step.index).size === 0 && isSkipped(found, { step, item: null })) return true;
  const { forEach } = step.definition;
  if (forEach === undefined || !('listed' in forEach) || whole?.isStarted === true) return false;
  const listing = found.instance.saga.definition.listings?.[forEach.listed];
  const items = found.world.ask(() => uniqueOf(listing?.(found.world.outputsOf(found.instance)) ?? []));
  add(found, items.ok ? { do: 'open', step, items: items.value } : { do: 'fail-step', step, item: null, reason: `listing ${forEach.listed}: ${items.fault}` });
  return true;
};

/** Triggered, but its list was not opened before the set froze: its one answer is that nothing ran. */
const isUnopened = (found: Findings, step: CompiledStep, whole: Slot | undefined): boolean => {
  if (step.arrivingType !== null || whole?.isStarted === true) return false;
  add(found, { do: 'cancel', step, item: null });
  return true;
};

const uniqueOf = (items: readonly string[]): readonly string[] => {
  invariant(new Set(items).size === items.length, `an item is listed twice: ${items.join(', ')}`);
  return items;
};

/** Skipped; or failed, where the predicate threw. */
const isSkipped = (found: Findings, { step, item }: Pick<Place, 'step' | 'item'>): boolean => {
  const { when } = step.definition;
  if (when === undefined || found.world.isBusy(forwardKey(step, null))) return false;
  const verdict = found.world.ask(() => found.instance.saga.definition.predicates?.[when]?.(found.world.outputsOf(found.instance)));
  if (!verdict.ok) add(found, { do: 'fail-step', step, item, reason: `predicate ${when}: ${verdict.fault}` });
  else if (verdict.value === undefined || verdict.value.holds) return false;
  else add(found, { do: 'skip', step, why: verdict.value.why });
  return true;
};

const forward = (found: Findings, place: Place): void => {
  const { step, item, slot } = place;
  if (found.world.isBusy(forwardKey(step, item))) return;
  const isUntouched = !slot.isStarted && slot.attempts === 0;
  if (found.isRunning && item === null && isUntouched && isSkipped(found, place)) return;
  switch (step.definition.kind) {
    case 'effect': return effect(found, place);
    case 'entity': return entity(found, place);
    case 'await': return awaitAnswer(found, place);
    case 'child': return child(found, place);
  }
};

const effect = (found: Findings, { step, item, slot }: Place): void => {
  const { isRunning } = found;
  if (step.definition.kind !== 'effect') return;
  if (!isRunning) return add(found, { do: 'conclude', step, item, attempts: slot.attempts });
  const firstAtMs = readyAtMs(found.instance, step) + (step.definition.retry.firstDelayMs ?? 0);
  if (isDueAt(found, slot.attempts > 0 ? slot.nextAtMs : firstAtMs)) add(found, { do: 'execute', step, item, attempt: slot.attempts + 1 });
};

const entity = (found: Findings, { step, item, slot }: Place): void => {
  const { isRunning } = found;
  // A listed item is opened and its command sent in one transaction; an arriving one is opened by somebody else's record.
  if (slot.isStarted) return;
  // Items are facts that arrived: they are handled to the end even when the instance compensates.
  if (isRunning || item !== null) add(found, { do: 'command', step, item });
  else add(found, { do: 'cancel', step, item });
};

const awaitAnswer = (found: Findings, { step, item }: Place): void => {
  if (step.definition.kind !== 'await') return;
  const emissions = emissionsDue(found.instance, step, found.world.isBusy);
  if (emissions.length > EMISSIONS_MAX) return add(found, { do: 'emit', step, item: null, emissions: emissions.slice(0, EMISSIONS_MAX) });
  const verdict = found.world.ask(() => found.world.verdictOf(found.instance, step, item));
  if (!verdict.ok) return add(found, { do: 'fail-step', step, item, reason: `verdict: ${verdict.fault}` });
  const result = verdict.value;
  if (result !== null) return add(found, { do: 'answer', step, item, result });
  if (!found.isRunning) return add(found, { do: 'cancel', step, item });
  if (isAnsweredUnasked(found, { step, item }, step.definition.timeoutMs)) return;
  if (emissions.length > 0) add(found, { do: 'emit', step, item: null, emissions });
};

/** Without a verdict: another watch has ended the waiting, or the limit has passed. */
const isAnsweredUnasked = (found: Findings, { step, item }: Pick<Place, 'step' | 'item'>, timeoutMs: number): boolean => {
  const limitAtMs = timeoutMs > 0 ? readyAtMs(found.instance, step) + timeoutMs : null;
  if (step.isWatch && isEndedByOther(found, step, limitAtMs)) return true;
  if (limitAtMs === null || !isDueAt(found, limitAtMs)) return false;
  add(found, { do: 'answer', step, item, result: null });
  return true;
};

/** The waiting ended before the watch's own limit passed. */
const isEndedByOther = (found: Findings, step: CompiledStep, limitAtMs: number | null): boolean => {
  const end = endOfWaiting(found.instance, step);
  if (end === null || (limitAtMs !== null && limitAtMs < end.atMs)) return false;
  add(found, { do: 'answer-ended', step, item: null, cause: end.eventId });
  return true;
};

const child = (found: Findings, { step, item, slot }: Place): void => {
  const { isRunning } = found;
  if (step.definition.kind !== 'child') return;
  if (!slot.isStarted) return add(found, isRunning ? { do: 'spawn', step, item } : { do: 'cancel', step, item });
  const child = step.definition.id === 'inherited' ? found.world.endedChild(found.instance, step) : slot.childEnd;
  if (child !== null) return add(found, { do: 'answer-child', step, item, child });
  if (!isRunning && slot.compensation === 'none' && !found.world.isBusy(compensationKey(step, item))) add(found, { do: 'stop-child', step, item });
};

const backward = (found: Findings, { step, item, slot }: Place): void => {
  if (!isDue(step, slot) || slot.compensation === 'done' || slot.compensation === 'failed' || slot.compensation === 'quarantined') return;
  if (found.world.isBusy(compensationKey(step, item)) || !mayCompensate(found.instance, step)) return;
  const { resolvedBy, isResolvedWhole } = found.instance;
  // A command that is on its way to an entity is waited for: its answer may be a success after all.
  if (resolvedBy !== null && (slot.compensation === 'excused' || (isResolvedWhole && slot.compensation === 'none'))) return add(found, { do: 'excuse', step, item, byOperator: resolvedBy });
  const { compensation, kind } = step.definition;
  const mustUndo = compensation.kind === 'kept' ? found.world.ask(() => found.world.mustUndo(found.instance, step, item)) : null;
  if (mustUndo?.ok === false) return add(found, { do: 'fail-undo', step, item, reason: `mustUndo: ${mustUndo.fault}` });
  if (mustUndo?.value === false) return add(found, { do: 'keep', step, item });
  if (kind === 'entity') {
    if (slot.compensation === 'none') add(found, { do: 'undo', step, item });
    return;
  }
  if (isDueAt(found, slot.compensationNextAtMs)) add(found, { do: 'compensate', step, item, attempt: slot.compensationAttempts + 1 });
};

const isDueAt = (found: Findings, atMs: number): boolean => {
  if (found.world.nowMs >= atMs) return true;
  found.wakeAtMs = found.wakeAtMs === null ? atMs : Math.min(found.wakeAtMs, atMs);
  return false;
};

const add = (found: Findings, action: Action): void => {
  if (!found.world.isBusy(keyOfAction(action))) found.actions = [...found.actions, action];
};

type SlotEntry = readonly [item: string | null, slot: Slot | undefined];
const slotsOf = (instance: Instance, step: CompiledStep): readonly SlotEntry[] => {
  const own: SlotEntry = [null, instance.slots[step.index]];
  return step.definition.forEach === undefined ? [own] : [own, ...itemsOf(instance, step.index)];
};
