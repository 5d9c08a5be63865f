import { defineParticipant, type ParticipantDefinition } from '#saga-core';
import { type OrderExecution, orderExecution } from '#sagas/order-execution';
import { calculatePnl } from './saga/calculate-pnl.step.ts';

export type AnalyticsNeeds = {
  /** ISO 4217 code that profits are recorded in. */
  readonly currency?: string;
  readonly orderExecution?: OrderExecution;
};

/** Records what orders earned. */
export const createAnalytics = (needs: AnalyticsNeeds = {}): ParticipantDefinition =>
  defineParticipant({ name: 'analytics', steps: [calculatePnl(needs.orderExecution ?? orderExecution, needs.currency ?? 'USD')] });
