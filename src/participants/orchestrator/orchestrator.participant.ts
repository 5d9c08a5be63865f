import type { TradeRiskLimits } from '#contracts';
import { defineParticipant, type ParticipantDefinition } from '#saga-core';
import type { Log } from '#saga-core/ports';
import { type OrderExecution, orderExecution } from '#sagas/order-execution';
import { type SignalToExecution, signalToExecution } from '#sagas/signal-to-execution';
import { cycles } from './messaging/cycles.entity.ts';
import { exposures } from './messaging/exposures.entity.ts';
import { marketQuotes } from './messaging/market.source.ts';
import { DEFAULT_RISK_LIMITS, type OrchestratorSettings, type WatchedSymbol } from './messaging/settings.ts';
import { confirm } from './saga/confirm.step.ts';
import { cycleLifecycle } from './saga/endings.ts';
import { linkDecision } from './saga/link-decision.step.ts';
import { requestAnalysis } from './saga/request-analysis.step.ts';
import { validateRisk } from './saga/validate-risk.step.ts';

export type OrchestratorNeeds = {
  readonly watchList: readonly WatchedSymbol[];
  readonly riskLimits?: TradeRiskLimits;
  readonly log: Log;
  /** Definitions with the deployment's limits; the defaults otherwise. */
  readonly signalToExecution?: SignalToExecution;
  readonly orderExecution?: OrderExecution;
};

/** Turns quotes into cycles and keeps the risk limits. Initiates `signal_to_execution`. */
export const createOrchestrator = (needs: OrchestratorNeeds): ParticipantDefinition => {
  const settings: OrchestratorSettings = {
    watchList: needs.watchList,
    riskLimits: needs.riskLimits ?? DEFAULT_RISK_LIMITS,
    signalToExecution: needs.signalToExecution ?? signalToExecution,
  };
  return defineParticipant({
    name: 'orchestrator',
    initiates: [cycleLifecycle(settings)],
    steps: [
      requestAnalysis(settings), validateRisk(settings), confirm(settings.signalToExecution),
      linkDecision(needs.orderExecution ?? orderExecution, needs.log),
    ],
    entities: [cycles(settings), exposures(settings)],
    sources: [marketQuotes(settings)],
    writesTo: { entities: ['positions'] },
    observer: {
      onSagaCompleted: ({ sagaType, sagaId }) => needs.log.info('saga completed', { sagaType, sagaId }),
      onQuarantined: ({ sagaType, sagaId, stepName, reason }) => needs.log.error('saga quarantined: a person must act', { sagaType, sagaId, stepName, reason }),
    },
  });
};
