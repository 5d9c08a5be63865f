import { entityState, type EntityState } from '#contracts/core';
import { erase } from '#kernel';
import type { EntityDefinition } from '../definition/entity.ts';
import { event } from '../definition/results.ts';
import type { Codec, DecodedEvent, RecordToWrite } from '../ports/index.ts';
import { type ChainHead, hashBytes, headOf, NO_CHAIN } from './chain.ts';
import type { Records } from './records.ts';

/** One entity key as its task holds it. */
export type Keyed = { readonly key: string; state: unknown; version: number; observedAtMs: number; head: ChainHead };

/** The states of one entity partition: latest per key, in memory and on the compacted topic. */
export class EntityStates {
  readonly #definition: EntityDefinition;
  readonly #codec: Codec;
  readonly #keys = new Map<string, Keyed>();

  constructor(definition: EntityDefinition, codec: Codec) {
    this.#definition = definition;
    this.#codec = codec;
  }

  get(key: string): Keyed {
    const known = this.#keys.get(key);
    if (known !== undefined) return known;
    const fresh: Keyed = { key, state: this.#definition.initial(key), version: 0, observedAtMs: 0, head: NO_CHAIN };
    this.#keys.set(key, fresh);
    return fresh;
  }

  all(): IterableIterator<Keyed> {
    return this.#keys.values();
  }

  load(decoded: DecodedEvent): void {
    const { key, state, version, observedAt } = erase<EntityState>(decoded.payload());
    const { chain } = decoded.envelope;
    this.#keys.set(key, { key, state: this.#codec.decodeData(state).value, version, observedAtMs: observedAt, head: headOf(chain.seq, chain.prevHash) });
  }

  /** The state record carries the head of the entity's chain of outcomes: number and hash of the last one. */
  record(records: Records, at: { readonly topic: string; readonly partition: number }, keyed: Keyed): RecordToWrite {
    const state = this.#codec.encodeData(this.#definition.state, keyed.state);
    const payload = { entity: this.#definition.name, key: keyed.key, state, version: keyed.version, observedAt: keyed.observedAtMs };
    return records.plain(at.topic, keyed.key, event(entityState, payload), {
      eventId: `state:${this.#definition.name}/${keyed.key}:${keyed.version}`,
      partition: at.partition,
      chain: { id: `${this.#definition.name}/${keyed.key}`, seq: keyed.head.seq, prevHash: hashBytes(keyed.head) },
    });
  }
}
