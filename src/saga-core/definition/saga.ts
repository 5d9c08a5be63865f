import type { DataType, EventType, PayloadOf } from '#contracts/core';
import type { OutputType, StepDefinition } from './step.ts';

/** What a saga writes with its terminal record, in the same transaction; null where it has no domain event for it. */
export type Ending = {
  readonly emits: EventType<unknown> | null;
  /** Outputs that the initiator's ending reads. */
  readonly reads?: readonly string[];
};

/** The numbers that a child's records carry where it runs inside a parent. */
export type NumbersInside = {
  /** By step name, for every record of that step … */
  readonly steps: Readonly<Record<string, number>>;
  /** … unless its event type is listed here. */
  readonly events?: Readonly<Record<string, number>>;
};

/** Read access to earlier outputs, for the pure functions beside a definition. Null: not there (yet), or skipped. */
export type Outputs = {
  readonly start: unknown;
  readonly of: <Payload>(step: string, type: EventType<Payload> | DataType<Payload>) => Payload | null;
};

/** Whether a step is to run, and if not why; pure. */
export type Predicate = (outputs: Outputs) => { readonly holds: true } | { readonly holds: false; readonly why: string };
/** Item keys, unique, each at most 64 characters. */
export type Listing = (outputs: Outputs) => readonly string[];

/** A saga as it is declared: its order, owners and policies, and no behaviour. */
export type SagaShape = {
  readonly type: string;
  readonly version: number;
  /** The bounded context: names the saga topic. */
  readonly context: string;
  readonly initiator: string;
  /** The trigger: a record of this type, of this saga type, starts an instance. */
  readonly start: EventType<unknown>;
  /** Deadline of an instance in milliseconds from its start; 0 = none. */
  readonly timeoutMs: number;
  /** Highest number of the step table, constant. */
  readonly totalSteps: number;
  readonly steps: Readonly<Record<string, StepDefinition>>;
  /** The step whose output is the saga's result: what SagaCompleted carries, and what a parent's child step takes as its own output, under either kind of id. */
  readonly result?: string;
  readonly completed: Ending;
  readonly failed: Ending;
  readonly predicates?: Readonly<Record<string, Predicate>>;
  readonly listings?: Readonly<Record<string, Listing>>;
  /** By parent saga type. */
  readonly inside?: Readonly<Record<string, NumbersInside>>;
  /** Faults of a trigger that fails validation, all of them; none means valid. Refused with SagaRefused. */
  readonly validate?: (start: never) => readonly string[];
};

/** A saga definition: data, finite and acyclic, checked by `defineSaga`. */
export type SagaDefinition<Shape extends SagaShape = SagaShape> = Shape & { readonly kind: 'saga' };

/** Names of the steps of a saga. */
export type StepName<Definition extends SagaShape> = keyof Definition['steps'] & string;

type OutputPayload<Output extends OutputType> = Output extends readonly (infer Type)[] ? PayloadOf<Type> : Output extends null ? null : PayloadOf<Output>;
/** Type of a step's output. */
export type OutputOf<Definition extends SagaShape, Step extends StepName<Definition>> = OutputPayload<Definition['steps'][Step]['output']>;
/** Type of a saga's result: the output of the step that its definition names as such; null where it names none. */
export type ResultOf<Definition extends SagaShape> = SagaShape extends Definition
  ? unknown
  : Definition extends { readonly result: infer Step extends string } ? (Step extends StepName<Definition> ? OutputOf<Definition, Step> : unknown) : null;
/** Type of the payload of a saga's start event. */
export type StartOf<Definition extends SagaShape> = PayloadOf<Definition['start']>;
