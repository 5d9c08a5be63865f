import { orchestratorAnalysisRequested } from '#contracts';
import { completed, event, implementEffect, type StepImplementation } from '#saga-core';
import type { OrchestratorSettings } from '../messaging/settings.ts';

/** The request with everything a decision needs, so that whoever decides queries nothing. */
export const requestAnalysis = ({ signalToExecution, riskLimits }: OrchestratorSettings): StepImplementation =>
  implementEffect(signalToExecution, 'request_analysis', {
    execute: async ({ start }) => {
      const { cycleId, symbol, triggerEventId, quote, closes } = start;
      return completed(event(orchestratorAnalysisRequested, {
        cycleId, symbol, triggerEventId, quote, closes, riskLimits, asOf: quote.quoteTime,
        positionSnapshot: start.positionSnapshot ?? { qty: '0', avgPrice: '0' },
        portfolioSnapshot: start.portfolioSnapshot ?? { cash: '0', exposure: '0' },
      }));
    },
  });
