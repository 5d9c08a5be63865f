import { deserialize, serialize } from 'node:v8';
import { instanceCheckpoint, type InstanceCheckpoint } from '#contracts/core';
import { erase } from '#kernel';
import { event } from '../definition/results.ts';
import { caught } from './caught.ts';
import { type CompiledSaga, type Instance, keyOf, limitsOfSteps, type PinnedLimits, withPinnedLimits } from '../engine/index.ts';
import type { DecodedEvent, RecordToWrite, TopicPartition } from '../ports/index.ts';
import type { Catalogue, Entry } from './instance-table.ts';
import type { Records } from './records.ts';
import type { ChainHead } from './chain.ts';
import { CLAIM_PREFIX } from './takeover.ts';

/** A checkpoint is a cache: of another version than this, the instance is folded from its first offset instead. */
export const CHECKPOINT_VERSION = 3;
const ENDED_PREFIX = 'ended:';
/** An id has at most 64 characters: far below any limit of a record. */
const ENDED_PER_RECORD = 5_000;

/** Id of an instance, and the time of its end record. */
export type Ended = readonly [key: string, atMs: number];

type Snapshot = { readonly instance: Omit<Instance, 'saga'>; readonly type: string; readonly version: number; readonly limits: PinnedLimits; readonly head: ChainHead };

/** Writes and reads the checkpoint topic of one (group, context, partition). Records are keyed by instance; tombstones end them. */
export class Checkpoints {
  readonly #records: Records;
  readonly #at: TopicPartition;
  #endedCount = 0;

  constructor(records: Records, at: TopicPartition) {
    this.#records = records;
    this.#at = at;
  }

  write(entry: Entry): RecordToWrite {
    const { saga, ...instance } = entry.instance;
    const snapshot: Snapshot = { instance, type: saga.definition.type, version: saga.definition.version, limits: limitsOfSteps(saga), head: entry.head };
    const state = serialize(snapshot);
    const payload = { state, schemaVersion: CHECKPOINT_VERSION, foldedTo: entry.instance.lastOffset, firstOffset: entry.instance.firstOffset };
    return this.#records.plain(this.#at.topic, entry.key, event(instanceCheckpoint, payload), { eventId: `checkpoint:${entry.key}:${entry.instance.lastOffset}`, partition: this.#at.partition });
  }

  tombstone(key: string): RecordToWrite {
    return { ...this.#at, key, value: null, headers: {}, timestampMs: this.#records.nowMs };
  }

  /** Ids that ended since the last such records: they must be known before the watermark passes their ends. */
  writeEnded(first: number, ended: readonly Ended[]): readonly { readonly record: RecordToWrite & { readonly key: string }; readonly count: number }[] {
    return Array.from({ length: Math.ceil(ended.length / ENDED_PER_RECORD) }, (_, index) => {
      // A position may be written twice: with the first checkpoints of many, and with the next.
      const key = `${ENDED_PREFIX}${first}.${this.#endedCount++}`;
      const part = ended.slice(index * ENDED_PER_RECORD, (index + 1) * ENDED_PER_RECORD);
      const payload = { state: serialize(part), schemaVersion: CHECKPOINT_VERSION, foldedTo: first, firstOffset: first };
      const record = this.#records.plain(this.#at.topic, key, event(instanceCheckpoint, payload), { eventId: `${key}:${this.#at.topic}/${this.#at.partition}`, partition: this.#at.partition });
      return { record: { ...record, key }, count: part.length };
    });
  }
}

export type Loaded =
  | { readonly kind: 'ended'; readonly key: string; readonly ended: readonly Ended[] }
  | { readonly kind: 'instance'; readonly entry: Entry }
  /** Of a version this build cannot read: fold from here instead. */
  | { readonly kind: 'unreadable'; readonly key: string; readonly firstOffset: number };

/** Not even a checkpoint of another version. `firstOffset`: no later than the instance's first record. */
export const undecodable = (key: string, firstOffset: number): Loaded | null => (key.startsWith(ENDED_PREFIX) || key.startsWith(CLAIM_PREFIX) ? null : { kind: 'unreadable', key, firstOffset });

export const readCheckpoint = (key: string, decoded: DecodedEvent, catalogue: Catalogue): Loaded | null => {
  if (decoded.type !== instanceCheckpoint.name) return null;
  const { state, schemaVersion, foldedTo, firstOffset } = erase<InstanceCheckpoint>(decoded.payload());
  const isEnded = key.startsWith(ENDED_PREFIX);
  const read = schemaVersion === CHECKPOINT_VERSION ? caught((): unknown => deserialize(state)) : null;
  // Forgotten ids cost at most a repeated start its refusal; there is nothing to fold them from.
  if (read === null || !read.ok) return isEnded ? null : { kind: 'unreadable', key, firstOffset };
  if (isEnded) return { kind: 'ended', key, ended: erase(read.value) };
  const snapshot = erase<Snapshot>(read.value);
  const saga: CompiledSaga | undefined = catalogue.version(snapshot.type, snapshot.version);
  if (saga === undefined) return { kind: 'unreadable', key, firstOffset };
  const instance: Instance = { ...snapshot.instance, saga: withPinnedLimits(saga, snapshot.limits) };
  return {
    kind: 'instance',
    entry: { key: keyOf(instance), instance, head: snapshot.head, busy: null, suspects: null, intents: null, isParked: false, checkpoint: { foldedTo: foldedTo, firstAfter: null } },
  };
};

