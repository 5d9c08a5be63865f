import {
  type ChildSagaEnded, type CompensationCompleted, type CompensationFailed, type CompensationRequested, type OpsOperatorAction,
  type SagaStarted, type StepAttemptFailed, type StepCompleted, type StepFailed, type StepStarted,
} from '#contracts/core';
import { erase } from '#kernel';
import type { AwaitHandler, Fact } from '../definition/handlers.ts';
import { childSagaId } from './child-id.ts';
import type { CompiledSaga, CompiledStep } from './compile.ts';
import { isEveryStepDone, triggeredNow } from './readiness.ts';
import { CHILD_COMPLETED, EMPTY_SLOT, type FoldedRecord, type Instance, isEnded, itemsOf, slotOf, type Slot, withAwait, withSlot } from './state.ts';

/** A record that changed nothing, and why: counted and logged, state unchanged. */
export type Refusal = 'DUPLICATE' | 'AFTER_END' | 'ILLEGAL_TRANSITION' | 'UNKNOWN_STEP' | 'VOID';
export type Evolved = { readonly instance: Instance; readonly refused: Refusal | null };

const accepted = (instance: Instance): Evolved => ({ instance, refused: null });
const refused = (instance: Instance, refusal: Refusal): Evolved => ({ instance, refused: refusal });

/** The record that can begin an instance of this saga: its trigger, or a start record that carries the trigger's payload. */
export const begins = (saga: CompiledSaga, record: FoldedRecord): boolean =>
  isTrigger(saga, record) || (record.type === 'chorus.SagaStarted' && erase<SagaStarted>(record.payload()).payload !== null);

const isTrigger = (saga: CompiledSaga, record: FoldedRecord): boolean =>
  record.type === saga.definition.start.name && record.envelope.stepName === null;

/** The first record of an instance. */
export const begin = (saga: CompiledSaga, record: FoldedRecord): Instance => {
  const { envelope } = record;
  const pending: Instance = {
    saga,
    correlationId: envelope.correlationId ?? '',
    subSaga: envelope.subSaga,
    sagaType: envelope.sagaType ?? saga.definition.type,
    parentCorrelationId: envelope.parentCorrelationId,
    status: 'PENDING',
    firstOffset: record.offset,
    lastOffset: record.offset,
    triggerEventId: envelope.eventId,
    start: isTrigger(saga, record) && saga.isStartKept ? record.value.slice() : null,
    startedAtMs: envelope.startedAt ?? envelope.occurredAt,
    timeoutMs: envelope.timeout ?? saga.definition.timeoutMs,
    totalSteps: envelope.totalSteps ?? saga.definition.totalSteps,
    beganAtMs: envelope.occurredAt,
    deadlineAtMs: null,
    slots: saga.steps.map(() => undefined),
    items: null,
    awaits: null,
    firstFailure: null,
    compensateOrder: null,
    triggered: 0,
    requestEventId: '',
    lastAnswerEventId: envelope.eventId,
    endEventId: '',
  };
  return isTrigger(saga, record) ? pending : evolve(pending, record).instance;
};

/** Folds one more record of the instance. Total: whatever does not apply changes nothing and says why. */
export const evolve = (instance: Instance, record: FoldedRecord): Evolved => {
  if (isEnded(instance)) return refused(instance, 'AFTER_END');
  const seen: Instance = { ...instance, lastOffset: record.offset };
  const result = dispatch(seen, record);
  return { ...result, instance: foldAwaits(result.instance, record) };
};

const dispatch = (instance: Instance, record: FoldedRecord): Evolved => {
  switch (record.type) {
    case 'chorus.SagaStarted': return onSagaStarted(instance, record);
    case 'chorus.SagaRefused': return accepted({ ...instance, status: 'REFUSED', endEventId: record.envelope.eventId });
    case 'chorus.SagaCompleted': return onEnd(instance, record, 'COMPLETED');
    case 'chorus.SagaFailed': return onEnd(instance, record, 'FAILED');
    case 'chorus.CompensationRequested': return onCompensationRequested(instance, record);
    case 'chorus.SagaQuarantined': return onQuarantined(instance, record);
    case 'ops.operator.action': return onOperatorAction(instance, record);
    case 'chorus.ChildSagaEnded': return onChildEnded(instance, record);
    default: return onStepRecord(instance, record);
  }
};

