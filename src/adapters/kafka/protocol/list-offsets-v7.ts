import type { Request } from '../net/request.ts';

/*
 * ListOffsets Request (Version: 7) => replica_id isolation_level [topics] _tagged_fields
 *   topics => name [partitions] _tagged_fields
 *     partitions => partition_index current_leader_epoch timestamp _tagged_fields
 * ListOffsets Response (Version: 7) => throttle_time_ms [topics] _tagged_fields
 *   topics => name [partitions] _tagged_fields
 *     partitions => partition_index error_code timestamp offset leader_epoch _tagged_fields
 */
export const EARLIEST = -2;
export const LATEST = -1;

export type OffsetQuery = { readonly topic: string; readonly partition: number; readonly timestamp: number };
export type ListedOffset = { readonly topic: string; readonly partition: number; readonly errorCode: number; readonly offset: number };

/** Offset of the first record at or after `timestamp` (-1 if none), the log start (EARLIEST) or the high watermark (LATEST). */
export const listOffsetsV7 = (queries: readonly OffsetQuery[]): Request<readonly ListedOffset[]> => ({
  apiKey: 2, apiVersion: 7, name: 'ListOffsets', flexible: true,
  encode: (writer) => {
    writer.int32(-1).int8(0);
    writer.compactArray([...Map.groupBy(queries, (query) => query.topic)], ([topic, partitions]) => {
      writer.compactString(topic);
      writer.compactArray(partitions, (query) => writer.int32(query.partition).int32(-1).int64(query.timestamp).noTags()).noTags();
    }).noTags();
  },
  decode: (reader) => {
    reader.int32();
    return reader.compactArray(() => {
      const topic = reader.compactString();
      const partitions = reader.compactArray(() => {
        const partition = reader.int32();
        const errorCode = reader.int16();
        reader.int64();
        const offset = reader.int64();
        reader.int32();
        reader.skipTags();
        return { topic, partition, errorCode, offset };
      });
      reader.skipTags();
      return partitions;
    }).flat();
  },
});
