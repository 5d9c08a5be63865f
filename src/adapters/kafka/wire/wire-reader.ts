const TWO_TO_32 = 0x1_0000_0000;

/** Reads Kafka's primitive types from an answer; reading past the end throws RangeError. */
export class WireReader {
  readonly buffer: Buffer;
  offset: number;

  constructor(buffer: Buffer, offset: number = 0) {
    this.buffer = buffer;
    this.offset = offset;
  }

  get remaining(): number {
    return this.buffer.length - this.offset;
  }

  int8(): number {
    const value = this.buffer.readInt8(this.offset);
    this.offset += 1;
    return value;
  }

  int16(): number {
    const value = this.buffer.readInt16BE(this.offset);
    this.offset += 2;
    return value;
  }

  int32(): number {
    const value = this.buffer.readInt32BE(this.offset);
    this.offset += 4;
    return value;
  }

  /** As a number: offsets, producer ids and milliseconds are safe integers. */
  int64(): number {
    const value = this.buffer.readInt32BE(this.offset) * TWO_TO_32 + this.buffer.readUInt32BE(this.offset + 4);
    this.offset += 8;
    return value;
  }

  boolean(): boolean {
    return this.int8() !== 0;
  }

  uvarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.buffer.readUInt8(this.offset++);
      value += (byte & 0x7f) * 2 ** shift;
      if ((byte & 0x80) === 0) return value;
    }
    throw new RangeError('varint longer than five bytes');
  }

  raw(byteCount: number): Buffer {
    if (byteCount < 0 || byteCount > this.remaining) throw new RangeError(`${byteCount} bytes wanted, ${this.remaining} left`);
    const bytes = this.buffer.subarray(this.offset, this.offset + byteCount);
    this.offset += byteCount;
    return bytes;
  }

  string(): string {
    return this.#utf8(this.int16());
  }

  nullableString(): string | null {
    const length = this.int16();
    return length < 0 ? null : this.#utf8(length);
  }

  compactString(): string {
    return this.#utf8(this.uvarint() - 1);
  }

  compactNullableString(): string | null {
    const length = this.uvarint();
    return length === 0 ? null : this.#utf8(length - 1);
  }

  /** BYTES of 32-bit length; null reads as empty. */
  bytes(): Buffer {
    return this.raw(Math.max(this.int32(), 0));
  }

  array<Item>(each: () => Item): Item[] {
    return this.#items(this.int32(), each);
  }

  compactArray<Item>(each: () => Item): Item[] {
    return this.#items(this.uvarint() - 1, each);
  }

  /** Tag sections carry nothing that this client uses. */
  skipTags(): void {
    for (let left = this.uvarint(); left > 0; left--) {
      this.uvarint();
      this.raw(this.uvarint());
    }
  }

  #items<Item>(count: number, each: () => Item): Item[] {
    const items: Item[] = [];
    for (let index = 0; index < count; index++) items.push(each());
    return items;
  }

  #utf8(byteCount: number): string {
    return this.raw(byteCount).toString('utf8');
  }
}