const onSagaStarted = (instance: Instance, record: FoldedRecord): Evolved => {
  if (instance.status !== 'PENDING') return refused(instance, 'DUPLICATE');
  const { deadlineAt, payload } = erase<SagaStarted>(record.payload());
  return accepted({
    ...instance,
    status: 'RUNNING',
    beganAtMs: record.envelope.occurredAt,
    deadlineAtMs: deadlineAt,
    start: payload !== null && instance.saga.isStartKept ? payload.slice() : instance.start,
    triggerEventId: payload === null ? instance.triggerEventId : (record.envelope.causationId ?? instance.triggerEventId),
  });
};

const onEnd = (instance: Instance, record: FoldedRecord, status: 'COMPLETED' | 'FAILED'): Evolved => {
  if (instance.status === 'PENDING') return refused(instance, 'ILLEGAL_TRANSITION');
  return accepted({ ...instance, status, endEventId: record.envelope.eventId });
};

const onCompensationRequested = (instance: Instance, record: FoldedRecord): Evolved => {
  if (instance.status !== 'RUNNING') return refused(instance, 'ILLEGAL_TRANSITION');
  // Every step had completed before it: the instance completes.
  if (isEveryStepDone(instance)) return refused(instance, 'VOID');
  const { failedStep, failedItem, reason } = erase<CompensationRequested>(record.payload());
  return accepted({
    ...instance,
    status: 'COMPENSATING',
    triggered: triggeredNow(instance),
    requestEventId: record.envelope.eventId,
    firstFailure: { step: failedStep, item: failedItem, reason, eventId: record.envelope.eventId },
  });
};

const onQuarantined = (instance: Instance, record: FoldedRecord): Evolved => {
  const at = placeOf(instance, record);
  const slot = at === null ? undefined : slotOf(instance, at.step, at.item);
  if (at === null || slot?.compensation !== 'failed') return refused(instance, 'ILLEGAL_TRANSITION');
  return accepted(settle(withSlot(instance, at, { ...slot, compensation: 'quarantined' })));
};

const onOperatorAction = (instance: Instance, record: FoldedRecord): Evolved => {
  const { action, step, stepItem, user, reason } = erase<OpsOperatorAction>(record.payload());
  if (action === 'compensate') {
    if (instance.status !== 'RUNNING' || instance.compensateOrder !== null || isEveryStepDone(instance)) return refused(instance, 'VOID');
    return accepted({ ...instance, compensateOrder: { eventId: record.envelope.eventId, user: `${user}: ${reason}` } });
  }
  if (instance.status !== 'MANUAL_REQUIRED') return refused(instance, 'VOID');
  const phase: Slot['compensation'] = action === 'retry' ? 'none' : 'done';
  let changed = instance;
  for (const compiled of instance.saga.steps) {
    if (step !== null && compiled.name !== step) continue;
    const slots: [string | null, Slot | undefined][] = [[null, instance.slots[compiled.index]], ...(instance.items?.[compiled.index] ?? [])];
    for (const [item, slot] of slots) {
      const isQuarantined = slot?.compensation === 'quarantined' || slot?.compensation === 'failed';
      if (slot === undefined || !isQuarantined || (stepItem !== null && item !== stepItem)) continue;
      changed = withSlot(changed, { index: compiled.index, item }, { ...slot, compensation: phase, compensationAttempts: 0, compensationNextAtMs: 0 });
    }
  }
  return changed === instance ? refused(instance, 'VOID') : accepted(settle(changed));
};

/** MANUAL_REQUIRED exactly while something is quarantined. */
const settle = (instance: Instance): Instance => {
  const slots = [...instance.slots, ...(instance.items ?? []).flatMap((items) => [...(items?.values() ?? [])])];
  const isWaiting = slots.some((slot) => slot?.compensation === 'failed' || slot?.compensation === 'quarantined');
  return { ...instance, status: isWaiting ? 'MANUAL_REQUIRED' : 'COMPENSATING' };
};

