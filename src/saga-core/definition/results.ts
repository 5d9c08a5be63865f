import type { DataType, EventType } from '#contracts/core';

/** A domain event to write: its type and its payload (the runtime adds the envelope). */
export type DomainEvent<Payload = unknown> = { readonly type: EventType<Payload>; readonly payload: Payload };
/** A domain event with its payload. */
export const event = <Payload>(type: EventType<Payload>, payload: NoInfer<Payload>): DomainEvent<Payload> => ({ type, payload });

/** Typed bytes to store: a DataType and its value. */
export type TypedData<Value = unknown> = { readonly type: DataType<Value>; readonly value: Value };
/** Typed data that no event carries: an output, or what an undo needs. */
export const data = <Value>(type: DataType<Value>, value: NoInfer<Value>): TypedData<Value> => ({ type, value });

/** A request to a keyed entity, handled once, after the transaction that carries it. */
export type EntityCommand<Payload = unknown> = {
  readonly entity: string;
  readonly key: string;
  readonly type: EventType<Payload>;
  readonly payload: Payload;
};
/** A command to the entity under a key, written in the transaction of the answer. */
export const command = <Payload>(target: { readonly entity: string; readonly key: string }, type: EventType<Payload>, payload: NoInfer<Payload>): EntityCommand<Payload> => ({
  ...target,
  type,
  payload,
});

/** What is written beside an outcome, in the same transaction. */
export type Extras = {
  readonly before?: readonly DomainEvent[];
  readonly after?: readonly DomainEvent[];
  readonly commands?: readonly EntityCommand[];
  /** The only input of the step's compensation besides its context. */
  readonly compensationData?: TypedData;
};

export type StepOutput = DomainEvent | TypedData | null;

/** A step that is done. */
export type Completed = { readonly status: 'completed'; readonly output: StepOutput } & Extras;
/** Not answered yet: `reconcile` is asked again after the wait, within the step's limit. */
export type Pending = { readonly status: 'pending'; readonly pollAfterMs: number };
export type FailureKind =
  /** Repeat by the retry policy. */
  | 'transient'
  /** Bad input or a refusal: no retry. */
  | 'terminal'
  /** A business failure: no retry; earlier steps are undone. */
  | 'requireCompensation'
  /** Outcome not known: `reconcile` comes before anything else; never blindly repeated. */
  | 'unknown'
  /** A limit passed (await steps). */
  | 'timeout';
/** A step that failed, of a kind that says what follows. */
export type StepFailure = {
  readonly status: 'failed';
  readonly kind: FailureKind;
  readonly reason: string;
  /** Wait at least this long before the next attempt (a vendor's Retry-After). */
  readonly retryAfterMs?: number;
  /** Domain events that tell of the failure, written with StepFailed (not with a failed attempt). */
  readonly events?: readonly DomainEvent[];
  readonly commands?: readonly EntityCommand[];
};
/** What an effect made of its call. */
export type StepResult = Completed | Pending | StepFailure;

/** The step is done, with its output, data for its undo, and further events. */
export const completed = (output: StepOutput, extras: Extras = {}): Completed => ({ status: 'completed', output, ...extras });
/** Not decided yet: ask again after so many milliseconds. No failed attempt. */
export const pending = (pollAfterMs: number): Pending => ({ status: 'pending', pollAfterMs });
type FailureExtras = Pick<StepFailure, 'retryAfterMs' | 'events' | 'commands'>;
const failure = (kind: FailureKind) => (reason: string, extras: FailureExtras = {}): StepFailure => ({ status: 'failed', kind, reason, ...extras });
/** The attempt failed and may succeed when repeated; by policy. */
export const transient = failure('transient');
/** The step failed for good; a repetition would fail alike. */
export const terminal = failure('terminal');
/** The step failed for good, and what is done is to be undone. */
export const requireCompensation = failure('requireCompensation');
/** It may have happened or not: it is reconciled, never blindly repeated. */
export const unknown = failure('unknown');

/** What the vendor made of a key: `absent` means it never got the call, and lets `execute` run again. */
export type Reconciled = StepResult | { readonly status: 'absent' };
/** Reconciled: the vendor knows nothing of the effect; it may be executed. */
export const absent: Reconciled = { status: 'absent' };

/** What became of an attempt to undo a step. */
export type CompensationResult =
  | { readonly status: 'compensated'; readonly kept?: boolean; readonly events?: readonly DomainEvent[]; readonly commands?: readonly EntityCommand[] }
  /** Unknown whether undone: retried by policy, then quarantined. */
  | { readonly status: 'ambiguous'; readonly reason: string; readonly retryAfterMs?: number }
  /** Cannot be undone: quarantined at once. */
  | { readonly status: 'terminal'; readonly reason: string };
/** Compensation: done, or nothing was there to undo. */
export const compensated = (extras: { readonly kept?: boolean; readonly events?: readonly DomainEvent[]; readonly commands?: readonly EntityCommand[] } = {}): CompensationResult => ({ status: 'compensated', ...extras });
/** Compensation: not known whether it is undone; tried again by policy, then a person must act. */
export const ambiguous = (reason: string, extras: { readonly retryAfterMs?: number } = {}): CompensationResult => ({ status: 'ambiguous', reason, ...extras });
/** Compensation: cannot be undone, no attempt will help; a person must act. */
export const irreversible = (reason: string): CompensationResult & { readonly status: 'terminal' } => ({ status: 'terminal', reason });
