import type { Request } from '../net/request.ts';
import type { WireReader } from '../wire/wire-reader.ts';

/*
 * Fetch Request (Version: 13) => replica_id max_wait_ms min_bytes max_bytes isolation_level session_id session_epoch
 *                                [topics] [forgotten_topics_data] rack_id _tagged_fields
 *   topics => topic_id UUID [partitions] _tagged_fields
 *     partitions => partition current_leader_epoch fetch_offset last_fetched_epoch log_start_offset partition_max_bytes _tagged_fields
 * Fetch Response (Version: 13) => throttle_time_ms error_code session_id [responses] _tagged_fields
 *   responses => topic_id UUID [partitions] _tagged_fields
 *     partitions => partition_index error_code high_watermark last_stable_offset log_start_offset [aborted_transactions]
 *                   preferred_read_replica COMPACT_RECORDS _tagged_fields
 *       aborted_transactions => producer_id first_offset _tagged_fields
 * By topic id: a topic deleted and created again under its name answers UNKNOWN_TOPIC_ID, never with the new one's records.
 * Always with the leader's epoch: from version 11 on a follower may answer (KIP-392), but no follower has the epoch in
 * which metadata named it leader.
 */
export type PartitionToFetch = {
  /** Hexadecimal. */
  readonly topicId: string;
  readonly partition: number;
  readonly leaderEpoch: number;
  readonly offset: number;
};
export type AbortedTransaction = { readonly producerId: number; readonly firstOffset: number };
export type FetchedPartition = {
  readonly topicId: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly abortedTransactions: readonly AbortedTransaction[];
  /** Record batches as stored; the last one may be cut off. */
  readonly records: Buffer;
};
export type FetchAnswer = { readonly throttleTimeMs: number; readonly errorCode: number; readonly partitions: readonly FetchedPartition[] };
export type FetchLimits = { readonly maxWaitMs: number; readonly maxBytes: number; readonly partitionMaxBytes: number };

const MIN_BYTES = 1;
const READ_COMMITTED = 1;
const NO_SESSION = 0;
const FINAL_EPOCH = -1;
const EMPTY = Buffer.alloc(0);

const readAborted = (reader: WireReader): AbortedTransaction => {
  const aborted = { producerId: reader.int64(), firstOffset: reader.int64() };
  reader.skipTags();
  return aborted;
};

const readPartition = (reader: WireReader, topicId: string): FetchedPartition => {
  const partition = reader.int32();
  const errorCode = reader.int16();
  const highWatermark = reader.int64();
  const lastStableOffset = reader.int64();
  const logStartOffset = reader.int64();
  const abortedTransactions = reader.compactArray(() => readAborted(reader));
  reader.int32();
  const recordBytes = reader.uvarint() - 1;
  const records = recordBytes > 0 ? reader.raw(recordBytes) : EMPTY;
  reader.skipTags();
  return { topicId, partition, errorCode, highWatermark, lastStableOffset, logStartOffset, abortedTransactions, records };
};

/** Partitions in the order given: the first with data yields at least one whole batch, whatever the limits. */
export const fetchV13 = (partitions: readonly PartitionToFetch[], limits: FetchLimits): Request<FetchAnswer> => ({
  apiKey: 1, apiVersion: 13, name: 'Fetch', flexible: true,
  encode: (writer) => {
    writer.int32(-1).int32(limits.maxWaitMs).int32(MIN_BYTES).int32(limits.maxBytes).int8(READ_COMMITTED).int32(NO_SESSION).int32(FINAL_EPOCH);
    // One topic entry a partition: grouping by topic would lose the order that fairness needs.
    writer.compactArray(partitions, (wanted) => {
      writer.raw(Buffer.from(wanted.topicId, 'hex')).uvarint(2);
      writer.int32(wanted.partition).int32(wanted.leaderEpoch).int64(wanted.offset).int32(-1).int64(-1).int32(limits.partitionMaxBytes).noTags().noTags();
    });
    writer.uvarint(1).compactString('').noTags();
  },
  decode: (reader) => {
    const throttleTimeMs = reader.int32();
    const errorCode = reader.int16();
    reader.int32();
    const partitions: FetchedPartition[] = [];
    reader.compactArray(() => {
      const topicId = reader.raw(16).toString('hex');
      reader.compactArray(() => partitions.push(readPartition(reader, topicId)));
      reader.skipTags();
    });
    return { throttleTimeMs, errorCode, partitions };
  },
});
