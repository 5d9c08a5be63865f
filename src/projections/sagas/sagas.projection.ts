import { type Change, defineProjection, type Projected, type ProjectionDefinition, put } from '#projections';
import { sagaChange, sagaIdOf } from './instance-row.ts';
import { stepChange } from './step-row.ts';
import { summaryOf } from './summary.ts';
import { sagas, sagaSteps, sagaTimeline } from './tables.ts';

const timelineChange = (sagaId: string, record: Projected): Change => {
  const { envelope } = record;
  return put(sagaTimeline, {
    topic: record.topic,
    partition: record.partition,
    record_offset: BigInt(record.offset),
    saga_id: sagaId,
    event_id: envelope.eventId,
    causation_id: envelope.causationId,
    type: record.type,
    producer: envelope.producer,
    step: envelope.stepName,
    item: envelope.stepItem,
    occurred_at: envelope.occurredAt,
    summary: summaryOf(record.payload),
  });
};

const everyRecord = (record: Projected): readonly Change[] => {
  const sagaId = sagaIdOf(record);
  if (sagaId === null) return [];
  const step = stepChange(sagaId, record);
  const changes = [sagaChange(sagaId, record), timelineChange(sagaId, record)];
  return step === null ? changes : [...changes, step];
};

/** Instances by status with their steps and their timeline, of every saga type alike. */
export const sagasProjection: ProjectionDefinition = defineProjection({
  name: 'sagas',
  // Version 2 had no columns for parking.
  version: 3,
  topics: ['sagas.trading'],
  tables: [sagas, sagaSteps, sagaTimeline],
  handles: [],
  every: everyRecord,
});
