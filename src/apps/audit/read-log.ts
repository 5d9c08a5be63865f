import type { Codec, DecodedEvent, EventLog, LogRecord, TopicPartition } from '#saga-core/ports';
import { decodeLearning } from '#saga-core/runtime';

export type Range = TopicPartition & { readonly start: number; readonly end: number };

/** Partitions of a topic from their first record to the end they have now; none where the topic does not exist. */
export const rangesOf = async (log: EventLog, topic: string): Promise<readonly Range[]> => {
  const count = await log.partitionCount(topic).catch(() => 0);
  const ranges: Range[] = [];
  for (let partition = 0; partition < count; partition++) {
    const at = { topic, partition };
    ranges.push({ ...at, start: await log.logStartOffset(at), end: await log.endOffset(at) });
  }
  return ranges;
};

/** Every committed record of the range, in order. Rejects on what cannot be read. */
export const readRange = (log: EventLog, range: Range, onRecord: (record: LogRecord) => Promise<void> | void): Promise<void> => {
  if (range.end <= range.start) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const subscription = log.reader().subscribe({ topic: range.topic, partition: range.partition, offset: range.start }, {
      onBatch: async (batch) => {
        try {
          for (const record of batch.records) {
            if (record.offset >= range.end) break;
            const pending = onRecord(record);
            if (pending !== undefined) await pending;
          }
        } catch (thrown) {
          subscription.close();
          reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
          return;
        }
        if (batch.nextOffset < range.end) return;
        subscription.close();
        resolve();
      },
      onError: (error) => reject(new Error(`${error.topic}/${error.partition} at ${error.offset}: ${error.code} ${error.message}`)),
    });
  });
};

export type Undecodable = { readonly status: 'undecodable'; readonly reason: string };

/** Decodes without waiting where the schema is known already. */
export const decodeNow = (codec: Codec, value: Uint8Array): DecodedEvent | Undecodable | Promise<DecodedEvent | Undecodable> => {
  const first = codec.decode(value);
  return first.status === 'unknown-schema' ? decodeLearning(codec, value) : first;
};

const fieldOf = (thrown: unknown, name: string): unknown =>
  typeof thrown === 'object' && thrown !== null ? Object.entries(thrown).find(([key]) => key === name)?.[1] : undefined;

/** Runs `work`; where it meets typed bytes of a schema not known yet, fetches that and runs it again. Rejects with what else it throws. */
export const withSchemas = async (codec: Codec, work: () => void): Promise<void> => {
  const fetched = new Set<unknown>();
  for (;;) {
    try {
      return work();
    } catch (thrown) {
      const schemaId = fieldOf(thrown, 'schemaId');
      if (fieldOf(thrown, 'code') !== 'CODEC_UNKNOWN_SCHEMA' || typeof schemaId !== 'number' || fetched.has(schemaId)) throw thrown;
      fetched.add(schemaId);
      await codec.learn(schemaId);
    }
  }
};
