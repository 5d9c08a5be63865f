import {
  type ChildSagaEnded, type CompensationCompleted, type CompensationFailed, type CompensationRequested, type OpsOperatorAction,
  type SagaStarted, type StepAttemptFailed, type StepCompleted, type StepFailed, type StepStarted,
} from '#contracts/core';
import { erase } from '#kernel';
import type { AwaitHandler, Fact } from '../definition/handlers.ts';
import { childSagaId } from './child-id.ts';
import { type CompiledSaga, type CompiledStep, has } from './compile.ts';
import { isEveryStepDone, isReady, triggeredNow } from './readiness.ts';
import { copyOfInstance, EMPTY_SLOT, type FoldedRecord, type Instance, isEnded, itemsOf, slotOf, type Slot } from './state.ts';
import { heard, settled } from './watch.ts';

/** A record that changed nothing, and why: counted and logged, state unchanged. */
export type Refusal = 'DUPLICATE' | 'AFTER_END' | 'ILLEGAL_TRANSITION' | 'UNKNOWN_STEP' | 'VOID';
export type Evolved = { readonly instance: Instance; readonly refused: Refusal | null };

/** An instance as the fold that owns it changes it. Slots are replaced, never changed: they may be looked at meanwhile. */
type Draft = { -readonly [Field in keyof Instance]: Instance[Field] } & {
  slots: (Slot | undefined)[];
  items: (Map<string, Slot> | undefined)[] | null;
  awaits: unknown[] | null;
  reachedAtMs: (number | undefined)[] | null;
};
/** null: the record applied. */
type Verdict = Refusal | null;

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
    start: isTrigger(saga, record) && saga.isStartKept ? record.keep() : null,
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
    resolvedBy: null,
    isResolvedWhole: false,
    reachedAtMs: null,
    triggered: 0,
    requestEventId: '',
    lastAnswerEventId: envelope.eventId,
    endEventId: '',
  };
  if (!isTrigger(saga, record)) advance(pending, record);
  return pending;
};

/** Folds one more record of the instance. Total: whatever does not apply changes nothing and says why. */
export const evolve = (instance: Instance, record: FoldedRecord): Evolved => {
  if (isEnded(instance)) return { instance, refused: 'AFTER_END' };
  const copy = copyOfInstance(instance);
  const refused = advance(copy, record);
  return { instance: copy, refused };
};

/**
 * The same as `evolve`, changing the instance itself: for whoever folds it alone and keeps no earlier state. A record whose
 * payload cannot be read throws, and has changed nothing.
 */
export const advance = (instance: Instance, record: FoldedRecord): Refusal | null => {
  if (isEnded(instance)) return 'AFTER_END';
  const draft = erase<Draft>(instance);
  const fact = draft.saga.listenedTypes.has(record.type) ? factOf(record) : null;
  const verdict = dispatch(draft, record);
  draft.lastOffset = record.offset;
  if (verdict === null && fact !== null) foldAwaits(draft, fact);
  if (verdict === null && draft.status === 'RUNNING' && draft.saga.arrivingTypes.size > 0) noteReached(draft, record.envelope.occurredAt);
  return verdict;
};

/** What is triggered stays triggered, whatever arrives behind it. */
const noteReached = (draft: Draft, atMs: number): void => {
  for (const { index } of draft.saga.steps.filter((step) => draft.reachedAtMs?.[step.index] === undefined && isReady(draft, step))) {
    (draft.reachedAtMs ??= emptyList(draft))[index] = atMs;
  }
};

const dispatch = (draft: Draft, record: FoldedRecord): Verdict => {
  switch (record.type) {
    case 'chorus.SagaStarted': return onSagaStarted(draft, record);
    case 'chorus.SagaRefused': return onEnd(draft, record, 'REFUSED');
    case 'chorus.SagaCompleted': return onEnd(draft, record, 'COMPLETED');
    case 'chorus.SagaFailed': return onEnd(draft, record, 'FAILED');
    case 'chorus.CompensationRequested': return onCompensationRequested(draft, record);
    case 'chorus.SagaQuarantined': return onQuarantined(draft, record);
    case 'ops.operator.action': return onOperatorAction(draft, record);
    case 'chorus.ChildSagaEnded': return onChildEnded(draft, record);
    default: return onStepRecord(draft, record);
  }
};

const onSagaStarted = (draft: Draft, record: FoldedRecord): Verdict => {
  if (draft.status !== 'PENDING') return 'DUPLICATE';
  const { deadlineAt, payload } = erase<SagaStarted>(record.payload());
  draft.status = 'RUNNING';
  draft.beganAtMs = record.envelope.occurredAt;
  draft.deadlineAtMs = deadlineAt;
  if (payload !== null) {
    draft.start = draft.saga.isStartKept ? copyOf(payload) : null;
    draft.triggerEventId = record.envelope.causationId ?? draft.triggerEventId;
  }
  return null;
};

