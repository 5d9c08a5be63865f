import { aiDecisionGenerated, aiModelSwitched, type DecisionVerdict, decisionVerdict } from '#contracts';
import { completed, type DomainEvent, event, implementEffect, type StepImplementation, terminal } from '#saga-core';
import type { AiDecision } from '#sagas/ai-decision';

/** One decision per request, so its id is a function of the request's correlationId. */
export const decisionIdOf = (correlationId: string): string => `dec-${correlationId}`;

const switched = (decisionId: string, verdict: DecisionVerdict): readonly DomainEvent[] => {
  const { switchedFromProvider: fromProvider, switchedFromModel: fromModel, switchReason: reason } = verdict;
  if (fromProvider === null || fromModel === null || reason === null) return [];
  return [event(aiModelSwitched, { decisionId, fromProvider, fromModel, toProvider: verdict.provider, toModel: verdict.model, reason, httpStatus: verdict.switchHttpStatus })];
};

/** The decision, and after it the switch where a fallback served. */
export const publish = (saga: AiDecision): StepImplementation =>
  implementEffect(saga, 'publish', {
    execute: async (context) => {
      const verdict = context.outputAs('parse_and_validate', decisionVerdict);
      if (verdict === null) return terminal('parse_and_validate left no decision');
      const decisionId = decisionIdOf(context.sagaId);
      const { action, confidence, quantity, orderType, limitPrice, stopLoss, takeProfit, rationale, provider, model, latencyMs } = verdict;
      const decision = event(aiDecisionGenerated, {
        decisionId, symbol: context.start.symbol, action, confidence, quantity, orderType, limitPrice, stopLoss, takeProfit, rationale, provider, model,
        fallbackUsed: verdict.switchedFromProvider !== null, latencyMs,
      });
      return completed(decision, { after: switched(decisionId, verdict) });
    },
  });
