import { aiDecisionGenerated, orchestratorCycleFailed, releaseCycleCommand, releaseExposureCommand } from '#contracts';
import { command, type EntityCommand, event, initiate, type Initiation, type SagaContext } from '#saga-core';
import type { SignalToExecution } from '#sagas/signal-to-execution';
import type { OrchestratorSettings } from '../messaging/settings.ts';
import { watchedOrStop } from './validate-risk.step.ts';

/** The symbol is free again. */
const freed = ({ start, sagaId }: SagaContext<SignalToExecution>): EntityCommand => command({ entity: 'cycles', key: start.symbol }, releaseCycleCommand, { cycleId: sagaId });

/** The symbol is free, and what was bought is counted as a position, no longer as a reservation. */
const released = (settings: OrchestratorSettings, context: SagaContext<SignalToExecution>): readonly EntityCommand[] => {
  const { start, sagaId } = context;
  return [freed(context), command({ entity: 'exposures', key: watchedOrStop(settings, start.symbol).accountId }, releaseExposureCommand, { cycleId: sagaId })];
};

/** The lifecycle of a cycle. */
export const cycleLifecycle = (settings: OrchestratorSettings): Initiation =>
  initiate(settings.signalToExecution, {
    // The keeper of the symbol granted the cycle before its start was looked at.
    refused: (context) => ({ commands: [freed(context)] }),
    completed: (context) => ({ commands: released(settings, context) }),
    failed: (context, failure) => ({
      event: event(orchestratorCycleFailed, {
        cycleId: context.start.cycleId, decisionId: context.outputAs('generate_decision', aiDecisionGenerated)?.decisionId ?? null, failedStep: failure.failedStep, reason: failure.reason,
      }),
      commands: released(settings, context),
    }),
  });
