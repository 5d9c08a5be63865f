import { partitionKey, type RecordToWrite } from '#saga-core/ports';
import { encodedBytesMax } from '../records/batch-encoder.ts';

/** Below the broker's default `max.message.bytes` of 1,048,588. */
export const CHUNK_BYTES_MAX = 1_000_000;
const BATCH_HEADER_BYTES = 61;

/** What one partition gets in a transaction, cut into batches: Produce carries one batch a partition. */
export type PartitionChunks = { readonly key: string; readonly topic: string; readonly partition: number; readonly chunks: RecordToWrite[][] };

type Growing = PartitionChunks & { lastBytes: number };

const isAt = ({ topic, partition }: PartitionChunks, record: RecordToWrite): boolean => partition === record.partition && topic === record.topic;

const partitionOf = (partitions: Map<string, Growing>, record: RecordToWrite): Growing => {
  const key = partitionKey(record);
  const known = partitions.get(key);
  if (known !== undefined) return known;
  const fresh: Growing = { key, topic: record.topic, partition: record.partition, chunks: [[]], lastBytes: BATCH_HEADER_BYTES };
  partitions.set(key, fresh);
  return fresh;
};

const append = (partition: Growing, record: RecordToWrite): void => {
  const recordBytes = encodedBytesMax(record);
  const chunk = partition.chunks.at(-1);
  if (chunk !== undefined && (chunk.length === 0 || partition.lastBytes + recordBytes <= CHUNK_BYTES_MAX)) {
    chunk.push(record);
    partition.lastBytes += recordBytes;
    return;
  }
  partition.chunks.push([record]);
  partition.lastBytes = BATCH_HEADER_BYTES + recordBytes;
};

/** Groups by partition; the order given is kept within each. A record above the limit is a chunk of its own: the broker judges it. */
export const chunksByPartition = (records: readonly RecordToWrite[]): PartitionChunks[] => {
  const partitions = new Map<string, Growing>();
  let last: Growing | undefined;
  for (const record of records) {
    // Neighbours mostly go to the same partition.
    if (last === undefined || !isAt(last, record)) last = partitionOf(partitions, record);
    append(last, record);
  }
  return [...partitions.values()];
};

/** Halves the first chunk: a topic may allow less than a chunk's size. False if it is a single record. */
export const splitFirstChunk = (partition: PartitionChunks): boolean => {
  const first = partition.chunks[0];
  if (first === undefined || first.length < 2) return false;
  const middle = first.length >>> 1;
  partition.chunks.splice(0, 1, first.slice(0, middle), first.slice(middle));
  return true;
};
