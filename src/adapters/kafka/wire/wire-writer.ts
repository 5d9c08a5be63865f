const INITIAL_BYTES = 256;
/** After a large batch a request has only a few fields left: they must not double the buffer. */
const GROWTH_ROOM_BYTES = 1_024;
const TWO_TO_32 = 0x1_0000_0000;

/** Appends Kafka's primitive types to a growing buffer. One writer, one request. */
export class WireWriter {
  #buffer: Buffer;
  #length = 0;

  constructor(expectedBytes: number = INITIAL_BYTES) {
    this.#buffer = Buffer.allocUnsafe(Math.max(expectedBytes, 16));
  }

  get length(): number {
    return this.#length;
  }

  /** The bytes so far; shares memory with the writer. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Overwrites four bytes written earlier: lengths that are known at the end. */
  patchInt32(at: number, value: number): void {
    this.#buffer.writeInt32BE(value, at);
  }

  int8(value: number): this {
    const at = this.#reserve(1);
    this.#buffer.writeInt8(value, at);
    return this;
  }

  int16(value: number): this {
    const at = this.#reserve(2);
    this.#buffer.writeInt16BE(value, at);
    return this;
  }

  int32(value: number): this {
    const at = this.#reserve(4);
    this.#buffer.writeInt32BE(value, at);
    return this;
  }

  uint32(value: number): this {
    const at = this.#reserve(4);
    this.#buffer.writeUInt32BE(value, at);
    return this;
  }

  /** Safe integers only: offsets, producer ids, milliseconds. */
  int64(value: number): this {
    const at = this.#reserve(8);
    const high = Math.floor(value / TWO_TO_32);
    this.#buffer.writeInt32BE(high, at);
    this.#buffer.writeUInt32BE(value - high * TWO_TO_32, at + 4);
    return this;
  }

  boolean(value: boolean): this {
    return this.int8(value ? 1 : 0);
  }

  uvarint(value: number): this {
    let at = this.#reserve(5);
    const start = at;
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.#buffer[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[at++] = rest;
    this.#length = start + (at - start);
    return this;
  }

  raw(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
    return this;
  }

  string(value: string): this {
    return this.int16(Buffer.byteLength(value)).#utf8(value);
  }

  nullableString(value: string | null): this {
    return value === null ? this.int16(-1) : this.string(value);
  }

  compactString(value: string): this {
    return this.uvarint(Buffer.byteLength(value) + 1).#utf8(value);
  }

  compactNullableString(value: string | null): this {
    return value === null ? this.uvarint(0) : this.compactString(value);
  }

  bytes(value: Uint8Array): this {
    return this.int32(value.length).raw(value);
  }

  compactBytes(value: Uint8Array): this {
    return this.uvarint(value.length + 1).raw(value);
  }

  array<Item>(items: readonly Item[], each: (item: Item) => void): this {
    this.int32(items.length);
    for (const item of items) each(item);
    return this;
  }

  compactArray<Item>(items: readonly Item[], each: (item: Item) => void): this {
    this.uvarint(items.length + 1);
    for (const item of items) each(item);
    return this;
  }

  /** An empty tag section: flexible versions end every structure with one. */
  noTags(): this {
    return this.uvarint(0);
  }

  #utf8(value: string): this {
    const at = this.#reserve(Buffer.byteLength(value));
    this.#buffer.write(value, at, 'utf8');
    return this;
  }

  #reserve(byteCount: number): number {
    const at = this.#length;
    const needed = at + byteCount;
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed + GROWTH_ROOM_BYTES, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, at);
      this.#buffer = grown;
    }
    this.#length = needed;
    return at;
  }
}
