import type { SagaShape } from '../definition/saga.ts';

/** Where a record belongs in its saga's step table: `step`, and the child's own number inside a parent. */
export type StepNumbers = { readonly step: number; readonly subStep: number | null };

const TERMINAL = new Set(['chorus.SagaCompleted', 'chorus.SagaFailed']);

/** Own number: that of the record's step; trigger and start record 0; terminal records and the ending's domain events the highest. */
const ownNumber = (saga: SagaShape, eventName: string, stepName: string | null): number => {
  const step = stepName === null ? undefined : saga.steps[stepName];
  if (step !== undefined) return step.number;
  const isEnding = eventName === saga.completed.emits?.name || eventName === saga.failed.emits?.name;
  return TERMINAL.has(eventName) || isEnding ? saga.totalSteps : 0;
};

export const numbersOf = (saga: SagaShape, parentType: string | null, eventName: string, stepName: string | null): StepNumbers => {
  const own = ownNumber(saga, eventName, stepName);
  const inside = parentType === null ? undefined : saga.inside?.[parentType];
  if (inside === undefined) return { step: own, subStep: null };
  const numbers = Object.values(inside.steps);
  const fallback = own >= saga.totalSteps ? Math.max(...numbers) : Math.min(...numbers);
  const step = inside.events?.[eventName] ?? (stepName === null ? undefined : inside.steps[stepName]) ?? fallback;
  return { step, subStep: own };
};
