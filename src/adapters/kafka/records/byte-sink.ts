/** Output of the decompressors: grows, copies from itself, and refuses to grow beyond its bound. */
export class ByteSink {
  readonly #bytesMax: number;
  #buffer: Buffer;
  #length = 0;

  constructor(expectedBytes: number, bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#buffer = Buffer.allocUnsafe(Math.min(Math.max(expectedBytes, 64), bytesMax));
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  append(source: Buffer, start: number, end: number): void {
    if (start < 0 || end > source.length || end < start) throw new RangeError('literal runs past the input');
    this.#reserve(end - start);
    source.copy(this.#buffer, this.#length, start, end);
    this.#length += end - start;
  }

  /** Repeats what was written `distance` bytes ago; may overlap itself, which is how runs are stored. */
  repeat(distance: number, byteCount: number): void {
    if (distance <= 0 || distance > this.#length) throw new RangeError('match reaches before the output');
    this.#reserve(byteCount);
    if (distance >= byteCount) {
      this.#buffer.copyWithin(this.#length, this.#length - distance, this.#length - distance + byteCount);
      this.#length += byteCount;
      return;
    }
    for (let left = byteCount; left > 0; left--) {
      this.#buffer[this.#length] = this.#buffer[this.#length - distance] ?? 0;
      this.#length++;
    }
  }

  #reserve(byteCount: number): void {
    const needed = this.#length + byteCount;
    if (needed > this.#bytesMax) throw new RangeError(`inflates beyond ${this.#bytesMax} bytes`);
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.min(Math.max(needed, this.#buffer.length * 2), this.#bytesMax));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}