type Place = { readonly step: CompiledStep; readonly index: number; readonly item: string | null };
const placeOf = (instance: Instance, record: FoldedRecord): Place | null => {
  const { stepName, stepItem } = record.envelope;
  const index = stepName === null ? undefined : instance.saga.indexOf.get(stepName);
  const step = index === undefined ? undefined : instance.saga.steps[index];
  return step === undefined ? null : { step, index: step.index, item: stepItem };
};

const onStepRecord = (instance: Instance, record: FoldedRecord): Evolved => {
  const place = placeOf(instance, record);
  if (place === null) {
    if (record.type === instance.saga.definition.start.name && record.envelope.stepName === null) return refused(instance, 'DUPLICATE');
    return record.envelope.stepName === null ? accepted(instance) : refused(instance, 'UNKNOWN_STEP');
  }
  const slot = slotOf(instance, place.step, place.item) ?? EMPTY_SLOT;
  switch (record.type) {
    case 'chorus.StepStarted': return onStepStarted(instance, place, slot, record);
    case 'chorus.StepAttemptFailed': return onAttemptFailed(instance, place, slot, record);
    case 'chorus.StepFailed': return onStepFailed(instance, place, slot, record);
    case 'chorus.CompensationCompleted': return onCompensated(instance, place, slot, record);
    case 'chorus.CompensationFailed': return onCompensationFailed(instance, place, slot, record);
    default: return record.envelope.outcome === 'completed' ? onCompleted(instance, place, slot, record) : onOther(instance, place, slot, record);
  }
};

const onStepStarted = (instance: Instance, place: Place, slot: Slot, record: FoldedRecord): Evolved => {
  const { phase } = erase<StepStarted>(record.payload());
  if (phase === 'compensate') {
    return slot.compensation === 'none' ? accepted(withSlot(instance, place, { ...slot, compensation: 'started' })) : refused(instance, 'DUPLICATE');
  }
  if (slot.outcome !== null) return refused(instance, 'DUPLICATE');
  const openedAtMs = slot.openedBy === null ? record.envelope.occurredAt : slot.openedAtMs;
  return accepted(withSlot(instance, place, { ...slot, isStarted: true, openedAtMs }));
};

const onAttemptFailed = (instance: Instance, place: Place, slot: Slot, record: FoldedRecord): Evolved => {
  const { phase, attempt, nextAt } = erase<StepAttemptFailed>(record.payload());
  const changed: Slot = phase === 'compensate'
    ? { ...slot, compensationAttempts: attempt, compensationNextAtMs: nextAt }
    : { ...slot, attempts: attempt, nextAtMs: nextAt };
  return accepted(withSlot(instance, place, changed));
};

const answering = (instance: Instance, record: FoldedRecord): Instance => ({ ...instance, lastAnswerEventId: record.envelope.eventId });
const outcomeOf = (slot: Slot, record: FoldedRecord): Slot => ({ ...slot, outcomeAtMs: record.envelope.occurredAt, outcomeEventId: record.envelope.eventId });

const onCompleted = (instance: Instance, place: Place, slot: Slot, record: FoldedRecord): Evolved => {
  if (slot.outcome !== null) return refused(instance, 'DUPLICATE');
  const isLifecycle = record.type === 'chorus.StepCompleted';
  const lifecycle = isLifecycle ? erase<StepCompleted>(record.payload()) : null;
  const bytes = lifecycle === null ? record.value : lifecycle.output;
  const isOwn = place.step.handler !== null;
  return accepted(withSlot(answering(instance, record), place, {
    ...outcomeOf(slot, record),
    outcome: lifecycle?.skipped === true ? 'skipped' : 'completed',
    outcomeReason: lifecycle?.skipReason ?? '',
    output: place.step.isOutputKept ? (bytes?.slice() ?? null) : null,
    compensationData: isOwn ? (record.envelope.compensationData?.slice() ?? null) : null,
  }));
};

