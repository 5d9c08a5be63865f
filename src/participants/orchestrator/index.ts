export { createOrchestrator, type OrchestratorNeeds } from './orchestrator.participant.ts';
export { DEFAULT_RISK_LIMITS, type WatchedSymbol } from './messaging/settings.ts';
export { cycleIdOf } from './messaging/cycles.entity.ts';
