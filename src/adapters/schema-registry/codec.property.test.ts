import { describe, expect, test } from '@jest/globals';
import avro from 'avsc';
import fc from 'fast-check';
import { allDataTypes, allEventTypes, dataType, type Envelope } from '#contracts';
import { arbitraryOfSchema } from '../../../test/support/avro-arbitrary.ts';
import { createInMemoryCodec } from './codec.ts';

// Goal: whatever value the types allow, encode and decode give it back, and a stock Avro implementation reads the same.
// Method: arbitrary values from the schemas themselves; stock avsc, without any of our hardening, as the oracle.

const RUNS = { numRuns: 40 };
const EDGES = { numRuns: 2_000 };

const codec = createInMemoryCodec();
await codec.prepare([...allEventTypes, ...allDataTypes]);

// Stock avsc's own `long` turns -(2^53-1) into +(2^53-2): the oracle gets the exact reader that avsc documents.
const oracleLong = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (left: bigint, right: bigint) => Number(left - right),
});
const oracleOf = (schema: unknown): avro.Type =>
  avro.Type.forSchema(structuredClone(schema) as never, {
    typeHook: (inner: unknown) => (inner === 'long' || (typeof inner === 'object' && inner !== null && 'type' in inner && inner.type === 'long') ? oracleLong : undefined) as never,
  });

// avsc gives records prototypes of its own, and Buffers where we give Uint8Arrays.
const plain = (value: unknown): unknown => {
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
};

describe.each(allEventTypes.map((type) => [type.name, type] as const))('%s', (name, type) => {
  const oracle = oracleOf(type.schema);

  test('comes back as it was written, and reads the same with stock Avro', () => {
    fc.assert(fc.property(arbitraryOfSchema(type.schema), (value) => {
      const { envelope, ...payload } = value;
      const record = codec.encode(type, envelope as Envelope, payload);
      const decoded = codec.decode(record);
      expect(decoded.status).toBe('decoded');
      if (decoded.status !== 'decoded') return;
      expect(decoded.type).toBe(name);
      expect(plain(decoded.envelope)).toEqual(plain(envelope));
      expect(plain(decoded.payload())).toEqual(plain(payload));
      expect(decoded.payload()).toBe(decoded.payload());
      expect(plain(oracle.fromBuffer(Buffer.from(record.subarray(5))))).toEqual(plain(value));
    }), RUNS);
  });
});

describe.each(allDataTypes.map((type) => [type.name, type] as const))('%s', (_, type) => {
  test('comes back as it was written', () => {
    fc.assert(fc.property(arbitraryOfSchema(type.schema), (value) => {
      expect(plain(codec.decodeData(codec.encodeData(type, value)).value)).toEqual(plain(value));
    }), RUNS);
  });
});

const longs = dataType<{ readonly number: number; readonly exact: bigint; readonly maybe: bigint | null; readonly many: Readonly<Record<string, number>> }>('test.Longs', {
  type: 'record', name: 'Longs', namespace: 'test', fields: [
    { name: 'number', type: 'long' },
    { name: 'exact', type: { type: 'long', 'chorus:exact': true } },
    { name: 'maybe', type: ['null', { type: 'long', 'chorus:exact': true }], default: null },
    { name: 'many', type: { type: 'map', values: 'long' } },
  ],
});
await codec.prepare([longs]);

test('every 64-bit integer is exact, around every power of two', () => {
  const power = fc.tuple(fc.integer({ min: 0, max: 63 }), fc.integer({ min: -3, max: 3 }), fc.boolean())
    .map(([bits, delta, negative]) => BigInt.asIntN(64, (negative ? -1n : 1n) * 2n ** BigInt(bits) + BigInt(delta)));
  fc.assert(fc.property(power, power, (exact, other) => {
    const number = Number.isSafeInteger(Number(other)) ? Number(other) : 0;
    const value = { number, exact, maybe: other, many: { a: number, b: Number(BigInt(-number)) } };
    expect(codec.decodeData(codec.encodeData(longs, value))).toEqual({ type: 'test.Longs', value });
  }), EDGES);
});

test('arbitrary bytes never hang or crash the decoder: they are decoded, unknown or undecodable', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: allEventTypes.length + 2 }), fc.uint8Array({ maxLength: 400 }), (schemaId, body) => {
    const record = Buffer.concat([Buffer.from([0, 0, 0, 0, schemaId]), body]);
    const outcome = codec.decode(record);
    if (outcome.status !== 'decoded') return;
    try {
      outcome.payload();
    } catch (error) {
      expect(error).toMatchObject({ code: 'CODEC_UNDECODABLE' });
    }
  }), EDGES);
});

test('a record cut short anywhere is undecodable', () => {
  const type = allEventTypes.find((candidate) => candidate.name === 'trade.order.filled');
  if (type === undefined) throw new Error('trade.order.filled is gone');
  fc.assert(fc.property(arbitraryOfSchema(type.schema), fc.nat(), (value, at) => {
    const { envelope, ...payload } = value;
    const record = codec.encode(type, envelope as Envelope, payload);
    const outcome = codec.decode(record.subarray(0, at % record.length));
    if (outcome.status === 'decoded') expect(outcome.payload).toThrow(expect.objectContaining({ code: 'CODEC_UNDECODABLE' }));
    else expect(['undecodable']).toContain(outcome.status);
  }), { numRuns: 500 });
});
