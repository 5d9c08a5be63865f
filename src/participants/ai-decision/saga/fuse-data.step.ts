import { fusedPrompt } from '#contracts';
import { completed, data, implementEffect, type StepImplementation } from '#saga-core';
import type { AiDecision } from '#sagas/ai-decision';
import { buildDecisionPrompt } from '../business/prompt.ts';

/** Quote, position, account and limits from the request, as the one question that every provider is asked. */
export const fuseData = (saga: AiDecision): StepImplementation =>
  implementEffect(saga, 'fuse_data', {
    execute: async ({ start }) => completed(data(fusedPrompt, buildDecisionPrompt({
      symbol: start.symbol, asOf: new Date(start.asOf).toISOString(), closes: start.closes, position: start.positionSnapshot, quote: start.quote,
      cash: start.portfolioSnapshot.cash, limits: start.riskLimits,
    }))),
  });
