export { type AiDecisionNeeds, createAiDecision } from './ai-decision.participant.ts';
export { buildDecisionPrompt, type MarketView, type Prompt } from './business/prompt.ts';
export { type Decision, type DecisionFaults, parseDecision } from './business/decision.ts';
export type { ModelGateway, ModelOutcome, ModelPrompt, ModelRequest, TokenUsage } from './gateways.ts';
