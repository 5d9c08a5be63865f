import { dependenciesOf, type SagaShape } from '#saga-core';
import { type AuditedRecord, fieldOf, type History } from './audited.ts';

/*
 * The rules of saga records once more, written from their description and not from the engine: what checks the engine must not
 * share its mistakes. Everything is a function of "up to which offset", so that one can ask what held at a record's place.
 */

export type OutcomeKind = 'completed' | 'skipped' | 'failed' | 'uncertain' | 'cancelled';
export type Outcome = { readonly kind: OutcomeKind; readonly offset: number };

/** Everything the log says of one (step, item); `item` null is the step itself. */
export type Slot = {
  readonly step: string;
  readonly item: string | null;
  readonly outcomes: Outcome[];
  /** Offset of the first record that its owner wrote for it: start, attempt or outcome. */
  firstActOffset: number | null;
  readonly compensations: { readonly offset: number; readonly isKept: boolean }[];
  readonly compensationFailures: number[];
  /** Closed by an operator's skip or resolve while it was quarantined. */
  operatorOffset: number | null;
  openedOffset: number;
  /** Of a watch: what it wrote beside its outcome, in the order of the log. */
  readonly emissions: Emission[];
};

/** An event of a watch, and the eventId of the record that called for it. */
export type Emission = { readonly type: string; readonly cause: string; readonly offset: number };

/** What the records say of one instance, laid out for the checks. */
export type Ledger = {
  readonly history: History;
  readonly definition: SagaShape;
  readonly slots: ReadonlyMap<string, Slot>;
  readonly terminals: readonly AuditedRecord[];
  readonly requests: readonly AuditedRecord[];
  readonly startedOffset: number | null;
  readonly isParked: boolean;
};

const LIFECYCLE_OF_STEP: ReadonlySet<string> = new Set(['chorus.StepStarted', 'chorus.StepAttemptFailed', 'chorus.StepFailed', 'chorus.StepCompleted']);
export const TERMINAL_TYPES: ReadonlySet<string> = new Set(['chorus.SagaCompleted', 'chorus.SagaFailed', 'chorus.SagaRefused']);

const slotKey = (step: string, item: string | null): string => (item === null ? step : `${step}/${item}`);

const outcomeOf = (record: AuditedRecord): OutcomeKind | null => {
  if (record.type === 'chorus.StepFailed') {
    if (fieldOf(record.payload, 'outcomeUnknown') === true) return 'uncertain';
    return fieldOf(record.payload, 'errorKind') === 'Cancelled' ? 'cancelled' : 'failed';
  }
  if (record.envelope.outcome !== 'completed' && record.type !== 'chorus.StepCompleted') return null;
  return record.type === 'chorus.StepCompleted' && fieldOf(record.payload, 'skipped') === true ? 'skipped' : 'completed';
};

const noteStepRecord = (slot: Slot, record: AuditedRecord): void => {
  const { offset, type, payload } = record;
  if (type === 'chorus.CompensationCompleted') slot.compensations.push({ offset, isKept: fieldOf(payload, 'kept') === true });
  // A person's word, not an undo: what is live at the vendor is theirs to know.
  if (type === 'chorus.CompensationCompleted' && typeof fieldOf(payload, 'byOperator') === 'string') slot.operatorOffset ??= offset;
  if (type === 'chorus.CompensationFailed') slot.compensationFailures.push(offset);
  const isCompensating = fieldOf(payload, 'phase') === 'compensate';
  const kind = outcomeOf(record);
  if (kind !== null) slot.outcomes.push({ kind, offset });
  if ((kind !== null || LIFECYCLE_OF_STEP.has(type)) && !isCompensating) slot.firstActOffset ??= offset;
};

/** Waiting for a person at this offset: failed to compensate, and neither compensated nor closed since. */
export const isQuarantinedAt = (slot: Slot, offset: number): boolean => {
  const failed = slot.compensationFailures.filter((at) => at < offset).at(-1);
  return failed !== undefined && slot.operatorOffset === null && !slot.compensations.some((done) => done.offset < offset);
};

