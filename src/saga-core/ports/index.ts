export type {
  Assignment, CommitOutcome, EventLog, FenceOutcome, GroupToJoin, LogRecord, LongOpen, Membership, MembershipListener, PartitionReader,
  Position, ReadBatch, ReadError, ReadErrorCode, ReadHandler, RecordToWrite, RefusalCode, Subscription, TopicPartition,
  Transaction, TransactionalWriter, WriterOptions,
} from './event-log.ts';
export { partitionKey } from './event-log.ts';
export type { Cancel, Clock, RandomSource } from './clock.ts';
export type { Codec, DecodedEvent, DecodeOutcome } from './codec.ts';
export type { Log, LogFields } from './log.ts';