const onEnd = (draft: Draft, record: FoldedRecord, status: 'COMPLETED' | 'FAILED' | 'REFUSED'): Verdict => {
  if ((draft.status === 'PENDING') !== (status === 'REFUSED')) return 'ILLEGAL_TRANSITION';
  draft.status = status;
  draft.endEventId = record.envelope.eventId;
  return null;
};

const onCompensationRequested = (draft: Draft, record: FoldedRecord): Verdict => {
  if (draft.status !== 'RUNNING') return 'ILLEGAL_TRANSITION';
  // Every step had completed before it: the instance completes.
  if (isEveryStepDone(draft)) return 'VOID';
  const { failedStep, failedItem, reason } = erase<CompensationRequested>(record.payload());
  draft.triggered = triggeredNow(draft);
  draft.status = 'COMPENSATING';
  draft.requestEventId = record.envelope.eventId;
  draft.firstFailure = { step: failedStep, item: failedItem, reason, eventId: record.envelope.eventId };
  return null;
};

const onQuarantined = (draft: Draft, record: FoldedRecord): Verdict => {
  const at = placeOf(draft, record);
  const slot = at === null ? undefined : slotOf(draft, at.step, at.item);
  // "All that is left" was declared done by hand while this record was on its way.
  if (slot?.compensation === 'excused' || (draft.isResolvedWhole && slot?.compensation === 'done')) return 'VOID';
  if (at === null || slot?.compensation !== 'failed') return 'ILLEGAL_TRANSITION';
  putSlot(draft, at, { ...slot, compensation: 'quarantined' });
  settle(draft);
  return null;
};

const QUARANTINE_ACTIONS: ReadonlySet<string> = new Set(['retry', 'skip', 'resolve']);

const onOperatorAction = (draft: Draft, record: FoldedRecord): Verdict => {
  const { action, step, stepItem, user, reason } = erase<OpsOperatorAction>(record.payload());
  if (action === 'compensate') {
    if (draft.status !== 'RUNNING' || draft.compensateOrder !== null || isEveryStepDone(draft)) return 'VOID';
    draft.compensateOrder = { eventId: record.envelope.eventId, user: `${user}: ${reason}` };
    return null;
  }
  if (draft.status !== 'MANUAL_REQUIRED' || !QUARANTINE_ACTIONS.has(action)) return 'VOID';
  const waiting = quarantinedSlots(draft);
  // What failed but is not quarantined yet: nobody has been told of it, and the record that tells is on its way.
  const named = waiting.filter((at) => at.slot.compensation === 'quarantined' && (step === null || at.step.name === step) && (stepItem === null || at.item === stepItem));
  if (named.length === 0) return 'VOID';
  // `resolve` declares everything done that is left; the other two are about what they name.
  const released = action === 'resolve' ? waiting : named;
  const compensation: Slot['compensation'] = action === 'retry' ? 'none' : 'excused';
  for (const at of released) putSlot(draft, at, { ...at.slot, compensation, compensationAttempts: 0, compensationNextAtMs: 0 });
  if (action !== 'retry') draft.resolvedBy = user;
  if (action === 'resolve') draft.isResolvedWhole = true;
  settle(draft);
  return null;
};

type Place = { readonly step: CompiledStep; readonly index: number; readonly item: string | null };

const quarantinedSlots = (instance: Instance): readonly (Place & { readonly slot: Slot })[] =>
  instance.saga.steps.flatMap((step) => {
    const slots: readonly (readonly [string | null, Slot | undefined])[] = [[null, instance.slots[step.index]], ...itemsOf(instance, step.index)];
    return slots.flatMap(([item, slot]) => (slot?.compensation === 'quarantined' || slot?.compensation === 'failed' ? [{ step, index: step.index, item, slot }] : []));
  });

/** MANUAL_REQUIRED exactly while something is quarantined. */
const settle = (draft: Draft): void => {
  draft.status = quarantinedSlots(draft).length > 0 ? 'MANUAL_REQUIRED' : 'COMPENSATING';
};

const placeOf = (instance: Instance, record: FoldedRecord): Place | null => {
  const { stepName, stepItem } = record.envelope;
  const index = stepName === null ? undefined : instance.saga.indexOf.get(stepName);
  const step = index === undefined ? undefined : instance.saga.steps[index];
  return step === undefined ? null : { step, index: step.index, item: stepItem };
};