const onStepFailed = (instance: Instance, place: Place, slot: Slot, record: FoldedRecord): Evolved => {
  if (slot.outcome !== null) return refused(instance, 'DUPLICATE');
  const { errorKind, outcomeUnknown, reason } = erase<StepFailed>(record.payload());
  const outcome = outcomeUnknown ? 'uncertain' : errorKind === 'Cancelled' ? 'cancelled' : 'failed';
  const failed = withSlot(answering(instance, record), place, { ...outcomeOf(slot, record), outcome, outcomeReason: reason });
  const failure = { step: place.step.name, item: place.item, reason, eventId: record.envelope.eventId };
  return accepted({ ...failed, firstFailure: instance.firstFailure ?? failure });
};

const onCompensated = (instance: Instance, place: Place, slot: Slot, record: FoldedRecord): Evolved => {
  if (slot.compensation === 'done' || instance.status === 'RUNNING') return refused(instance, 'DUPLICATE');
  const { kept } = erase<CompensationCompleted>(record.payload());
  return accepted(settle(withSlot(answering(instance, record), place, { ...slot, compensation: 'done', outcomeReason: kept ? 'kept' : slot.outcomeReason })));
};

const onCompensationFailed = (instance: Instance, place: Place, slot: Slot, record: FoldedRecord): Evolved => {
  if (slot.compensation === 'done' || instance.status === 'RUNNING') return refused(instance, 'ILLEGAL_TRANSITION');
  const { reason } = erase<CompensationFailed>(record.payload());
  return accepted(settle(withSlot(instance, place, { ...slot, compensation: 'failed', outcomeReason: reason })));
};

/** A child with an id of its own has ended: its id names the step and item. What its step's owner answers is in `outcomeReason`. */
const onChildEnded = (instance: Instance, record: FoldedRecord): Evolved => {
  const { childCorrelationId, outcome, reason } = erase<ChildSagaEnded>(record.payload());
  for (const step of instance.saga.steps) {
    if (step.definition.kind !== 'child' || step.definition.id !== 'own') continue;
    const items: readonly (string | null)[] = step.definition.forEach === undefined ? [null] : [...itemsOf(instance, step.index).keys()];
    const item = items.find((candidate) => childSagaId(instance.correlationId, step.name, candidate) === childCorrelationId);
    if (item === undefined) continue;
    const slot = slotOf(instance, step, item) ?? EMPTY_SLOT;
    if (slot.outcome !== null || slot.openedBy !== null) return refused(instance, 'DUPLICATE');
    const outcomeReason = outcome === 'completed' ? CHILD_COMPLETED : `child failed: ${reason ?? ''}`;
    return accepted(withSlot(instance, { index: step.index, item }, { ...slot, openedBy: record.envelope.eventId, outcomeReason }));
  }
  return refused(instance, 'UNKNOWN_STEP');
};

/** Observations open items; everything else changes no step. */
const onOther = (instance: Instance, place: Place, slot: Slot, record: FoldedRecord): Evolved => {
  if (record.type !== place.step.arrivingType || place.item === null) return accepted(instance);
  if (slot.openedBy !== null) return refused(instance, 'DUPLICATE');
  const openedWith = place.step.handler === null ? null : record.value.slice();
  return accepted(withSlot(instance, place, { ...slot, openedBy: record.envelope.eventId, openedWith, openedAtMs: record.envelope.occurredAt }));
};

const foldAwaits = (instance: Instance, record: FoldedRecord): Instance => {
  const { saga } = instance;
  if (!saga.listenedTypes.has(record.type)) return instance;
  const fact: Fact = {
    type: record.type,
    eventId: record.envelope.eventId,
    stepName: record.envelope.stepName,
    stepItem: record.envelope.stepItem,
    occurredAtMillis: record.envelope.occurredAt,
    payload: record.payload(),
  };
  let changed = instance;
  for (const step of saga.owned) {
    if (step.definition.kind !== 'await' || !step.definition.listensTo.some((type) => type.name === record.type)) continue;
    const handler = erase<AwaitHandler<never, unknown>>(step.handler);
    const before = instance.awaits?.[step.index];
    changed = withAwait(changed, step.index, handler.fold(before === undefined ? handler.initial : before, fact));
  }
  return changed;
};
