import type { AwaitStep, ChildStep, EffectStep, EntityStep } from './step.ts';
import type { FailureView, SagaContext } from './context.ts';
import type { OutputOf, SagaDefinition, SagaShape, StartOf, StepName } from './saga.ts';
import type { Completed, CompensationResult, DomainEvent, EntityCommand, Reconciled, StepFailure, StepResult } from './results.ts';

/** Aborted when the attempt's limit passes or the task ends. Every call to the outside takes it. */
export type EffectSignal = { readonly aborted: boolean; readonly reason?: unknown; readonly addEventListener: (type: 'abort', listener: () => void) => void; readonly removeEventListener: (type: 'abort', listener: () => void) => void };

/** Behaviour of an effect step. Every call in it carries the idempotency key and takes the signal. */
export type EffectHandler<Definition extends SagaShape> = {
  readonly execute: (context: SagaContext<Definition>, signal: AbortSignalLike) => Promise<StepResult>;
  /**
   * What did the vendor make of this key? Required unless the effect is idempotent at the vendor, or declares an intent. Only what it
   * says for certain (completed, `absent`, terminal) clears an earlier unknown outcome; a look-up that fails for now is `transient`.
   */
  readonly reconcile?: (context: SagaContext<Definition>, signal: AbortSignalLike) => Promise<Reconciled>;
  /** `data` is the value of the outcome's compensationData, or null (an uncertain step has none). */
  readonly compensate?: (context: SagaContext<Definition>, data: unknown, failure: FailureView, signal: AbortSignalLike) => Promise<CompensationResult>;
};

/** Behaviour of an entity step: the command that is sent, and the one that undoes it. */
export type EntityStepHandler<Definition extends SagaShape> = {
  readonly command: (context: SagaContext<Definition>) => EntityCommand;
  readonly undo?: (context: SagaContext<Definition>, data: unknown, failure: FailureView) => EntityCommand;
  /** For `kept` compensations: true where this one must be undone after all (a bust). */
  readonly mustUndo?: (context: SagaContext<Definition>, failure: FailureView) => boolean;
};

/** A record of the instance's partition, as an await step sees it. */
export type Fact = {
  readonly type: string;
  readonly eventId: string;
  readonly stepName: string | null;
  readonly stepItem: string | null;
  readonly occurredAtMillis: number;
  readonly payload: unknown;
};

/** Behaviour of an await step: a pure fold over facts and a verdict on it. */
export type AwaitHandler<Definition extends SagaShape, State> = {
  readonly initial: State;
  /** Pure. Facts come in log order from the instance's start on, also those from before the step's trigger. */
  readonly fold: (state: State, fact: Fact) => State;
  /** Pure. Asked after every fact and at the trigger; null = wait on. */
  readonly verdict: (state: State, context: SagaContext<Definition>) => Completed | StepFailure | null;
  /** What the limit yields where `onLimit` is `complete`; default: completed without output. */
  readonly atLimit?: (state: State, context: SagaContext<Definition>) => Completed;
  readonly compensate?: (context: SagaContext<Definition>, data: unknown, failure: FailureView, signal: AbortSignalLike) => Promise<CompensationResult>;
};

/** What a watch makes of a fact. The note is plain data: what the fact calls for, kept with the instance until it is written. */
export type Heard<State, Note> = { readonly state: State; readonly note?: Note };

/** Behaviour of a watch: that of an await step, and what it writes before its outcome. */
export type WatchHandler<Definition extends SagaShape, State, Note, Emitted extends DomainEvent = DomainEvent> = Omit<AwaitHandler<Definition, State>, 'fold'> & {
  /**
   * Pure. Facts come in log order from the instance's start on until the watch has its outcome or the waiting has ended; a fact that
   * is repeated is heard once. Notes are answered in the order of their facts, from the trigger on, while the instance is RUNNING.
   */
  readonly fold: (state: State, fact: Fact) => Heard<State, Note>;
  /** Pure. The events that one note calls for: at least one, of the step's `emits`, no type twice. Written exactly once, caused by the note's fact. */
  readonly emit?: (note: Note, context: SagaContext<Definition>) => readonly Emitted[];
  /** What the end of the saga's waiting yields; default: completed without output. */
  readonly whenEnded?: (state: State, context: SagaContext<Definition>) => Completed;
};

/** How a child's instance begins. */
export type ChildTrigger =
  /** The parent's own earlier output is the child's trigger: SagaStarted carries it. Only for inherited ids. */
  | { readonly kind: 'output'; readonly step: string }
  /** The child's start event, written with StepStarted. */
  | { readonly kind: 'event'; readonly event: DomainEvent }
  /** A command whose entity writes the child's start event. */
  | { readonly kind: 'command'; readonly command: EntityCommand };

/** Behaviour of a child step: what starts the child, and what stops it. */
export type ChildHandler<Definition extends SagaShape> = {
  readonly trigger: (context: SagaContext<Definition>) => ChildTrigger;
  /** Stops a running child when the parent compensates (a command to an entity); default: the deadline of the child stands. */
  readonly stop?: (context: SagaContext<Definition>, failure: FailureView) => EntityCommand;
};

/** The part of the DOM's AbortSignal that a pure zone may name; the runtime passes a real one. */
export type AbortSignalLike = EffectSignal;

export type HandlerOf<Definition extends SagaShape, Step extends StepName<Definition>> =
  Definition['steps'][Step] extends EffectStep ? EffectHandler<Definition>
    : Definition['steps'][Step] extends EntityStep ? EntityStepHandler<Definition>
      : Definition['steps'][Step] extends AwaitStep ? AwaitHandler<Definition, never>
        : Definition['steps'][Step] extends ChildStep ? ChildHandler<Definition>
          : never;

/** One owned step and its behaviour, as a participant registers it. */
export type StepImplementation = {
  readonly saga: SagaDefinition;
  readonly step: string;
  readonly handler: AnyHandler;
};
export type AnyHandler =
  | ({ readonly kind: 'effect' } & EffectHandler<SagaShape>)
  | ({ readonly kind: 'entity' } & EntityStepHandler<SagaShape>)
  | ({ readonly kind: 'await' } & AwaitHandler<SagaShape, unknown>)
  | ({ readonly kind: 'watch' } & WatchHandler<SagaShape, unknown, unknown>)
  | ({ readonly kind: 'child' } & ChildHandler<SagaShape>);

/** The initiator's endings: domain event and commands written with the terminal record. */
export type Endings<Definition extends SagaShape> = {
  /**
   * Of a start that is refused: commands written with SagaRefused, such as the release of what an entity keeps for the instance it raised.
   * No instance exists: of the context only its ids and `start` tell anything, and `start` throws where it cannot be decoded.
   */
  readonly refused?: (context: SagaContext<Definition>, faults: readonly string[]) => { readonly commands: readonly EntityCommand[] };
  readonly completed?: (context: SagaContext<Definition>) => { readonly event?: DomainEvent; readonly commands?: readonly EntityCommand[] };
  readonly failed?: (context: SagaContext<Definition>, failure: FailureView) => { readonly event?: DomainEvent; readonly commands?: readonly EntityCommand[] };
};

export type { OutputOf, StartOf };
