import type { DataType, EventType } from '#contracts/core';

/** Attempts and the waits between them. The first of `maxAttempts` is the first call itself. */
export type RetryPolicy = {
  readonly maxAttempts: number;
  readonly initialDelayMs: number;
  readonly maxDelayMs: number;
  readonly multiplier: number;
  /** Wait before the first attempt; 0 unless declared (connection recovery waits 2 s). */
  readonly firstDelayMs?: number;
};

/** One attempt. */
export const NO_RETRY: RetryPolicy = { maxAttempts: 1, initialDelayMs: 0, maxDelayMs: 0, multiplier: 1 };
/** Waits 1 s, then 2 s between three attempts. */
export const R3: RetryPolicy = { maxAttempts: 3, initialDelayMs: 1_000, maxDelayMs: 10_000, multiplier: 2 };

/** How a completed step is undone. Mandatory to declare. */
export type Compensation =
  /** The owner's `compensate` (effect), `undo` command (entity) or the child's own compensation runs. */
  | { readonly kind: 'undo'; readonly retry: RetryPolicy; readonly timeoutMs: number }
  /** Nothing is due. */
  | { readonly kind: 'none'; readonly why: string }
  /** The effect stays: CompensationCompleted{kept: true} is written without doing anything, unless the owner's `mustUndo` says otherwise. */
  | { readonly kind: 'kept'; readonly what: string; readonly retry: RetryPolicy; readonly timeoutMs: number };

/** The owner undoes the step; by default three attempts of 10 s each. */
export const undo = (options: { readonly retry?: RetryPolicy; readonly timeoutMs?: number } = {}): Compensation => ({
  kind: 'undo',
  retry: options.retry ?? R3,
  timeoutMs: options.timeoutMs ?? 10_000,
});
/** Nothing is due when the step is compensated, and why. */
export const none = (why: string): Compensation => ({ kind: 'none', why });

/** On which outcomes a step waits. */
export type After = 'start' | string | { readonly all: readonly string[] } | { readonly any: readonly string[] };

/** Where the items of a forEach step come from. */
export type ForEach =
  /**
   * Items arrive: a record of this type whose envelope names this step and an item opens that item. No further item is
   * expected once every step of `until` has its outcome.
   */
  | { readonly arriving: EventType<unknown>; readonly until: readonly string[] }
  /** Items are listed: the named pure function of `listings` reads them from earlier outputs. */
  | { readonly listed: string };

/**
 * What an outcome carries: a domain event (or one of several), typed data inside a StepCompleted, or nothing (null).
 * Later steps read it as the step's output.
 */
export type OutputType = EventType<unknown> | readonly EventType<unknown>[] | DataType<unknown> | null;

type StepCommon = {
  /** The participant that owns the step: the only writer of its records (the entity's owner for entity steps: the same). */
  readonly owner: string;
  /** Number in the saga's step table. */
  readonly number: number;
  readonly after: After;
  readonly output: OutputType;
  /** Further domain events the step may write, before or after its outcome or with its failure. */
  readonly emits?: readonly EventType<unknown>[];
  /** Outputs the step reads beyond those of `after`; `start` (the trigger's payload) is always readable. */
  readonly reads?: readonly string[];
  /** Outputs that only the compensation reads; they may come after the step (a compensation that waits for fills to be applied). */
  readonly undoReads?: readonly string[];
  /** Name of a pure predicate: false means skipped, which counts as completed. */
  readonly when?: string;
  readonly forEach?: ForEach;
  readonly compensation: Compensation;
  /** Its records start a chain of causes: causationId null. */
  readonly isChainRoot?: boolean;
};

/** An async handler doing I/O. `timeoutMs` bounds one attempt. */
export type EffectStep = StepCommon & {
  readonly kind: 'effect';
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  /**
   * StepStarted is committed before the call: for effects of which the vendor makes two when it is called twice with one key.
   * Without `reconcile` an unknown outcome is final; with one, an owner that took over only asks, and calls again no earlier
   * than two limits after it went live. Without an intent the vendor is taken to be idempotent by key.
   */
  readonly intent?: boolean;
};

/** A command to a keyed entity, whose transaction writes the outcome. No time limit: a command committed is a command handled. */
export type EntityStep = StepCommon & { readonly kind: 'entity'; readonly entity: string };

/**
 * What makes an await step a watch: it lives long, may write events of its `emits` before its outcome, each caused by the record
 * that called for it, and does not outlive the saga's waiting.
 */
export type Watch = {
  /**
   * Its completion, by its verdict or at its limit, ends the saga's waiting: every other watch that is open, or becomes ready later,
   * completes with result `ended`, but for those that come after this one. False: it only ends with the others.
   */
  readonly endsWaiting: boolean;
};

/** A pure reducer over records of the instance's partition. */
export type AwaitStep = StepCommon & {
  readonly kind: 'await';
  /** Milliseconds from the step's trigger; 0 = none. */
  readonly timeoutMs: number;
  /** `complete`: the limit is a finding that a later step deals with; `fail`: StepFailed(Timeout). */
  readonly onLimit: 'complete' | 'fail';
  /** Types of the records it listens to (observations, other steps' domain events, signals), from the instance's start on. */
  readonly listensTo: readonly EventType<unknown>[];
  readonly watch?: Watch;
};

/** Another saga: under the parent's correlationId (on the same partition) or under an id of its own. */
export type ChildStep = StepCommon & {
  readonly kind: 'child';
  readonly saga: string;
  readonly id: 'inherited' | 'own';
};

/** The step is a watch. */
export const isWatch = (step: StepDefinition): step is AwaitStep & { readonly watch: Watch } => step.kind === 'await' && step.watch !== undefined;

/** One step of a saga, of one of four kinds. */
export type StepDefinition = EffectStep | EntityStep | AwaitStep | ChildStep;
