import { decisionVerdict, type ProviderVerdict, providerVerdict } from '#contracts';
import { completed, data, implementEffect, type StepImplementation, terminal } from '#saga-core';
import type { AiDecision } from '#sagas/ai-decision';
import type { Unavailability } from '../business/chain.ts';
import { parseDecision } from '../business/decision.ts';

export const CHAIN_EXHAUSTED = 'chain_exhausted';

const reasonOf = (verdict: ProviderVerdict): Unavailability => (verdict.verdict === 'answered' ? 'invalid_output' : verdict.verdict);

/** The verdict on the answer as it was journalled, so that a re-run asks nobody again. No valid answer: no decision. */
export const parseAndValidate = (saga: AiDecision): StepImplementation =>
  implementEffect(saga, 'parse_and_validate', {
    execute: async (context) => {
      const primary = context.outputAs('ask_primary', providerVerdict);
      const fallback = context.outputAs('ask_fallback', providerVerdict);
      const serving = primary?.verdict === 'answered' ? primary : fallback;
      if (serving?.verdict !== 'answered' || serving.content === null) return terminal(`${CHAIN_EXHAUSTED}: no provider gave a valid decision`);
      const decision = parseDecision(serving.content);
      if (!decision.ok) return terminal(`${CHAIN_EXHAUSTED}: ${decision.fault.join('; ')}`);
      const isSwitched = serving === fallback && primary !== null;
      return completed(data(decisionVerdict, {
        ...decision.value, provider: serving.provider, model: serving.model, latencyMs: serving.latencyMs,
        switchedFromProvider: isSwitched ? primary.provider : null, switchedFromModel: isSwitched ? primary.model : null,
        switchReason: isSwitched ? reasonOf(primary) : null, switchHttpStatus: isSwitched ? primary.httpStatus : null,
      }));
    },
  });
