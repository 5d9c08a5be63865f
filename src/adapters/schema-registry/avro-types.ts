import avro from 'avsc';
import type { AvroSchema } from '#contracts/core';
import { CodecError, messageOf } from './codec-error.ts';

// avsc with its traps closed (all of them silent): longs that lose digits, bytes that alias the fetched buffer and so
// keep a megabyte alive for 32 bytes, array sizes taken on trust.

/** What avsc hands to a type's reader and writer. */
type Tap = { buf: Buffer; pos: number; readLong: () => number; readString: () => string; writeLong: (value: number) => void };
type Reading = { readonly _read: (tap: Tap) => unknown };
export type AvroType = avro.Type;
export type AvroResolver = ReturnType<AvroType['createResolver']>;

const VARINT_BYTES_MAX = 10;
const LOOP_BYTES_MAX = 64;

// Exact zigzag varint. The low 28 bits by integer arithmetic: nearly every value ends there.
const readBigLong = (tap: Tap): bigint => {
  let value = 0n;
  for (let index = 0; index < VARINT_BYTES_MAX; index++) {
    const byte = tap.buf[tap.pos++] ?? 0;
    value |= BigInt(byte & 0x7f) << BigInt(7 * index);
    if ((byte & 0x80) === 0) return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
  }
  throw new RangeError('a long of more than 10 bytes');
};

