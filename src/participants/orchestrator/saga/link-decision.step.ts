import { orchestratorDecisionUpdated } from '#contracts';
import { compensated, completed, event, implementEffect, type StepImplementation } from '#saga-core';
import type { Log } from '#saga-core/ports';
import type { OrderExecution } from '#sagas/order-execution';

/** Ties the order to its decision. Undone last: whoever made the decision learns that it was not carried out. */
export const linkDecision = (saga: OrderExecution, log: Log): StepImplementation =>
  implementEffect(saga, 'link_decision', {
    execute: async () => completed(null),
    compensate: async ({ start: order, sagaId }, _data, { reason, failedStep }) => {
      log.warn('order not executed: its decision is marked so', { sagaId, orderId: order.orderId, decisionId: order.decisionId, symbol: order.symbol, failedStep, reason });
      if (order.decisionId === null) return compensated();
      return compensated({ events: [event(orchestratorDecisionUpdated, { decisionId: order.decisionId, executed: false, reason })] });
    },
  });
