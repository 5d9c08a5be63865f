import { InvariantViolation } from '#kernel';
import { defineParticipant, type ParticipantDefinition } from '#saga-core';
import type { Clock, Log } from '#saga-core/ports';
import { buildAiDecision, type AiDecision, DEFAULT_AI_LIMITS } from '#sagas/ai-decision';
import { type SignalToExecution, signalToExecution } from '#sagas/signal-to-execution';
import type { ModelGateway } from './gateways.ts';
import { askFallback } from './saga/ask-fallback.step.ts';
import { askPrimary } from './saga/ask-primary.step.ts';
import { ProviderChain } from './saga/ask-provider.ts';
import { decisionLifecycle } from './saga/endings.ts';
import { fuseData } from './saga/fuse-data.step.ts';
import { generateDecision } from './saga/generate-decision.step.ts';
import { parseAndValidate } from './saga/parse-and-validate.step.ts';
import { publish } from './saga/publish.step.ts';

const CHAIN_LENGTH_MIN = 2;

export type AiDecisionNeeds = {
  /** In the order in which they are asked; at least two. */
  readonly providers: readonly ModelGateway[];
  readonly clock: Clock;
  readonly log: Log;
  /** Definitions with the deployment's limits; the defaults (for this many providers) otherwise. */
  readonly aiDecision?: AiDecision;
  readonly signalToExecution?: SignalToExecution;
};

/** Asks models for decisions, the next one when one does not serve. Initiates `ai_decision`. */
export const createAiDecision = (needs: AiDecisionNeeds): ParticipantDefinition => {
  const { length } = needs.providers;
  if (length < CHAIN_LENGTH_MIN) throw new InvariantViolation(`the chain of model providers needs at least ${CHAIN_LENGTH_MIN} entries, got ${length}`);
  const saga = needs.aiDecision ?? buildAiDecision({ ...DEFAULT_AI_LIMITS, chainLength: length });
  const chain = new ProviderChain(needs.providers, needs.clock);
  return defineParticipant({
    name: 'ai-decision',
    initiates: [decisionLifecycle(saga)],
    steps: [fuseData(saga), askPrimary(saga, chain), askFallback(saga, chain), parseAndValidate(saga), publish(saga), generateDecision(needs.signalToExecution ?? signalToExecution)],
    observer: {
      onQuarantined: ({ sagaType, sagaId, stepName, reason }) => needs.log.error('saga quarantined: a person must act', { sagaType, sagaId, stepName, reason }),
    },
  });
};
