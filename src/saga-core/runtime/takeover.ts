import { opsPartitionClaimed } from '#contracts/core';
import { event } from '../definition/results.ts';
import type { Codec, DecodeOutcome, EventLog, LogRecord, RandomSource, ReadError, TopicPartition, TransactionalWriter } from '../ports/index.ts';
import { partitionKey } from '../ports/index.ts';
import { messageOf } from './caught.ts';
import type { Records } from './records.ts';

/** Why a task is over, and so what its worker does next: all but STOPPED, WATERMARK_LOST and INPUT_LOST lead to a new takeover. */
export type TaskEnd = { readonly code: 'STOPPED' | 'FENCED' | 'UNKNOWN' | 'REFUSED' | 'SUPERSEDED' | 'READ_ERROR' | 'WATERMARK_LOST' | 'INPUT_LOST'; readonly message: string };

/** No takeover mends it: the partition waits for a person. */
export const isRefusal = ({ code }: TaskEnd): boolean => code === 'WATERMARK_LOST' || code === 'INPUT_LOST';

/** Where reading goes on: at the position, or at the log's start where there is none. Never by a jump over what retention deleted unread. */
export const resumeAt = (at: TopicPartition, position: number | null, logStart: number): number | TaskEnd => {
  if (position === null || position >= logStart) return position ?? logStart;
  return { code: 'INPUT_LOST', message: `${partitionKey(at)}: the position ${position} lies below the log's start ${logStart}: input was deleted by retention before it was read; restore it, or accept the loss by removing the position` };
};

/** Of the keys of claims. */
export const CLAIM_PREFIX = 'claim:';

export type Claim = { readonly offsets: ReadonlyMap<string, number>; readonly claimId: string };

/**
 * Fences every older writer of the id, then claims the partitions in one transaction.
 * Whatever a predecessor committed lies before the claim.
 */
export const fenceAndClaim = async (options: {
  readonly writer: TransactionalWriter;
  readonly records: Records;
  readonly random: RandomSource;
  readonly participant: string;
  readonly worker: string;
  readonly partitions: readonly TopicPartition[];
}): Promise<Claim | TaskEnd> => {
  const fenced = await options.writer.fence();
  if (fenced.status === 'failed') return { code: 'FENCED', message: `fence: ${fenced.message}` };
  const claimId = options.random.id();
  const claims = options.partitions.map(({ topic, partition }) =>
    options.records.plain(topic, `${CLAIM_PREFIX}${options.participant}:${partition}`, event(opsPartitionClaimed, {
      group: options.participant, worker: options.worker, claimId, topic, partition, at: options.records.nowMs,
    }), { eventId: `claim:${claimId}:${topic}/${partition}`, partition }),
  );
  const outcome = await options.writer.commit({ records: claims });
  switch (outcome.status) {
    case 'committed': return { offsets: outcome.baseOffsets, claimId };
    case 'fenced': return { code: 'FENCED', message: `claim: ${outcome.message}` };
    case 'unknown': return { code: 'UNKNOWN', message: `claim: ${outcome.message}` };
    case 'not-committed': return { code: 'REFUSED', message: `claim: ${outcome.code} ${outcome.message}` };
  }
};

/**
 * Decodes one value, fetching its writer's schema first where this process has not met it. Rejects with REGISTRY_UNREACHABLE
 * where nobody can say whether it is readable.
 */
export const decodeLearning = async (codec: Codec, value: Uint8Array): Promise<Exclude<DecodeOutcome, { readonly status: 'unknown-schema' }>> => {
  const first = codec.decode(value);
  if (first.status !== 'unknown-schema') return first;
  try {
    await codec.learn(first.schemaId);
  } catch (error) {
    // A registry that is out of reach says nothing about the record: it is read again later.
    if (isUnreachable(error)) throw error;
    return { status: 'undecodable', reason: `schema ${first.schemaId}: ${messageOf(error)}`, cause: error };
  }
  const second = codec.decode(value);
  return second.status === 'unknown-schema' ? { status: 'undecodable', reason: `schema ${first.schemaId} stays unknown` } : second;
};

/**
 * Reads a partition from its start up to and including the own claim: the takeover of compacted topics (checkpoints,
 * entity state). Compaction may have removed the own claim in favour of a newer one: then the reader is superseded.
 */
export const readToClaim = (log: EventLog, options: { readonly partition: TopicPartition; readonly claimOffset: number; readonly onRecord: (record: LogRecord) => Promise<void> | void }): Promise<TaskEnd | null> =>
  new Promise((resolve) => {
    void (async () => {
      const offset = await log.logStartOffset(options.partition);
      const subscription = log.reader().subscribe({ ...options.partition, offset }, {
        onBatch: async (batch) => {
          try {
            let isClaimSeen = false;
            for (const record of batch.records) {
              if (record.offset === options.claimOffset) isClaimSeen = true;
              if (record.offset <= options.claimOffset) await options.onRecord(record);
            }
            if (!isClaimSeen && batch.nextOffset <= options.claimOffset) return;
            resolve(isClaimSeen ? null : { code: 'SUPERSEDED', message: `${partitionKey(options.partition)}: the claim at ${options.claimOffset} was replaced by a newer one` });
          } catch (error) {
            resolve({ code: 'READ_ERROR', message: `${partitionKey(options.partition)}: ${messageOf(error)}` });
          }
          subscription.close();
        },
        onError: (error: ReadError) => resolve({ code: 'READ_ERROR', message: `${partitionKey(error)}: ${error.code} ${error.message}` }),
      });
    })().catch((error: unknown) => resolve({ code: 'READ_ERROR', message: `${partitionKey(options.partition)}: ${messageOf(error)}` }));
  });

/** Nobody can say now what the registry holds: asked again, it may answer. */
export const isUnreachable = (error: unknown): boolean => typeof error === 'object' && error !== null && 'code' in error && error.code === 'REGISTRY_UNREACHABLE';

export const isTaskEnd = (value: Claim | TaskEnd | number): value is TaskEnd => typeof value === 'object' && 'code' in value;
