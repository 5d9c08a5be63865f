export type { ModelGateway, ModelOutcome, ModelPrompt, ModelRequest, TokenUsage } from './gateways.ts';
