import { deserialize, serialize } from 'node:v8';
import { instanceCheckpoint, type InstanceCheckpoint } from '#contracts/core';
import { erase } from '#kernel';
import { event } from '../definition/results.ts';
import { type CompiledSaga, type Instance, keyOf } from '../engine/index.ts';
import type { DecodedEvent, RecordToWrite, TopicPartition } from '../ports/index.ts';
import type { Catalogue, Entry } from './instance-table.ts';
import type { Records } from './records.ts';
import type { ChainHead } from './chain.ts';

/** A checkpoint is a cache: of another version than this, the instance is folded from its first offset instead. */
export const CHECKPOINT_VERSION = 1;
const ENDED_PREFIX = 'ended:';

type Snapshot = { readonly instance: Omit<Instance, 'saga'>; readonly type: string; readonly version: number; readonly head: ChainHead };

/** Writes and reads the checkpoint topic of one (group, context, partition). Records are keyed by instance; tombstones end them. */
export class Checkpoints {
  readonly #records: Records;
  readonly #at: TopicPartition;

  constructor(records: Records, at: TopicPartition) {
    this.#records = records;
    this.#at = at;
  }

  write(entry: Entry): RecordToWrite {
    const { saga, ...instance } = entry.instance;
    const snapshot: Snapshot = { instance, type: saga.definition.type, version: saga.definition.version, head: entry.head };
    const state = serialize(snapshot);
    const payload = { state, schemaVersion: CHECKPOINT_VERSION, foldedTo: entry.instance.lastOffset, firstOffset: entry.instance.firstOffset };
    return this.#records.plain(this.#at.topic, entry.key, event(instanceCheckpoint, payload), { eventId: `checkpoint:${entry.key}:${entry.instance.lastOffset}`, partition: this.#at.partition });
  }

  tombstone(key: string): RecordToWrite {
    return { ...this.#at, key, value: null, headers: {}, timestampMs: this.#records.nowMs };
  }

  /** Ids that ended since the last such record: they must be known before the watermark passes their ends. */
  writeEnded(first: number, ended: readonly (readonly [key: string, atMs: number])[]): RecordToWrite {
    const payload = { state: serialize(ended), schemaVersion: CHECKPOINT_VERSION, foldedTo: first, firstOffset: first };
    return this.#records.plain(this.#at.topic, `${ENDED_PREFIX}${first}`, event(instanceCheckpoint, payload), { eventId: `ended:${this.#at.topic}/${this.#at.partition}:${first}`, partition: this.#at.partition });
  }
}

export type Loaded =
  | { readonly kind: 'ended'; readonly key: string; readonly ended: readonly (readonly [key: string, atMs: number])[] }
  | { readonly kind: 'instance'; readonly entry: Entry }
  /** Of a version this build cannot read: fold from here instead. */
  | { readonly kind: 'unreadable'; readonly firstOffset: number };

export const readCheckpoint = (key: string, decoded: DecodedEvent, catalogue: Catalogue): Loaded | null => {
  if (decoded.type !== instanceCheckpoint.name) return null;
  const { state, schemaVersion, foldedTo, firstOffset } = erase<InstanceCheckpoint>(decoded.payload());
  if (schemaVersion !== CHECKPOINT_VERSION) return { kind: 'unreadable', firstOffset: firstOffset };
  if (key.startsWith(ENDED_PREFIX)) return { kind: 'ended', key, ended: erase(deserialize(state)) };
  const snapshot = erase<Snapshot>(deserialize(state));
  const saga: CompiledSaga | undefined = catalogue.version(snapshot.type, snapshot.version);
  if (saga === undefined) return { kind: 'unreadable', firstOffset: firstOffset };
  const instance: Instance = { ...snapshot.instance, saga };
  return {
    kind: 'instance',
    entry: { key: keyOf(instance), instance, head: snapshot.head, busy: null, suspects: null, intents: null, checkpoint: { foldedTo: foldedTo, firstAfter: null } },
  };
};

