import type { EventType } from '#contracts/core';
import { erase } from '#kernel';
import type { EntityDefinition, SourceDefinition } from './entity.ts';
import type { AnyHandler, AwaitHandler, ChildHandler, EffectHandler, Endings, EntityStepHandler, StepImplementation, WatchHandler } from './handlers.ts';
import type { DomainEvent } from './results.ts';
import type { SagaDefinition, SagaShape, StepName } from './saga.ts';
import type { StepDefinition, Watch } from './step.ts';

type StepOfKind<Definition extends SagaShape, Kind extends StepDefinition['kind']> = {
  readonly [Name in StepName<Definition>]: Definition['steps'][Name]['kind'] extends Kind ? Name : never;
}[StepName<Definition>];

type WatchOf<Definition extends SagaShape> = {
  readonly [Name in StepName<Definition>]: Definition['steps'][Name] extends { readonly kind: 'await'; readonly watch: Watch } ? Name : never;
}[StepName<Definition>];

type EventOf<Type> = Type extends EventType<infer Payload> ? DomainEvent<Payload> : never;
/** The domain events that a step may write beside its output. */
type EmittedBy<Definition extends SagaShape, Step extends StepName<Definition>> = Definition['steps'][Step] extends { readonly emits: readonly (infer Type)[] } ? EventOf<Type> : never;

const implement = (saga: SagaShape, step: string, handler: AnyHandler): StepImplementation => ({ saga: erase<SagaDefinition>(saga), step, handler });

/** Behaviour of an owned effect step. */
export const implementEffect = <Definition extends SagaShape>(saga: Definition, step: StepOfKind<Definition, 'effect'>, handler: EffectHandler<Definition>): StepImplementation =>
  implement(saga, step, erase<AnyHandler>({ kind: 'effect', ...handler }));

/** Behaviour of an owned entity step. */
export const implementEntityStep = <Definition extends SagaShape>(saga: Definition, step: StepOfKind<Definition, 'entity'>, handler: EntityStepHandler<Definition>): StepImplementation =>
  implement(saga, step, erase<AnyHandler>({ kind: 'entity', ...handler }));

/** Behaviour of an owned await step; its state is inferred. */
export const implementAwait = <Definition extends SagaShape, State>(saga: Definition, step: Exclude<StepOfKind<Definition, 'await'>, WatchOf<Definition>>, handler: AwaitHandler<Definition, State>): StepImplementation =>
  implement(saga, step, erase<AnyHandler>({ kind: 'await', ...handler }));

/** Behaviour of an owned watch; its state, its notes and the events it may emit are inferred. */
export const implementWatch = <Definition extends SagaShape, Step extends WatchOf<Definition>, State, Note = never>(saga: Definition, step: Step, handler: WatchHandler<Definition, State, Note, EmittedBy<Definition, Step>>): StepImplementation =>
  implement(saga, step, erase<AnyHandler>({ kind: 'watch', ...handler }));

/** Behaviour of an owned child step. */
export const implementChild = <Definition extends SagaShape>(saga: Definition, step: StepOfKind<Definition, 'child'>, handler: ChildHandler<Definition>): StepImplementation =>
  implement(saga, step, erase<AnyHandler>({ kind: 'child', ...handler }));

/** The lifecycle of one saga type, as its initiator registers it. */
export type Initiation = { readonly saga: SagaDefinition; readonly endings: Endings<SagaShape> };
/** The endings of a saga whose lifecycle the participant writes. */
export const initiate = <Definition extends SagaShape>(saga: Definition, endings: Endings<Definition> = {}): Initiation => ({
  saga: erase<SagaDefinition>(saga),
  endings: erase<Endings<SagaShape>>(endings),
});

/** Callbacks for every transition of an own step or instance: metrics, tracing, test collectors. Must not throw. */
export type SagaObserver = {
  readonly onTransition?: (transition: { readonly sagaType: string; readonly sagaId: string; readonly subSaga: string | null; readonly stepName: string | null; readonly item: string | null; readonly from: string; readonly to: string; readonly atMillis: number }) => void;
  /** At least once (again after a recovery). */
  readonly onSagaCompleted?: (saga: { readonly sagaType: string; readonly sagaId: string }) => void;
  /** At least once (again after a recovery). */
  readonly onQuarantined?: (saga: { readonly sagaType: string; readonly sagaId: string; readonly stepName: string; readonly reason: string }) => void;
};

/** A participant: one consumer group that owns steps, lifecycles, entities and sources. */
export type ParticipantDefinition = {
  readonly kind: 'participant';
  readonly name: string;
  readonly initiates: readonly Initiation[];
  readonly steps: readonly StepImplementation[];
  readonly entities: readonly EntityDefinition[];
  readonly sources: readonly SourceDefinition[];
  /** Where it writes beyond its own sagas and entities: what the ACL list and the runtime's routing take from it. */
  readonly writesTo: WritesTo;
  readonly observer?: SagaObserver;
};

/** Entities of other participants that it sends commands to, contexts whose instances it writes to from its entities, topics of facts. */
export type WritesTo = { readonly entities?: readonly string[]; readonly contexts?: readonly string[]; readonly facts?: readonly string[] };

/** Declares a participant: everything it owns, and where else it writes. */
export const defineParticipant = (participant: {
  readonly name: string;
  readonly initiates?: readonly Initiation[];
  readonly steps?: readonly StepImplementation[];
  readonly entities?: readonly EntityDefinition[];
  readonly sources?: readonly SourceDefinition[];
  readonly writesTo?: WritesTo;
  readonly observer?: SagaObserver;
}): ParticipantDefinition => ({ kind: 'participant', initiates: [], steps: [], entities: [], sources: [], writesTo: {}, ...participant });
