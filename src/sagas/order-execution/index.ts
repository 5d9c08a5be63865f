export { buildOrderExecution, orderExecution, type OrderExecution, orderFaults } from './order-execution.saga.ts';
export { DEFAULT_LIMITS, type OrderExecutionLimits, virtualBrokerLimits } from './limits.ts';
export { formatObservation, type Observation, type ObservationKind, type ObservedFill, parseObservation } from './observation.ts';
export { asChildOrder, atStep, numberedAs, type OrderStepName } from './references.ts';
