export { aiDecision, type AiDecision, type AiDecisionLimits, buildAiDecision, DEFAULT_AI_LIMITS } from './ai-decision.saga.ts';
