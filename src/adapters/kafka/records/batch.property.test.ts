// Goal: what is encoded is decoded again, and is what others make of it. Method: random records through our encoder, then
// through our decoder and through kafkajs' (an independent reader); every single flipped bit must be noticed.
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import RecordBatchDecoder from 'kafkajs/src/protocol/recordBatch/v0/decoder.js';
import Decoder from 'kafkajs/src/protocol/decoder.js';
import { crc32c } from '../wire/crc32c.ts';
import { decodeBatches } from './batch-decoder.ts';
import { encodeBatch, encodedBytesMax } from './batch-encoder.ts';

const IDENTITY = { producerId: 4_711, epoch: 3, baseSequence: 99 };
const AT = { topic: 'topic', partition: 1, offset: 0 };

const text = fc.oneof(fc.string({ maxLength: 80 }), fc.string({ unit: 'grapheme', maxLength: 80 }));
const record = fc.record({
  key: fc.option(text),
  value: fc.option(fc.uint8Array({ maxLength: 300 })),
  headers: fc.dictionary(text, text, { maxKeys: 4 }),
  timestampMs: fc.integer({ min: 0, max: 4_102_444_800_000 }),
});
const records = fc.array(record, { minLength: 1, maxLength: 20 });

const plain = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('base64'));
const utf8 = (value: string | null): string | null => (value === null ? null : Buffer.from(value).toString('base64'));

test('records survive encoding and decoding', () => {
  fc.assert(fc.property(records, (given) => {
    const decoded = decodeBatches(encodeBatch(given, IDENTITY), AT, []);
    expect(decoded.nextOffset).toBe(given.length);
    expect(decoded.records.map(({ offset, timestampMs, key, value, headers }) => [
      offset, timestampMs, plain(key), plain(value), Object.entries(headers).map(([name, bytes]) => [name, plain(bytes)]).sort(),
    ])).toEqual(given.map(({ key, value, headers, timestampMs }, index) => [
      index, timestampMs, utf8(key), plain(value), Object.entries(headers).map(([name, header]) => [Buffer.from(name).toString('utf8'), utf8(header)]).sort(),
    ]));
  }));
});

test('kafkajs reads the same', async () => {
  await fc.assert(fc.asyncProperty(records, async (given) => {
    const batch = await RecordBatchDecoder(new Decoder(encodeBatch(given, IDENTITY)));
    expect(batch.records.map((each) => [Number(each.offset), Number(each.timestamp), plain(each.key), plain(each.value)]))
      .toEqual(given.map(({ key, value, timestampMs }, index) => [index, timestampMs, utf8(key), plain(value)]));
  }));
});

test('the size that is planned with is never below the real one', () => {
  fc.assert(fc.property(records, (given) => {
    const planned = given.reduce((sum, each) => sum + encodedBytesMax(each), 61);
    expect(encodeBatch(given, IDENTITY).length).toBeLessThanOrEqual(planned);
  }));
});

test('a null header value is written, and read as no bytes', () => {
  const batch = encodeBatch([{ key: null, value: null, headers: { gone: null, kept: 'x' }, timestampMs: 1 }], IDENTITY);
  const headers = decodeBatches(batch, AT, []).records.map((each) => Object.entries(each.headers)).flat();
  expect(headers.map(([name, bytes]) => [name, Buffer.from(bytes).toString()])).toEqual([['gone', ''], ['kept', 'x']]);
});

test('a flipped bit behind the checksum is CORRUPT_BATCH', () => {
  const batch = encodeBatch([{ key: 'key', value: Buffer.from('value'), headers: { name: 'x' }, timestampMs: 1_700_000_000_000 }], IDENTITY);
  for (let bit = 21 * 8; bit < batch.length * 8; bit++) {
    const broken = Buffer.from(batch);
    broken.writeUInt8(broken.readUInt8(bit >>> 3) ^ (1 << (bit & 7)), bit >>> 3);
    expect(() => decodeBatches(broken, AT, [])).toThrow(expect.objectContaining({ code: 'CORRUPT_BATCH' }));
  }
});

test('an unknown codec is UNSUPPORTED_CODEC', () => {
  const batch = encodeBatch([{ key: null, value: Buffer.from('x'), headers: {}, timestampMs: 1 }], IDENTITY);
  batch.writeInt16BE(batch.readInt16BE(21) | 5, 21);
  batch.writeUInt32BE(crc32c(batch, 21), 17);
  expect(() => decodeBatches(batch, AT, [])).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_CODEC' }));
});

test('a batch that is cut off is left for the next fetch', () => {
  const batch = encodeBatch([{ key: null, value: Buffer.from('x'), headers: {}, timestampMs: 1 }], IDENTITY);
  for (let length = 0; length < batch.length; length++) {
    expect(decodeBatches(batch.subarray(0, length), AT, [])).toEqual({ records: [], nextOffset: 0 });
  }
});

test('records before the position asked for are left out', () => {
  const batch = encodeBatch(Array.from({ length: 5 }, (_, index) => ({ key: null, value: Buffer.from(`${index}`), headers: {}, timestampMs: 1 })), IDENTITY);
  const { records: left, nextOffset } = decodeBatches(batch, { ...AT, offset: 3 }, []);
  expect([left.map(({ offset }) => offset), nextOffset]).toEqual([[3, 4], 5]);
});

test('CRC-32C of the standard\'s examples', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
  expect(crc32c(Buffer.alloc(0))).toBe(0);
});
