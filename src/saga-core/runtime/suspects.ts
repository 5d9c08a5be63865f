import { forwardKey, isReady, itemsOf, slotOf } from '../engine/index.ts';
import type { Where } from './answers.ts';
import type { Entry } from './instance-table.ts';

/** A predecessor may have called the vendor for this slot. Where intents are declared, only if the log holds one that is not ours. */
export const isSuspected = (entry: Entry, where: Where): boolean => {
  const key = forwardKey(where.step, where.item);
  const { definition } = where.step;
  if (definition.kind !== 'effect' || definition.intent !== true) return entry.suspects?.has(key) === true;
  return slotOf(entry.instance, where.step, where.item)?.isStarted === true && entry.intents?.has(key) !== true;
};

/** Forward slots that were ready before this task went live: a predecessor may have called the vendor for them. */
export const markSuspects = (entry: Entry): void => {
  const { instance } = entry;
  for (const step of instance.saga.owned) {
    if (step.definition.kind !== 'effect' || !isReady(instance, step)) continue;
    const items: readonly (string | null)[] = step.definition.forEach === undefined ? [null] : [...itemsOf(instance, step.index).keys()];
    for (const item of items) {
      if (slotOf(instance, step, item)?.outcome == null) (entry.suspects ??= new Set()).add(forwardKey(step, item));
    }
  }
};
