import { dependantsOf } from '#saga-core';
import type { AuditedRecord, InvariantId, Violation } from './audited.ts';
import { answeredOffset, effectiveRequest, isDue, isReady, isStepDone, type Ledger, settledOffset, type Slot } from './ledger.ts';
import { checkEmissions } from './watch-checks.ts';

const nameOf = (slot: Slot): string => (slot.item === null ? slot.step : `${slot.step}/${slot.item}`);

type Report = (invariant: InvariantId, message: string) => void;
type Check = (ledger: Ledger, report: Report) => void;

const END = Number.POSITIVE_INFINITY;

/** I1: at most one outcome per (step, item); all of them, completed, where the instance completed. */
const oneOutcome: Check = (ledger, report) => {
  for (const slot of ledger.slots.values()) {
    if (slot.outcomes.length > 1) report('I1', `${nameOf(slot)} has ${slot.outcomes.length} outcomes, at offsets ${slot.outcomes.map(({ offset }) => offset).join(', ')}`);
  }
  const [end] = ledger.terminals;
  if (end?.type !== 'chorus.SagaCompleted') return;
  for (const name of Object.keys(ledger.definition.steps)) {
    if (!isStepDone(ledger, name, end.offset)) report('I1', `SagaCompleted at ${end.offset}, but step ${name} was not complete`);
  }
};

/** What may not follow an instance's end. Observations, signals, commands of operators may, and change nothing. */
const isOfStepOrLifecycle = (record: AuditedRecord): boolean =>
  record.envelope.outcome === 'completed' || /^chorus\.(Step(Started|AttemptFailed|Completed|Failed)|Compensation(Requested|Completed|Failed)|Saga(Started|Quarantined))$/.test(record.type);

/** I2: one terminal record, nothing of a step after it. */
const oneEnd: Check = (ledger, report) => {
  const [end, ...more] = ledger.terminals;
  if (end === undefined) return;
  for (const extra of more) report('I2', `second terminal record ${extra.type} at ${extra.offset}, after ${end.type} at ${end.offset}`);
  for (const record of ledger.history.records) {
    if (record.offset > end.offset && isOfStepOrLifecycle(record)) report('I2', `${record.type} of step ${record.envelope.stepName ?? '-'} at ${record.offset}, after the end at ${end.offset}`);
  }
  if (end.type === 'chorus.SagaRefused' && ledger.startedOffset !== null) report('I2', `refused at ${end.offset} although started at ${ledger.startedOffset}`);
  const starts = ledger.history.records.filter((record) => record.type === 'chorus.SagaStarted');
  if (starts.length > 1) report('I2', `${starts.length} start records, at offsets ${starts.map(({ offset }) => offset).join(', ')}`);
};

/** I3: a step's first act follows its dependencies' completions; after the request nothing starts that was not triggered by then. */
const inOrder: Check = (ledger, report) => {
  const request = effectiveRequest(ledger);
  for (const slot of ledger.slots.values()) {
    const at = slot.firstActOffset;
    if (at === null) continue;
    if (!isReady(ledger, slot.step, at)) report('I3', `${nameOf(slot)} acts at ${at}, before its dependencies are complete`);
    if (request !== null && at > request.offset && !isReady(ledger, slot.step, request.offset)) {
      report('I3', `${nameOf(slot)} acts at ${at} although it was not triggered when the set froze at ${request.offset}`);
    }
  }
};

const undoneOnce = (ledger: Ledger, slot: Slot, report: Report): void => {
  const { length } = slot.compensations;
  if (!isDue(ledger, slot)) {
    if (length > 0) report('I4', `${nameOf(slot)} is compensated although nothing was due`);
    return;
  }
  if (length > 1) report('I4', `${nameOf(slot)} is compensated ${length} times`);
  const end = ledger.terminals[0]?.offset ?? END;
  const settled = settledOffset(slot);
  if (settled === null || settled > end) report('I4', `${nameOf(slot)} is ${slot.outcomes[0]?.kind ?? '-'} but not compensated when the instance fails at ${end}`);
  const isKeptByDefinition = ledger.definition.steps[slot.step]?.compensation.kind === 'kept';
  if (slot.compensations[0]?.isKept === true && !isKeptByDefinition) report('I4', `${nameOf(slot)} is kept, but its definition does not say so`);
};