const writeBigLong = (tap: Tap, value: bigint): void => {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  while (rest > 0x7fn) {
    tap.buf[tap.pos++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  tap.buf[tap.pos++] = Number(rest);
};

/* eslint-disable no-restricted-syntax -- avsc takes logical and custom long types as subclasses of its own classes, in no other way. */
/** `long`: a number; what no number can hold is refused, never rounded. */
class SafeLong extends avro.types.LongType {
  _read(tap: Tap): number {
    const start = tap.pos;
    const value = tap.readLong();
    // avsc's own arithmetic is exact up to here; beyond, odd negatives come out as their neighbours.
    if (value > -0x8000000000000 && value < 0x8000000000000) return value;
    tap.pos = start;
    const exact = readBigLong(tap);
    const asNumber = Number(exact);
    if (!Number.isSafeInteger(asNumber)) throw new RangeError(`the long ${exact} is beyond ±(2^53-1): a number would round it`);
    return asNumber;
  }
  _write(tap: Tap, value: number): void {
    if (value > -0x8000000000000 && value < 0x8000000000000) tap.writeLong(value);
    else writeBigLong(tap, BigInt(value));
  }
  _check(value: unknown): boolean {
    return Number.isSafeInteger(value);
  }
}

/** `{ "type": "long", "chorus:exact": true }`: a bigint, all 64 bits. */
class ExactLong extends avro.types.LongType {
  _read(tap: Tap): bigint {
    return readBigLong(tap);
  }
  _write(tap: Tap, value: bigint): void {
    writeBigLong(tap, value);
  }
  _check(value: unknown): boolean {
    return typeof value === 'bigint';
  }
  // A default is written as a JSON number.
  _copy(value: number | bigint): bigint {
    return BigInt(value);
  }
  _update(resolver: { _read: unknown }, writer: { readonly typeName: string }): void {
    if (writer.typeName === 'int' || writer.typeName === 'long') resolver._read = this._read;
  }
}

class OwnedBytes extends avro.types.BytesType {
  _read(tap: Tap): Uint8Array {
    const length = tap.readLong();
    const start = tap.pos;
    if (length < 0 || length > tap.buf.length - start) throw new RangeError(`bytes of length ${length} where ${tap.buf.length - start} are left`);
    tap.pos = start + length;
    const copy = new Uint8Array(length);
    // Hashes and short keys: a loop beats making the view that `set` wants.
    if (length <= LOOP_BYTES_MAX) for (let index = 0; index < length; index++) copy[index] = tap.buf[start + index] ?? 0;
    else copy.set(tap.buf.subarray(start, start + length));
    return copy;
  }
  _write(tap: Tap, value: Uint8Array): void {
    tap.writeLong(value.length);
    const start = tap.pos;
    tap.pos += value.length;
    if (tap.pos <= tap.buf.length) tap.buf.set(value, start);
  }
  _check(value: unknown): boolean {
    return value instanceof Uint8Array;
  }
}

// Blocks: count (negative: its absolute value, then the block's bytes), items, …, 0. Items of no bytes at all (nulls,
// empty records) are legal, so the bound is the bytes left or this many.
const EMPTY_ITEMS_MAX = 10_000;

const readBlockCount = (tap: Tap): number => {
  let count = tap.readLong();
  if (count < 0) {
    count = -count;
    tap.readLong();
  }
  const left = tap.buf.length - tap.pos;
  if (count > Math.max(left, EMPTY_ITEMS_MAX)) throw new RangeError(`a block of ${count} items where ${left} bytes are left`);
  return count;
};

class BoundedArray extends avro.types.ArrayType {
  _read(tap: Tap): unknown[] {
    // On a resolver, avsc calls this function with the resolver as `this`: it has an itemsType as well.
    const items = this.itemsType as unknown as Reading;
    const values: unknown[] = [];
    for (let count = readBlockCount(tap); count > 0; count = readBlockCount(tap)) {
      for (let index = 0; index < count; index++) values.push(items._read(tap));
    }
    return values;
  }
}

class BoundedMap extends avro.types.MapType {
  _read(tap: Tap): Record<string, unknown> {
    const values = this.valuesType as Reading;
    const entries: [string, unknown][] = [];
    for (let count = readBlockCount(tap); count > 0; count = readBlockCount(tap)) {
      for (let index = 0; index < count; index++) entries.push([tap.readString(), values._read(tap)]);
    }
    return Object.fromEntries(entries);
  }
}

/** `["null", X]`, the only union we write: avsc would ask whether a value is a Buffer, we write any Uint8Array. */
class Nullable extends avro.types.UnwrappedUnionType {
  _write(tap: Tap, value: unknown): void {
    if (value === null) {
      tap.writeLong(0);
      return;
    }
    tap.writeLong(1);
    (this.types[1] as unknown as { readonly _write: (tap: Tap, value: unknown) => void })._write(tap, value);
  }
}
/* eslint-enable no-restricted-syntax */

type TypeHook = NonNullable<NonNullable<Parameters<typeof avro.Type.forSchema>[1]>['typeHook']>;

// A container may not be built by name only: avsc calls the hook for `{ type: 'array', … }` and for `'long'` alike.
const hardenedTypes: TypeHook = (schema, options) => {
  if (Array.isArray(schema)) {
    const isNullable = schema.length === 2 && schema[0] === 'null';
    return isNullable ? new Nullable(schema, options) : (undefined as unknown as avro.Type);
  }
  const attributes: AvroSchema = typeof schema === 'string' ? { type: schema } : (schema as unknown as AvroSchema);
  switch (attributes['type']) {
    case 'long': return attributes['chorus:exact'] === true ? new ExactLong() : new SafeLong();
    case 'bytes': return new OwnedBytes();
    case 'array': return new BoundedArray(schema, options);
    case 'map': return new BoundedMap(schema, options);
    // avsc itself takes what the hook leaves; its declaration does not know that.
    default: return undefined as unknown as avro.Type;
  }
};

/** Throws CODEC_BAD_SCHEMA. */
export const compileAvro = (schema: AvroSchema): AvroType => {
  try {
    // avsc keeps parts of what it is given: it gets a copy.
    return avro.Type.forSchema(structuredClone(schema) as never, { typeHook: hardenedTypes, omitRecordMethods: true });
  } catch (cause) {
    throw new CodecError({ code: 'CODEC_BAD_SCHEMA', type: String(schema['name']), message: `the schema of ${String(schema['name'])} does not compile: ${messageOf(cause)}`, cause });
  }
};
