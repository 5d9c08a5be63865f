import { type SagaStarted, type StepAttemptFailed, type StepStarted } from '#contracts/core';
import { erase, parseSagaId } from '#kernel';
import {
  advance, begin, begins, compensationKey, type CompiledSaga, type CompiledStep, emissionKey, END_KEY, type FoldedRecord, forwardKey, type Instance, instanceKey,
  isEnded, quarantineKey, type Refusal, REQUEST_KEY, START_KEY, withPinnedLimits,
} from '../engine/index.ts';
import { type ChainHead, headAt, NO_CHAIN } from './chain.ts';
import type { KeyList } from './key-list.ts';

/** An open instance with what only this task knows of it. */
export type Entry = {
  readonly key: string;
  instance: Instance;
  /** Head of this participant's chain of the instance, records under way included. */
  head: ChainHead;
  /** Actions whose records are not yet read back. */
  busy: KeyList | null;
  /** Forward slots that were ready before this task went live: a predecessor may have called the vendor. */
  suspects: Set<string> | null;
  /** Intents that this very task committed: the call behind them has not happened yet. */
  intents: Set<string> | null;
  /** What has to be written of it cannot be: left alone until the next takeover. */
  isParked: boolean;
  checkpoint: { foldedTo: number; firstAfter: number | null } | null;
};

/** An open instance of a version that this worker does not know; `isRemoved`: it knows a later one. */
export type UnknownVersion = { readonly firstOffset: number; readonly definition: string; readonly isRemoved: boolean };
const unknownOf = ({ definition: latest }: CompiledSaga, start: FoldedRecord, firstOffset: number): UnknownVersion => {
  const { definitionVersion } = erase<SagaStarted>(start.payload());
  return { firstOffset, definition: `${latest.type} v${definitionVersion}`, isRemoved: definitionVersion < latest.version };
};

/** The saga definitions of one participant, by type and version. */
export type Catalogue = {
  readonly latest: (type: string) => CompiledSaga | undefined;
  readonly version: (type: string, version: number) => CompiledSaga | undefined;
};

export type Folded =
  | { readonly status: 'touched'; readonly entry: Entry; readonly hasEnded: boolean; readonly isNew: boolean }
  | { readonly status: 'refused'; readonly refusal: Refusal; readonly entry: Entry | null }
  /** Not of this participant's sagas, or of no saga. */
  | { readonly status: 'ignored' };

const IGNORED: Folded = { status: 'ignored' };

export type InstanceTableOptions = {
  readonly participant: string;
  readonly catalogue: Catalogue;
  /** Ids of ended instances are remembered this long, */
  readonly dedupeWindowMs: number;
  /** and at most so many of them. */
  readonly rememberedMax: number;
  /** One too many was remembered: the oldest is forgotten. */
  readonly onForgotten: () => void;
};

/** Every open instance of one partition, folded. Ended ones are remembered by id, oldest forgotten first. */
export class InstanceTable {
  readonly #options: InstanceTableOptions;
  readonly #entries = new Map<string, Entry>();
  /** Ended instances that an open parent still asks for. */
  readonly #endedChildren = new Map<string, Instance>();
  /** Ids of ended instances and when they ended: a repeated start is a duplicate. */
  readonly #ended = new Map<string, number>();
  /** Open instances of versions this worker does not know: they hold the watermark and are never skipped. */
  readonly #unknown = new Map<string, UnknownVersion>();

  constructor(options: InstanceTableOptions) {
    this.#options = options;
  }

  get openCount(): number {
    return this.#entries.size;
  }