/** What keeps `slot` from being undone at `own`: a dependant that was not laid to rest by then. */
const restlessDependant = (ledger: Ledger, other: Slot, own: number): string | null => {
  const isTriggered = isReady(ledger, other.step, effectiveRequest(ledger)?.offset ?? END);
  if (isTriggered && (answeredOffset(ledger, other) ?? END) > own) return `${nameOf(other)} is answered`;
  return isDue(ledger, other) && (settledOffset(other) ?? END) > own ? nameOf(other) : null;
};

const undoneInOrder = (ledger: Ledger, slot: Slot, report: Report): void => {
  const own = slot.compensations[0]?.offset;
  if (own === undefined || slot.operatorOffset !== null) return;
  const dependants = dependantsOf(ledger.definition, slot.step);
  for (const other of ledger.slots.values()) {
    const restless = dependants.has(other.step) ? restlessDependant(ledger, other, own) : null;
    if (restless !== null) report('I4', `${nameOf(slot)} is compensated at ${own}, before its dependant ${restless}`);
  }
};

/** No undo without a request before it. */
const undoneOnRequest: Check = (ledger, report) => {
  const requestedAt = effectiveRequest(ledger)?.offset ?? END;
  for (const slot of ledger.slots.values()) {
    const first = slot.compensations[0]?.offset ?? END;
    if (first < requestedAt) report('I4', `${nameOf(slot)} is compensated at ${first} without a request`);
    undoneInOrder(ledger, slot, report);
  }
};

/** Every step that was triggered when the set froze has its answer: a list is opened or cancelled, items are answered one by one. */
const answeredAll = (ledger: Ledger, ends: { readonly requestedAt: number; readonly endedAt: number }, report: Report): void => {
  for (const slot of ledger.slots.values()) {
    if (answeredOffset(ledger, slot) !== null || !isReady(ledger, slot.step, ends.requestedAt)) continue;
    report('I4', `failed at ${ends.endedAt} although the triggered ${nameOf(slot)} has no outcome`);
  }
  for (const [name, { forEach }] of Object.entries(ledger.definition.steps)) {
    if (forEach === undefined || 'arriving' in forEach || ledger.slots.has(name) || !isReady(ledger, name, ends.requestedAt)) continue;
    report('I4', `failed at ${ends.endedAt} although the list of the triggered ${name} was neither opened nor answered`);
  }
};

/** I4: a failed instance is undone, whole, once, in reverse order; one that completed is not. */
const undone: Check = (ledger, report) => {
  const [end] = ledger.terminals;
  const request = effectiveRequest(ledger);
  if (end?.type === 'chorus.SagaCompleted' && request !== null) report('I4', `completed at ${end.offset} although compensation was requested at ${request.offset}`);
  if (end?.type !== 'chorus.SagaFailed') return;
  for (const slot of ledger.slots.values()) undoneOnce(ledger, slot, report);
  if (request === null) report('I4', `failed at ${end.offset} without a request for compensation`);
  else answeredAll(ledger, { requestedAt: request.offset, endedAt: end.offset }, report);
};

const LIFECYCLE = /^chorus\.(Saga(Started|Refused|Completed|Failed|Quarantined)|CompensationRequested)$/;
const OF_OWNER = /^chorus\.(Step(Started|AttemptFailed|Completed|Failed)|Compensation(Completed|Failed))$/;

/** One writer per kind of record. */
const oneWriter: Check = (ledger, report) => {
  for (const { type, envelope, offset } of ledger.history.records) {
    const { producer, stepName } = envelope;
    if (LIFECYCLE.test(type) && type !== 'chorus.SagaStarted' && producer !== ledger.definition.initiator) {
      report('WRITER', `${type} at ${offset} is from ${producer}; the initiator is ${ledger.definition.initiator}`);
    }
    const owner = stepName === null ? undefined : ledger.definition.steps[stepName]?.owner;
    const isEmitted = ledger.slots.get(stepName ?? '')?.emissions.some((emission) => emission.offset === offset) === true;
    if (owner !== undefined && (OF_OWNER.test(type) || envelope.outcome === 'completed' || isEmitted) && producer !== owner) {
      report('WRITER', `${type} of step ${stepName ?? '-'} at ${offset} is from ${producer}; the owner is ${owner}`);
    }
  }
};

const CHECKS: readonly Check[] = [oneOutcome, oneEnd, inOrder, undoneOnRequest, undone, checkEmissions, oneWriter];

/** I1 to I4 and the writers of one instance. */
export const checkInstance = (ledger: Ledger): readonly Violation[] => {
  const found: Violation[] = [];
  for (const check of CHECKS) check(ledger, (invariant, message) => void found.push({ invariant, instance: ledger.history.key, message }));
  return found;
};
