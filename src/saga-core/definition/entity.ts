import type { DataType, EventType } from '#contracts/core';
import { erase } from '#kernel';
import type { Completed, CompensationResult, DomainEvent, EntityCommand, StepFailure } from './results.ts';

/** Where a saga's records lie and what their envelopes say: enough to write to an instance from outside its own fold. */
export type SagaRef = {
  readonly context: string;
  readonly correlationId: string;
  readonly sagaType: string;
  readonly subSaga: string | null;
  readonly parentCorrelationId: string | null;
  readonly definitionVersion: number | null;
  readonly startedAt: number | null;
  readonly timeout: number | null;
  readonly totalSteps: number | null;
  readonly stepName: string | null;
  readonly stepItem: string | null;
  readonly step: number | null;
  readonly subStep: number | null;
  /** eventId that the records written with this reference name as their cause. */
  readonly causationId: string | null;
};

/** What a handler may know beside state and command. */
export type EntityContext = {
  readonly key: string;
  /** The greater of the entity's last time and the command's timestamp. */
  readonly nowMillis: number;
  /** eventId of the command. */
  readonly commandId: string;
  /** The saga step that sent the command, if one did. */
  readonly caller: SagaRef | null;
  readonly phase: 'execute' | 'compensate' | null;
};

/** A record for an instance's partition: an observation, a start event, a signal. */
export type AddressedEvent = { readonly to: SagaRef; readonly event: DomainEvent };
/** A record of no saga, for a topic of facts. */
export type FactEvent = { readonly topic: string; readonly key: string; readonly event: DomainEvent };

/** Everything an entity makes of one command: written in one transaction with the position of the command. */
export type EntityDecision<State> = {
  readonly state: State;
  /** The outcome of the calling step; required when a step called, unless the entity answers a later command (`answers`). */
  readonly outcome?: Completed | StepFailure | CompensationResult;
  /** Outcomes of other callers that waited (a lock granted to the next waiter). */
  readonly answers?: readonly { readonly to: SagaRef; readonly outcome: Completed | StepFailure }[];
  readonly events?: readonly AddressedEvent[];
  readonly facts?: readonly FactEvent[];
  readonly commands?: readonly EntityCommand[];
};

/** A command type with its pure handler, as `on` makes it. */
export type CommandHandler<State> = {
  readonly type: EventType<unknown>;
  readonly handle: (state: State, payload: unknown, context: EntityContext) => EntityDecision<State>;
};

/** One command type and its pure handler. */
export const on = <State, Payload>(
  type: EventType<Payload>,
  handle: (state: State, payload: Payload, context: EntityContext) => EntityDecision<State>,
): CommandHandler<State> => ({ type, handle: (state, payload, context) => handle(state, erase<Payload>(payload), context) });

/** What the holder of a resource (a vendor stream, a poll) may do: send commands to its own entity key. */
export type Hands<State> = {
  readonly state: () => State;
  /** Appends a command to the entity's own command topic, in the task's next transaction. */
  readonly send: (event: DomainEvent) => void;
};
/** A resource that belongs to whoever owns the entity's partition. */
export type Held<State> = { readonly update: (state: State) => void; readonly close: () => Promise<void> };

/** A keyed entity: single writer instead of locks and databases. `handle` functions are pure. */
export type EntityDefinition<State = unknown> = {
  readonly kind: 'entity';
  readonly name: string;
  readonly owner: string;
  readonly state: DataType<State>;
  readonly initial: (key: string) => State;
  readonly commands: readonly CommandHandler<State>[];
  /** Every event type its decisions may write (for schemas and ACLs). */
  readonly emits: readonly EventType<unknown>[];
  /** When something must happen without a command; the task appends a tick then. null = nothing. */
  readonly wakeAt?: (state: State) => number | null;
  readonly onTick?: (state: State, context: EntityContext) => EntityDecision<State>;
  /** Opened for every key while its partition is owned and live; `update` follows every state change. */
  readonly hold?: (key: string, hands: Hands<State>) => Held<State>;
  /** Keys known from configuration: held by whoever owns their partition even before their first command. */
  readonly heldKeys?: readonly string[];
};

/** Declares an entity. The state's type is inferred from its DataType. */
export const defineEntity = <State>(definition: Omit<EntityDefinition<State>, 'kind'>): EntityDefinition =>
  erase<EntityDefinition>({ kind: 'entity', ...definition });

/** A source task reads a topic of facts and only sends entity commands, each exactly once. `map` is pure. */
export type SourceDefinition = {
  readonly kind: 'source';
  readonly owner: string;
  /** Without the namespace, such as `market.quotes`. */
  readonly topic: string;
  readonly map: (fact: { readonly type: string; readonly eventId: string; readonly key: string; readonly payload: unknown }) => readonly EntityCommand[];
};
/** Declares a source task. */
export const defineSource = (definition: Omit<SourceDefinition, 'kind'>): SourceDefinition => ({ kind: 'source', ...definition });
