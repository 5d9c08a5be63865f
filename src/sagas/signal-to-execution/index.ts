export { buildSignalToExecution, DEFAULT_CYCLE_LIMITS, signalToExecution, type SignalToExecution, type SignalToExecutionLimits } from './signal-to-execution.saga.ts';
