import { type CompiledStep, has } from './compile.ts';
import { type Instance, type Slot, itemsOf } from './state.ts';

const isDone = (slot: Slot | undefined): boolean => slot !== undefined && (slot.outcome === 'completed' || slot.outcome === 'skipped');

/** No further item of this forEach step is expected. Listed items are all opened when the step is ready (see `decide`). */
const isClosed = (instance: Instance, step: CompiledStep): boolean => {
  if (step.arrivingType === null) return instance.slots[step.index]?.isStarted === true;
  for (const other of instance.saga.steps) if (has(step.until, other.index) && !isStepDone(instance, other)) return false;
  return true;
};

/** The step counts as completed for those who depend on it: completed or skipped; of items, all of them and no more to come. */
export const isStepDone = (instance: Instance, step: CompiledStep): boolean => {
  if (isDone(instance.slots[step.index])) return true;
  if (step.definition.forEach === undefined) return false;
  if (!isReady(instance, step) || !isClosed(instance, step)) return false;
  for (const slot of itemsOf(instance, step.index).values()) if (!isDone(slot)) return false;
  return true;
};

/** The step's dependencies are complete (I3). */
export const isReady = (instance: Instance, step: CompiledStep): boolean => {
  if (instance.status === 'PENDING') return false;
  if (step.dependencies === 0 || instance.reachedAtMs?.[step.index] !== undefined) return true;
  const { isAnyEnough } = step;
  for (const other of instance.saga.steps) {
    if (has(step.dependencies, other.index) && isStepDone(instance, other) === isAnyEnough) return isAnyEnough;
  }
  return !isAnyEnough;
};

export const isEveryStepDone = (instance: Instance): boolean => {
  for (const step of instance.saga.steps) if (!isStepDone(instance, step)) return false;
  return true;
};

/** The steps that are triggered now: what freezes at CompensationRequested. */
export const triggeredNow = (instance: Instance): number => {
  let set = 0;
  for (const step of instance.saga.steps) if (isReady(instance, step)) set |= 1 << step.index;
  return set;
};

/** All slots of a triggered step: its own, or its items'. */
export const triggeredSlots = (instance: Instance, step: CompiledStep): readonly [item: string | null, slot: Slot | undefined][] => {
  if (!has(instance.triggered, step.index)) return [];
  const own = instance.slots[step.index];
  if (step.definition.forEach === undefined || own?.outcome != null) return [[null, own]];
  const items = [...itemsOf(instance, step.index)];
  // A list that its owner has not opened is answered as a whole; the owner's record of it may be on its way.
  return step.arrivingType === null && own?.isStarted !== true ? [[null, own], ...items] : items;
};

const isSettled = (slot: Slot): boolean => slot.compensation === 'done';

/** The slot's effect is to be undone (or kept by definition, which is recorded too). */
export const isDue = (step: CompiledStep, slot: Slot | undefined): slot is Slot =>
  slot !== undefined && (slot.outcome === 'completed' || slot.outcome === 'uncertain') && step.definition.compensation.kind !== 'none';

/** Answered by its owner and, where due, compensated. */
const isLaidToRest = (instance: Instance, step: CompiledStep): boolean =>
  triggeredSlots(instance, step).every(([, slot]) => slot !== undefined && slot.outcome !== null && (!isDue(step, slot) || isSettled(slot)));

/** Reverse dependency order: everything that depends on this step is laid to rest. */
export const mayCompensate = (instance: Instance, step: CompiledStep): boolean =>
  instance.saga.steps.every((other) => !has(step.dependants, other.index) || isLaidToRest(instance, other));

/** Everything triggered is answered and everything due is compensated. */
export const isLaidToRestWhole = (instance: Instance): boolean => instance.saga.steps.every((step) => isLaidToRest(instance, step));

/** When the step came to count as completed; null where it does not. */
const doneAtMs = (instance: Instance, step: CompiledStep): number | null => {
  const own = instance.slots[step.index];
  if (own !== undefined && isDone(own)) return own.outcomeAtMs;
  if (!isStepDone(instance, step)) return null;
  let latest = Math.max(readyAtMs(instance, step), step.arrivingType === null ? (own?.openedAtMs ?? 0) : 0);
  for (const other of instance.saga.steps) if (has(step.until, other.index)) latest = Math.max(latest, doneAtMs(instance, other) ?? 0);
  for (const slot of itemsOf(instance, step.index).values()) latest = Math.max(latest, slot.outcomeAtMs);
  return latest;
};

/** When the step became ready: the last (or, where any is enough, the first) instant its dependencies were complete. */
export const readyAtMs = (instance: Instance, step: CompiledStep): number => {
  const reachedAtMs = instance.reachedAtMs?.[step.index];
  if (reachedAtMs !== undefined) return reachedAtMs;
  let latest = instance.beganAtMs;
  let earliest = Number.POSITIVE_INFINITY;
  for (const other of instance.saga.steps) {
    const atMs = has(step.dependencies, other.index) ? doneAtMs(instance, other) : null;
    if (atMs === null) continue;
    latest = Math.max(latest, atMs);
    earliest = Math.min(earliest, atMs);
  }
  return step.isAnyEnough && earliest !== Number.POSITIVE_INFINITY ? earliest : latest;
};

/**
 * eventId of the record whose folding made the step ready; for an item that the step itself opened, of the record that opened it.
 * An item that arrived is named by the fact that brought it: its cause is what the step depends on, so that the chain of causes
 * does not end at a fact from outside.
 */
export const causeOf = (instance: Instance, step: CompiledStep, item: string | null): string => {
  const opened = item === null || step.arrivingType !== null ? null : (itemsOf(instance, step.index).get(item)?.openedBy ?? null);
  if (opened !== null) return opened;
  let cause = instance.triggerEventId;
  let at = Number.NEGATIVE_INFINITY;
  for (const other of instance.saga.steps) {
    if (!has(step.dependencies, other.index)) continue;
    for (const slot of [instance.slots[other.index], ...itemsOf(instance, other.index).values()]) {
      if (slot === undefined || !isDone(slot) || slot.outcomeAtMs < at) continue;
      at = slot.outcomeAtMs;
      cause = slot.outcomeEventId;
    }
  }
  return cause;
};
