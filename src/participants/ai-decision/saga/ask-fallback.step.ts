import { type AiProviderAttempt, fusedPrompt, providerVerdict } from '#contracts';
import { completed, data, implementEffect, type StepImplementation, type StepResult, terminal, transient } from '#saga-core';
import type { AiDecision } from '#sagas/ai-decision';
import { type Unavailability, type Walk, walkOfAttempt } from '../business/chain.ts';
import { type ProviderChain, unavailable } from './ask-provider.ts';

/**
 * Walks the rest of the chain. An entry that does not serve is left at once (429, invalid, open breaker) or after its own
 * repeats (5xx, time-outs), and not asked again; the end of the chain is a finding that parse_and_validate turns into the saga's failure.
 */
export const askFallback = (saga: AiDecision, chain: ProviderChain): StepImplementation =>
  implementEffect(saga, 'ask_fallback', {
    execute: async (context, signal): Promise<StepResult> => {
      const prompt = context.outputAs('fuse_data', fusedPrompt);
      if (prompt === null) return terminal('fuse_data left no prompt');
      // Of each entry as of the head.
      const { timeoutMs, maxAttempts: attemptsEach } = context.limits('ask_primary');
      let walk: Walk<AiProviderAttempt> = chain.walkOf(context.idempotencyKey) ?? walkOfAttempt(context.attempt, attemptsEach);
      let why: Unavailability = 'circuit_open';
      // Place 0 of the chain is the primary.
      while (1 + walk.entry < chain.length) {
        const asked = await chain.ask(1 + walk.entry, prompt, { timeoutMs, signal });
        if (asked.status === 'served') {
          chain.forget(context.idempotencyKey);
          return completed(data(providerVerdict, { ...asked.verdict, attempts: walk.tried }));
        }
        if (asked.status === 'aborted') return transient('stopped before the provider answered');
        const tried = [...walk.tried, asked.attempt];
        why = asked.why;
        if (asked.status === 'transient' && walk.askedCount + 1 < attemptsEach) {
          chain.remember(context.idempotencyKey, { ...walk, askedCount: walk.askedCount + 1, tried });
          return transient(asked.attempt.reason);
        }
        walk = { entry: walk.entry + 1, askedCount: 0, tried };
      }
      chain.forget(context.idempotencyKey);
      return completed(data(providerVerdict, unavailable(why, walk.tried)));
    },
  });