/** A record of the instance that is none of its steps': a trigger again, or something that changes nothing. */
const onUnplaced = (draft: Draft, record: FoldedRecord): Verdict => {
  if (record.envelope.stepName !== null) return 'UNKNOWN_STEP';
  return record.type === draft.saga.definition.start.name ? 'DUPLICATE' : null;
};

const onStepRecord = (draft: Draft, record: FoldedRecord): Verdict => {
  const place = placeOf(draft, record);
  if (place === null) return onUnplaced(draft, record);
  const slot = slotOf(draft, place.step, place.item) ?? EMPTY_SLOT;
  switch (record.type) {
    case 'chorus.StepStarted': return onStepStarted(draft, place, slot, record);
    case 'chorus.StepAttemptFailed': return onAttemptFailed(draft, place, slot, record);
    case 'chorus.StepFailed': return onStepFailed(draft, place, slot, record);
    case 'chorus.CompensationCompleted': return onCompensated(draft, place, slot, record);
    case 'chorus.CompensationFailed': return onCompensationFailed(draft, place, slot, record);
    default: return record.envelope.outcome === 'completed' ? onCompleted(draft, place, slot, record) : onOther(draft, place, slot, record);
  }
};

const onStepStarted = (draft: Draft, place: Place, slot: Slot, record: FoldedRecord): Verdict => {
  const { phase } = erase<StepStarted>(record.payload());
  if (phase === 'compensate') {
    if (slot.compensation !== 'none') return 'DUPLICATE';
    putSlot(draft, place, { ...slot, compensation: 'started' });
    return null;
  }
  if (slot.outcome !== null) return 'DUPLICATE';
  if (isOutOfOrder(draft, place.step)) return 'ILLEGAL_TRANSITION';
  putSlot(draft, place, { ...slot, isStarted: !isOpening(place, slot), openedAtMs: slot.openedBy === null ? record.envelope.occurredAt : slot.openedAtMs });
  return null;
};

/** I3: nobody acts for a step before its dependencies are complete; once the set is frozen, only for what is in it. */
const isOutOfOrder = (draft: Draft, step: CompiledStep): boolean => {
  if (draft.status === 'PENDING') return true;
  return draft.status === 'RUNNING' ? !isReady(draft, step) : !has(draft.triggered, step.index);
};

/**
 * The first StepStarted of a listed item opens it; an intent, and a child's start, are a second one. With an entity's item the
 * command is sent in the same transaction: opened is started.
 */
const isOpening = ({ step, item }: Place, slot: Slot): boolean =>
  slot === EMPTY_SLOT && item !== null && step.arrivingType === null && step.definition.kind !== 'entity';

const onAttemptFailed = (draft: Draft, place: Place, slot: Slot, record: FoldedRecord): Verdict => {
  const { phase, attempt, nextAt, outcomeUnknown } = erase<StepAttemptFailed>(record.payload());
  if (phase === 'execute' && isOutOfOrder(draft, place.step)) return 'ILLEGAL_TRANSITION';
  putSlot(draft, place, phase === 'compensate'
    ? { ...slot, compensationAttempts: attempt, compensationNextAtMs: nextAt }
    : { ...slot, attempts: attempt, nextAtMs: nextAt, isUncertain: outcomeUnknown });
  return null;
};

const onCompleted = (draft: Draft, place: Place, slot: Slot, record: FoldedRecord): Verdict => {
  if (slot.outcome !== null) return 'DUPLICATE';
  if (isOutOfOrder(draft, place.step)) return 'ILLEGAL_TRANSITION';
  const { envelope } = record;
  const lifecycle = record.type === 'chorus.StepCompleted' ? erase<StepCompleted>(record.payload()) : null;
  putSlot(draft, place, {
    ...slot,
    outcome: lifecycle?.skipped === true ? 'skipped' : 'completed',
    outcomeAtMs: envelope.occurredAt,
    outcomeEventId: envelope.eventId,
    outcomeReason: lifecycle?.skipReason ?? '',
    output: place.step.isOutputKept ? outputOf(record, lifecycle) : null,
    compensationData: place.step.handler === null || envelope.compensationData === null ? null : copyOf(envelope.compensationData),
  });
  draft.lastAnswerEventId = envelope.eventId;
  return null;
};

const outputOf = (record: FoldedRecord, lifecycle: StepCompleted | null): Uint8Array | null => {
  if (lifecycle === null) return record.keep();
  return lifecycle.output === null ? null : copyOf(lifecycle.output);
};

