import type { CompensationRequested, InstanceParked, OpsOperatorAction, SagaFailed, SagaRefused, SagaStarted, StepFailed } from '#contracts/core';
import { erase } from '#kernel';
import { type Change, fold, type Projected, type RowOf } from '#projections';
import { instanceKey } from '#saga-core';
import { symbolOf } from './summary.ts';
import { sagas } from './tables.ts';

export type SagaRow = RowOf<typeof sagas.columns>;

/** Identity of the instance that a record belongs to; null for records of no saga. */
export const sagaIdOf = ({ envelope }: Projected): string | null => {
  if (envelope.correlationId === null || envelope.sagaType === null) return null;
  return instanceKey(envelope.correlationId, envelope.subSaga);
};

/** Records that cannot begin an instance: what others write to one that exists. */
const isOfExisting = (record: Projected): boolean => record.type === 'ops.operator.action' || record.envelope.stepName !== null;

const first = (sagaId: string, record: Projected): SagaRow => {
  const { envelope } = record;
  return {
    saga_id: sagaId,
    correlation_id: envelope.correlationId ?? '',
    type: envelope.subSaga ?? envelope.sagaType ?? '',
    sub_saga: envelope.subSaga,
    parent_correlation_id: envelope.parentCorrelationId,
    definition_version: envelope.definitionVersion,
    status: 'PENDING',
    symbol: null,
    started_at: envelope.occurredAt,
    deadline_at: null,
    ended_at: null,
    failed_step: null,
    failure_reason: null,
    waiting_steps: '[]',
    parked_by: null,
    parked_from: null,
    topic: record.topic,
    partition: record.partition,
    first_offset: BigInt(record.offset),
    last_offset: BigInt(record.offset),
    last_at: envelope.occurredAt,
    record_count: 0n,
  };
};

const hasEnded = (row: SagaRow): boolean => row.status === 'COMPLETED' || row.status === 'FAILED' || row.status === 'REFUSED';
const waitingOf = (row: SagaRow): readonly string[] => erase<readonly string[]>(JSON.parse(row.waiting_steps));
const slotOf = ({ envelope }: Projected): string => (envelope.stepItem === null ? (envelope.stepName ?? '') : `${envelope.stepName ?? ''}/${envelope.stepItem}`);

/** MANUAL_REQUIRED exactly while some compensation waits for a person. */
const waiting = (row: SagaRow, steps: readonly string[]): SagaRow => ({ ...row, waiting_steps: JSON.stringify(steps), status: steps.length > 0 ? 'MANUAL_REQUIRED' : 'COMPENSATING' });

/** Retry, skip and resolve apply to what waits, and to nothing else; an order to compensate is answered by the initiator's request. */
const ordered = (row: SagaRow, action: OpsOperatorAction): SagaRow => {
  if (action.action === 'compensate' || row.status !== 'MANUAL_REQUIRED') return row;
  const isMeant = (slot: string): boolean => {
    const [step, ...item] = slot.split('/');
    return (action.step === null || action.step === step) && (action.stepItem === null || action.stepItem === item.join('/'));
  };
  const left = waitingOf(row).filter((slot) => !isMeant(slot));
  return waiting(row, left);
};

type Move = (row: SagaRow, record: Projected) => SagaRow;

const started: Move = (row, { payload }) => {
  const { deadlineAt, definitionVersion } = erase<SagaStarted>(payload);
  return row.status === 'PENDING' ? { ...row, status: 'RUNNING', deadline_at: deadlineAt, definition_version: definitionVersion } : row;
};

const failing = (row: SagaRow, step: string | null, reason: string): SagaRow => ({ ...row, failed_step: row.failed_step ?? step, failure_reason: row.failure_reason ?? reason });

const requested: Move = (row, { payload }) => {
  const { failedStep, reason } = erase<CompensationRequested>(payload);
  return row.status === 'RUNNING' ? { ...failing(row, failedStep, reason), status: 'COMPENSATING' } : row;
};

const failed: Move = (row, { payload, envelope }) => {
  const { failedStep, reason } = erase<SagaFailed>(payload);
  return { ...failing(row, failedStep, reason), status: 'FAILED', ended_at: envelope.occurredAt, waiting_steps: '[]' };
};

const others = (row: SagaRow, record: Projected): readonly string[] => waitingOf(row).filter((slot) => slot !== slotOf(record));

/** The instance's state machine: PENDING, RUNNING, COMPENSATING, MANUAL_REQUIRED, COMPLETED, FAILED, REFUSED; what does not apply changes nothing. */
const MOVES: Readonly<Record<string, Move>> = {
  'chorus.SagaStarted': started,
  'chorus.SagaRefused': (row, { payload, envelope }) => ({ ...row, status: 'REFUSED', ended_at: envelope.occurredAt, failure_reason: erase<SagaRefused>(payload).faults.join('; ') }),
  'chorus.StepFailed': (row, record) => failing(row, slotOf(record), erase<StepFailed>(record.payload).reason),
  'chorus.CompensationRequested': requested,
  'chorus.CompensationFailed': (row, record) => (row.status === 'RUNNING' ? row : waiting(row, [...others(row, record), slotOf(record)])),
  'chorus.CompensationCompleted': (row, record) => (row.status === 'RUNNING' ? row : waiting(row, others(row, record))),
  'chorus.InstanceParked': (row, { payload }) => ({ ...row, failure_reason: row.failure_reason ?? erase<InstanceParked>(payload).reason }),
  'ops.operator.action': (row, { payload }) => ordered(row, erase<OpsOperatorAction>(payload)),
  // An instance that completes after all had a request that came too late: it says nothing of a failure.
  'chorus.SagaCompleted': (row, { envelope }) => ({ ...row, status: 'COMPLETED', ended_at: envelope.occurredAt, failed_step: null, failure_reason: null, waiting_steps: '[]' }),
  'chorus.SagaFailed': failed,
};

const INSTANCE_PARKED = 'chorus.InstanceParked';

/** Whoever has parked an instance writes nothing of it: a later record on its own chain says that it goes on. Entities write on chains of their own. */
const parkedBy = (row: SagaRow, { type, envelope }: Projected): string | null => {
  if (type === INSTANCE_PARKED) return envelope.producer;
  return envelope.producer === row.parked_by && envelope.chain.id === envelope.producer ? null : row.parked_by;
};

/** What it has to write can never be committed, until a later build can: parked, an instance waits for a person whatever its state machine says; that goes on beneath, by what the others write. */
const moved = (row: SagaRow, record: Projected): SagaRow => {
  const beneath = row.parked_from === null ? row : { ...row, status: row.parked_from };
  const after = hasEnded(beneath) ? beneath : (MOVES[record.type]?.(beneath, record) ?? beneath);
  const parked = hasEnded(after) ? null : parkedBy(row, record);
  return parked === null ? { ...after, parked_by: null, parked_from: null } : { ...after, status: 'MANUAL_REQUIRED', parked_by: parked, parked_from: after.status };
};

/** Every record of an instance counts; only those before its end move it. */
export const nextSagaRow = (sagaId: string, record: Projected) => (before: SagaRow | null): SagaRow | null => {
  if (before === null && isOfExisting(record)) return null;
  const row = before ?? first(sagaId, record);
  const after = moved(row, record);
  return {
    ...after,
    symbol: after.symbol ?? symbolOf(record.payload),
    last_offset: BigInt(record.offset),
    last_at: record.envelope.occurredAt,
    record_count: row.record_count + 1n,
  };
};

export const sagaChange = (sagaId: string, record: Projected): Change => fold(sagas, { saga_id: sagaId }, nextSagaRow(sagaId, record));
