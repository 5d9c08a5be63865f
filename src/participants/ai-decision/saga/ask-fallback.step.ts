import { type AiProviderAttempt, fusedPrompt, providerVerdict } from '#contracts';
import { completed, data, implementEffect, type StepImplementation, type StepResult, terminal, transient } from '#saga-core';
import type { AiDecision } from '#sagas/ai-decision';
import { entryOfAttempt, isLastOfEntry, type Unavailability } from '../business/chain.ts';
import { type ProviderChain, unavailable } from './ask-provider.ts';

/**
 * Walks the rest of the chain. An entry that does not serve is left at once (429, invalid, open breaker) or after its own
 * repeats (5xx, time-outs); the end of the chain is a finding that parse_and_validate turns into the saga's failure.
 */
export const askFallback = (saga: AiDecision, chain: ProviderChain): StepImplementation => {
  const attemptsEach = saga.steps.ask_primary.retry.maxAttempts;
  const { timeoutMs } = saga.steps.ask_primary;
  return implementEffect(saga, 'ask_fallback', {
    execute: async (context, signal): Promise<StepResult> => {
      const prompt = context.outputAs('fuse_data', fusedPrompt);
      if (prompt === null) return terminal('fuse_data left no prompt');
      const attempts: AiProviderAttempt[] = [];
      let why: Unavailability = 'circuit_open';
      // Place 0 of the chain is the primary.
      for (let place = 1 + entryOfAttempt(context.attempt, attemptsEach); place < chain.length; place++) {
        const asked = await chain.ask(place, prompt, { timeoutMs, signal });
        if (asked.status === 'served') return completed(data(providerVerdict, { ...asked.verdict, attempts }));
        if (asked.status === 'aborted') return transient('stopped before the provider answered');
        if (asked.status === 'transient' && !isLastOfEntry(context.attempt, attemptsEach)) return transient(asked.attempt.reason);
        attempts.push(asked.attempt);
        why = asked.why;
      }
      return completed(data(providerVerdict, unavailable(why, attempts)));
    },
  });
};
