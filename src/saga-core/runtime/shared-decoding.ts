import type { FoldedRecord } from '../engine/index.ts';
import { type Codec, type DecodeOutcome, type LogRecord, partitionKey, type TopicPartition } from '../ports/index.ts';
import { decodeLearning } from './takeover.ts';

/** A record as tasks fold it, or why it cannot be (yet). */
export type Folding = { readonly status: 'folded'; readonly record: FoldedRecord } | Exclude<DecodeOutcome, { readonly status: 'decoded' }>;

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
  #foldings: (Folding | undefined)[] = [];

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  /** The record at `index` of the batch; `value` is its value. */
  of(batch: readonly LogRecord[], index: number, value: Uint8Array): Folding {
    if (batch !== this.#batch) {
      this.#batch = batch;
      this.#foldings = new Array(batch.length).fill(undefined);
    }
    const known = this.#foldings[index];
    if (known !== undefined) return known;
    const decoded = this.#codec.decode(value);
    // A schema may be learnt meanwhile: only a final answer is remembered.
    if (decoded.status === 'unknown-schema') return decoded;
    const folding: Folding = decoded.status === 'undecodable' ? decoded : { status: 'folded', record: new DecodedRecord(batch[index]?.offset ?? -1, decoded, value) };
    this.#foldings[index] = folding;
    return folding;
  }

  /** The same, fetching the writer's schema first where this process has not met it. */
  async learning(batch: readonly LogRecord[], index: number, value: Uint8Array): Promise<Exclude<Folding, { readonly status: 'unknown-schema' }>> {
    const decoded = await decodeLearning(this.#codec, value);
    if (decoded.status === 'undecodable') return decoded;
    const again = this.of(batch, index, value);
    return again.status === 'unknown-schema' ? { status: 'undecodable', reason: `schema ${again.schemaId} stays unknown` } : again;
  }
}

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
