import type { Envelope } from '#contracts/core';
import type { CompiledSaga, CompiledStep, StepSet } from './compile.ts';

/** PENDING: the trigger lies on the log, the start record does not yet. */
export type InstanceStatus = 'PENDING' | 'RUNNING' | 'COMPENSATING' | 'MANUAL_REQUIRED' | 'COMPLETED' | 'FAILED' | 'REFUSED';

export type SlotOutcome =
  | 'completed'
  | 'skipped'
  | 'failed'
  /** Failed with unknown outcome: compensated like a completed one. */
  | 'uncertain'
  /** Triggered, never executed. */
  | 'cancelled';

export type CompensationPhase =
  | 'none'
  /** Its command to the entity, or its stop order, is committed. */
  | 'started'
  | 'done'
  /** CompensationFailed, SagaQuarantined not yet written. */
  | 'failed'
  | 'quarantined'
  /** An operator has declared it undone: its owner records that. */
  | 'excused';

/** What the log says of one (step, item). */
export type Slot = {
  readonly isStarted: boolean;
  readonly attempts: number;
  readonly nextAtMs: number;
  /** Some attempt's outcome was unknown, and nothing definite was heard of the effect since. */
  readonly isUncertain: boolean;
  readonly outcome: SlotOutcome | null;
  readonly outcomeAtMs: number;
  readonly outcomeEventId: string;
  readonly outcomeReason: string;
  /** Wire bytes of the outcome's event, or of the typed data in a StepCompleted; null where nobody here reads it. */
  readonly output: Uint8Array | null;
  readonly compensationData: Uint8Array | null;
  readonly compensation: CompensationPhase;
  readonly compensationAttempts: number;
  readonly compensationNextAtMs: number;
  /** Opens an item: eventId of the record it arrived with. */
  readonly openedBy: string | null;
  /** Wire bytes of that record, where the folding participant owns the step. */
  readonly openedWith: Uint8Array | null;
  readonly openedAtMs: number;
  /** What the step's child, of an id of its own, has reported. */
  readonly childEnd: ChildEnd | null;
};

/** How a child ended: what its parent's step answers. `output`: wire bytes of its result; `eventId`: of the record that told it. */
export type ChildEnd = { readonly isCompleted: boolean; readonly reason: string; readonly output: Uint8Array | null; readonly eventId: string };

export const EMPTY_SLOT: Slot = {
  isStarted: false,
  attempts: 0,
  nextAtMs: 0,
  isUncertain: false,
  outcome: null,
  outcomeAtMs: 0,
  outcomeEventId: '',
  outcomeReason: '',
  output: null,
  compensationData: null,
  compensation: 'none',
  compensationAttempts: 0,
  compensationNextAtMs: 0,
  openedBy: null,
  openedWith: null,
  openedAtMs: 0,
  childEnd: null,
};

export type Failure = { readonly step: string | null; readonly item: string | null; readonly reason: string; readonly eventId: string };

/** An instance as the fold of its own records: (correlationId, sub-saga). */
export type Instance = {
  readonly saga: CompiledSaga;
  readonly correlationId: string;
  readonly subSaga: string | null;
  readonly sagaType: string;
  readonly parentCorrelationId: string | null;
  readonly status: InstanceStatus;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly triggerEventId: string;
  /** Wire bytes of the trigger; null where nobody here reads it. */
  readonly start: Uint8Array | null;
  /** What the envelope repeats on every record: constant through the correlation. */
  readonly startedAtMs: number;
  readonly timeoutMs: number;
  readonly totalSteps: number;
  /** When this instance itself began: its start record. */
  readonly beganAtMs: number;
  /** This instance's own deadline; null = none. */
  readonly deadlineAtMs: number | null;
  readonly slots: readonly (Slot | undefined)[];
  /** Of forEach steps: by item. */
  readonly items: readonly (ReadonlyMap<string, Slot> | undefined)[] | null;
  /** Accumulators of the own await steps. */
  readonly awaits: readonly unknown[] | null;
  readonly firstFailure: Failure | null;
  /** RUNNING only: an operator's order to compensate, by eventId, which the initiator answers. */
  readonly compensateOrder: { readonly eventId: string; readonly user: string } | null;
  /** An operator has declared by hand all that is left, or excused single steps: who. */
  readonly resolvedBy: string | null;
  readonly isResolvedWhole: boolean;
  /**
   * By step: when it became ready. Kept only where items arrive: a late one reopens a step that was done, and what had been
   * called behind it stays triggered.
   */
  readonly reachedAtMs: readonly (number | undefined)[] | null;
  /** Frozen when CompensationRequested is folded. */
  readonly triggered: StepSet;
  readonly requestEventId: string;
  /** eventId of the last record that answered a step: the cause of the end. */
  readonly lastAnswerEventId: string;
  readonly endEventId: string;
};

/** A record as the engine folds it. `value` shares memory with its batch. */
export type FoldedRecord = {
  readonly offset: number;
  readonly type: string;
  readonly envelope: Envelope;
  readonly value: Uint8Array;
  readonly payload: () => unknown;
  /** The value apart from the memory it was read into: what is kept of a record is kept so. */
  readonly keep: () => Uint8Array;
};

/** An instance's key within its topic: the correlationId, for a child under it `correlationId/subSaga`. */
export const instanceKey = (correlationId: string, subSaga: string | null): string => (subSaga === null ? correlationId : `${correlationId}/${subSaga}`);
export const keyOf = (instance: Instance): string => instanceKey(instance.correlationId, instance.subSaga);

export const isEnded = (instance: Instance): boolean => instance.status === 'COMPLETED' || instance.status === 'FAILED' || instance.status === 'REFUSED';

const NO_ITEMS: ReadonlyMap<string, Slot> = new Map();
export const itemsOf = (instance: Instance, index: number): ReadonlyMap<string, Slot> => instance.items?.[index] ?? NO_ITEMS;

/** Wire bytes of the output that the definition names as the saga's result; null where it names none, or there is none. */
export const resultOf = ({ saga, slots }: Instance): Uint8Array | null => {
  const { result } = saga.definition;
  return result === undefined ? null : (slots[saga.indexOf.get(result) ?? -1]?.output ?? null);
};

export const slotOf = (instance: Instance, step: CompiledStep, item: string | null): Slot | undefined =>
  item === null ? instance.slots[step.index] : itemsOf(instance, step.index).get(item);

/** A copy that can be folded on without a change to the original. */
export const copyOfInstance = (instance: Instance): Instance => ({
  ...instance,
  slots: [...instance.slots],
  items: instance.items === null ? null : instance.items.map((items) => (items === undefined ? undefined : new Map(items))),
  awaits: instance.awaits === null ? null : [...instance.awaits],
  reachedAtMs: instance.reachedAtMs === null ? null : [...instance.reachedAtMs],
});
