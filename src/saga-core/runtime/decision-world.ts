import { erase } from '#kernel';
import type { AwaitHandler, EntityStepHandler } from '../definition/handlers.ts';
import type { SagaShape } from '../definition/saga.ts';
import { awaitStateOf, type ChildEnd, type CompiledSaga, type CompiledStep, type DecisionWorld, type Instance, instanceKey, resultOf } from '../engine/index.ts';
import type { Clock } from '../ports/index.ts';
import { caught } from './caught.ts';
import type { OutputReader } from './context.ts';
import type { Entry, InstanceTable } from './instance-table.ts';
import { failureOf } from './failures.ts';

/**
 * What a task's decisions look at beside the instance, for one entry and now. There are dozens of decisions a saga: all of a
 * task's share one world, which is that of the entry asked for last.
 */
export const decisionWorld = ({ outputs, table, clock }: { readonly outputs: OutputReader; readonly table: InstanceTable; readonly clock: Clock }): ((entry: Entry) => DecisionWorld) => {
  const contextOf = (instance: Instance, call: { readonly step: CompiledStep; readonly item: string | null; readonly phase: 'execute' | 'compensate' }) =>
    outputs.context({ instance }, { ...call, attempt: 1, nowMs: clock.nowMillis() });
  let busy: Entry['busy'] = null;
  const world: DecisionWorld & { nowMs: number } = {
    nowMs: 0,
    isBusy: (key) => busy !== null && busy.has(key),
    ask: caught,
    outputsOf: (instance) => outputs.outputsOf(instance),
    verdictOf: (instance, step, item) => {
      const handler = erase<AwaitHandler<SagaShape, unknown>>(step.handler);
      return handler.verdict(awaitStateOf(instance, step), contextOf(instance, { step, item, phase: 'execute' }));
    },
    mustUndo: (instance, step, item) => erase<EntityStepHandler<SagaShape>>(step.handler).mustUndo?.(contextOf(instance, { step, item, phase: 'compensate' }), failureOf(instance)) ?? false,
    endedChild: (instance, step) => endedChild(table, instance, step),
  };
  return (entry) => {
    world.nowMs = clock.nowMillis();
    busy = entry.busy;
    return world;
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
