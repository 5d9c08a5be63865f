import { erase } from '#kernel';
import type { AwaitHandler, EntityStepHandler } from '../definition/handlers.ts';
import type { SagaShape } from '../definition/saga.ts';
import { awaitStateOf, type ChildEnd, type CompiledSaga, type CompiledStep, type DecisionWorld, type Instance, instanceKey, resultOf } from '../engine/index.ts';
import type { Clock } from '../ports/index.ts';
import { caught } from './caught.ts';
import type { OutputReader } from './context.ts';
import type { InstanceTable } from './instance-table.ts';
import { failureOf } from './failures.ts';

/** What a task's decisions look at beside the instance, but for the time and what is under way. */
export const decisionWorld = ({ outputs, table, clock }: { readonly outputs: OutputReader; readonly table: InstanceTable; readonly clock: Clock }): Omit<DecisionWorld, 'nowMs' | 'isBusy'> => {
  const contextOf = (instance: Instance, call: { readonly step: CompiledStep; readonly item: string | null; readonly phase: 'execute' | 'compensate' }) =>
    outputs.context({ instance }, { ...call, attempt: 1, nowMs: clock.nowMillis() });
  return {
    ask: caught,
    outputsOf: (instance) => outputs.outputsOf(instance),
    verdictOf: (instance, step, item) => {
      const handler = erase<AwaitHandler<SagaShape, unknown>>(step.handler);
      return handler.verdict(awaitStateOf(instance, step), contextOf(instance, { step, item, phase: 'execute' }));
    },
    mustUndo: (instance, step, item) => erase<EntityStepHandler<SagaShape>>(step.handler).mustUndo?.(contextOf(instance, { step, item, phase: 'compensate' }), failureOf(instance)) ?? false,
    endedChild: (instance, step) => endedChild(table, instance, step),
  };
};

const endedChild = (table: InstanceTable, instance: Instance, step: CompiledStep): ChildEnd | null => {
  if (step.definition.kind !== 'child') return null;
  const child = table.endedChild(instanceKey(instance.correlationId, step.definition.saga));
  if (child === undefined) return null;
  return { isCompleted: child.status === 'COMPLETED', reason: child.firstFailure?.reason ?? child.status, output: resultOf(child), eventId: child.endEventId };
};

/** Whether the participant has anything to do with instances of this saga. */
export const concerns = (saga: CompiledSaga): boolean => saga.isInitiator || saga.owned.length > 0;
