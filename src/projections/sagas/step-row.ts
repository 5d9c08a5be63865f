import type { CompensationCompleted, CompensationFailed, StepAttemptFailed, StepCompleted, StepFailed, StepStarted } from '#contracts/core';
import { erase } from '#kernel';
import { type Change, fold, type Projected, type RowOf } from '#projections';
import { sagaSteps } from './tables.ts';

export type StepRow = RowOf<typeof sagaSteps.columns>;

const failureOf = ({ outcomeUnknown, errorKind }: StepFailed): string => (outcomeUnknown ? 'uncertain' : errorKind === 'Cancelled' ? 'cancelled' : 'failed');

type Answer = { readonly outcome: string; readonly reason: string | null };

/** One outcome per step and item: a later one changes nothing. */
const answered = (row: StepRow, record: Projected, { outcome, reason }: Answer): StepRow =>
  row.outcome === null ? { ...row, outcome, reason: reason ?? row.reason, next_at: null, ended_at: record.envelope.occurredAt } : row;

type Move = (row: StepRow, record: Projected) => StepRow;

const started: Move = (row, { payload }) => (erase<StepStarted>(payload).phase === 'compensate' ? { ...row, compensation: row.compensation ?? 'started' } : row);

const attempted: Move = (row, { payload }) => {
  const { phase, attempt, cause, nextAt } = erase<StepAttemptFailed>(payload);
  const told = { ...row, attempts: attempt, next_at: nextAt, reason: cause };
  return phase === 'compensate' ? { ...told, compensation: 'started' } : told;
};

const failed: Move = (row, record) => {
  const failure = erase<StepFailed>(record.payload);
  return answered({ ...row, attempts: Math.max(row.attempts, failure.attempts) }, record, { outcome: failureOf(failure), reason: failure.reason });
};

const completed: Move = (row, record) => {
  const { skipped, skipReason } = erase<StepCompleted>(record.payload);
  return answered(row, record, { outcome: skipped ? 'skipped' : 'completed', reason: skipReason });
};

const MOVES: Readonly<Record<string, Move>> = {
  'chorus.StepStarted': started,
  'chorus.StepAttemptFailed': attempted,
  'chorus.StepFailed': failed,
  'chorus.StepCompleted': completed,
  'chorus.CompensationCompleted': (row, { payload }) => ({ ...row, compensation: erase<CompensationCompleted>(payload).kept ? 'kept' : 'done', next_at: null }),
  'chorus.CompensationFailed': (row, { payload }) => ({ ...row, compensation: 'failed', next_at: null, reason: erase<CompensationFailed>(payload).reason }),
  'chorus.SagaQuarantined': (row) => ({ ...row, compensation: 'quarantined' }),
};

const domainEvent: Move = (row, record) => (record.envelope.outcome === 'completed' ? answered(row, record, { outcome: 'completed', reason: null }) : row);
const nextStepRow: Move = (row, record) => (MOVES[record.type] ?? domainEvent)(row, record);

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
