import type { Completed, StepFailure } from '../definition/results.ts';
import type { Outputs } from '../definition/saga.ts';
import { type CompiledStep, has } from './compile.ts';
import { isDue, isEveryStepDone, isLaidToRestWhole, isReady, mayCompensate, readyAtMs } from './readiness.ts';
import { EMPTY_SLOT, type Instance, isEnded, itemsOf, type Slot } from './state.ts';

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
  /** An await step or a child has its answer; null = the await's limit has passed. */
  | { readonly do: 'answer'; readonly step: CompiledStep; readonly item: string | null; readonly result: Completed | StepFailure | null }
  | { readonly do: 'answer-child'; readonly step: CompiledStep; readonly item: string | null; readonly child: ChildEnd }
  | { readonly do: 'cancel'; readonly step: CompiledStep; readonly item: string | null }
  | { readonly do: 'compensate'; readonly step: CompiledStep; readonly item: string | null; readonly attempt: number }
  | { readonly do: 'undo'; readonly step: CompiledStep; readonly item: string | null }
  | { readonly do: 'keep'; readonly step: CompiledStep; readonly item: string | null }
  | { readonly do: 'quarantine'; readonly step: CompiledStep; readonly item: string | null; readonly reason: string }
  | { readonly do: 'request-compensation'; readonly reason: string; readonly step: string | null; readonly item: string | null; readonly cause: string | null }
  | { readonly do: 'complete' }
  | { readonly do: 'fail' };

export type ChildEnd = { readonly isCompleted: boolean; readonly reason: string; readonly output: Uint8Array | null; readonly eventId: string };

/** What decide may look at beside the instance. All of it is a function of the log, of time, or of what is under way here. */
export type DecisionWorld = {
  readonly nowMs: number;
  /** An action of this slot is under way, or its record is not yet read back. */
  readonly isBusy: (key: string) => boolean;
  readonly outputsOf: (instance: Instance) => Outputs;
  readonly verdictOf: (instance: Instance, step: CompiledStep, item: string | null) => Completed | StepFailure | null;
  /** Of a kept effect: it is to be undone after all. */
  readonly mustUndo: (instance: Instance, step: CompiledStep, item: string | null) => boolean;
  /** The child instance of a step that runs under the same correlationId, once it has ended. */
  readonly endedChild: (instance: Instance, step: CompiledStep) => ChildEnd | null;
};

export type Decision = { readonly actions: readonly Action[]; readonly wakeAtMs: number | null };

export const forwardKey = (step: CompiledStep, item: string | null): string => (item === null ? `f:${step.name}` : `f:${step.name}/${item}`);
export const compensationKey = (step: CompiledStep, item: string | null): string => (item === null ? `c:${step.name}` : `c:${step.name}/${item}`);
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
    case 'compensate':
    case 'undo':
    case 'keep':
    case 'stop-child': return compensationKey(action.step, action.item);
    default: return forwardKey(action.step, action.item);
  }
};

/** Everything this participant has to do about the instance now, and when to ask again without a further record. */
export const decide = (instance: Instance, world: DecisionWorld): Decision => {
  if (isEnded(instance)) return { actions: [], wakeAtMs: null };
  const found = new Findings(instance, world);
  if (instance.saga.isInitiator) found.lifecycle();
  if (instance.status !== 'PENDING') for (const step of instance.saga.owned) found.step(step);
  return { actions: found.actions, wakeAtMs: found.wakeAtMs };
};

/** Collects the findings of one decision: a local accumulator that does not escape. */
class Findings {
  readonly actions: Action[] = [];
  wakeAtMs: number | null = null;
  readonly #instance: Instance;
  readonly #world: DecisionWorld;

  constructor(instance: Instance, world: DecisionWorld) {
    this.#instance = instance;
    this.#world = world;
  }