  /** Instances by id, sub-sagas as `correlationId/subSaga`. */
  get openIds(): readonly string[] {
    return [...this.#entries.values()].map(({ instance }) => (instance.subSaga === null ? instance.correlationId : `${instance.correlationId}/${instance.subSaga}`));
  }

  get unknownVersions(): ReadonlyMap<string, UnknownVersion> {
    return this.#unknown;
  }

  /** Instances of this type are among what is folded. */
  knows(sagaType: string): boolean {
    return this.#options.catalogue.latest(sagaType) !== undefined;
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  entries(): IterableIterator<Entry> {
    return this.#entries.values();
  }

  endedChild(key: string): Instance | undefined {
    return this.#endedChildren.get(key);
  }

  /** Instances remembered as ended, from a checkpoint. */
  rememberEnded(ended: Iterable<readonly [key: string, atMs: number]>): void {
    for (const [key, atMs] of ended) this.#remember(key, atMs);
  }

  /** First offsets of what is not among the entries and yet must be folded again after a takeover. */
  *heldOffsets(): IterableIterator<number> {
    for (const { firstOffset } of this.#unknown.values()) yield firstOffset;
    for (const { firstOffset } of this.#endedChildren.values()) yield firstOffset;
  }

  restore(entry: Entry): void {
    this.#entries.set(entry.key, entry);
  }

  forget(key: string): void {
    this.#entries.delete(key);
  }

  fold(record: FoldedRecord): Folded {
    const { envelope } = record;
    if (record.type === 'chorus.ChildSagaEnded') return this.#foldChildEnd(record);
    const type = envelope.subSaga ?? envelope.sagaType;
    if (type === null || envelope.correlationId === null) return IGNORED;
    const saga = this.#options.catalogue.latest(type);
    if (saga === undefined) return IGNORED;
    const key = instanceKey(envelope.correlationId, envelope.subSaga);
    if (this.#unknown.size > 0 && this.#unknown.has(key)) return this.#foldUnknown(key, record);
    const entry = this.#entries.get(key);
    return entry === undefined ? this.#foldFirst(key, saga, record) : this.#foldNext(entry, record);
  }

  /** A child of an id of its own reports on its parent's partition; it knows its parent's id, not its type. */
  #foldChildEnd(record: FoldedRecord): Folded {
    const entry = this.#entries.get(record.envelope.correlationId ?? '');
    return entry === undefined ? IGNORED : this.#foldNext(entry, record);
  }

  #foldFirst(key: string, latest: CompiledSaga, record: FoldedRecord): Folded {
    // By the records' own times, so that every participant remembers, and forgets, alike.
    const endedAtMs = this.#ended.get(key) ?? this.#ended.get(record.envelope.correlationId ?? '');
    const isRemembered = endedAtMs !== undefined && record.envelope.occurredAt - endedAtMs <= this.#options.dedupeWindowMs;
    if (isRemembered) return { status: 'refused', refusal: 'AFTER_END', entry: null };
    // An id that is none could be taken for another instance's key, or for none at all.
    if (!begins(latest, record) || !parseSagaId(record.envelope.correlationId ?? '').ok) return { status: 'refused', refusal: 'ILLEGAL_TRANSITION', entry: null };
    const saga = this.#pinned(latest, record);
    if (saga === undefined) {
      this.#unknown.set(key, unknownOf(latest, record, record.offset));
      return IGNORED;
    }
    const entry: Entry = { key, instance: begin(saga, record), head: NO_CHAIN, busy: null, suspects: null, intents: null, isParked: false, checkpoint: null };
    this.#entries.set(key, entry);
    this.#follow(entry, record);
    return { status: 'touched', entry, hasEnded: false, isNew: true };
  }

  #foldNext(entry: Entry, record: FoldedRecord): Folded {
    const { checkpoint } = entry;
    if (checkpoint !== null) {
      if (record.offset <= checkpoint.foldedTo) return IGNORED;
      checkpoint.firstAfter ??= record.offset;
    }
    if (record.type === 'chorus.SagaStarted' && entry.instance.status === 'PENDING') {
      const saga = this.#pinned(entry.instance.saga, record);
      if (saga === undefined) {
        this.#entries.delete(entry.key);
        this.#unknown.set(entry.key, unknownOf(entry.instance.saga, record, entry.instance.firstOffset));
        return IGNORED;
      }
      if (saga !== entry.instance.saga) entry.instance = movedTo(saga, entry.instance);
    }
    const { instance } = entry;
    const refused = advance(instance, record);
    this.#follow(entry, record);
    if (this.#endedChildren.size > 0) this.#releaseChildren(instance);
    if (refused !== null) return { status: 'refused', refusal: refused, entry };
    const hasEnded = isEnded(instance);
    if (hasEnded) this.#end(entry, record.envelope.occurredAt);
    return { status: 'touched', entry, hasEnded, isNew: false };
  }

  /** The version that the start record pins; the latest until then. */
  #pinned(latest: CompiledSaga, record: FoldedRecord): CompiledSaga | undefined {
    if (record.type !== 'chorus.SagaStarted') return latest;
    const { definitionVersion, limits } = erase<SagaStarted>(record.payload());
    const saga = definitionVersion === latest.definition.version ? latest : this.#options.catalogue.version(latest.definition.type, definitionVersion);
    return saga === undefined ? undefined : withPinnedLimits(saga, limits);
  }

  #foldUnknown(key: string, record: FoldedRecord): Folded {
    if (record.type === 'chorus.SagaCompleted' || record.type === 'chorus.SagaFailed') {
      this.#unknown.delete(key);
      this.#remember(key, record.envelope.occurredAt);
    }
    return IGNORED;
  }

  /** Own records advance the chain and end the action that wrote them. */
  #follow(entry: Entry, record: FoldedRecord): void {
    const { chain } = record.envelope;
    if (chain.id === this.#options.participant && chain.seq > entry.head.seq) {
      entry.head = headAt(chain.seq, record.value);
    }
    const { busy } = entry;
    if (busy === null || busy.size === 0) return;
    const key = answeredKey(entry.instance.saga, record);
    if (key !== null) busy.delete(key);
  }

