import { aiDecisionGenerated, orchestratorDecisionUpdated, orderExecutionCompleted, orderPlacedEvent } from '#contracts';
import { defineProjection, defineTable, double, flag, fold, integer, nullable, numeric, type ProjectionDefinition, put, text, timestamp, when } from '#projections';

/** One row per decision, as it was generated. */
export const decisionRecords = defineTable({
  name: 'decision_records',
  columns: {
    decision_id: text,
    correlation_id: text,
    symbol: text,
    action: text,
    confidence: double,
    quantity: numeric,
    order_type: text,
    limit_price: nullable(numeric),
    stop_loss: nullable(numeric),
    take_profit: nullable(numeric),
    rationale: text,
    provider: text,
    model: text,
    fallback_used: flag,
    latency_ms: integer,
    generated_at: timestamp,
  },
  key: ['decision_id'],
  indexes: [['symbol', 'generated_at'], ['correlation_id']],
});

/**
 * What became of a decision, one row per correlation that acted on it: an order may run under an id of its own, on another
 * partition than its decision.
 */
export const decisionExecutions = defineTable({
  name: 'decision_executions',
  columns: { correlation_id: text, decision_id: text, executed: nullable(flag), reason: nullable(text), decided_at: timestamp },
  key: ['correlation_id'],
  indexes: [['decision_id']],
});

/** Readers meet `decisions`: executed is null until known. */
export const decisionsProjection: ProjectionDefinition = defineProjection({
  name: 'decisions',
  version: 1,
  topics: ['sagas.trading'],
  tables: [decisionRecords, decisionExecutions],
  views: [{
    name: 'decisions',
    select: `select r.*, (select bool_or(e.executed) from {decision_executions} e where e.decision_id = r.decision_id) as executed,
      (select max(e.reason) from {decision_executions} e where e.decision_id = r.decision_id) as execution_reason from {decision_records} r`,
  }],
  handles: [
    when(aiDecisionGenerated, ({ payload, envelope }) => [put(decisionRecords, {
      decision_id: payload.decisionId, correlation_id: envelope.correlationId ?? '', symbol: payload.symbol, action: payload.action, confidence: payload.confidence,
      quantity: payload.quantity, order_type: payload.orderType, limit_price: payload.limitPrice, stop_loss: payload.stopLoss, take_profit: payload.takeProfit,
      rationale: payload.rationale, provider: payload.provider, model: payload.model, fallback_used: payload.fallbackUsed, latency_ms: payload.latencyMs,
      generated_at: envelope.occurredAt,
    })]),
    when(orderPlacedEvent, ({ payload, envelope }) => (payload.decisionId === null ? [] : [put(decisionExecutions, {
      correlation_id: envelope.correlationId ?? '', decision_id: payload.decisionId, executed: null, reason: null, decided_at: envelope.occurredAt,
    })])),
    when(orderExecutionCompleted, ({ envelope }) => [
      fold(decisionExecutions, { correlation_id: envelope.correlationId ?? '' }, (row) => (row === null ? null : { ...row, executed: true, decided_at: envelope.occurredAt })),
    ]),
    when(orchestratorDecisionUpdated, ({ payload, envelope }) => [put(decisionExecutions, {
      correlation_id: envelope.correlationId ?? '', decision_id: payload.decisionId, executed: payload.executed, reason: payload.reason, decided_at: envelope.occurredAt,
    })]),
  ],
});
