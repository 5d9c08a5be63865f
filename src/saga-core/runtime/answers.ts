import {
  childSagaEnded, compensationCompleted, compensationFailed, compensationRequested, type EventType, instanceParked, sagaCompleted, sagaFailed, sagaQuarantined, sagaRefused,
  sagaStarted, stepAttemptFailed, stepCompleted, stepFailed, type StepFailed, stepStarted,
} from '#contracts/core';
import { erase, idempotencyKey } from '#kernel';
import type { SagaRef } from '../definition/entity.ts';
import type { ChildTrigger } from '../definition/handlers.ts';
import type { Completed, CompensationResult, DomainEvent, EntityCommand, StepFailure, StepOutput, TypedData } from '../definition/results.ts';
import type { SagaDefinition } from '../definition/saga.ts';
import { causeOf, childSagaId, type CompiledStep, type Instance, itemsOf, limitsInForce, numbersOf, resultOf } from '../engine/index.ts';
import type { Codec, RecordToWrite } from '../ports/index.ts';
import { caught } from './caught.ts';
import { NO_CHAIN } from './chain.ts';
import type { Entry } from './instance-table.ts';
import type { Marks, Records } from './records.ts';

/** One (step, item), and what makes its owner act, where that is not what the step depends on. */
export type Where = { readonly step: CompiledStep; readonly item: string | null; readonly cause?: string };
type Event = { readonly type: EventType<unknown>; readonly payload: unknown };

/** Collects the records of one action on one instance, keeping the chain. */
class Batch {
  readonly records: RecordToWrite[] = [];
  readonly #writer: Records;
  readonly #entry: Entry;

  constructor(writer: Records, entry: Entry) {
    this.#writer = writer;
    this.#entry = entry;
  }

  add(event: Event, marks: Marks): string {
    const { record, head } = this.#writer.ofInstance(this.#entry.instance, this.#entry.head, event, marks);
    this.records.push(record);
    this.#entry.head = head;
    return record.headers['event-id'] ?? '';
  }

  /** Commands are numbered after the record they travel with. */
  command(command: EntityCommand, ref: SagaRef, phase: 'execute' | 'compensate', isCall: boolean): void {
    const eventId = `${this.#entry.key}:${ref.stepName ?? 'end'}:${this.#entry.head.seq}.${this.records.length}`;
    this.records.push(this.#writer.command(command, eventId, { ref, phase, isCall }));
  }

  /** Commands that nobody waits for. */
  tell(commands: readonly EntityCommand[], ref: SagaRef): void {
    for (const command of commands) this.command(command, ref, 'execute', false);
  }
}

/** Turns what is due, or what came of it, into records: the only place that writes a saga's lifecycle. */
export class Answers {
  readonly #records: Records;
  readonly #codec: Codec;

  constructor(records: Records, codec: Codec) {
    this.#records = records;
    this.#codec = codec;
  }

