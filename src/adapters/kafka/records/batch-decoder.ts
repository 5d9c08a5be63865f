import type { LogRecord, TopicPartition } from '#saga-core/ports';
import type { AbortedTransaction } from '../protocol/fetch-v13.ts';
import { crc32c } from '../wire/crc32c.ts';
import { type AbortedFilter, createAbortedFilter } from './aborted-filter.ts';
import { decompress } from './decompress.ts';
import { FetchedRecord } from './fetched-record.ts';
import { ReadFault } from './read-fault.ts';

/* Offsets of a batch's fields; the grammar stands in batch-encoder.ts. */
const LENGTH_AT = 8;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const LAST_OFFSET_DELTA_AT = 23;
const BASE_TIMESTAMP_AT = 27;
const MAX_TIMESTAMP_AT = 35;
const PRODUCER_ID_AT = 43;
const COUNT_AT = 57;
const HEADER_BYTES = 61;
const PREFIX_BYTES = 12;

const CODEC_MASK = 0x07;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
const ABORT_MARKER = 0;
const TWO_TO_32 = 0x1_0000_0000;

export type DecodedBatches = {
  readonly records: LogRecord[];
  /** Past everything that was looked at, delivered or not. */
  readonly nextOffset: number;
};

type Cursor = { readonly at: TopicPartition; readonly fromOffset: number; readonly records: LogRecord[]; readonly filter: AbortedFilter };

const int64 = (bytes: Buffer, at: number): number => bytes.readInt32BE(at) * TWO_TO_32 + bytes.readUInt32BE(at + 4);

/**
 * Decodes the whole batches in `bytes`; the last may be cut off. An unreadable batch behind readable ones is left for the
 * next fetch, so that what lies before it is delivered. Throws ReadFault.
 */
export const decodeBatches = (
  bytes: Buffer, from: TopicPartition & { readonly offset: number }, abortedTransactions: readonly AbortedTransaction[],
): DecodedBatches => {
  const cursor: Cursor = { at: from, fromOffset: from.offset, records: [], filter: createAbortedFilter(abortedTransactions) };
  let nextOffset = from.offset;
  let start = 0;
  while (bytes.length - start >= HEADER_BYTES) {
    const end = start + PREFIX_BYTES + bytes.readInt32BE(start + LENGTH_AT);
    if (end > bytes.length) break;
    const batchNext = int64(bytes, start) + bytes.readInt32BE(start + LAST_OFFSET_DELTA_AT) + 1;
    try {
      checkBatch(bytes, start, end);
      decodeBatch(bytes.subarray(start, end), cursor, batchNext - 1);
    } catch (thrown) {
      if (nextOffset > from.offset) break;
      throw thrown instanceof ReadFault ? thrown : new ReadFault('CORRUPT_BATCH', `batch at offset ${int64(bytes, start)} is unreadable`, { cause: thrown });
    }
    nextOffset = Math.max(nextOffset, batchNext);
    start = end;
  }
  return { records: cursor.records, nextOffset };
};

const checkBatch = (bytes: Buffer, start: number, end: number): void => {
  const magic = bytes.readInt8(start + MAGIC_AT);
  if (magic !== 2) throw new ReadFault('CORRUPT_BATCH', `batch at offset ${int64(bytes, start)} has message format ${magic}, only 2 is read`);
  if (end - start < HEADER_BYTES) throw new ReadFault('CORRUPT_BATCH', `batch at offset ${int64(bytes, start)} is shorter than its header`);
  const expected = bytes.readUInt32BE(start + CRC_AT);
  const actual = crc32c(bytes, start + ATTRIBUTES_AT, end);
  if (actual !== expected) {
    throw new ReadFault('CORRUPT_BATCH', `batch at offset ${int64(bytes, start)}: CRC-32C is ${actual.toString(16)}, its header says ${expected.toString(16)}`);
  }
};

const decodeBatch = (batch: Buffer, cursor: Cursor, lastOffset: number): void => {
  const attributes = batch.readInt16BE(ATTRIBUTES_AT);
  const producerId = int64(batch, PRODUCER_ID_AT);
  if (producerId >= 0) cursor.filter.advanceTo(lastOffset);
  if ((attributes & CONTROL) !== 0) {
    if (controlType(batch) === ABORT_MARKER) cursor.filter.onAbortMarker(producerId);
    return;
  }
  if ((attributes & TRANSACTIONAL) !== 0 && cursor.filter.isAborted(producerId)) return;
  if (lastOffset < cursor.fromOffset) return;
  const codec = attributes & CODEC_MASK;
  const body = codec === 0 ? batch.subarray(HEADER_BYTES) : decompress(codec, batch.subarray(HEADER_BYTES));
  const appendTimeMs = (attributes & LOG_APPEND_TIME) === 0 ? null : int64(batch, MAX_TIMESTAMP_AT);
  decodeRecords(body, cursor, {
    count: batch.readInt32BE(COUNT_AT), baseOffset: int64(batch, 0), baseTimestampMs: int64(batch, BASE_TIMESTAMP_AT), appendTimeMs,
  });
};

/** Control record key => version INT16, type INT16; behind length, attributes, timestamp delta, offset delta and key length. */
const controlType = (batch: Buffer): number => {
  position = HEADER_BYTES;
  readVarint(batch);
  position += 1;
  readVarlong(batch);
  readVarint(batch);
  readVarint(batch);
  return batch.readInt16BE(position + 2);
};

type BatchBase = { readonly count: number; readonly baseOffset: number; readonly baseTimestampMs: number; readonly appendTimeMs: number | null };

let position = 0;

const readVarint = (bytes: Buffer): number => {
  let byte = bytes[position++] as number;
  if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
  let zigzag = byte & 0x7f;
  for (let shift = 7; shift < 35; shift += 7) {
    byte = bytes[position++] as number;
    zigzag |= (byte & 0x7f) << shift;
    if (byte < 0x80) return (zigzag >>> 1) ^ -(zigzag & 1);
  }
  throw new RangeError('varint longer than five bytes');
};

/** Timestamp deltas: beyond 2^31 ms for records of one batch that lie weeks apart, up to 2^53. */
const readVarlong = (bytes: Buffer): number => {
  let zigzag = 0;
  for (let factor = 1; factor < 2 ** 63; factor *= 128) {
    const byte = bytes[position++] as number;
    zigzag += (byte & 0x7f) * factor;
    if (byte < 0x80) return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  }
  throw new RangeError('varlong longer than nine bytes');
};

const readBytes = (bytes: Buffer, end: number): Buffer | null => {
  const length = readVarint(bytes);
  if (length < 0) return null;
  const start = position;
  position += length;
  if (position > end) throw new RangeError('record runs past its length');
  return bytes.subarray(start, position);
};

const decodeRecords = (bytes: Buffer, cursor: Cursor, base: BatchBase): void => {
  position = 0;
  for (let index = 0; index < base.count; index++) {
    const length = readVarint(bytes);
    const end = position + length;
    if (length <= 0 || end > bytes.length) throw new RangeError(`record ${index} of ${base.count} runs past its batch`);
    position += 1;
    const timestampDeltaMs = readVarlong(bytes);
    const offset = base.baseOffset + readVarint(bytes);
    const key = readBytes(bytes, end);
    const value = readBytes(bytes, end);
    if (offset >= cursor.fromOffset) {
      cursor.records.push(new FetchedRecord({ at: cursor.at, bytes, headersAt: position }, {
        offset, timestampMs: base.appendTimeMs ?? base.baseTimestampMs + timestampDeltaMs, key, value,
      }));
    }
    position = end;
  }
};
