import type { CompensationRequested, OpsOperatorAction, SagaFailed, SagaRefused, SagaStarted, StepFailed } from '#contracts/core';
import { erase } from '#kernel';
import { type Change, fold, type Projected, type RowOf } from '#projections';
import { symbolOf } from './summary.ts';
import { sagas } from './tables.ts';

export type SagaRow = RowOf<typeof sagas.columns>;

/** Identity of the instance that a record belongs to; null for records of no saga. */
export const sagaIdOf = ({ envelope }: Projected): string | null => {
  if (envelope.correlationId === null || envelope.sagaType === null) return null;
  return envelope.subSaga === null ? envelope.correlationId : `${envelope.correlationId}/${envelope.subSaga}`;
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

/** The instance's state machine (RUNNING, COMPENSATING, MANUAL_REQUIRED, COMPLETED, FAILED); what does not apply changes nothing. */
const moved = (row: SagaRow, record: Projected): SagaRow => {
  const { occurredAt } = record.envelope;
  switch (record.type) {
    case 'chorus.SagaStarted': {
      const { deadlineAt, definitionVersion } = erase<SagaStarted>(record.payload);
      return row.status === 'PENDING' ? { ...row, status: 'RUNNING', deadline_at: deadlineAt, definition_version: definitionVersion } : row;
    }
    case 'chorus.SagaRefused':
      return { ...row, status: 'REFUSED', ended_at: occurredAt, failure_reason: erase<SagaRefused>(record.payload).faults.join('; ') };
    case 'chorus.StepFailed': {
      const { reason } = erase<StepFailed>(record.payload);
      return { ...row, failed_step: row.failed_step ?? slotOf(record), failure_reason: row.failure_reason ?? reason };
    }
    case 'chorus.CompensationRequested': {
      const { failedStep, reason } = erase<CompensationRequested>(record.payload);
      return row.status === 'RUNNING' ? { ...row, status: 'COMPENSATING', failed_step: row.failed_step ?? failedStep, failure_reason: row.failure_reason ?? reason } : row;
    }
    case 'chorus.CompensationFailed':
      return row.status === 'RUNNING' ? row : waiting(row, [...waitingOf(row).filter((slot) => slot !== slotOf(record)), slotOf(record)]);
    case 'chorus.CompensationCompleted':
      return row.status === 'RUNNING' ? row : waiting(row, waitingOf(row).filter((slot) => slot !== slotOf(record)));
    case 'ops.operator.action':
      return ordered(row, erase<OpsOperatorAction>(record.payload));
    // An instance that completes after all had a request that came too late: it says nothing of a failure.
    case 'chorus.SagaCompleted':
      return { ...row, status: 'COMPLETED', ended_at: occurredAt, failed_step: null, failure_reason: null, waiting_steps: '[]' };
    case 'chorus.SagaFailed': {
      const { failedStep, reason } = erase<SagaFailed>(record.payload);
      return { ...row, status: 'FAILED', ended_at: occurredAt, failed_step: row.failed_step ?? failedStep, failure_reason: row.failure_reason ?? reason, waiting_steps: '[]' };
    }
    default:
      return row;
  }
};

/** Every record of an instance counts; only those before its end move it. */
export const nextSagaRow = (sagaId: string, record: Projected) => (before: SagaRow | null): SagaRow | null => {
  if (before === null && isOfExisting(record)) return null;
  const row = before ?? first(sagaId, record);
  const after = hasEnded(row) ? row : moved(row, record);
  return {
    ...after,
    symbol: after.symbol ?? symbolOf(record.payload),
    last_offset: BigInt(record.offset),
    last_at: record.envelope.occurredAt,
    record_count: row.record_count + 1n,
  };
};

export const sagaChange = (sagaId: string, record: Projected): Change => fold(sagas, { saga_id: sagaId }, nextSagaRow(sagaId, record));