  lifecycle(): void {
    const instance = this.#instance;
    switch (instance.status) {
      case 'PENDING': return this.#add({ do: 'start' });
      case 'RUNNING': return this.#running();
      case 'COMPENSATING':
      case 'MANUAL_REQUIRED': return this.#compensating();
      default: return undefined;
    }
  }

  #running(): void {
    const { firstFailure, deadlineAtMs, compensateOrder } = this.#instance;
    if (isEveryStepDone(this.#instance)) return this.#add({ do: 'complete' });
    if (firstFailure !== null) return this.#add({ do: 'request-compensation', reason: firstFailure.reason, step: firstFailure.step, item: firstFailure.item, cause: firstFailure.eventId });
    if (compensateOrder !== null) return this.#add({ do: 'request-compensation', reason: `operator ${compensateOrder.user}`, step: null, item: null, cause: compensateOrder.eventId });
    if (deadlineAtMs !== null && this.#isDueAt(deadlineAtMs)) this.#add({ do: 'request-compensation', reason: 'timeout', step: null, item: null, cause: null });
  }

  #compensating(): void {
    const instance = this.#instance;
    for (const step of instance.saga.steps) {
      for (const [item, slot] of slotsOf(instance, step)) {
        if (slot?.compensation === 'failed') this.#add({ do: 'quarantine', step, item, reason: slot.outcomeReason });
      }
    }
    if (instance.status === 'COMPENSATING' && isLaidToRestWhole(instance)) this.#add({ do: 'fail' });
  }

  step(step: CompiledStep): void {
    const instance = this.#instance;
    const isRunning = instance.status === 'RUNNING';
    if (isRunning ? !isReady(instance, step) : !has(instance.triggered, step.index)) return;
    const whole = instance.slots[step.index];
    if (step.definition.forEach !== undefined && whole?.outcome == null && isRunning && this.#isHandledWhole(step, whole)) return;
    for (const [item, slot] of slotsOf(instance, step)) {
      if (step.definition.forEach !== undefined && item === null) continue;
      if (slot?.outcome == null) this.#forward(step, item, slot ?? EMPTY_SLOT, isRunning);
      else if (!isRunning) this.#backward(step, item, slot);
    }
  }

  /** A forEach step as a whole: skipped by its predicate, or its listed items are still to be opened. */
  #isHandledWhole(step: CompiledStep, whole: Slot | undefined): boolean {
    if (itemsOf(this.#instance, step.index).size === 0 && this.#isSkipped(step)) return true;
    const { forEach } = step.definition;
    if (forEach === undefined || !('listed' in forEach) || whole?.isStarted === true) return false;
    const listing = this.#instance.saga.definition.listings?.[forEach.listed];
    this.#add({ do: 'open', step, items: listing?.(this.#world.outputsOf(this.#instance)) ?? [] });
    return true;
  }

  #isSkipped(step: CompiledStep): boolean {
    const { when } = step.definition;
    if (when === undefined || this.#world.isBusy(forwardKey(step, null))) return false;
    const verdict = this.#instance.saga.definition.predicates?.[when]?.(this.#world.outputsOf(this.#instance));
    if (verdict === undefined || verdict.holds) return false;
    this.#add({ do: 'skip', step, why: verdict.why });
    return true;
  }

  #forward(step: CompiledStep, item: string | null, slot: Slot, isRunning: boolean): void {
    if (this.#world.isBusy(forwardKey(step, item))) return;
    const isUntouched = !slot.isStarted && slot.attempts === 0;
    if (isRunning && item === null && isUntouched && this.#isSkipped(step)) return;
    switch (step.definition.kind) {
      case 'effect': return this.#effect(step, item, slot, isRunning);
      case 'entity': return this.#entity(step, item, slot, isRunning);
      case 'await': return this.#await(step, item, isRunning);
      case 'child': return this.#child(step, item, slot, isRunning);
    }
  }

  #effect(step: CompiledStep, item: string | null, slot: Slot, isRunning: boolean): void {
    if (step.definition.kind !== 'effect') return;
    if (!isRunning) return this.#add({ do: 'conclude', step, item, attempts: slot.attempts });
    const firstAtMs = readyAtMs(this.#instance, step) + (step.definition.retry.firstDelayMs ?? 0);
    if (this.#isDueAt(slot.attempts > 0 ? slot.nextAtMs : firstAtMs)) this.#add({ do: 'execute', step, item, attempt: slot.attempts + 1 });
  }

  #entity(step: CompiledStep, item: string | null, slot: Slot, isRunning: boolean): void {
    // A listed item is opened and its command sent in one transaction; an arriving one is opened by somebody else's record.
    if (slot.isStarted) return;
    // Items are facts that arrived: they are handled to the end even when the instance compensates (SPEC M.Q).
    if (isRunning || item !== null) this.#add({ do: 'command', step, item });
    else this.#add({ do: 'cancel', step, item });
  }

  #await(step: CompiledStep, item: string | null, isRunning: boolean): void {
    if (step.definition.kind !== 'await') return;
    const result = this.#world.verdictOf(this.#instance, step, item);
    if (result !== null) return this.#add({ do: 'answer', step, item, result });
    if (!isRunning) return this.#add({ do: 'cancel', step, item });
    if (step.definition.timeoutMs > 0 && this.#isDueAt(readyAtMs(this.#instance, step) + step.definition.timeoutMs)) this.#add({ do: 'answer', step, item, result: null });
  }

  #child(step: CompiledStep, item: string | null, slot: Slot, isRunning: boolean): void {
    if (step.definition.kind !== 'child') return;
    if (!slot.isStarted) return this.#add(isRunning ? { do: 'spawn', step, item } : { do: 'cancel', step, item });
    const child = step.definition.id === 'inherited' ? this.#world.endedChild(this.#instance, step) : ownChildEnd(slot);
    if (child !== null) return this.#add({ do: 'answer-child', step, item, child });
    if (!isRunning && slot.compensation === 'none' && !this.#world.isBusy(compensationKey(step, item))) this.#add({ do: 'stop-child', step, item });
  }

  #backward(step: CompiledStep, item: string | null, slot: Slot): void {
    if (!isDue(step, slot) || slot.compensation === 'done' || slot.compensation === 'failed' || slot.compensation === 'quarantined') return;
    if (this.#world.isBusy(compensationKey(step, item)) || !mayCompensate(this.#instance, step)) return;
    const { compensation, kind } = step.definition;
    if (compensation.kind === 'kept' && !this.#world.mustUndo(this.#instance, step, item)) return this.#add({ do: 'keep', step, item });
    if (kind === 'entity') {
      if (slot.compensation === 'none') this.#add({ do: 'undo', step, item });
      return;
    }
    if (this.#isDueAt(slot.compensationNextAtMs)) this.#add({ do: 'compensate', step, item, attempt: slot.compensationAttempts + 1 });
  }

  #isDueAt(atMs: number): boolean {
    if (this.#world.nowMs >= atMs) return true;
    this.wakeAtMs = this.wakeAtMs === null ? atMs : Math.min(this.wakeAtMs, atMs);
    return false;
  }

  #add(action: Action): void {
    if (!this.#world.isBusy(keyOfAction(action))) this.actions.push(action);
  }
}

const ownChildEnd = (slot: Slot): ChildEnd | null =>
  slot.openedBy === null ? null : { isCompleted: slot.outcomeReason === 'child completed', reason: slot.outcomeReason, output: null, eventId: slot.openedBy };

type SlotEntry = readonly [item: string | null, slot: Slot | undefined];
const slotsOf = (instance: Instance, step: CompiledStep): readonly SlotEntry[] => {
  const own: SlotEntry = [null, instance.slots[step.index]];
  return step.definition.forEach === undefined ? [own] : [own, ...itemsOf(instance, step.index)];
};
