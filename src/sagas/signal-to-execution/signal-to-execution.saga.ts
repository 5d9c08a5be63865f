import {
  aiDecisionGenerated, analyticsPnlRecorded, orchestratorAnalysisRequested, orchestratorCycleCompleted, orchestratorCycleFailed, orchestratorCycleStarted,
  orchestratorDecisionUpdated, orchestratorRiskRejected, orchestratorTradeRequested,
} from '#contracts';
import { defineSaga, NO_RETRY, none, type Outputs, undo } from '#saga-core';

/** Time limits of one cycle, in milliseconds. */
export type SignalToExecutionLimits = {
  /** 120 s for analysis and decision, and the 300 s of the order's own saga. */
  readonly timeoutMs: number;
  readonly requestAnalysisMs: number;
  readonly confirmMs: number;
};

/** Seven minutes for a cycle, five of them for the order. */
export const DEFAULT_CYCLE_LIMITS: SignalToExecutionLimits = { timeoutMs: 420_000, requestAnalysisMs: 1_000, confirmMs: 5_000 };

type Claim = { readonly holds: true } | { readonly holds: false; readonly why: string };
const decisionIsToTrade = (outputs: Outputs): Claim =>
  outputs.of('generate_decision', aiDecisionGenerated)?.action === 'hold' ? { holds: false, why: 'the decision is to hold' } : { holds: true };
const tradeWasRequested = (outputs: Outputs): Claim =>
  outputs.of('validate_risk', orchestratorTradeRequested) === null ? { holds: false, why: 'no trade was requested' } : { holds: true };

/** One cycle of a symbol: from a quote to a decision and, where it passes the risk check, to an executed order. */
export const buildSignalToExecution = (limits: SignalToExecutionLimits = DEFAULT_CYCLE_LIMITS) =>
  defineSaga({
    type: 'signal_to_execution',
    version: 1,
    context: 'trading',
    initiator: 'orchestrator',
    start: orchestratorCycleStarted,
    timeoutMs: limits.timeoutMs,
    totalSteps: 6,
    steps: {
      request_analysis: {
        kind: 'effect', owner: 'orchestrator', number: 1, after: 'start', timeoutMs: limits.requestAnalysisMs, retry: NO_RETRY,
        output: orchestratorAnalysisRequested, isChainRoot: true, compensation: none('a request only'),
      },
      generate_decision: {
        kind: 'child', saga: 'ai_decision', id: 'inherited', owner: 'ai-decision', number: 2, after: 'request_analysis',
        output: aiDecisionGenerated, compensation: none('a decision is a record'),
      },
      validate_risk: {
        kind: 'entity', entity: 'exposures', owner: 'orchestrator', number: 3, after: 'generate_decision', when: 'decision_is_to_trade', reads: ['request_analysis'],
        output: [orchestratorTradeRequested, orchestratorRiskRejected], emits: [orchestratorDecisionUpdated], compensation: undo(),
      },
      trade: {
        kind: 'child', saga: 'order_execution', id: 'inherited', owner: 'trading-engine', number: 3, after: 'validate_risk', when: 'trade_was_requested',
        reads: ['request_analysis', 'generate_decision'], output: analyticsPnlRecorded, compensation: none('an executed order cannot be recalled; a running one is stopped'),
      },
      confirm: {
        kind: 'effect', owner: 'orchestrator', number: 6, after: { all: ['validate_risk', 'trade'] }, reads: ['generate_decision'], timeoutMs: limits.confirmMs, retry: NO_RETRY,
        output: orchestratorCycleCompleted, compensation: none('it is the last step'),
      },
    },
    predicates: { decision_is_to_trade: decisionIsToTrade, trade_was_requested: tradeWasRequested },
    result: 'confirm',
    completed: { emits: null },
    failed: { emits: orchestratorCycleFailed, reads: ['generate_decision'] },
  });

/** The definition, as the steps are typed by it. */
export type SignalToExecution = ReturnType<typeof buildSignalToExecution>;
/** With the default limits. */
export const signalToExecution: SignalToExecution = buildSignalToExecution();