  started(entry: Entry, initiator: string): readonly RecordToWrite[] {
    const batch = new Batch(this.#records, entry);
    const { definition } = entry.instance.saga;
    batch.add({ type: sagaStarted, payload: startPayload(definition, initiator, this.#records.nowMs, null, null) }, { causationId: entry.instance.triggerEventId });
    return batch.records;
  }

  refused(entry: Entry, faults: readonly string[], commands: readonly EntityCommand[]): readonly RecordToWrite[] {
    const batch = new Batch(this.#records, entry);
    const { instance } = entry;
    const eventId = batch.add({ type: sagaRefused, payload: { sagaType: instance.saga.definition.type, faults } }, { causationId: instance.triggerEventId });
    batch.tell(commands, { ...this.ref(instance, null), causationId: eventId });
    return [...batch.records, ...this.#childEnded(instance, { isCompleted: false, reason: `refused: ${faults.join('; ')}`, eventId })];
  }

  skipped(entry: Entry, step: CompiledStep, why: string): readonly RecordToWrite[] {
    const batch = new Batch(this.#records, entry);
    batch.add({ type: stepCompleted, payload: { stepName: step.name, output: null, skipped: true, skipReason: why } }, { ...marksOf(entry.instance, { step, item: null }), isOutcome: true });
    return batch.records;
  }

  /** Opens the listed items of a forEach step and closes the list. */
  opened(entry: Entry, step: CompiledStep, items: readonly string[], commandOf: ((item: string) => EntityCommand) | null): readonly RecordToWrite[] {
    const batch = new Batch(this.#records, entry);
    for (const item of [...items, null]) {
      const marks = marksOf(entry.instance, { step, item });
      batch.add({ type: stepStarted, payload: { stepName: step.name, phase: 'execute', idempotencyKey: keyFor(entry.instance, { step, item }, 'execute') } }, marks);
      if (item !== null && commandOf !== null) batch.command(commandOf(item), this.ref(entry.instance, { step, item }), 'execute', true);
    }
    return batch.records;
  }

  /** StepStarted alone: the intent of an effect that cannot be looked up, or the mark that a child was told to stop. */
  intended(entry: Entry, where: Where, phase: 'execute' | 'compensate', command: EntityCommand | null, isCall: boolean): readonly RecordToWrite[] {
    const batch = new Batch(this.#records, entry);
    const marks = { ...marksOf(entry.instance, where), phase };
    batch.add({ type: stepStarted, payload: { stepName: where.step.name, phase, idempotencyKey: keyFor(entry.instance, where, phase) } }, phase === 'compensate' ? { ...marks, causationId: entry.instance.requestEventId } : marks);
    if (command !== null) batch.command(command, this.ref(entry.instance, where), phase, isCall);
    return batch.records;
  }

  spawned(entry: Entry, where: Where, child: { readonly definition: SagaDefinition; readonly trigger: ChildTrigger; readonly initiator: string }): readonly RecordToWrite[] {
    const batch = new Batch(this.#records, entry);
    const eventId = batch.add({ type: stepStarted, payload: { stepName: where.step.name, phase: 'execute', idempotencyKey: keyFor(entry.instance, where, 'execute') } }, marksOf(entry.instance, where));
    const { trigger } = child;
    const cause = causeOf(entry.instance, where.step, where.item);
    if (trigger.kind === 'command') {
      batch.command(trigger.command, this.ref(entry.instance, where), 'execute', false);
      return batch.records;
    }
    const instance = childInstance(entry.instance, where, child.definition, this.#records.nowMs);
    if (trigger.kind === 'event') return [...batch.records, this.#records.ofInstance(instance, NO_CHAIN, trigger.event, { causationId: cause, isElsewhere: true }).record];
    const index = entry.instance.saga.indexOf.get(trigger.step) ?? -1;
    const source = entry.instance.slots[index];
    const payload = startPayload(child.definition, child.initiator, this.#records.nowMs, source?.output ?? null, source?.outcomeEventId ?? eventId);
    const start = this.#records.ofInstance(instance, NO_CHAIN, { type: sagaStarted, payload }, { causationId: source?.outcomeEventId ?? cause, isElsewhere: true });
    return [...batch.records, start.record];
  }

  completed(entry: Entry, where: Where, result: Completed): readonly RecordToWrite[] {
    const batch = new Batch(this.#records, entry);
    const marks = marksOf(entry.instance, where);
    for (const event of result.before ?? []) batch.add(event, marks);
    const compensationData = result.compensationData === undefined ? null : this.#codec.encodeData(result.compensationData.type, result.compensationData.value);
    const eventId = batch.add(this.outputEvent(where.step.name, result.output), { ...marks, isOutcome: true, compensationData });
    for (const event of result.after ?? []) batch.add(event, marks);
    this.#commands(batch, entry.instance, where, result.commands, eventId);
    return batch.records;
  }

  /** What a watch writes before its outcome: domain events, each group with the fact that called for it as its cause. */
  emitted(entry: Entry, step: CompiledStep, emitted: readonly { readonly cause: string; readonly events: readonly DomainEvent[] }[]): readonly RecordToWrite[] {
    const batch = new Batch(this.#records, entry);
    for (const { cause, events } of emitted) for (const event of events) batch.add(event, marksOf(entry.instance, { step, item: null, cause }));
    return batch.records;
  }

  /** A child's end as its step's outcome: the child's result, copied. */
  childCompleted(entry: Entry, where: Where, output: Uint8Array | null, causationId: string): readonly RecordToWrite[] {
    const batch = new Batch(this.#records, entry);
    batch.add({ type: stepCompleted, payload: { stepName: where.step.name, output, skipped: false, skipReason: null } }, { ...marksOf(entry.instance, where), causationId, isOutcome: true });
    return batch.records;
  }

  attemptFailed(entry: Entry, where: Where, failed: { readonly phase: 'execute' | 'compensate'; readonly attempt: number; readonly cause: string; readonly nextAtMs: number; readonly isUncertain: boolean }): readonly RecordToWrite[] {
    const batch = new Batch(this.#records, entry);
    const payload = { stepName: where.step.name, phase: failed.phase, attempt: failed.attempt, cause: failed.cause, nextAt: failed.nextAtMs, outcomeUnknown: failed.isUncertain };
    batch.add({ type: stepAttemptFailed, payload }, { ...marksOf(entry.instance, where), phase: failed.phase, attempt: failed.attempt });
    return batch.records;
  }

  failed(entry: Entry, where: Where, failure: Pick<StepFailure, 'reason' | 'events' | 'commands'> & Pick<StepFailed, 'errorKind' | 'outcomeUnknown' | 'attempts'>): readonly RecordToWrite[] {
    const batch = new Batch(this.#records, entry);
    const marks = marksOf(entry.instance, where);
    for (const event of failure.events ?? []) batch.add(event, marks);
    const { errorKind, outcomeUnknown, reason, attempts } = failure;
    const eventId = batch.add({ type: stepFailed, payload: { stepName: where.step.name, errorKind, outcomeUnknown, reason, attempts } }, marks);
    this.#commands(batch, entry.instance, where, failure.commands, eventId);
    return batch.records;
  }

  compensationRequested(entry: Entry, request: { readonly reason: string; readonly step: string | null; readonly item: string | null; readonly cause: string | null }): readonly RecordToWrite[] {
    const batch = new Batch(this.#records, entry);
    const { instance } = entry;
    const step = request.step === null ? null : (instance.saga.steps[instance.saga.indexOf.get(request.step) ?? -1] ?? null);
    const payload = { failedStep: request.step, failedItem: request.item, reason: request.reason, completedSteps: stepsWith(instance, 'completed'), uncertainSteps: stepsWith(instance, 'uncertain') };
    // The record is the instance's, not the step's: only its number is that of the failed step.
    batch.add({ type: compensationRequested, payload }, { causationId: request.cause ?? instance.lastAnswerEventId, numberOf: step });
    return batch.records;
  }

  compensated(entry: Entry, where: Where, result: CompensationResult & { readonly status: 'compensated' }, byOperator: string | null): readonly RecordToWrite[] {
    const batch = new Batch(this.#records, entry);
    const marks = compensationMarks(entry.instance, where);
    for (const event of result.events ?? []) batch.add(event, marks);
    const eventId = batch.add({ type: compensationCompleted, payload: { stepName: where.step.name, kept: result.kept ?? false, byOperator } }, marks);
    this.#commands(batch, entry.instance, where, result.commands, eventId);
    return batch.records;
  }

  compensationFailed(entry: Entry, where: Where, errorKind: 'Terminal' | 'Ambiguous', reason: string): readonly RecordToWrite[] {
    const batch = new Batch(this.#records, entry);
    batch.add({ type: compensationFailed, payload: { stepName: where.step.name, errorKind, reason } }, compensationMarks(entry.instance, where));
    return batch.records;
  }

  quarantined(entry: Entry, where: Where, reason: string): readonly RecordToWrite[] {
    const batch = new Batch(this.#records, entry);
    batch.add({ type: sagaQuarantined, payload: { stepName: where.step.name, reason } }, { ...compensationMarks(entry.instance, where), causationId: entry.instance.lastAnswerEventId });
    return batch.records;
  }

  /** The instance waits for a person: something it has to write can never be committed. */
  parked(entry: Entry, reason: string): readonly RecordToWrite[] {
    const batch = new Batch(this.#records, entry);
    batch.add({ type: instanceParked, payload: { reason } }, { causationId: entry.instance.lastAnswerEventId });
    return batch.records;
  }

  ended(entry: Entry, end: { readonly isCompleted: boolean; readonly event: DomainEvent | null; readonly commands: readonly EntityCommand[] }): readonly RecordToWrite[] {
    const batch = new Batch(this.#records, entry);
    const { instance } = entry;
    const marks = { causationId: instance.lastAnswerEventId };
    const cause = end.event === null ? instance.lastAnswerEventId : batch.add(end.event, marks);
    const eventId = end.isCompleted
      ? completion(batch, instance, cause)
      : batch.add({ type: sagaFailed, payload: { failedStep: instance.firstFailure?.step ?? null, reason: instance.firstFailure?.reason ?? '', compensatedSteps: stepsCompensated(instance) } }, { causationId: cause });
    batch.tell(end.commands, { ...this.ref(instance, null), causationId: eventId });
    return [...batch.records, ...this.#childEnded(instance, { isCompleted: end.isCompleted, reason: instance.firstFailure?.reason ?? null, eventId })];
  }

  outputEvent(stepName: string, output: StepOutput): Event {
    if (output !== null && output.type.kind === 'event') return erase<DomainEvent>(output);
    const bytes = output === null ? null : this.#codec.encodeData(erase<TypedData>(output).type, erase<TypedData>(output).value);
    return { type: stepCompleted, payload: { stepName, output: bytes, skipped: false, skipReason: null } };
  }

  /** How an entity remembers the step, or the instance. */
  ref(instance: Instance, where: Where | null): SagaRef {
    const { definition } = instance.saga;
    const stepName = where?.step.name ?? null;
    const numbers = numbersOf(definition, instance.subSaga === null ? null : instance.sagaType, '', stepName);
    return {
      context: definition.context,
      correlationId: instance.correlationId,
      sagaType: instance.sagaType,
      subSaga: instance.subSaga,
      parentCorrelationId: instance.parentCorrelationId,
      definitionVersion: definition.version,
      startedAt: instance.startedAtMs,
      timeout: instance.timeoutMs,
      totalSteps: instance.totalSteps,
      stepName,
      stepItem: where?.item ?? null,
      step: numbers.step,
      subStep: numbers.subStep,
      causationId: where === null ? instance.lastAnswerEventId : causeOf(instance, where.step, where.item),
    };
  }

  /** Of a child with an id of its own: told on the parent's partition, in the transaction of the terminal record. */
  #childEnded(instance: Instance, end: { readonly isCompleted: boolean; readonly reason: string | null; readonly eventId: string }): readonly RecordToWrite[] {
    const { parentCorrelationId } = instance;
    if (parentCorrelationId === null || instance.subSaga !== null) return [];
    const to: SagaRef = { ...this.ref(instance, null), correlationId: parentCorrelationId, parentCorrelationId: null, causationId: end.eventId };
    const payload = {
      childSagaType: instance.saga.definition.type, childCorrelationId: instance.correlationId, outcome: end.isCompleted ? 'completed' as const : 'failed' as const,
      reason: end.reason, terminalEventId: end.eventId, output: end.isCompleted ? resultOf(instance) : null,
    };
    return [this.#records.addressed(to, { id: `child/${instance.correlationId}`, head: NO_CHAIN }, { type: childSagaEnded, payload }).record];
  }

  #commands(batch: Batch, instance: Instance, where: Where, commands: readonly EntityCommand[] | undefined, causationId: string): void {
    if (commands === undefined || commands.length === 0) return;
    batch.tell(commands, { ...this.ref(instance, where), causationId });
  }
}

const keyFor = (instance: Instance, where: Where, phase: 'execute' | 'compensate'): string =>
  idempotencyKey({ correlationId: instance.correlationId, subSaga: instance.subSaga, step: where.step.name, item: where.item, phase });

const marksOf = (instance: Instance, where: Where): Marks => ({ causationId: where.cause ?? causeOf(instance, where.step, where.item), step: where.step, item: where.item });
const compensationMarks = (instance: Instance, where: Where): Marks => ({ ...marksOf(instance, where), causationId: instance.requestEventId, phase: 'compensate' });

const startPayload = (definition: SagaDefinition, initiator: string, nowMs: number, payload: Uint8Array | null, triggerEventId: string | null) => ({
  sagaType: definition.type,
  initiator,
  definitionVersion: definition.version,
  deadlineAt: definition.timeoutMs === 0 ? null : nowMs + definition.timeoutMs,
  limits: limitsOf(definition),
  payload,
  triggerEventId,
  repeatOf: null,
});

const LIMITS = new WeakMap<SagaDefinition, ReturnType<typeof limitsInForce>>();
const limitsOf = (definition: SagaDefinition): ReturnType<typeof limitsInForce> => {
  const known = LIMITS.get(definition);
  if (known !== undefined) return known;
  const limits = limitsInForce(definition);
  LIMITS.set(definition, limits);
  return limits;
};

/** The child as its first record needs it: of an inherited id the same correlation and its own sub-saga, else an instance of its own. */
const childInstance = (parent: Instance, where: Where, definition: SagaDefinition, nowMs: number): Instance => {
  const saga = { ...parent.saga, definition };
  if (where.step.definition.kind !== 'child' || where.step.definition.id === 'inherited') return { ...parent, saga, subSaga: definition.type };
  return {
    ...parent, saga, correlationId: childSagaId(parent.correlationId, where.step.name, where.item), parentCorrelationId: parent.correlationId,
    sagaType: definition.type, subSaga: null, startedAtMs: nowMs, timeoutMs: definition.timeoutMs, totalSteps: definition.totalSteps,
  };
};

const slotsByStep = (instance: Instance) => instance.saga.steps.map((step) => ({ step, slots: [instance.slots[step.index], ...itemsOf(instance, step.index).values()] }));
const stepsWith = (instance: Instance, outcome: 'completed' | 'uncertain'): readonly string[] =>
  slotsByStep(instance).flatMap(({ step, slots }) => (slots.some((slot) => slot?.outcome === outcome) ? [step.name] : []));
/** The steps that were undone, or of which something was. */
export const stepsCompensated = (instance: Instance): readonly string[] =>
  slotsByStep(instance).flatMap(({ step, slots }) => (slots.some((slot) => slot?.compensation === 'done') ? [step.name] : []));

/** The result goes with the end, its bytes copied. An end that cannot be written with it is written without: what is done must end. */
const completion = (batch: Batch, instance: Instance, causationId: string | null): string => {
  const [finalStep, result] = [lastStep(instance), resultOf(instance)];
  const add = (carried: Uint8Array | null): string => batch.add({ type: sagaCompleted, payload: { finalStep, result: carried } }, { causationId });
  const written = result === null ? null : caught(() => add(result));
  return written?.ok === true ? written.value : add(null);
};

const lastStep = (instance: Instance): string | null => {
  let last: string | null = null;
  let atMs = Number.NEGATIVE_INFINITY;
  for (const { step, slots } of slotsByStep(instance)) {
    for (const slot of slots) {
      if (slot === undefined || slot.outcome === null || slot.outcomeAtMs < atMs) continue;
      last = step.name;
      atMs = slot.outcomeAtMs;
    }
  }
  return last;
};

