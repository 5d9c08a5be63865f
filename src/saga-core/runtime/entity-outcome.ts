import { compensationCompleted, compensationFailed, type Envelope, stepFailed } from '#contracts/core';
import type { EntityDecision, SagaRef } from '../definition/entity.ts';
import { type Completed, type CompensationResult, type DomainEvent, type EntityCommand, event, type StepFailure } from '../definition/results.ts';
import type { Codec, LogRecord } from '../ports/index.ts';
import type { Answers } from './answers.ts';
import { CONTEXT_HEADER } from './records.ts';

/** What a handler made of a step's command. */
export type EntityOutcome = Completed | StepFailure | CompensationResult;
/** A step that waits for an outcome. */
export type StepCall = { readonly ref: SagaRef; readonly phase: 'execute' | 'compensate' };
/** Who sent a command; without a phase nobody waits for an outcome. */
export type Caller = { readonly ref: SagaRef | null; readonly phase: 'execute' | 'compensate' | null };
/** An event of a step, and what its envelope says of it. */
type Said = { readonly event: DomainEvent; readonly marks: { readonly isOutcome?: boolean; readonly compensationData?: Uint8Array | null } };

/** What may answer which call. */
const OUTCOMES: Readonly<Record<StepCall['phase'], ReadonlySet<string>>> = {
  execute: new Set(['completed', 'failed']),
  compensate: new Set(['compensated', 'ambiguous', 'terminal']),
};

/** Throws where the answer is not of the kind that the call expects: that is the handler's fault. */
export const refuseMismatch = ({ phase }: Caller, { status }: EntityOutcome): void => {
  if (phase !== null && !OUTCOMES[phase].has(status)) throw new Error(`the handler answers a step's ${phase} with "${status}"`);
};

const plain = (said: DomainEvent): Said => ({ event: said, marks: {} });

/** The step's events in their order: events before, the outcome, events after. */
export const saidOf = (outcome: EntityOutcome, by: { readonly stepName: string; readonly answers: Answers; readonly codec: Codec }): readonly Said[] => {
  const { stepName, answers, codec } = by;
  switch (outcome.status) {
    case 'completed': {
      const { compensationData } = outcome;
      const marks = { isOutcome: true, compensationData: compensationData === undefined ? null : codec.encodeData(compensationData.type, compensationData.value) };
      return [...(outcome.before ?? []).map(plain), { event: answers.outputEvent(stepName, outcome.output), marks }, ...(outcome.after ?? []).map(plain)];
    }
    case 'failed': {
      const errorKind = outcome.kind === 'requireCompensation' ? 'RequireCompensation' : 'Terminal';
      return [...(outcome.events ?? []), event(stepFailed, { stepName, errorKind, outcomeUnknown: outcome.kind === 'unknown', reason: outcome.reason, attempts: 1 })].map(plain);
    }
    case 'compensated': return [...(outcome.events ?? []), event(compensationCompleted, { stepName, kept: outcome.kept ?? false, byOperator: null })].map(plain);
    case 'ambiguous':
    case 'terminal': return [plain(event(compensationFailed, { stepName, errorKind: outcome.status === 'ambiguous' ? 'Ambiguous' : 'Terminal', reason: outcome.reason }))];
  }
};

/** What travels with an outcome: a failed compensation brings nothing along. */
export const commandsOf = (outcome: EntityDecision<unknown>['outcome']): readonly EntityCommand[] =>
  outcome === undefined || !('commands' in outcome) ? [] : (outcome.commands ?? []);

/** The step that sent a command, as its envelope tells; its phase only where an outcome is expected. */
export const callerOf = (record: LogRecord, envelope: Envelope): Caller => {
  const context = record.headers[CONTEXT_HEADER];
  if (context === undefined || envelope.correlationId === null || envelope.sagaType === null) return { ref: null, phase: null };
  const key = envelope.idempotencyKey;
  const ref: SagaRef = {
    context: Buffer.from(context).toString('utf8'),
    correlationId: envelope.correlationId,
    sagaType: envelope.sagaType,
    subSaga: envelope.subSaga,
    parentCorrelationId: envelope.parentCorrelationId,
    definitionVersion: envelope.definitionVersion,
    startedAt: envelope.startedAt,
    timeout: envelope.timeout,
    totalSteps: envelope.totalSteps,
    stepName: envelope.stepName,
    stepItem: envelope.stepItem,
    step: envelope.step,
    subStep: envelope.subStep,
    causationId: envelope.causationId,
  };
  return { ref, phase: key === null ? null : key.endsWith(':compensate') ? 'compensate' : 'execute' };
};

