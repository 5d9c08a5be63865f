import type { SagaRecord } from '#apps/saga-diagram';
import { partitionFor } from '#kernel';
import type { Codec, EventLog, LogRecord } from '#saga-core/ports';
import { decodeLearning, type TopicNames } from '#saga-core/runtime';

export type SagaReaderOptions = { readonly log: EventLog; readonly codec: Codec; readonly names: TopicNames };

/** A record of a saga with what only the log knows of it. */
export type ReadRecord = SagaRecord & { readonly timestampMs: number };

const isOf = (record: LogRecord, correlationId: string): boolean => {
  const header = record.headers['correlation-id'];
  return header !== undefined && Buffer.from(header).toString('utf8') === correlationId;
};

/**
 * Every record of a correlationId (the instance and its sub-sagas) that the log held when asked, in order. Empty where there is
 * none. Reads the whole partition: for people, not for programs in a hurry. Rejects on a record that cannot be decoded.
 */
export const readSaga = async (options: SagaReaderOptions, context: string, correlationId: string): Promise<readonly ReadRecord[]> => {
  const { log, codec, names } = options;
  const topic = names.saga(context);
  const at = { topic, partition: partitionFor(correlationId, await log.partitionCount(topic)) };
  const [start, end] = await Promise.all([log.logStartOffset(at), log.endOffset(at)]);
  const found: ReadRecord[] = [];
  if (start >= end) return found;
  await new Promise<void>((resolve, reject) => {
    const subscription = log.reader().subscribe({ ...at, offset: start }, {
      onBatch: async (batch) => {
        try {
          for (const record of batch.records) {
            if (record.value === null || record.offset >= end || !isOf(record, correlationId)) continue;
            const decoded = await decodeLearning(codec, record.value);
            if (decoded.status !== 'decoded') throw new Error(`${topic}/${at.partition} at ${record.offset}: ${decoded.reason}`);
            found.push({ partition: at.partition, offset: record.offset, timestampMs: record.timestampMs, type: decoded.type, envelope: decoded.envelope, payload: decoded.payload() });
          }
          if (batch.nextOffset < end) return;
          subscription.close();
          resolve();
        } catch (error) {
          subscription.close();
          reject(error);
        }
      },
      onError: (error) => reject(new Error(`${topic}/${at.partition}: ${error.code} ${error.message}`)),
    });
  });
  return found;
};
