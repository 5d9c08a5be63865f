import { partitionKey, type RecordToWrite } from '#saga-core/ports';
import { encodedBytesMax } from '../records/batch-encoder.ts';

/** Below the broker's default `max.message.bytes` of 1,048,588. */
export const CHUNK_BYTES_MAX = 1_000_000;
const BATCH_HEADER_BYTES = 61;

/** What one partition gets in a transaction, cut into batches: Produce carries one batch a partition. */
export type PartitionChunks = { readonly key: string; readonly topic: string; readonly partition: number; readonly chunks: RecordToWrite[][] };

/** Groups by partition; the order given is kept within each. A record above the limit is a chunk of its own: the broker judges it. */
export const chunksByPartition = (records: readonly RecordToWrite[]): PartitionChunks[] => {
  const partitions = new Map<string, PartitionChunks & { lastBytes: number }>();
  let last: (PartitionChunks & { lastBytes: number }) | undefined;
  for (const record of records) {
    const recordBytes = encodedBytesMax(record);
    // Neighbours mostly go to the same partition.
    const found = last !== undefined && last.partition === record.partition && last.topic === record.topic ? last : partitions.get(partitionKey(record));
    last = found;
    if (found === undefined) {
      const key = partitionKey(record);
      last = { key, topic: record.topic, partition: record.partition, chunks: [[record]], lastBytes: BATCH_HEADER_BYTES + recordBytes };
      partitions.set(key, last);
      continue;
    }
    if (found.lastBytes + recordBytes > CHUNK_BYTES_MAX) {
      found.chunks.push([record]);
      found.lastBytes = BATCH_HEADER_BYTES + recordBytes;
    } else {
      found.chunks.at(-1)?.push(record);
      found.lastBytes += recordBytes;
    }
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
