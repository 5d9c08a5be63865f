import type { LogRecord, RecordToWrite, TopicPartition } from '#saga-core/ports';

/** A transaction as one partition sees it: decided when the control marker lies in this partition, not before. */
export type PartitionTransaction = { readonly transactionalId: string; readonly producerId: number; status: 'open' | 'committed' | 'aborted' };

/** What lies at one offset: a record, or the marker of a transaction. */
export type LogEntry =
  | { readonly kind: 'record'; readonly offset: number; readonly record: LogRecord; readonly transaction: PartitionTransaction | null }
  | { readonly kind: 'marker'; readonly offset: number; readonly transactionalId: string; readonly decision: 'commit' | 'abort' };

export type CommittedRead = { readonly records: readonly LogRecord[]; readonly nextOffset: number };

/** One partition's log. Offsets are never given twice; markers take one each. */
export type PartitionLog = {
  /** The offset of the first record. */
  readonly append: (records: readonly RecordToWrite[], transaction: PartitionTransaction | null) => number;
  readonly mark: (transaction: PartitionTransaction, decision: 'commit' | 'abort') => void;
  /** Committed records below the last stable offset, at most `recordCountMax` entries looked at. */
  readonly readCommitted: (fromOffset: number, entryCountMax: number) => CommittedRead;
  readonly lastStableOffset: () => number;
  readonly highWatermark: () => number;
  readonly logStartOffset: () => number;
  /** Retention: everything below `offset` goes. */
  readonly deleteBefore: (offset: number) => void;
  /** Keeps the last committed record of each key below the last stable offset; what is above is left alone. */
  readonly compact: (options: { readonly removeTombstones: boolean }) => void;
  /** All that lies here, aborted records and markers included: for checkers. */
  readonly entries: () => readonly LogEntry[];
  /** Called whenever the last stable offset may have moved. Returns the end of the listening. */
  readonly onChange: (listener: () => void) => () => void;
};

const encoder = new TextEncoder();

const stored = (record: RecordToWrite, offset: number): LogRecord => ({
  topic: record.topic,
  partition: record.partition,
  offset,
  timestampMs: record.timestampMs,
  key: record.key === null ? null : encoder.encode(record.key),
  value: record.value === null ? null : Uint8Array.from(record.value),
  headers: Object.fromEntries(Object.entries(record.headers).map(([name, text]) => [name, encoder.encode(text)])),
});

const keyOf = (entry: LogEntry): string | null =>
  entry.kind === 'record' && entry.record.key !== null ? Buffer.from(entry.record.key).toString('base64') : null;

/** The entries that compaction leaves of those below `stableOffset`. */
const compacted = (entries: readonly LogEntry[], stableOffset: number, removeTombstones: boolean): LogEntry[] => {
  const isCommitted = (entry: LogEntry): boolean =>
    entry.kind === 'record' && (entry.transaction === null || entry.transaction.status === 'committed');
  const newest = new Map<string, number>();
  for (const entry of entries) {
    const key = keyOf(entry);
    if (entry.offset < stableOffset && key !== null && isCommitted(entry)) newest.set(key, entry.offset);
  }
  return entries.filter((entry) => {
    if (entry.offset >= stableOffset || entry.kind === 'marker') return true;
    const key = keyOf(entry);
    if (!isCommitted(entry) || key === null || newest.get(key) !== entry.offset) return false;
    return !(removeTombstones && entry.record.value === null);
  });
};

/** Index of the first entry at or above `offset`. */
const lowerBound = (entries: readonly LogEntry[], offset: number): number => {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((entries[middle]?.offset ?? 0) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
};

const readCommittedFrom = (entries: readonly LogEntry[], range: { readonly from: number; readonly stable: number; readonly entryCountMax: number; readonly isAbortedDelivered: boolean }): CommittedRead => {
  const records: LogRecord[] = [];
  const start = lowerBound(entries, range.from);
  let nextOffset = range.from;
  for (let index = start; index < entries.length && index - start < range.entryCountMax; index++) {
    const entry = entries[index];
    if (entry === undefined || entry.offset >= range.stable) return { records, nextOffset: Math.max(range.from, range.stable) };
    nextOffset = entry.offset + 1;
    if (entry.kind === 'record' && (entry.transaction === null || entry.transaction.status === 'committed' || range.isAbortedDelivered)) records.push(entry.record);
  }
  const isAtEnd = start + range.entryCountMax >= entries.length;
  return { records, nextOffset: isAtEnd ? Math.max(range.from, range.stable) : nextOffset };
};

/** `isAbortedDelivered` is a planted fault: see BrokerMutants. */
export const createPartitionLog = (partition: TopicPartition, isAbortedDelivered = false): PartitionLog => {
  let entries: LogEntry[] = [];
  let startOffset = 0;
  let endOffset = 0;
  // In order of their first offsets, since a Map keeps the order of insertion: the first one holds the last stable offset.
  const open = new Map<PartitionTransaction, number>();
  const listeners = new Set<() => void>();
  const changed = (): void => {
    for (const listener of [...listeners]) listener();
  };
  const lastStableOffset = (): number => open.values().next().value ?? endOffset;
  return {
    append: (records, transaction) => {
      const base = endOffset;
      if (transaction !== null && !open.has(transaction)) open.set(transaction, base);
      for (const record of records) {
        entries.push({ kind: 'record', offset: endOffset, record: stored({ ...record, ...partition }, endOffset), transaction });
        endOffset++;
      }
      changed();
      return base;
    },
    mark: (transaction, decision) => {
      transaction.status = decision === 'commit' ? 'committed' : 'aborted';
      entries.push({ kind: 'marker', offset: endOffset++, transactionalId: transaction.transactionalId, decision });
      open.delete(transaction);
      changed();
    },
    readCommitted: (fromOffset, entryCountMax) => readCommittedFrom(entries, { from: fromOffset, stable: lastStableOffset(), entryCountMax, isAbortedDelivered }),
    lastStableOffset,
    highWatermark: () => endOffset,
    logStartOffset: () => startOffset,
    deleteBefore: (offset) => {
      startOffset = Math.max(startOffset, Math.min(offset, endOffset));
      entries = entries.filter((entry) => entry.offset >= startOffset);
      changed();
    },
    compact: ({ removeTombstones }) => void (entries = compacted(entries, lastStableOffset(), removeTombstones)),
    entries: () => entries,
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
};
