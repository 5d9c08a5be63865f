import type { Request } from '../net/request.ts';
import type { PartitionCode, ProducerIdentity } from './producer-identity.ts';

/*
 * TxnOffsetCommit Request (Version: 3 to 5) => transactional_id group_id producer_id producer_epoch generation_id member_id
 *                                              group_instance_id [topics] _tagged_fields
 *   topics => name [partitions] _tagged_fields
 *     partitions => partition_index committed_offset committed_leader_epoch committed_metadata _tagged_fields
 * TxnOffsetCommit Response (Version: 3 to 5) => throttle_time_ms [topics] _tagged_fields
 *   topics => name [partitions] _tagged_fields
 *     partitions => partition_index error_code _tagged_fields
 * Version 5 adds the group's partition to the transaction implicitly.
 */
export type OffsetsToCommit = {
  readonly group: string;
  readonly memberId: string;
  readonly generationId: number;
  readonly offsets: readonly { readonly topic: string; readonly partition: number; readonly offset: number; readonly metadata: string }[];
};

/** Positions inside the transaction; with a member, bound to the group's generation. */
export const txnOffsetCommit = (
  apiVersion: number, identity: ProducerIdentity, commit: OffsetsToCommit,
): Request<readonly PartitionCode[]> => ({
  apiKey: 28, apiVersion, name: 'TxnOffsetCommit', flexible: true,
  encode: (writer) => {
    writer.compactString(identity.transactionalId).compactString(commit.group).int64(identity.producerId).int16(identity.epoch);
    writer.int32(commit.generationId).compactString(commit.memberId).compactNullableString(null);
    writer.compactArray([...Map.groupBy(commit.offsets, (position) => position.topic)], ([topic, positions]) => {
      writer.compactString(topic);
      writer.compactArray(positions, (position) => {
        writer.int32(position.partition).int64(position.offset).int32(-1).compactNullableString(position.metadata).noTags();
      }).noTags();
    }).noTags();
  },
  decode: (reader) => {
    reader.int32();
    return reader.compactArray(() => {
      const topic = reader.compactString();
      const codes = reader.compactArray(() => {
        const code = { topic, partition: reader.int32(), errorCode: reader.int16() };
        reader.skipTags();
        return code;
      });
      reader.skipTags();
      return codes;
    }).flat();
  },
});
