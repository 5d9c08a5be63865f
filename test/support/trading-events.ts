// The domain events of orders and cycles in the order in which they must appear, and what else is true of every saga's records.
import type { AuditedRecord } from '#saga-core/testing';

export const SUBMITTED = ['OrderPlacedEvent', 'trade.order.submitted'] as const;
export const ACKNOWLEDGED = [...SUBMITTED, 'trade.order.acknowledged'] as const;
export const BOOKED = ['analytics.pnl.recorded', 'OrderExecutionCompleted'] as const;
export const FILLED = ['trade.order.filled', 'trade.position.updated'] as const;
export const PARTLY = ['trade.order.partially_filled', 'trade.position.updated'] as const;
export const ORDER_FAILED = 'OrderExecutionFailed';
/** SC-M-1. */
export const ORDER_EXECUTED = [...ACKNOWLEDGED, ...FILLED, ...BOOKED] as const;

export const REQUESTED = ['orchestrator.cycle.started', 'orchestrator.analysis.requested'] as const;
export const DECIDED = [...REQUESTED, 'ai.decision.generated'] as const;
export const EXECUTED = ['orchestrator.trade.requested', ...ORDER_EXECUTED, 'orchestrator.cycle.completed'] as const;

/** A9.4: step, own number inside the cycle and total of every failure and compensation record of a cycle whose order the broker refuses. */
export const REFUSED_NUMBERS: readonly string[] = [
  'trade.order.rejected submit_order 3/2/6', 'chorus.StepFailed submit_order 3/2/6', 'chorus.StepFailed watch_for_stop 3/2/6', 'chorus.CompensationRequested - 3/2/6',
  'chorus.CompensationCompleted validate_order 3/1/6', 'orchestrator.decision.updated link_decision 3/0/6', 'chorus.CompensationCompleted link_decision 3/0/6',
  'chorus.OrderExecutionFailed - 5/6/6', 'chorus.SagaFailed - 5/6/6',
  'chorus.StepFailed trade 3/-/6', 'chorus.CompensationRequested - 3/-/6', 'chorus.CompensationCompleted validate_risk 3/-/6', 'orchestrator.cycle.failed - 6/-/6', 'chorus.SagaFailed - 6/-/6',
];
const FAILURE = /Compensation|Failed$|failed$|rejected$|decision\.updated$/;

/** Records that tell of a failure or of an undoing. */
export const failuresOf = (records: readonly AuditedRecord[]): readonly AuditedRecord[] => records.filter(({ type }) => FAILURE.test(type));

/** Type, step, and the three numbers, as `REFUSED_NUMBERS` spells them. */
export const numbersOf = ({ type, envelope }: AuditedRecord): string =>
  `${type} ${envelope.stepName ?? '-'} ${envelope.step ?? '-'}/${envelope.subStep ?? '-'}/${envelope.totalSteps ?? '-'}`;

const LIFECYCLE = /^chorus\.(Saga|Step|Compensation|Child|Instance|BrokerObservation|OrderStop)|^ops\./;

export const isDomainEvent = (record: AuditedRecord): boolean => !LIFECYCLE.test(record.type);

/** Names of the domain events, in their order. */
export const domainOf = (records: readonly AuditedRecord[]): readonly string[] => records.filter(isDomainEvent).map((record) => record.type.replace(/^chorus\./, ''));

/** The state of the outermost instance, once it has ended or waits for a person. */
export const statusOf = (records: readonly AuditedRecord[]): 'COMPLETED' | 'FAILED' | 'REFUSED' | 'MANUAL_REQUIRED' | null => {
  const own = new Set(records.filter((record) => record.envelope.subSaga === null).map((record) => record.type));
  if (own.has('chorus.SagaCompleted')) return 'COMPLETED';
  if (own.has('chorus.SagaFailed')) return 'FAILED';
  if (own.has('chorus.SagaRefused')) return 'REFUSED';
  return own.has('chorus.SagaQuarantined') ? 'MANUAL_REQUIRED' : null;
};

const ROOTS = new Set(['orchestrator.cycle.started', 'orchestrator.analysis.requested']);

type Check = (envelope: AuditedRecord['envelope'], first: AuditedRecord['envelope'], isRoot: boolean) => boolean;

/** What each of the seven fields must be. */
const FIELDS: Readonly<Record<string, Check>> = {
  correlationId: ({ correlationId }, first) => correlationId !== null && correlationId === first.correlationId,
  causationId: ({ causationId }, _first, isRoot) => isRoot || causationId !== null,
  sagaType: ({ sagaType }, first) => sagaType !== null && sagaType === first.sagaType,
  step: ({ step, totalSteps }) => step !== null && totalSteps !== null && step >= 0 && step <= totalSteps,
  totalSteps: ({ totalSteps }, first) => totalSteps === first.totalSteps,
  startedAt: ({ startedAt }, first) => startedAt !== null && startedAt === first.startedAt,
  timeout: ({ timeout }, first) => timeout !== null && timeout === first.timeout,
};

/** Requests from outside to a saga that runs: they have no cause in it, and whoever sends them does not know when it began. */
const FROM_OUTSIDE = new Set(['ops.operator.action', 'chorus.SagaSignalled']);

/** What is missing or wrong of the seven fields that every record of a saga carries (A9.1, A9.4), told with type and offset. */
export const metadataFaults = (records: readonly AuditedRecord[]): readonly string[] => {
  const [first] = records;
  if (first === undefined) return ['there is no record at all'];
  return records.filter(({ type }) => !FROM_OUTSIDE.has(type)).flatMap((record) => {
    const isRoot = record === first || ROOTS.has(record.type);
    const wrong = Object.entries(FIELDS).filter(([, isRight]) => !isRight(record.envelope, first.envelope, isRoot));
    return wrong.map(([field]) => `${record.type} at ${record.offset}: ${field} is ${JSON.stringify(Object.entries(record.envelope).find(([name]) => name === field)?.[1])}, of ${JSON.stringify(record.envelope)}`);
  });
};

/** Records that say the same thing twice: the same eventId, or the same domain event of the same step and item. */
export const duplicatesOf = (records: readonly AuditedRecord[]): readonly string[] => {
  const seen = new Set<string>();
  return records.flatMap((record) => {
    const { eventId, subSaga, stepName, stepItem } = record.envelope;
    const names = [eventId, ...(isDomainEvent(record) ? [`${record.type} ${subSaga ?? ''}/${stepName ?? ''}/${stepItem ?? ''}`] : [])];
    const repeated = names.filter((name) => seen.has(name));
    for (const name of names) seen.add(name);
    return repeated;
  });
};

/** Is `cause` an ancestor of `effect`, through any number of records of the correlationId? */
export const isCausedBy = (records: readonly AuditedRecord[], effect: AuditedRecord, cause: AuditedRecord): boolean => {
  const byId = new Map(records.map((record) => [record.envelope.eventId, record]));
  for (let at: AuditedRecord | undefined = effect; at !== undefined; at = byId.get(at.envelope.causationId ?? '')) {
    if (at.envelope.causationId === cause.envelope.eventId) return true;
  }
  return false;
};
