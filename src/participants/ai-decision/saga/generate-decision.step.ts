import { implementChild, type StepImplementation } from '#saga-core';
import type { SignalToExecution } from '#sagas/signal-to-execution';

/** The decision's own saga, under the cycle's correlationId; the cycle's request is its trigger. */
export const generateDecision = (saga: SignalToExecution): StepImplementation =>
  implementChild(saga, 'generate_decision', { trigger: () => ({ kind: 'output', step: 'request_analysis' }) });
