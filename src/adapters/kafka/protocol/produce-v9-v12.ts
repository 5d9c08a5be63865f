import type { Request } from '../net/request.ts';

/*
 * Produce Request (Version: 9 to 12) => transactional_id acks timeout_ms [topic_data] _tagged_fields
 *   topic_data => name [partition_data] _tagged_fields
 *     partition_data => index records COMPACT_RECORDS _tagged_fields
 * Produce Response (Version: 9 to 12) => [responses] throttle_time_ms _tagged_fields
 *   responses => name [partition_responses] _tagged_fields
 *     partition_responses => index error_code base_offset log_append_time_ms log_start_offset [record_errors] error_message _tagged_fields
 *       record_errors => batch_index batch_index_error_message _tagged_fields
 * Version 11 tells the broker that the client understands TRANSACTION_ABORTABLE, 12 that partitions are added implicitly.
 */
export type BatchToProduce = { readonly topic: string; readonly partition: number; readonly batch: Uint8Array };
export type ProducedPartition = {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly baseOffset: number;
  readonly message: string | null;
};

/** A broker that throttles reads no more of the connection for that long. */
export type ProduceAnswer = { readonly partitions: readonly ProducedPartition[]; readonly throttleTimeMs: number };

const ACKS_ALL = -1;

/** One batch a partition. */
export const produce = (
  apiVersion: number, transactionalId: string, options: { readonly batches: readonly BatchToProduce[]; readonly timeoutMs: number },
): Request<ProduceAnswer> => ({
  apiKey: 0, apiVersion, name: 'Produce', flexible: true,
  encode: (writer) => {
    const byTopic = Map.groupBy(options.batches, (batch) => batch.topic);
    writer.compactNullableString(transactionalId).int16(ACKS_ALL).int32(options.timeoutMs);
    writer.compactArray([...byTopic], ([topic, batches]) => {
      writer.compactString(topic);
      writer.compactArray(batches, ({ partition, batch }) => writer.int32(partition).compactBytes(batch).noTags()).noTags();
    }).noTags();
  },
  decode: (reader) => ({ partitions: reader.compactArray(() => {
    const topic = reader.compactString();
    const partitions = reader.compactArray((): ProducedPartition => {
      const partition = reader.int32();
      const errorCode = reader.int16();
      const baseOffset = reader.int64();
      reader.int64();
      reader.int64();
      const recordMessages = reader.compactArray(() => {
        const index = reader.int32();
        const message = reader.compactNullableString();
        reader.skipTags();
        return `record ${index}: ${message ?? 'refused'}`;
      });
      const message = reader.compactNullableString();
      reader.skipTags();
      return { topic, partition, errorCode, baseOffset, message: [message, ...recordMessages].filter((text) => text !== null).join('; ') || null };
    });
    reader.skipTags();
    return partitions;
  }).flat(), throttleTimeMs: reader.int32() }),
});
