import type { Request } from '../net/request.ts';
import type { PartitionCode, ProducerIdentity } from './producer-identity.ts';

/*
 * AddPartitionsToTxn Request (Version: 3) => transactional_id producer_id producer_epoch [topics] _tagged_fields
 *   topics => name [partitions] _tagged_fields
 * AddPartitionsToTxn Response (Version: 3) => throttle_time_ms [results] _tagged_fields
 *   results => name [results_by_partition] _tagged_fields
 *     results_by_partition => partition_index error_code _tagged_fields
 */
/** Classic transactions only: announces what Produce will write to. One refused partition leaves all others with code 55. */
export const addPartitionsToTxnV3 = (
  identity: ProducerIdentity, partitionsByTopic: ReadonlyMap<string, readonly number[]>,
): Request<readonly PartitionCode[]> => ({
  apiKey: 24, apiVersion: 3, name: 'AddPartitionsToTxn', flexible: true,
  encode: (writer) => {
    writer.compactString(identity.transactionalId).int64(identity.producerId).int16(identity.epoch);
    writer.compactArray([...partitionsByTopic], ([topic, partitions]) => {
      writer.compactString(topic).compactArray(partitions, (partition) => writer.int32(partition)).noTags();
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
