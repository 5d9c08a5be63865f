import type { LogRecord, TopicPartition } from '#saga-core/ports';

/** Where a record came from and where its header bytes lie. */
export type RecordPlace = { readonly at: TopicPartition; readonly bytes: Buffer; readonly headersAt: number };

const EMPTY = new Uint8Array(0);

/** A record as read. Headers are decoded when somebody asks: folding reads the value alone. */
export class FetchedRecord implements LogRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly #bytes: Buffer;
  readonly #headersAt: number;
  #headers: Readonly<Record<string, Uint8Array>> | undefined;

  constructor(place: RecordPlace, fields: { readonly offset: number; readonly timestampMs: number; readonly key: Uint8Array | null; readonly value: Uint8Array | null }) {
    this.topic = place.at.topic;
    this.partition = place.at.partition;
    this.offset = fields.offset;
    this.timestampMs = fields.timestampMs;
    this.key = fields.key;
    this.value = fields.value;
    this.#bytes = place.bytes;
    this.#headersAt = place.headersAt;
  }

  /** A null header value reads as no bytes; of a repeated name the last one counts. */
  get headers(): Readonly<Record<string, Uint8Array>> {
    this.#headers ??= decodeHeaders(this.#bytes, this.#headersAt);
    return this.#headers;
  }
}

const decodeHeaders = (bytes: Buffer, start: number): Readonly<Record<string, Uint8Array>> => {
  const headers: Record<string, Uint8Array> = Object.create(null);
  let position = start;
  const varint = (): number => {
    let zigzag = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[position++] ?? 0;
      zigzag |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (zigzag >>> 1) ^ -(zigzag & 1);
    }
  };
  for (let left = varint(); left > 0; left--) {
    const nameBytes = varint();
    const name = bytes.toString('utf8', position, position + nameBytes);
    position += nameBytes;
    const valueBytes = varint();
    headers[name] = valueBytes < 0 ? EMPTY : bytes.subarray(position, position + valueBytes);
    position += Math.max(valueBytes, 0);
  }
  return headers;
};
