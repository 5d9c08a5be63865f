import { expect, test } from '@jest/globals';
import type { RecordToWrite } from '#saga-core/ports';
import { encodeBatch } from '../records/batch-encoder.ts';
import { CHUNK_BYTES_MAX, chunksByPartition, splitFirstChunk } from './chunks.ts';
import { advanceSequence } from './sequences.ts';

const record = (partition: number, byteCount: number): RecordToWrite => ({ topic: 'topic', partition, key: null, value: Buffer.alloc(byteCount), headers: {}, timestampMs: 0 });

test('records are grouped by partition, in the order given', () => {
  const records = [record(0, 1), record(1, 2), record(0, 3)];
  expect(chunksByPartition(records).map(({ key, chunks }) => [key, chunks])).toEqual([
    ['topic/0', [[records[0], records[2]]]], ['topic/1', [[records[1]]]],
  ]);
});

test('no chunk of several records is above the limit, none is lost, and one record above it stands alone', () => {
  const records = [...Array.from({ length: 50 }, () => record(0, 70_000)), record(0, 3_000_000), record(0, 1)];
  const chunks = chunksByPartition(records)[0]?.chunks ?? [];
  expect(chunks.flat()).toEqual(records);
  for (const chunk of chunks) {
    if (chunk.length > 1) expect(encodeBatch(chunk, { producerId: 1, epoch: 1, baseSequence: 0 }).length).toBeLessThanOrEqual(CHUNK_BYTES_MAX);
  }
  expect(chunks.filter((chunk) => chunk.length === 1)).toHaveLength(2);
});

test('a refused chunk is halved, a single record is not', () => {
  const [partition] = chunksByPartition([record(0, 1), record(0, 2), record(0, 3)]);
  if (partition === undefined) throw new Error('no chunk');
  expect(splitFirstChunk(partition)).toBe(true);
  expect(partition.chunks.map((chunk) => chunk.length)).toEqual([1, 2]);
  expect(splitFirstChunk(partition)).toBe(false);
});

test('K15: sequences wrap at 2^31 with their remainder', () => {
  expect(advanceSequence(0, 5)).toBe(5);
  expect(advanceSequence(2 ** 31 - 1, 1)).toBe(0);
  expect(advanceSequence(2 ** 31 - 3, 5)).toBe(2);
});
