import type { FailureView } from '../definition/context.ts';
import type { RetryPolicy } from '../definition/step.ts';
import type { Instance } from '../engine/index.ts';
import { stepsCompensated } from './answers.ts';

/** How a handler's failure is told in StepFailed. */
export const ERROR_KINDS = { transient: 'RetriesExhausted', unknown: 'RetriesExhausted', terminal: 'Terminal', requireCompensation: 'RequireCompensation', timeout: 'Timeout' } as const;

export const failureOf = (instance: Instance): FailureView => ({
  failedStep: instance.firstFailure?.step ?? null,
  reason: instance.firstFailure?.reason ?? '',
  compensatedSteps: stepsCompensated(instance),
});

/** Wait before the attempt after the n-th: initial × multiplier^(n−1), capped. */
export const delayAfter = (retry: RetryPolicy, attemptNumber: number): number =>
  Math.min(retry.maxDelayMs, retry.initialDelayMs * retry.multiplier ** (attemptNumber - 1));
