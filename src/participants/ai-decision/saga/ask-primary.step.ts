import { fusedPrompt, providerVerdict } from '#contracts';
import { completed, data, implementEffect, type StepImplementation, terminal, transient } from '#saga-core';
import type { AiDecision } from '#sagas/ai-decision';
import { type ProviderChain, unavailable } from './ask-provider.ts';

/**
 * Asks the head of the chain. 429, an invalid answer or an open breaker is a finding at once; 5xx and time-outs are repeated,
 * and become a finding with the last attempt: that the head does not serve is never this step's failure.
 */
export const askPrimary = (saga: AiDecision, chain: ProviderChain): StepImplementation =>
  implementEffect(saga, 'ask_primary', {
    execute: async (context, signal) => {
      const prompt = context.outputAs('fuse_data', fusedPrompt);
      if (prompt === null) return terminal('fuse_data left no prompt');
      const { timeoutMs, maxAttempts } = context.limits('ask_primary');
      const asked = await chain.ask(0, prompt, { timeoutMs, signal });
      if (asked.status === 'aborted') return transient('stopped before the provider answered');
      const before = chain.walkOf(context.idempotencyKey)?.tried ?? [];
      if (asked.status === 'transient' && context.attempt < maxAttempts) {
        chain.remember(context.idempotencyKey, { entry: 0, askedCount: context.attempt, tried: [...before, asked.attempt] });
        return transient(asked.attempt.reason);
      }
      chain.forget(context.idempotencyKey);
      return completed(data(providerVerdict, asked.status === 'served' ? { ...asked.verdict, attempts: before } : unavailable(asked.why, [...before, asked.attempt])));
    },
  });
