import { aiDecisionGenerated, assessDecisionCommand, orchestratorAnalysisRequested, releaseExposureCommand } from '#contracts';
import { InvariantViolation } from '#kernel';
import { command, implementEntityStep, type StepImplementation } from '#saga-core';
import { type OrchestratorSettings, type WatchedSymbol, watchedSymbolOf } from '../messaging/settings.ts';

/** The account a cycle trades through; a cycle only begins for a watched symbol. */
export const watchedOrStop = (settings: OrchestratorSettings, symbol: string): WatchedSymbol => {
  const watched = watchedSymbolOf(settings, symbol);
  if (watched === null) throw new InvariantViolation(`symbol ${symbol} has a running cycle but is not on the watch list: put it back until its cycles have ended`);
  return watched;
};

/** The account's single writer checks the decision against the limits and reserves what it may add. */
export const validateRisk = (settings: OrchestratorSettings): StepImplementation =>
  implementEntityStep(settings.signalToExecution, 'validate_risk', {
    command: (context) => {
      const decision = context.outputAs('generate_decision', aiDecisionGenerated);
      const analysis = context.outputAs('request_analysis', orchestratorAnalysisRequested);
      if (decision === null || analysis === null || decision.action === 'hold') throw new InvariantViolation(`cycle ${context.sagaId}: validate_risk runs without a decision to trade`);
      const { accountId, brokerConnectionId } = watchedOrStop(settings, analysis.symbol);
      return command({ entity: 'exposures', key: accountId }, assessDecisionCommand, {
        cycleId: context.sagaId, decisionId: decision.decisionId, symbol: analysis.symbol, action: decision.action, confidence: decision.confidence, quantity: decision.quantity,
        orderType: decision.orderType, limitPrice: decision.limitPrice, stopLoss: decision.stopLoss, takeProfit: decision.takeProfit, bid: analysis.quote.bid, ask: analysis.quote.ask,
        accountId, brokerConnectionId,
      });
    },
    undo: ({ start, sagaId }) =>
      command({ entity: 'exposures', key: watchedOrStop(settings, start.symbol).accountId }, releaseExposureCommand, { cycleId: sagaId }),
  });
