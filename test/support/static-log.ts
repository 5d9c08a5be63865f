// A log that holds just these records: for those who only read, and for logs that somebody has tampered with.
import type { EventLog, LogRecord, TopicPartition } from '#saga-core/ports';

const BATCH_RECORDS = 100;
const unused = (): never => {
  throw new Error('this log is only read');
};

export const createStaticLog = (records: readonly LogRecord[], partitionCount: number): EventLog => {
  const of = ({ topic, partition }: TopicPartition): readonly LogRecord[] =>
    records.filter((record) => record.topic === topic && record.partition === partition).sort((left, right) => left.offset - right.offset);
  const endOf = (at: TopicPartition): number => (of(at).at(-1)?.offset ?? -1) + 1;
  return {
    writer: unused,
    join: unused,
    committedPosition: () => Promise.resolve(null),
    logStartOffset: () => Promise.resolve(0),
    endOffset: (at) => Promise.resolve(endOf(at)),
    partitionCount: (topic) => (records.some((record) => record.topic === topic) ? Promise.resolve(partitionCount) : Promise.reject(new Error(`topic ${topic} does not exist`))),
    close: () => Promise.resolve(),
    reader: () => ({
      subscribe: (from, handler) => {
        let isClosed = false;
        const own = of(from).filter((record) => record.offset >= from.offset);
        const end = endOf(from);
        void (async () => {
          for (let at = 0; at === 0 || at < own.length; at += BATCH_RECORDS) {
            await Promise.resolve();
            if (isClosed) return;
            const batch = own.slice(at, at + BATCH_RECORDS);
            const nextOffset = at + BATCH_RECORDS >= own.length ? end : (batch.at(-1)?.offset ?? from.offset) + 1;
            await handler.onBatch({ records: batch, nextOffset, lastStableOffset: end, highWatermark: end, logStartOffset: 0 });
          }
        })();
        return { close: () => { isClosed = true; } };
      },
    }),
  };
};