  #end(entry: Entry, atMs: number): void {
    const { instance } = entry;
    this.#entries.delete(entry.key);
    this.#remember(entry.key, atMs);
    const parent = instance.subSaga === null ? undefined : this.#entries.get(instance.correlationId);
    if (parent?.instance.saga.owned.some((step) => isAwaited(parent.instance, step, instance.subSaga)) === true) this.#endedChildren.set(entry.key, instance);
  }

  /** Children whose ends are answered by now, or whose parent has ended. */
  #releaseChildren(parent: Instance): void {
    if (parent.subSaga !== null) return;
    for (const step of parent.saga.owned) {
      if (step.definition.kind === 'child' && (isEnded(parent) || !isAwaited(parent, step, step.definition.saga))) this.#endedChildren.delete(instanceKey(parent.correlationId, step.definition.saga));
    }
  }

  #remember(key: string, atMs: number): void {
    this.#ended.set(key, atMs);
    if (this.#ended.size <= this.#options.rememberedMax) return;
    for (const oldest of this.#ended.keys()) {
      this.#ended.delete(oldest);
      this.#options.onForgotten();
      break;
    }
  }
}

/** A pending instance under the definition that its start record pins: what was folded of a step goes with the step's name. */
const movedTo = (saga: CompiledSaga, instance: Instance): Instance => {
  const moved = <Value>(kept: readonly (Value | undefined)[] | null): readonly (Value | undefined)[] | null =>
    kept === null ? null : saga.steps.map((step) => {
      const before = instance.saga.steps[instance.saga.indexOf.get(step.name) ?? -1];
      return before?.definition.kind === step.definition.kind && before.isWatch === step.isWatch ? kept[before.index] : undefined;
    });
  return { ...instance, saga, slots: saga.steps.map(() => undefined), items: moved(instance.items), awaits: moved(instance.awaits) };
};

/** The step waits for the end of this child under the same correlationId. */
const isAwaited = ({ slots }: Instance, { definition, index }: CompiledStep, child: string | null): boolean =>
  definition.kind === 'child' && definition.id === 'inherited' && definition.saga === child && slots[index]?.outcome == null;

/** The action whose record this is; null where it answers none. */
const answeredKey = (saga: CompiledSaga, record: FoldedRecord): string | null => {
  switch (record.type) {
    case 'chorus.SagaStarted':
    case 'chorus.SagaRefused': return START_KEY;
    case 'chorus.CompensationRequested': return REQUEST_KEY;
    case 'chorus.SagaCompleted':
    case 'chorus.SagaFailed': return END_KEY;
    default:
  }
  const { stepName, stepItem, outcome, causationId } = record.envelope;
  const index = stepName === null ? undefined : saga.indexOf.get(stepName);
  const step = index === undefined ? undefined : saga.steps[index];
  if (step === undefined) return null;
  switch (record.type) {
    case 'chorus.SagaQuarantined': return quarantineKey(step, stepItem);
    case 'chorus.CompensationCompleted':
    case 'chorus.CompensationFailed': return compensationKey(step, stepItem);
    case 'chorus.StepStarted': return erase<StepStarted>(record.payload()).phase === 'compensate' ? compensationKey(step, stepItem) : forwardKey(step, stepItem);
    case 'chorus.StepAttemptFailed': return erase<StepAttemptFailed>(record.payload()).phase === 'compensate' ? compensationKey(step, stepItem) : forwardKey(step, stepItem);
    case 'chorus.StepFailed': return forwardKey(step, stepItem);
    default:
  }
  if (outcome === 'completed') return forwardKey(step, stepItem);
  return step.isWatch && causationId !== null ? emissionKey(step, causationId) : null;
};