const onStepFailed = (draft: Draft, place: Place, slot: Slot, record: FoldedRecord): Verdict => {
  if (slot.outcome !== null) return 'DUPLICATE';
  if (isOutOfOrder(draft, place.step)) return 'ILLEGAL_TRANSITION';
  const { errorKind, outcomeUnknown, reason } = erase<StepFailed>(record.payload());
  const { eventId, occurredAt } = record.envelope;
  const outcome = outcomeUnknown ? 'uncertain' : errorKind === 'Cancelled' ? 'cancelled' : 'failed';
  putSlot(draft, place, { ...slot, outcome, outcomeAtMs: occurredAt, outcomeEventId: eventId, outcomeReason: reason });
  draft.lastAnswerEventId = eventId;
  draft.firstFailure ??= { step: place.step.name, item: place.item, reason, eventId };
  return null;
};

const onCompensated = (draft: Draft, place: Place, slot: Slot, record: FoldedRecord): Verdict => {
  if (slot.compensation === 'done' || draft.status === 'RUNNING') return 'DUPLICATE';
  const { kept } = erase<CompensationCompleted>(record.payload());
  putSlot(draft, place, { ...slot, compensation: 'done', outcomeReason: kept ? 'kept' : slot.outcomeReason });
  draft.lastAnswerEventId = record.envelope.eventId;
  settle(draft);
  return null;
};

const onCompensationFailed = (draft: Draft, place: Place, slot: Slot, record: FoldedRecord): Verdict => {
  if (slot.compensation === 'done' || draft.status === 'RUNNING') return 'ILLEGAL_TRANSITION';
  const { reason } = erase<CompensationFailed>(record.payload());
  putSlot(draft, place, { ...slot, compensation: 'failed', outcomeReason: reason });
  settle(draft);
  return null;
};

/** A child with an id of its own has ended: its id names the step and item. */
const onChildEnded = (draft: Draft, record: FoldedRecord): Verdict => {
  const { childCorrelationId, outcome, reason, output } = erase<ChildSagaEnded>(record.payload());
  for (const step of draft.saga.steps) {
    if (step.definition.kind !== 'child' || step.definition.id !== 'own') continue;
    const items: readonly (string | null)[] = step.definition.forEach === undefined ? [null] : [...itemsOf(draft, step.index).keys()];
    const item = items.find((candidate) => childSagaId(draft.correlationId, step.name, candidate) === childCorrelationId);
    if (item === undefined) continue;
    const slot = slotOf(draft, step, item) ?? EMPTY_SLOT;
    if (slot.outcome !== null || slot.childEnd !== null) return 'DUPLICATE';
    const isCompleted = outcome === 'completed';
    const childEnd = { isCompleted, reason: isCompleted ? '' : `child failed: ${reason ?? ''}`, output: output === null ? null : copyOf(output), eventId: record.envelope.eventId };
    putSlot(draft, { index: step.index, item }, { ...slot, childEnd });
    return null;
  }
  return 'UNKNOWN_STEP';
};

/** Observations open items, an own watch's event answers what called for it; everything else changes no step. */
const onOther = (draft: Draft, place: Place, slot: Slot, record: FoldedRecord): Verdict => {
  if (place.step.isWatch && draft.awaits !== null) draft.awaits[place.index] = settled(draft.awaits[place.index], record.envelope.causationId);
  if (record.type !== place.step.arrivingType || place.item === null) return null;
  if (slot.openedBy !== null) return 'DUPLICATE';
  const openedWith = place.step.handler === null ? null : record.keep();
  putSlot(draft, place, { ...slot, openedBy: record.envelope.eventId, openedWith, openedAtMs: record.envelope.occurredAt });
  return null;
};

const factOf = (record: FoldedRecord): Fact => ({
  type: record.type,
  eventId: record.envelope.eventId,
  stepName: record.envelope.stepName,
  stepItem: record.envelope.stepItem,
  occurredAtMillis: record.envelope.occurredAt,
  payload: record.payload(),
});

const foldAwaits = (draft: Draft, fact: Fact): void => {
  for (const step of draft.saga.owned) {
    if (step.definition.kind !== 'await' || !step.definition.listensTo.some((type) => type.name === fact.type)) continue;
    const handler = erase<AwaitHandler<never, unknown>>(step.handler);
    const before = draft.awaits?.[step.index];
    (draft.awaits ??= emptyList(draft))[step.index] = step.isWatch ? heard(draft, step, fact) : handler.fold(before === undefined ? handler.initial : before, fact);
  }
};

const putSlot = (draft: Draft, at: { readonly index: number; readonly item: string | null }, slot: Slot): void => {
  if (at.item === null) draft.slots[at.index] = slot;
  else ((draft.items ??= emptyList(draft))[at.index] ??= new Map()).set(at.item, slot);
};

const emptyList = <Value>({ slots }: Draft): (Value | undefined)[] => slots.map(() => undefined);

/** Bytes of their own: those of a record live as long as its batch. */
const copyOf = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);
