import { aiDecisionFailed, aiDecisionGenerated, aiModelSwitched, decisionVerdict, fusedPrompt, orchestratorAnalysisRequested, providerVerdict } from '#contracts';
import { defineSaga, NO_RETRY, none, type Outputs, R3, type RetryPolicy } from '#saga-core';

/** Time limits (milliseconds) and retries of one decision. */
export type AiDecisionLimits = {
  /** The first two providers; every further one adds `furtherProviderMs`. */
  readonly timeoutMs: number;
  readonly furtherProviderMs: number;
  /** Providers of the chain, at least 2. */
  readonly chainLength: number;
  /** One request to one provider. */
  readonly askMs: number;
  /** Of each provider. */
  readonly askRetry: RetryPolicy;
  readonly localStepMs: number;
};

/** For a chain of two providers: a minute for the whole, 8 s for a question. */
export const DEFAULT_AI_LIMITS: AiDecisionLimits = { timeoutMs: 60_000, furtherProviderMs: 30_000, chainLength: 2, askMs: 8_000, askRetry: R3, localStepMs: 1_000 };

const primaryUnavailable = (outputs: Outputs): { readonly holds: true } | { readonly holds: false; readonly why: string } =>
  outputs.of('ask_primary', providerVerdict)?.verdict === 'answered' ? { holds: false, why: 'the primary answered' } : { holds: true };

/** One validated decision from an ordered chain of model providers, or none: nothing is invented when all fail. */
export const buildAiDecision = (limits: AiDecisionLimits = DEFAULT_AI_LIMITS) => {
  const fallbackCount = limits.chainLength - 1;
  return defineSaga({
    type: 'ai_decision',
    version: 1,
    context: 'trading',
    initiator: 'ai-decision',
    start: orchestratorAnalysisRequested,
    timeoutMs: limits.timeoutMs + Math.max(0, fallbackCount - 1) * limits.furtherProviderMs,
    totalSteps: 5,
    steps: {
      fuse_data: {
        kind: 'effect', owner: 'ai-decision', number: 1, after: 'start', timeoutMs: limits.localStepMs, retry: NO_RETRY,
        output: fusedPrompt, compensation: none('text only'),
      },
      ask_primary: {
        kind: 'effect', owner: 'ai-decision', number: 2, after: 'fuse_data', timeoutMs: limits.askMs, retry: limits.askRetry,
        output: providerVerdict, compensation: none('a question cannot be unasked'),
      },
      ask_fallback: {
        kind: 'effect', owner: 'ai-decision', number: 3, after: 'ask_primary', when: 'primary_unavailable', reads: ['fuse_data'],
        timeoutMs: limits.askMs * fallbackCount, retry: { ...limits.askRetry, maxAttempts: limits.askRetry.maxAttempts * fallbackCount },
        output: providerVerdict, compensation: none('a question cannot be unasked'),
      },
      parse_and_validate: {
        kind: 'effect', owner: 'ai-decision', number: 4, after: { all: ['ask_primary', 'ask_fallback'] }, timeoutMs: limits.localStepMs, retry: NO_RETRY,
        output: decisionVerdict, compensation: none('a verdict only'),
      },
      publish: {
        kind: 'effect', owner: 'ai-decision', number: 5, after: 'parse_and_validate', timeoutMs: limits.localStepMs, retry: NO_RETRY,
        output: aiDecisionGenerated, emits: [aiModelSwitched], compensation: none('a decision is a record'),
      },
    },
    result: 'publish',
    predicates: { primary_unavailable: primaryUnavailable },
    inside: {
      signal_to_execution: {
        steps: { fuse_data: 2, ask_primary: 2, ask_fallback: 2, parse_and_validate: 2, publish: 2 },
        events: { 'ai.decision.generated': 2, 'ai.model.switched': 2, 'ai.decision.failed': 2 },
      },
    },
    completed: { emits: null },
    failed: { emits: aiDecisionFailed, reads: ['ask_primary', 'ask_fallback'] },
  });
};

/** The definition, as the steps are typed by it. */
export type AiDecision = ReturnType<typeof buildAiDecision>;
/** With the default limits and a chain of two. */
export const aiDecision: AiDecision = buildAiDecision();
