import type { DataType, EventType } from '#contracts/core';
import type { IdempotencyKey, SagaId } from '#kernel';
import type { OutputOf, SagaShape, StartOf, StepName } from './saga.ts';

/** How long one attempt of a step may take, in milliseconds (0 = no limit), and how many attempts it has. */
export type StepLimits = { readonly timeoutMs: number; readonly maxAttempts: number };

/** What every step, compensation and ending is given (seed C's SagaContext). */
export type SagaContext<Definition extends SagaShape = SagaShape> = {
  readonly sagaId: SagaId;
  /** The definition's type, also where it runs as a sub-saga. */
  readonly sagaType: string;
  readonly subSaga: string | null;
  readonly stepName: string;
  readonly item: string | null;
  /** The same over retries and restarts. */
  readonly idempotencyKey: IdempotencyKey;
  /** From 1. */
  readonly attempt: number;
  /** The limits in force of any step of this instance: those that its start pinned, whatever the definition of this worker says. */
  readonly limits: (step: StepName<Definition>) => StepLimits;
  readonly startedAtMillis: number;
  /** null = none. */
  readonly deadlineMillis: number | null;
  /** Wall time of this call. */
  readonly nowMillis: number;
  /** eventId of the trigger. */
  readonly startEventId: string;
  /** The trigger's payload. */
  readonly start: StartOf<Definition>;
  /** The output of an earlier step that is declared in `after` or `reads`; null where it was skipped, ended by its limit, or is not there. */
  readonly output: <Step extends StepName<Definition>>(step: Step) => OutputOf<Definition, Step> | null;
  /** The same where the step has several output types: null unless it is of this one. */
  readonly outputAs: <Payload>(step: StepName<Definition>, type: EventType<Payload> | DataType<Payload>) => Payload | null;
  /** Outputs of the completed items of a forEach step, by item key, in the order of their outcomes. */
  readonly items: <Payload>(step: StepName<Definition>, type: EventType<Payload>) => ReadonlyMap<string, Payload>;
  /** Of an item that arrived (`forEach: {arriving}`): the payload of the record that opened it. Null elsewhere. */
  readonly arrival: <Payload>(type: EventType<Payload>) => Payload | null;
  /** The value of typed bytes that a fact carried, such as a signal's payload. Null where they are of another type, cannot be read, or are not there. */
  readonly read: <Payload>(type: EventType<Payload> | DataType<Payload>, bytes: Uint8Array | null) => Payload | null;
};

/** Of an ending or a compensation: why the instance fails. */
export type FailureView = {
  readonly failedStep: string | null;
  readonly reason: string;
  /** Of an ending: the steps that were compensated, in order. */
  readonly compensatedSteps?: readonly string[];
};
