/** One partition of one topic. */
export type TopicPartition = { readonly topic: string; readonly partition: number };

/** A record to append. The partition is always explicit: nobody re-computes it in a retry. */
export type RecordToWrite = TopicPartition & {
  readonly key: string | null;
  /** null is a tombstone. */
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, string>>;
  /** CreateTime, milliseconds since the epoch, wall clock. */
  readonly timestampMs: number;
};

/** A committed record as read. Bytes may share memory with their batch: copy what is kept. */
export type LogRecord = TopicPartition & {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, Uint8Array>>;
};

/** A consumer group's position: `offset` is the next record to read. Metadata is at most 4,096 bytes. */
export type Position = TopicPartition & { readonly offset: number; readonly metadata: string };

/** Records, and perhaps positions, that are committed as one or not at all. */
export type Transaction = {
  readonly records: readonly RecordToWrite[];
  readonly positions?: {
    readonly group: string;
    /** Binds the positions to the group's generation: a second belt against zombies. */
    readonly member?: { readonly memberId: string; readonly generationId: number };
    readonly offsets: readonly Position[];
  };
};

/** Why a transaction was refused before its end. The last four are cured neither by a retry nor by a fence: poison. */
export type RefusalCode =
  | 'REFUSED'
  | 'ILLEGAL_GENERATION'
  | 'RECORD_TOO_LARGE'
  | 'INVALID_RECORD'
  | 'NOT_AUTHORISED'
  | 'UNKNOWN_TOPIC';

/**
 * How a transaction ended, exactly one of:
 * - committed: every record lies in the log; `baseOffsets` maps `topic/partition` to the offset of the first record
 *   given for that partition, the others follow in the order given;
 * - not-committed: refused for a stated reason before EndTxn and aborted cleanly; the writer is usable;
 * - fenced: a newer writer of the same transactional id exists; this one is dead;
 * - unknown: it may have committed or not; this writer is dead. Never repeat blindly: fence, claim and fold again.
 */
export type CommitOutcome =
  | { readonly status: 'committed'; readonly baseOffsets: ReadonlyMap<string, number> }
  | { readonly status: 'not-committed'; readonly code: RefusalCode; readonly message: string }
  | { readonly status: 'fenced'; readonly message: string }
  | { readonly status: 'unknown'; readonly message: string };

/** Whether every older writer of the transactional id is shut out. */
export type FenceOutcome =
  | { readonly status: 'fenced-others' }
  | { readonly status: 'failed'; readonly message: string };

/** A transaction that was open for long: meanwhile no reader of its partitions came past it. Times in milliseconds. */
export type LongOpen = {
  readonly transactionalId: string;
  /** From its first request on, the end included; the wait for the markers of the one before it counts. */
  readonly openMs: number;
  /** Of it, for the end: EndTxn, or the abort. */
  readonly endMs: number;
};

/** Bounds of one writer's transactions; times in milliseconds. */
export type WriterOptions = {
  /** The broker aborts what is open longer: the bound of a writer that has died. Default 5 s. */
  readonly transactionTimeoutMs?: number;
  /** A commit is given up after it: what has no definite answer by then is unknown. Default, and at most, 0.8 of the broker's time-out. */
  readonly commitTimeoutMs?: number;
  /** Whom to tell of a transaction that was open for longer; told when it has ended, however it did. */
  readonly longOpen?: { readonly aboveMs: number; readonly onLongOpen: (transaction: LongOpen) => void };
};

/** One instance = one transactional id = one transaction at a time. */
export type TransactionalWriter = {
  /** Sends InitProducerId now: fences every older writer of the id and settles its open transaction. Call it once, first. */
  readonly fence: () => Promise<FenceOutcome>;
  /** One whole transaction. An empty one sends nothing and answers committed. Calls must not overlap. */
  readonly commit: (transaction: Transaction) => Promise<CommitOutcome>;
  /** Ends the writer; nothing of it lives on in a retry loop. A transaction under way is awaited. Idempotent. */
  readonly close: () => Promise<void>;
};

