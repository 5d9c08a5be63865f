// Front door of saga-core: what an author of sagas, participants and entities meets.
export { brokerObservationRecorded, type DataType, dataType, type EventType, eventType, type PayloadOf, sagaSignalled, type SagaSignalled } from '#contracts/core';
export { type After, type Compensation, type ForEach, NO_RETRY, none, type OutputType, R3, type RetryPolicy, type StepDefinition, undo, type Watch } from './definition/step.ts';
export type { Ending, Listing, NumbersInside, OutputOf, Outputs, Predicate, ResultOf, SagaDefinition, SagaShape, StartOf, StepName } from './definition/saga.ts';
export { defineEvent, type FieldKind } from './definition/define-event.ts';
export { defineSaga } from './definition/define-saga.ts';
export { childSagaId } from './engine/child-id.ts';
export { instanceKey } from './engine/state.ts';
export { dependantsOf, dependenciesOf, endersOf } from './definition/graph.ts';
export { definitionFaults, eventTypesOf } from './definition/validate.ts';
export {
  absent, ambiguous, command, compensated, type CompensationResult, completed, type Completed, data, type DomainEvent,
  type EntityCommand, event, irreversible, pending, type Reconciled, requireCompensation, type StepFailure, type StepResult,
  terminal, transient, type TypedData, unknown,
} from './definition/results.ts';
export type { FailureView, SagaContext, StepLimits } from './definition/context.ts';
export type { AbortSignalLike, AwaitHandler, ChildHandler, ChildTrigger, EffectHandler, Endings, EntityStepHandler, Fact, Heard, StepImplementation, WatchHandler } from './definition/handlers.ts';
export { signalOf } from './definition/signal.ts';
export {
  type AddressedEvent, type CommandHandler, defineEntity, defineSource, type EntityContext, type EntityDecision, type EntityDefinition,
  type FactEvent, type Hands, type Held, on, type SagaRef, type SourceDefinition,
} from './definition/entity.ts';
export {
  type WritesTo, defineParticipant, implementAwait, implementChild, implementEffect, implementEntityStep, implementWatch, initiate, type Initiation,
  type ParticipantDefinition, type SagaObserver,
} from './definition/participant.ts';