const noteOperator = (slots: ReadonlyMap<string, Slot>, record: AuditedRecord, retried: Map<Slot, number>): void => {
  const action = fieldOf(record.payload, 'action');
  const [step, item] = [fieldOf(record.payload, 'step'), fieldOf(record.payload, 'stepItem')];
  for (const slot of slots.values()) {
    if ((typeof step === 'string' && slot.step !== step) || (typeof item === 'string' && slot.item !== item)) continue;
    const lastFailure = slot.compensationFailures.filter((at) => at < record.offset).at(-1) ?? -1;
    if (!isQuarantinedAt(slot, record.offset) || lastFailure < (retried.get(slot) ?? -1)) continue;
    if (action === 'retry') retried.set(slot, record.offset);
    if (action === 'skip' || action === 'resolve') slot.operatorOffset = record.offset;
  }
};

const openSlot = (slots: Map<string, Slot>, at: { readonly step: string; readonly item: string | null; readonly offset: number }): Slot => {
  const key = slotKey(at.step, at.item);
  const known = slots.get(key);
  if (known !== undefined) return known;
  const slot: Slot = { step: at.step, item: at.item, outcomes: [], firstActOffset: null, compensations: [], compensationFailures: [], operatorOffset: null, openedOffset: at.offset, emissions: [] };
  slots.set(key, slot);
  return slot;
};

/** Causes whose events are no emissions of a watch: that of its outcome, and a request to compensate. */
const otherCauses = (records: readonly AuditedRecord[]): ReadonlySet<string | null> =>
  new Set(records.flatMap((record) => {
    if (record.type === 'chorus.CompensationRequested') return [record.envelope.eventId];
    return outcomeOf(record) === null ? [] : [record.envelope.causationId];
  }));

/** What each watch wrote by itself: events of its `emits`, but for those that go with its outcome or its undo. */
const noteEmissions = ({ records }: History, definition: SagaShape, slots: ReadonlyMap<string, Slot>): void => {
  for (const [name, step] of Object.entries(definition.steps)) {
    if (step.kind !== 'await' || step.watch === undefined) continue;
    const emitted = new Set(step.emits?.map((type) => type.name));
    const own = records.filter(({ type, envelope }) => envelope.stepName === name || type === 'chorus.CompensationRequested');
    const others = otherCauses(own);
    for (const { type, offset, envelope: { causationId } } of own.filter((record) => emitted.has(record.type) && outcomeOf(record) === null)) {
      if (causationId !== null && !others.has(causationId)) slots.get(name)?.emissions.push({ type, cause: causationId, offset });
    }
  }
};

/** Null where the definition is not known here. */
export const ledgerOf = (history: History): Ledger | null => {
  const { definition, records } = history;
  if (definition === undefined) return null;
  const slots = new Map<string, Slot>();
  const retried = new Map<Slot, number>();
  for (const [step, { forEach }] of Object.entries(definition.steps)) if (forEach === undefined) openSlot(slots, { step, item: null, offset: -1 });
  for (const record of records) {
    const { stepName, stepItem } = record.envelope;
    if (record.type === 'ops.operator.action') noteOperator(slots, record, retried);
    else if (stepName !== null && definition.steps[stepName] !== undefined) noteStepRecord(openSlot(slots, { step: stepName, item: stepItem, offset: record.offset }), record);
  }
  noteEmissions(history, definition, slots);
  return {
    history,
    definition,
    slots,
    terminals: records.filter((record) => TERMINAL_TYPES.has(record.type)),
    requests: records.filter((record) => record.type === 'chorus.CompensationRequested'),
    startedOffset: records.find((record) => record.type === 'chorus.SagaStarted')?.offset ?? null,
    isParked: records.some((record) => record.type === 'chorus.InstanceParked'),
  };
};

/** When the slot was answered: its outcome; of a step that is its items, the record that closed their list. Null = not yet. */
export const answeredOffset = (ledger: Ledger, slot: Slot): number | null => {
  const outcome = slot.outcomes[0]?.offset ?? null;
  const isWholeOfItems = slot.item === null && ledger.definition.steps[slot.step]?.forEach !== undefined;
  return outcome ?? (isWholeOfItems ? slot.firstActOffset : null);
};

