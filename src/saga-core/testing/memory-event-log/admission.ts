import type { RecordToWrite, RefusalCode } from '#saga-core/ports';
import type { Topic } from './topics.ts';

export type Refusal = { readonly code: RefusalCode; readonly message: string };

/** Kafka's default for `message.timestamp.after.max.ms`. */
const TIMESTAMP_AHEAD_MS_MAX = 3_600_000;

const sizeBytes = (record: RecordToWrite): number => {
  const headers = Object.entries(record.headers).reduce((sum, [name, text]) => sum + Buffer.byteLength(name) + Buffer.byteLength(text), 0);
  return headers + (record.key === null ? 0 : Buffer.byteLength(record.key)) + (record.value?.byteLength ?? 0);
};

/** What a broker refuses of a batch before it writes anything of it. */
export const refusalOf = (topic: Topic | null, records: readonly RecordToWrite[], nowMillis: number): Refusal | null => {
  const [first] = records;
  if (first === undefined) return null;
  if (topic?.partitions[first.partition] === undefined) {
    return { code: 'UNKNOWN_TOPIC', message: `topic ${first.topic} has no partition ${first.partition}: create it, or correct the configuration` };
  }
  for (const [index, record] of records.entries()) {
    const where = `record ${index} of ${records.length} for ${first.topic}/${first.partition}`;
    const bytes = sizeBytes(record);
    if (bytes > topic.recordBytesMax) return { code: 'RECORD_TOO_LARGE', message: `${where} has ${bytes} bytes, above the topic's limit of ${topic.recordBytesMax}` };
    if (record.key === null && topic.options.cleanup === 'compact') return { code: 'INVALID_RECORD', message: `${where} has no key, which a compacted topic needs` };
    if (record.timestampMs > nowMillis + TIMESTAMP_AHEAD_MS_MAX) {
      return { code: 'INVALID_RECORD', message: `${where} is stamped ${record.timestampMs - nowMillis} ms ahead of the broker's clock; at most ${TIMESTAMP_AHEAD_MS_MAX} are allowed` };
    }
  }
  return null;
};
