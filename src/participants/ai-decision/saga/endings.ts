import { aiDecisionFailed, providerVerdict } from '#contracts';
import { event, initiate, type Initiation } from '#saga-core';
import type { AiDecision } from '#sagas/ai-decision';

/** The lifecycle of a decision: when the chain is exhausted, every attempt is told. */
export const decisionLifecycle = (saga: AiDecision): Initiation =>
  initiate(saga, {
    failed: (context) => ({
      event: event(aiDecisionFailed, {
        requestEventId: context.startEventId,
        symbol: context.start.symbol,
        attempts: [...(context.outputAs('ask_primary', providerVerdict)?.attempts ?? []), ...(context.outputAs('ask_fallback', providerVerdict)?.attempts ?? [])],
      }),
    }),
  });
