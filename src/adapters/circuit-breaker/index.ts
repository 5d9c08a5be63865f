export {
  type CallVerdict, type CircuitBreaker, type CircuitBreakerOptions, type CircuitChange, createCircuitBreaker, type GuardedResult,
} from './circuit-breaker.ts';
export { type CircuitRule, type CircuitState, DEFAULT_CIRCUIT_RULE } from './counting-window.ts';
export { type CircuitKey, type CircuitRecord, remainingOpenMs } from './shared-state.ts';
