import type { Envelope } from '#contracts/core';
import type { SagaDefinition, SagaShape } from '../definition/saga.ts';
import { advance, begin, begins, compileSaga, type CompiledSaga, endOfWaiting, type Instance, instanceKey, type InstanceStatus, isReady } from '../engine/index.ts';

/** A decoded record, as whoever only watches has it. */
export type ObservedRecord = { readonly offset: number; readonly type: string; readonly envelope: Envelope; readonly payload: unknown };

/** An instance as every participant's fold sees it. */
export type ObservedInstance = {
  /** `correlationId` or `correlationId/subSaga`. */
  readonly key: string;
  readonly status: InstanceStatus;
  readonly deadlineAtMs: number | null;
  /** Await steps that are ready, have no outcome and are not ended by another: what they listen to may come at any time. */
  readonly openWatches: readonly string[];
};

const NOBODY = { participant: '', handlers: new Map(), endings: null };
const NO_BYTES = new Uint8Array();

const keyed = (type: string, version: number): string => `${type}@${version}`;

const observed = (instance: Instance): ObservedInstance => ({
  key: instanceKey(instance.correlationId, instance.subSaga),
  status: instance.status,
  deadlineAtMs: instance.deadlineAtMs,
  openWatches: instance.saga.steps
    .filter((step) => step.definition.kind === 'await' && isReady(instance, step) && instance.slots[step.index]?.outcome == null && endOfWaiting(instance, step) === null)
    .map((step) => step.name),
});

/** Folds the records of one correlationId, given in the order of their partition, with the engine that runs the sagas. Instances of other definitions are left out. */
export const createObserver = (definitions: readonly SagaShape[]): ((records: readonly ObservedRecord[]) => readonly ObservedInstance[]) => {
  const sagas = new Map<string, CompiledSaga>(definitions.map((shape) => {
    const definition: SagaDefinition = { kind: 'saga', ...shape };
    return [keyed(shape.type, shape.version), compileSaga(definition, NOBODY)];
  }));
  return (records) => {
    const instances = new Map<string, Instance>();
    for (const { offset, type, envelope, payload } of records) {
      if (envelope.correlationId === null || envelope.sagaType === null) continue;
      const key = instanceKey(envelope.correlationId, envelope.subSaga);
      const saga = sagas.get(keyed(envelope.subSaga ?? envelope.sagaType, envelope.definitionVersion ?? 1));
      const record = { offset, type, envelope, value: NO_BYTES, payload: () => payload, keep: () => NO_BYTES };
      const known = instances.get(key);
      if (known !== undefined) advance(known, record);
      else if (saga !== undefined && begins(saga, record)) instances.set(key, begin(saga, record));
    }
    return [...instances.values()].map(observed);
  };
};
