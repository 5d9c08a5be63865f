import { type EventType, type SagaRef } from '#saga-core';
import { orderExecution } from './order-execution.saga.ts';

const PARENT_NUMBERS = orderExecution.inside.signal_to_execution;
const insideParent = (table: Readonly<Record<string, number>>, name: string): number | null => table[name] ?? null;

/** A step of the order that observations are recorded for. */
export type OrderStepName = keyof typeof orderExecution.steps & string;

/** The reference for a record of one step of an order's saga, whether it runs alone or inside `signal_to_execution`. */
export const atStep = (saga: SagaRef, at: { readonly step: OrderStepName; readonly item: string | null; readonly causationId: string | null }): SagaRef => {
  const own = orderExecution.steps[at.step].number;
  const isInside = saga.subSaga !== null;
  return {
    ...saga,
    stepName: at.step,
    stepItem: at.item,
    step: isInside ? insideParent(PARENT_NUMBERS.steps, at.step) : own,
    subStep: isInside ? own : null,
    causationId: at.causationId,
  };
};

/** The same reference for one event among a step's records that has a number of its own in the parent's table. */
export const numberedAs = (saga: SagaRef, event: EventType<unknown>): SagaRef =>
  saga.subSaga === null ? saga : { ...saga, step: insideParent(PARENT_NUMBERS.events, event.name) ?? saga.step };

/** The reference for the start event of an order that a step of `caller` asked for: the child under its parent's correlationId. */
export const asChildOrder = (caller: SagaRef, start: EventType<unknown>): SagaRef => ({
  ...caller,
  subSaga: orderExecution.type,
  definitionVersion: orderExecution.version,
  stepName: null,
  stepItem: null,
  step: insideParent(PARENT_NUMBERS.events, start.name),
  subStep: 0,
});
