import type { Request } from '../net/request.ts';
import type { WireReader } from '../wire/wire-reader.ts';

/*
 * Metadata Request (Version: 12) => [topics] allow_auto_topic_creation include_topic_authorized_operations _tagged_fields
 *   topics => topic_id UUID name COMPACT_NULLABLE_STRING _tagged_fields
 * Metadata Response (Version: 12) => throttle_time_ms [brokers] cluster_id controller_id [topics] _tagged_fields
 *   brokers => node_id host port rack _tagged_fields
 *   topics => error_code name topic_id is_internal [partitions] topic_authorized_operations _tagged_fields
 *     partitions => error_code partition_index leader_id leader_epoch [replica_nodes] [isr_nodes] [offline_replicas] _tagged_fields
 */
export type MetadataBroker = { readonly nodeId: number; readonly host: string; readonly port: number };
export type MetadataPartition = { readonly errorCode: number; readonly partition: number; readonly leader: number; readonly leaderEpoch: number };
export type MetadataTopic = {
  readonly errorCode: number;
  readonly name: string;
  /** Hexadecimal; a topic re-created under its old name has another one. */
  readonly topicId: string;
  readonly partitions: readonly MetadataPartition[];
};
export type Metadata = { readonly brokers: readonly MetadataBroker[]; readonly controllerId: number; readonly topics: readonly MetadataTopic[] };

const ZERO_UUID = Buffer.alloc(16);

const readPartition = (reader: WireReader): MetadataPartition => {
  const errorCode = reader.int16();
  const partition = reader.int32();
  const leader = reader.int32();
  const leaderEpoch = reader.int32();
  const skipNode = (): number => reader.int32();
  reader.compactArray(skipNode);
  reader.compactArray(skipNode);
  reader.compactArray(skipNode);
  reader.skipTags();
  return { errorCode, partition, leader, leaderEpoch };
};

const readTopic = (reader: WireReader): MetadataTopic => {
  const errorCode = reader.int16();
  const name = reader.compactNullableString() ?? '';
  const topicId = reader.raw(16).toString('hex');
  reader.boolean();
  const partitions = reader.compactArray(() => readPartition(reader));
  reader.int32();
  reader.skipTags();
  return { errorCode, name, topicId, partitions };
};

/** Leaders, leader epochs and ids of the named topics (all topics for null). Never creates one. */
export const metadataV12 = (topics: readonly string[] | null): Request<Metadata> => ({
  apiKey: 3, apiVersion: 12, name: 'Metadata', flexible: true,
  encode: (writer) => {
    if (topics === null) writer.uvarint(0);
    else writer.compactArray(topics, (topic) => writer.raw(ZERO_UUID).compactNullableString(topic).noTags());
    writer.boolean(false).boolean(false).noTags();
  },
  decode: (reader) => {
    reader.int32();
    const brokers = reader.compactArray(() => {
      const broker = { nodeId: reader.int32(), host: reader.compactString(), port: reader.int32() };
      reader.compactNullableString();
      reader.skipTags();
      return broker;
    });
    reader.compactNullableString();
    const controllerId = reader.int32();
    return { brokers, controllerId, topics: reader.compactArray(() => readTopic(reader)) };
  },
});
