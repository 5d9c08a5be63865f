import type { ReadRecord } from '#apps/saga-reader';
import type { SagaDefinition } from '#saga-core';

export const INSTANCE_STATUSES = ['RUNNING', 'COMPENSATING', 'MANUAL_REQUIRED', 'COMPLETED', 'FAILED', 'REFUSED'] as const;
export type InstanceStatus = (typeof INSTANCE_STATUSES)[number];
/** One instance (the saga itself, or a sub-saga under its id), as its records tell it. */
export type InstanceView = {
  readonly type: string;
  readonly subSaga: string | null;
  readonly status: InstanceStatus;
  /** Steps without an outcome, in the definition's order; empty once it has ended. */
  readonly leftToDo: readonly string[];
  /** Completed steps that are still to be undone; empty unless it compensates. */
  readonly leftToUndo: readonly string[];
};

const STATUS_OF: Readonly<Record<string, InstanceStatus>> = {
  'chorus.CompensationRequested': 'COMPENSATING', 'chorus.SagaQuarantined': 'MANUAL_REQUIRED', 'chorus.InstanceParked': 'MANUAL_REQUIRED', 'chorus.SagaCompleted': 'COMPLETED', 'chorus.SagaFailed': 'FAILED',
  'chorus.SagaRefused': 'REFUSED',
};
const ENDED: readonly InstanceStatus[] = ['COMPLETED', 'FAILED', 'REFUSED'];

const statusOf = (records: readonly ReadRecord[]): InstanceStatus =>
  records.reduce<InstanceStatus>((status, { type }) => {
    if (ENDED.includes(status)) return status;
    // A person's retry or skip sets a waiting instance to work again.
    if (type === 'ops.operator.action' && status === 'MANUAL_REQUIRED') return 'COMPENSATING';
    return STATUS_OF[type] ?? status;
  }, 'RUNNING');

const viewOf = (subSaga: string | null, records: readonly ReadRecord[], sagas: readonly SagaDefinition[]): InstanceView => {
  const type = subSaga ?? records[0]?.envelope.sagaType ?? 'unknown';
  const status = statusOf(records);
  const stepsWith = (holds: (record: ReadRecord) => boolean): ReadonlySet<string> => new Set(records.filter(holds).flatMap(({ envelope }) => (envelope.stepName === null ? [] : [envelope.stepName])));
  const completed = stepsWith(({ envelope }) => envelope.outcome === 'completed');
  const failed = stepsWith((record) => record.type === 'chorus.StepFailed');
  const undone = stepsWith((record) => record.type === 'chorus.CompensationCompleted');
  const steps = Object.entries(sagas.find((saga) => saga.type === type)?.steps ?? {});
  const isEnded = ENDED.includes(status);
  const isUndoing = status === 'COMPENSATING' || status === 'MANUAL_REQUIRED';
  return {
    type, subSaga, status,
    leftToDo: isEnded || isUndoing ? [] : steps.filter(([name]) => !completed.has(name) && !failed.has(name)).map(([name]) => name),
    leftToUndo: isUndoing ? steps.filter(([name, step]) => completed.has(name) && !undone.has(name) && step.compensation.kind !== 'none').map(([name]) => name) : [],
  };
};

/** The saga and its sub-sagas, in the order in which they began. */
export const instancesOf = (records: readonly ReadRecord[], sagas: readonly SagaDefinition[]): readonly InstanceView[] =>
  [...Map.groupBy(records, ({ envelope }) => envelope.subSaga)].map(([subSaga, own]) => viewOf(subSaga, own, sagas));

export const renderInstance = ({ type, subSaga, status, leftToDo, leftToUndo }: InstanceView): string => {
  const left = [...(leftToDo.length === 0 ? [] : [`left to do: ${leftToDo.join(', ')}`]), ...(leftToUndo.length === 0 ? [] : [`left to undo: ${leftToUndo.join(', ')}`])];
  return `${subSaga === null ? '' : '  '}${type}  ${status}${left.length === 0 ? '' : `  ${left.join('; ')}`}`;
};
