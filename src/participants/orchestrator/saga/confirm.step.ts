import { aiDecisionGenerated, analyticsPnlRecorded, orchestratorCycleCompleted, type OrchestratorCycleCompleted, orchestratorRiskRejected } from '#contracts';
import { completed, event, implementEffect, type SagaContext, type StepImplementation } from '#saga-core';
import type { SignalToExecution } from '#sagas/signal-to-execution';

const outcomeOf = (context: SagaContext<SignalToExecution>): OrchestratorCycleCompleted['outcome'] => {
  if (context.outputAs('trade', analyticsPnlRecorded) !== null) return 'executed';
  return context.outputAs('validate_risk', orchestratorRiskRejected) === null ? 'no_trade' : 'risk_rejected';
};

/** How the cycle ended. */
export const confirm = (saga: SignalToExecution): StepImplementation =>
  implementEffect(saga, 'confirm', {
    execute: async (context) => completed(event(orchestratorCycleCompleted, {
      cycleId: context.start.cycleId,
      outcome: outcomeOf(context),
      decisionId: context.outputAs('generate_decision', aiDecisionGenerated)?.decisionId ?? '',
      orderId: context.outputAs('trade', analyticsPnlRecorded)?.orderId ?? null,
    })),
  });
