import { bigint, defineTable, integer, nullable, text, timestamp } from '#projections';

/** One row per instance: (correlationId, sub-saga). */
export const sagas = defineTable({
  name: 'sagas',
  columns: {
    /** `correlationId` or `correlationId/subSaga`. */
    saga_id: text,
    correlation_id: text,
    /** Of the instance itself; of a child under its parent's id, the child's. */
    type: text,
    sub_saga: nullable(text),
    parent_correlation_id: nullable(text),
    definition_version: nullable(integer),
    status: text,
    symbol: nullable(text),
    started_at: timestamp,
    deadline_at: nullable(timestamp),
    ended_at: nullable(timestamp),
    failed_step: nullable(text),
    failure_reason: nullable(text),
    /** Steps whose compensation waits for a person, as a JSON list of `step` or `step/item`. */
    waiting_steps: text,
    /** Participant that cannot write what it has to; while it is set, status is MANUAL_REQUIRED and `parked_from` what it would be otherwise. */
    parked_by: nullable(text),
    parked_from: nullable(text),
    topic: text,
    partition: integer,
    first_offset: bigint,
    last_offset: bigint,
    last_at: timestamp,
    record_count: bigint,
  },
  key: ['saga_id'],
  indexes: [['status', 'type', 'started_at'], ['correlation_id'], ['symbol', 'started_at'], ['started_at']],
});

/** One row per step, and per item of a step; `item` is empty for the step itself. */
export const sagaSteps = defineTable({
  name: 'saga_steps',
  columns: {
    saga_id: text,
    step: text,
    item: text,
    number: nullable(integer),
    owner: text,
    /** What the step came to: completed, skipped, failed, uncertain, cancelled; null while open. */
    outcome: nullable(text),
    /** started, done, kept, failed, quarantined; null where none began. */
    compensation: nullable(text),
    attempts: integer,
    next_at: nullable(timestamp),
    reason: nullable(text),
    first_at: timestamp,
    ended_at: nullable(timestamp),
  },
  key: ['saga_id', 'step', 'item'],
});

/** One row per record of an instance. */
export const sagaTimeline = defineTable({
  name: 'saga_timeline',
  columns: {
    topic: text,
    partition: integer,
    record_offset: bigint,
    saga_id: text,
    event_id: text,
    causation_id: nullable(text),
    type: text,
    producer: text,
    step: nullable(text),
    item: nullable(text),
    occurred_at: timestamp,
    summary: text,
  },
  key: ['topic', 'partition', 'record_offset'],
  indexes: [['saga_id', 'record_offset']],
  isAppendOnly: true,
});
