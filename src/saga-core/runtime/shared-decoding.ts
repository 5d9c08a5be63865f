import type { FoldedRecord } from '../engine/index.ts';
import { type Codec, type DecodeOutcome, type LogRecord, partitionKey, type TopicPartition } from '../ports/index.ts';
import { decodeLearning } from './takeover.ts';

/** A record as tasks fold it, or why it cannot be (yet). */
export type Folding = { readonly status: 'folded'; readonly record: FoldedRecord } | Exclude<DecodeOutcome, { readonly status: 'decoded' }>;

/** How many of a partition's latest records stay decoded: co-located tasks read the same batch within milliseconds. One fetch brings up to 1 MiB. */
const RING_RECORDS = 4_096;

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
 * same record. What several of them keep of it, they keep as one copy.
 */
export class PartitionDecoding {
  readonly #codec: Codec;
  readonly #ring: ({ readonly source: LogRecord; readonly folding: Folding } | undefined)[] = new Array(RING_RECORDS).fill(undefined);

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  of(record: LogRecord, value: Uint8Array): Folding {
    const at = record.offset % RING_RECORDS;
    const known = this.#ring[at];
    if (known !== undefined && known.source === record) return known.folding;
    const decoded = this.#codec.decode(value);
    // A schema may be learnt meanwhile: only a final answer is remembered.
    if (decoded.status === 'unknown-schema') return decoded;
    const folding: Folding = decoded.status === 'undecodable' ? decoded : { status: 'folded', record: new DecodedRecord(record.offset, decoded, value) };
    this.#ring[at] = { source: record, folding };
    return folding;
  }

  /** The same, fetching the writer's schema first where this process has not met it. */
  async learning(record: LogRecord, value: Uint8Array): Promise<Exclude<Folding, { readonly status: 'unknown-schema' }>> {
    const decoded = await decodeLearning(this.#codec, value);
    if (decoded.status === 'undecodable') return decoded;
    const again = this.of(record, value);
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