/** Part of a partition as it was read, and where reading goes on. */
export type ReadBatch = {
  /** Committed records in order; possibly none, when only markers or aborted records were passed. */
  readonly records: readonly LogRecord[];
  /** Position after this batch: past its records, transaction markers and aborted records. */
  readonly nextOffset: number;
  readonly lastStableOffset: number;
  readonly highWatermark: number;
  readonly logStartOffset: number;
};

/** Never a silent jump: what cannot be read goes to the owner as one of these, and the subscription is over. */
export type ReadErrorCode = 'OFFSET_OUT_OF_RANGE' | 'TOPIC_DELETED' | 'TOPIC_RECREATED' | 'UNSUPPORTED_CODEC' | 'CORRUPT_BATCH' | 'NOT_AUTHORISED';
/** The end of a subscription: what could not be read, and where. */
export type ReadError = TopicPartition & { readonly code: ReadErrorCode; readonly message: string; readonly offset: number };

/** Whoever a subscription reads for. */
export type ReadHandler = {
  /** While a returned promise is pending the partition is left out of fetches: back-pressure. Must not reject. */
  readonly onBatch: (batch: ReadBatch) => Promise<void> | void;
  readonly onError: (error: ReadError) => void;
};

/** A partition being read; closing it twice is harmless. */
export type Subscription = { readonly close: () => void };

/** Positions belong to the task, never to the client. Read-committed. */
export type PartitionReader = {
  readonly subscribe: (from: TopicPartition & { readonly offset: number }, handler: ReadHandler) => Subscription;
};

/** What one member of a group owns at one generation. */
export type Assignment = {
  readonly partitions: readonly TopicPartition[];
  readonly memberId: string;
  readonly generationId: number;
};

/** Told what this member owns, and when it owns it no longer. */
export type MembershipListener = {
  /** A (new) assignment: called after every successful join. Partitions left out are lost. */
  readonly onAssigned: (assignment: Assignment) => void;
  /** Ours no longer: a rebalance begins (after draining by `beforeRejoin`), or silence longer than the session. */
  readonly onLost: () => void;
  /** Awaited, with a bound of the caller's, before the member joins again or leaves: drain and stop what is owned. */
  readonly beforeRejoin: () => Promise<void>;
};

/** One membership of a group, until it is left or lost. */
export type Membership = {
  /** Monotonic time of the last heartbeat or join that confirmed the current assignment. */
  readonly confirmedAtMonotonicMs: () => number;
  /** Leaves the group cleanly. Idempotent. */
  readonly leave: () => Promise<void>;
};

/** A consumer group and what its members share out among themselves; times in milliseconds. */
export type GroupToJoin = {
  readonly group: string;
  /** Topics of equal partition number that share a set name are assigned together ("co-partitioned"). */
  readonly topics: readonly { readonly topic: string; readonly set: string }[];
  readonly sessionTimeoutMs?: number;
  readonly heartbeatIntervalMs?: number;
};

/** The log as the runtime needs it: read, transact, fence. Two adapters: Kafka, and in memory with Kafka's semantics. */
export type EventLog = {
  readonly writer: (transactionalId: string, options?: WriterOptions) => TransactionalWriter;
  readonly reader: () => PartitionReader;
  readonly join: (group: GroupToJoin, listener: MembershipListener) => Promise<Membership>;
  /** The group's committed position, waiting for pending transactions of that group (requireStable); null if there is none. */
  readonly committedPosition: (group: string, partition: TopicPartition) => Promise<Position | null>;
  readonly logStartOffset: (partition: TopicPartition) => Promise<number>;
  /** Offset after the last record of any kind (high watermark); for lag displays, never for "caught up". */
  readonly endOffset: (partition: TopicPartition) => Promise<number>;
  /** Fixed for the life of a topic; rejects with the topic's name when it does not exist. */
  readonly partitionCount: (topic: string) => Promise<number>;
  readonly close: () => Promise<void>;
};

/** `topic/partition`, as a key of maps and as text for people. */
export const partitionKey = (partition: TopicPartition): string => `${partition.topic}/${partition.partition}`;