export const itemSlots = (ledger: Ledger, step: string): readonly Slot[] => [...ledger.slots.values()].filter((slot) => slot.step === step && slot.item !== null);
const wholeSlot = (ledger: Ledger, step: string): Slot | undefined => ledger.slots.get(step);

const isDoneSlot = (slot: Slot | undefined, before: number): boolean => {
  const first = slot?.outcomes[0];
  return first !== undefined && first.offset < before && (first.kind === 'completed' || first.kind === 'skipped');
};

/** No further item is expected. */
const isClosed = (ledger: Ledger, name: string, before: number): boolean => {
  const forEach = ledger.definition.steps[name]?.forEach;
  if (forEach === undefined) return true;
  if ('arriving' in forEach) return forEach.until.every((other) => isStepDone(ledger, other, before));
  const started = wholeSlot(ledger, name)?.firstActOffset ?? null;
  return started !== null && started < before;
};

/** The step counts as completed for those who depend on it, as the log stood before this offset. */
export const isStepDone = (ledger: Ledger, name: string, before: number): boolean => {
  const step = ledger.definition.steps[name];
  if (step === undefined) return false;
  if (isDoneSlot(wholeSlot(ledger, name), before)) return true;
  if (step.forEach === undefined) return false;
  const opened = itemSlots(ledger, name).filter((slot) => slot.openedOffset < before);
  return isReady(ledger, name, before) && isClosed(ledger, name, before) && opened.every((slot) => isDoneSlot(slot, before));
};

const hasReadyDependencies = (ledger: Ledger, name: string, before: number): boolean => {
  const step = ledger.definition.steps[name];
  if (step === undefined || ledger.startedOffset === null || ledger.startedOffset >= before) return false;
  const dependencies = dependenciesOf(step);
  const isAnyEnough = typeof step.after === 'object' && 'any' in step.after;
  if (dependencies.length === 0) return true;
  return isAnyEnough ? dependencies.some((other) => isStepDone(ledger, other, before)) : dependencies.every((other) => isStepDone(ledger, other, before));
};

const READY_SINCE = new WeakMap<Ledger, Map<string, number>>();

/** Offset of the record that made the step ready. */
const readySince = (ledger: Ledger, name: string): number => {
  const known = READY_SINCE.get(ledger) ?? new Map<string, number>();
  READY_SINCE.set(ledger, known);
  const since = known.get(name) ?? ledger.history.records.find(({ offset }) => hasReadyDependencies(ledger, name, offset + 1))?.offset ?? Number.POSITIVE_INFINITY;
  known.set(name, since);
  return since;
};

/** Its dependencies were complete, as the log stood before this offset. A late item may reopen one of them: what was triggered stays so. */
export const isReady = (ledger: Ledger, name: string, before: number): boolean => {
  const canReopen = Object.values(ledger.definition.steps).some(({ forEach }) => forEach !== undefined && 'arriving' in forEach);
  return canReopen ? readySince(ledger, name) < before : hasReadyDependencies(ledger, name, before);
};

export const isEveryStepDone = (ledger: Ledger, before: number): boolean => Object.keys(ledger.definition.steps).every((name) => isStepDone(ledger, name, before));

/** The request that took effect: the first whose place did not make it void. Null: the instance runs forward to its end. */
export const effectiveRequest = (ledger: Ledger): AuditedRecord | null => {
  const [first] = ledger.requests.filter((request) => !isEveryStepDone(ledger, request.offset));
  return first ?? null;
};

/** Its effect is, or may be, there, and the definition says what becomes of it. */
export const isDue = (ledger: Ledger, slot: Slot): boolean => {
  const kind = slot.outcomes[0]?.kind;
  return (kind === 'completed' || kind === 'uncertain') && ledger.definition.steps[slot.step]?.compensation.kind !== 'none';
};

/** Compensated, or closed by an operator; null = not yet. */
export const settledOffset = (slot: Slot): number | null => slot.compensations[0]?.offset ?? slot.operatorOffset;
