import { crc32c } from '../wire/crc32c.ts';

/*
 * RecordBatch => base_offset INT64, batch_length INT32, partition_leader_epoch INT32, magic INT8, crc UINT32 (of all that follows),
 *   attributes INT16, last_offset_delta INT32, base_timestamp INT64, max_timestamp INT64, producer_id INT64, producer_epoch INT16,
 *   base_sequence INT32, records INT32 count, then each
 *   length VARINT, attributes INT8, timestamp_delta VARLONG, offset_delta VARINT, key, value (VARINT length or -1, bytes),
 *   headers VARINT count, each key (VARINT length, bytes), value (VARINT length or -1, bytes)
 */
const HEADER_BYTES = 61;
const CRC_START = 21;
const MAGIC = 2;
const ATTRIBUTES_TRANSACTIONAL = 0x10;
const TWO_TO_32 = 0x1_0000_0000;
/** Upper bound of a record's own fields: length, attributes, timestamp delta, offset delta, key and value lengths, header count. */
const RECORD_OVERHEAD_BYTES_MAX = 5 + 1 + 10 + 5 + 5 + 5 + 5;
const HEADER_OVERHEAD_BYTES_MAX = 10;

export type RecordToEncode = {
  readonly key: string | null;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, string | null>>;
  readonly timestampMs: number;
};

export type BatchIdentity = { readonly producerId: number; readonly epoch: number; readonly baseSequence: number };

/** What a record takes at most in a batch, in bytes. */
export const encodedBytesMax = (record: RecordToEncode): number => {
  let byteCount = RECORD_OVERHEAD_BYTES_MAX + (record.value?.length ?? 0) + (record.key === null ? 0 : record.key.length * 3);
  for (const name in record.headers) byteCount += HEADER_OVERHEAD_BYTES_MAX + (name.length + (record.headers[name]?.length ?? 0)) * 3;
  return byteCount;
};

let buffer = Buffer.allocUnsafe(64 * 1024);
let position = 0;

const varint = (value: number): void => {
  // Zigzag; lengths, offsets and -1 fit in 32 bits.
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  while (rest > 0x7f) {
    buffer[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buffer[position++] = rest;
};

const varlong = (value: number): void => {
  if (value >= -0x40000000 && value < 0x40000000) return varint(value);
  let rest = value >= 0 ? BigInt(value) * 2n : -BigInt(value) * 2n - 1n;
  while (rest > 0x7fn) {
    buffer[position++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  buffer[position++] = Number(rest);
};

const text = (value: string): void => {
  const { length } = value;
  // Short keys and header values are ASCII nearly always: a loop beats two native calls there.
  if (length <= 64) {
    const start = position;
    varint(length);
    let index = 0;
    for (; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) break;
      buffer[position++] = code;
    }
    if (index === length) return;
    position = start;
  }
  varint(Buffer.byteLength(value));
  position += buffer.write(value, position, 'utf8');
};

const encodeRecordBody = (record: RecordToEncode, offsetDelta: number, timestampDeltaMs: number): void => {
  buffer[position++] = 0;
  varlong(timestampDeltaMs);
  varint(offsetDelta);
  if (record.key === null) varint(-1);
  else text(record.key);
  if (record.value === null) varint(-1);
  else {
    varint(record.value.length);
    buffer.set(record.value, position);
    position += record.value.length;
  }
  let headerCount = 0;
  for (const _name in record.headers) headerCount++;
  varint(headerCount);
  for (const name in record.headers) {
    text(name);
    const value = record.headers[name];
    if (value === null || value === undefined) varint(-1);
    else text(value);
  }
};

const varintBytes = (value: number): number => {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  return zigzag < 0x80 ? 1 : zigzag < 0x4000 ? 2 : zigzag < 0x20_0000 ? 3 : zigzag < 0x1000_0000 ? 4 : 5;
};

/** Body first, at the place that a five-byte length would leave; then it moves up against the length's real size. */
const encodeRecord = (record: RecordToEncode, offsetDelta: number, timestampDeltaMs: number): void => {
  const start = position;
  const guessBytes = varintBytes((record.value?.length ?? 0) + 64);
  position = start + guessBytes;
  encodeRecordBody(record, offsetDelta, timestampDeltaMs);
  const end = position;
  const length = end - start - guessBytes;
  const lengthBytes = varintBytes(length);
  if (lengthBytes !== guessBytes) buffer.copyWithin(start + lengthBytes, start + guessBytes, end);
  position = start;
  varint(length);
  position = start + lengthBytes + length;
};

const putInt64 = (value: number, at: number): void => {
  const high = Math.floor(value / TWO_TO_32);
  buffer.writeInt32BE(high, at);
  buffer.writeUInt32BE(value - high * TWO_TO_32, at + 4);
};

const putHeader = (records: readonly RecordToEncode[], identity: BatchIdentity, times: { readonly baseMs: number; readonly maxMs: number }): void => {
  putInt64(0, 0);
  buffer.writeInt32BE(position - 12, 8);
  buffer.writeInt32BE(-1, 12);
  buffer.writeInt8(MAGIC, 16);
  buffer.writeInt16BE(ATTRIBUTES_TRANSACTIONAL, CRC_START);
  buffer.writeInt32BE(records.length - 1, 23);
  putInt64(times.baseMs, 27);
  putInt64(times.maxMs, 35);
  putInt64(identity.producerId, 43);
  buffer.writeInt16BE(identity.epoch, 51);
  buffer.writeInt32BE(identity.baseSequence, 53);
  buffer.writeInt32BE(records.length, 57);
  buffer.writeUInt32BE(crc32c(buffer, CRC_START, position), 17);
};

/** One uncompressed transactional batch, a buffer of its own. `records` is not empty. */
export const encodeBatch = (records: readonly RecordToEncode[], identity: BatchIdentity): Buffer => {
  let neededBytes = HEADER_BYTES;
  for (const record of records) neededBytes += encodedBytesMax(record);
  if (neededBytes > buffer.length) buffer = Buffer.allocUnsafe(neededBytes * 2);
  const baseMs = records[0]?.timestampMs ?? 0;
  let maxMs = baseMs;
  position = HEADER_BYTES;
  records.forEach((record, offsetDelta) => {
    encodeRecord(record, offsetDelta, record.timestampMs - baseMs);
    if (record.timestampMs > maxMs) maxMs = record.timestampMs;
  });
  putHeader(records, identity, { baseMs, maxMs });
  return Buffer.from(buffer.subarray(0, position));
};
