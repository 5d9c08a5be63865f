import type { Request } from '../net/request.ts';

/*
 * OffsetFetch Request (Version: 7) => group_id [topics] require_stable _tagged_fields
 *   topics => name [partition_indexes] _tagged_fields
 * OffsetFetch Response (Version: 7) => throttle_time_ms [topics] error_code _tagged_fields
 *   topics => name [partitions] _tagged_fields
 *     partitions => partition_index committed_offset committed_leader_epoch metadata error_code _tagged_fields
 */
export type FetchedOffset = {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  /** -1: the group has no position here. */
  readonly offset: number;
  readonly metadata: string;
};
export type OffsetFetchAnswer = { readonly errorCode: number; readonly offsets: readonly FetchedOffset[] };

/** A position of the group; UNSTABLE_OFFSET_COMMIT while a transaction that carries one is open (KIP-447). */
export const offsetFetchV7 = (group: string, topic: string, partition: number): Request<OffsetFetchAnswer> => ({
  apiKey: 9, apiVersion: 7, name: 'OffsetFetch', flexible: true,
  encode: (writer) => {
    writer.compactString(group);
    writer.compactArray([topic], (name) => writer.compactString(name).compactArray([partition], (index) => writer.int32(index)).noTags());
    writer.boolean(true).noTags();
  },
  decode: (reader) => {
    reader.int32();
    const offsets = reader.compactArray(() => {
      const name = reader.compactString();
      const partitions = reader.compactArray((): FetchedOffset => {
        const index = reader.int32();
        const offset = reader.int64();
        reader.int32();
        const metadata = reader.compactNullableString() ?? '';
        const errorCode = reader.int16();
        reader.skipTags();
        return { topic: name, partition: index, errorCode, offset, metadata };
      });
      reader.skipTags();
      return partitions;
    }).flat();
    return { errorCode: reader.int16(), offsets };
  },
});
