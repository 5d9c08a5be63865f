import type { CompensationCompleted, CompensationFailed, StepAttemptFailed, StepCompleted, StepFailed, StepStarted } from '#contracts/core';
import { erase } from '#kernel';
import { type Change, fold, type Projected, type RowOf } from '#projections';
import { sagaSteps } from './tables.ts';

export type StepRow = RowOf<typeof sagaSteps.columns>;

const failureOf = ({ outcomeUnknown, errorKind }: StepFailed): string => (outcomeUnknown ? 'uncertain' : errorKind === 'Cancelled' ? 'cancelled' : 'failed');

/** One outcome per step and item: a later one changes nothing. */
const answered = (row: StepRow, record: Projected, outcome: string, reason: string | null): StepRow =>
  row.outcome === null ? { ...row, outcome, reason: reason ?? row.reason, next_at: null, ended_at: record.envelope.occurredAt } : row;

const started = (row: StepRow, { payload }: Projected): StepRow =>
  erase<StepStarted>(payload).phase === 'compensate' ? { ...row, compensation: row.compensation ?? 'started' } : row;

const attempted = (row: StepRow, { payload }: Projected): StepRow => {
  const { phase, attempt, cause, nextAt } = erase<StepAttemptFailed>(payload);
  const told = { ...row, attempts: attempt, next_at: nextAt, reason: cause };
  return phase === 'compensate' ? { ...told, compensation: 'started' } : told;
};

const nextStepRow = (row: StepRow, record: Projected): StepRow => {
  switch (record.type) {
    case 'chorus.StepStarted': return started(row, record);
    case 'chorus.StepAttemptFailed': return attempted(row, record);
    case 'chorus.StepFailed': {
      const failure = erase<StepFailed>(record.payload);
      return answered({ ...row, attempts: Math.max(row.attempts, failure.attempts) }, record, failureOf(failure), failure.reason);
    }
    case 'chorus.StepCompleted': {
      const { skipped, skipReason } = erase<StepCompleted>(record.payload);
      return answered(row, record, skipped ? 'skipped' : 'completed', skipReason);
    }
    case 'chorus.CompensationCompleted': {
      const { kept } = erase<CompensationCompleted>(record.payload);
      return { ...row, compensation: kept ? 'kept' : 'done', next_at: null };
    }
    case 'chorus.CompensationFailed': return { ...row, compensation: 'failed', next_at: null, reason: erase<CompensationFailed>(record.payload).reason };
    case 'chorus.SagaQuarantined': return { ...row, compensation: 'quarantined' };
    default: return record.envelope.outcome === 'completed' ? answered(row, record, 'completed', null) : row;
  }
};

const opened = (sagaId: string, { envelope }: Projected): StepRow => ({
  saga_id: sagaId, step: envelope.stepName ?? '', item: envelope.stepItem ?? '', number: envelope.subStep ?? envelope.step, owner: envelope.producer,
  outcome: null, compensation: null, attempts: 0, next_at: null, reason: null, first_at: envelope.occurredAt, ended_at: null,
});

/** Who may write the records that tell a step's owner. */
const isOfOwner = (record: Projected): boolean => record.envelope.outcome === 'completed' || /^chorus\.(Step|CompensationC|CompensationF)/.test(record.type);

/** What a record says of the step that its envelope names; null where it names none. */
export const stepChange = (sagaId: string, record: Projected): Change | null => {
  const { stepName, stepItem, producer } = record.envelope;
  if (stepName === null) return null;
  return fold(sagaSteps, { saga_id: sagaId, step: stepName, item: stepItem ?? '' }, (before) => {
    const row = before ?? opened(sagaId, record);
    const next = nextStepRow(row, record);
    return isOfOwner(record) ? { ...next, owner: producer } : next;
  });
};
