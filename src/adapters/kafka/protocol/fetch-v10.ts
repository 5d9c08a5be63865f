import type { Request } from '../net/request.ts';

/*
 * Fetch Request (Version: 10) => replica_id max_wait_ms min_bytes max_bytes isolation_level session_id session_epoch
 *                                [topics] [forgotten_topics_data]
 *   topics => topic [partitions]
 *     partitions => partition current_leader_epoch fetch_offset log_start_offset partition_max_bytes
 * Fetch Response (Version: 10) => throttle_time_ms error_code session_id [responses]
 *   responses => topic [partitions]
 *     partitions => partition_index error_code high_watermark last_stable_offset log_start_offset [aborted_transactions] records
 *       aborted_transactions => producer_id first_offset
 * Version 10 on purpose: from 11 on a follower may answer (KIP-392), and a follower may lag behind.
 */
export type PartitionToFetch = {
  readonly topic: string;
  readonly partition: number;
  readonly leaderEpoch: number;
  readonly offset: number;
};
export type AbortedTransaction = { readonly producerId: number; readonly firstOffset: number };
export type FetchedPartition = {
  readonly topic: string;
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

/** Partitions in the order given: the first with data yields at least one whole batch, whatever the limits. */
export const fetchV10 = (partitions: readonly PartitionToFetch[], limits: FetchLimits): Request<FetchAnswer> => ({
  apiKey: 1, apiVersion: 10, name: 'Fetch', flexible: false,
  encode: (writer) => {
    writer.int32(-1).int32(limits.maxWaitMs).int32(MIN_BYTES).int32(limits.maxBytes).int8(READ_COMMITTED).int32(NO_SESSION).int32(FINAL_EPOCH);
    // One topic entry a partition: grouping by topic would lose the order that fairness needs.
    writer.array(partitions, (wanted) => {
      writer.string(wanted.topic).int32(1);
      writer.int32(wanted.partition).int32(wanted.leaderEpoch).int64(wanted.offset).int64(-1).int32(limits.partitionMaxBytes);
    });
    writer.int32(0);
  },
  decode: (reader) => {
    const throttleTimeMs = reader.int32();
    const errorCode = reader.int16();
    reader.int32();
    const answered = reader.array(() => {
      const topic = reader.string();
      return reader.array((): FetchedPartition => ({
        topic,
        partition: reader.int32(),
        errorCode: reader.int16(),
        highWatermark: reader.int64(),
        lastStableOffset: reader.int64(),
        logStartOffset: reader.int64(),
        abortedTransactions: reader.array(() => ({ producerId: reader.int64(), firstOffset: reader.int64() })),
        records: reader.bytes(),
      }));
    });
    return { throttleTimeMs, errorCode, partitions: answered.flat() };
  },
});
