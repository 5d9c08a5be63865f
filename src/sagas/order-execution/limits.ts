import { R3, type RetryPolicy } from '#saga-core';

/** Time limits (milliseconds) and retries of one order's execution. */
export type OrderExecutionLimits = {
  /** The whole saga. */
  readonly timeoutMs: number;
  readonly linkDecisionMs: number;
  /** One submission attempt, the look-up after a server error included. */
  readonly submitOrderMs: number;
  readonly submitRetry: RetryPolicy;
  readonly acknowledgmentMs: number;
  /** How long fills are waited for before the rest is cancelled. */
  readonly monitorFillsMs: number;
  readonly cancelRestMs: number;
  readonly cancelRetry: RetryPolicy;
  readonly calculatePnlMs: number;
  readonly calculatePnlRetry: RetryPolicy;
  /** One attempt to undo the submission; what is not undone after `undoRetry` waits for a person. */
  readonly undoMs: number;
  readonly undoRetry: RetryPolicy;
};

/** Waits 1, 2 and 4 s: longer than the silence after which the connection asks for what its stream did not bring. */
const UNDO_RETRY: RetryPolicy = { ...R3, maxAttempts: 4 };

/** Five minutes for an order, one of them for its fills. */
export const DEFAULT_LIMITS: OrderExecutionLimits = {
  timeoutMs: 300_000,
  linkDecisionMs: 1_000,
  submitOrderMs: 10_000,
  submitRetry: R3,
  acknowledgmentMs: 15_000,
  monitorFillsMs: 60_000,
  cancelRestMs: 10_000,
  cancelRetry: R3,
  calculatePnlMs: 5_000,
  calculatePnlRetry: R3,
  undoMs: 10_000,
  undoRetry: UNDO_RETRY,
};

const TENTH = 10;

/**
 * A virtual broker answers at once, so its deadlines are a tenth. Waits between attempts stay: they are there for the other side.
 * For a worker whose connections are all virtual.
 */
export const virtualBrokerLimits = (limits: OrderExecutionLimits = DEFAULT_LIMITS): OrderExecutionLimits => ({
  ...limits,
  timeoutMs: limits.timeoutMs / TENTH,
  submitOrderMs: limits.submitOrderMs / TENTH,
  acknowledgmentMs: limits.acknowledgmentMs / TENTH,
  monitorFillsMs: limits.monitorFillsMs / TENTH,
  cancelRestMs: limits.cancelRestMs / TENTH,
  calculatePnlMs: limits.calculatePnlMs / TENTH,
  undoMs: limits.undoMs / TENTH,
});
