import { sagaSignalled, type SagaSignalled } from '#contracts/core';
import { erase } from '#kernel';
import type { FoldedRecord } from '../engine/index.ts';
import { type Codec, type DecodedEvent, type DecodeOutcome, type LogRecord, partitionKey, type TopicPartition } from '../ports/index.ts';
import { caught } from './caught.ts';
import { decodeLearning } from './takeover.ts';
import { learnInside } from './typed-bytes.ts';

/** A record as tasks fold it, or why it cannot be (yet). */
export type Folding = { readonly status: 'folded'; readonly record: FoldedRecord } | Exclude<DecodeOutcome, { readonly status: 'decoded' }>;

type Known = Exclude<Folding, { readonly status: 'unknown-schema' }>;
type Final = Exclude<DecodeOutcome, { readonly status: 'unknown-schema' }>;

/** Bytes of a type that no definition names: whoever hears a signal reads them when its verdict is asked for, which cannot wait for a schema. */
const bytesCarriedBy = ({ type, payload }: DecodedEvent): Uint8Array | null => {
  const signal = type === sagaSignalled.name ? caught(() => erase<SagaSignalled>(payload())) : null;
  return signal?.ok === true ? signal.value.payload : null;
};

/** The decodings of one process, by partition. */
export class SharedDecoding {
  readonly #codec: Codec;
  readonly #partitions = new Map<string, PartitionDecoding>();

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  of(partition: TopicPartition): PartitionDecoding {
    const key = partitionKey(partition);
    const known = this.#partitions.get(key) ?? new PartitionDecoding(this.#codec);
    this.#partitions.set(key, known);
    return known;
  }
}

/**
 * Decodes each record of a partition once for all tasks of this process: the reader hands co-located participants the very
 * same batch, one after another. What several of them keep of a record, they keep as one copy. Only the latest batch stays
 * decoded: what lives longer than a moment is copied by the collector, twice.
 */
export class PartitionDecoding {
  readonly #codec: Codec;
  #batch: readonly LogRecord[] = [];
  #foldings: (Known | undefined)[] = [];

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  /** The record at `index` of the batch; `value` is its value. */
  of(batch: readonly LogRecord[], index: number, value: Uint8Array): Folding {
    this.#enter(batch);
    const known = this.#foldings[index];
    if (known !== undefined) return known;
    const decoded = this.#codec.decode(value);
    // A schema may be learnt meanwhile: only a final answer is remembered.
    if (decoded.status === 'unknown-schema') return decoded;
    const carried = decoded.status === 'decoded' ? bytesCarriedBy(decoded) : null;
    const inside = carried === null ? null : this.#codec.decode(carried);
    return inside?.status === 'unknown-schema' ? inside : (this.#foldings[index] = foldingOf(decoded, batch[index]?.offset ?? -1, value));
  }

  /** The same, fetching first the schemas that this process has not met: of the record's writer, and of what a signal carries. */
  async learning(batch: readonly LogRecord[], index: number, value: Uint8Array): Promise<Known> {
    const decoded = await decodeLearning(this.#codec, value);
    if (decoded.status === 'decoded') await learnInside(this.#codec, bytesCarriedBy(decoded));
    this.#enter(batch);
    // Another task's waiting may have ended first: all fold the same record.
    return this.#foldings[index] ??= foldingOf(decoded, batch[index]?.offset ?? -1, value);
  }

  #enter(batch: readonly LogRecord[]): void {
    if (batch === this.#batch) return;
    this.#batch = batch;
    this.#foldings = new Array(batch.length).fill(undefined);
  }
}

const foldingOf = (decoded: Final, offset: number, value: Uint8Array): Known =>
  (decoded.status === 'undecodable' ? decoded : { status: 'folded', record: new DecodedRecord(offset, decoded, value) });

class DecodedRecord implements FoldedRecord {
  readonly offset: number;
  readonly type: string;
  readonly envelope: FoldedRecord['envelope'];
  readonly value: Uint8Array;
  readonly payload: () => unknown;
  #kept: Uint8Array | null = null;

  constructor(offset: number, decoded: DecodeOutcome & { readonly status: 'decoded' }, value: Uint8Array) {
    this.offset = offset;
    this.type = decoded.type;
    this.envelope = decoded.envelope;
    this.value = value;
    this.payload = decoded.payload;
  }

  /** The value's bytes apart from their batch, which would otherwise live as long as the instance. */
  keep(): Uint8Array {
    this.#kept ??= Buffer.from(this.value);
    return this.#kept;
  }
}
