import { partitionFor } from '#kernel';
import type { Codec, EventLog } from '#saga-core/ports';
import type { AuditedRecord } from '#saga-core/testing';
import { decodeNow, rangesOf, readRange } from './read-log.ts';

export type ReadSagaOptions = {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly namespace: string;
  /** Bounded context: names the saga topic. */
  readonly context: string;
  readonly correlationId: string;
  /** Where the saga's first record lies, if known (the read model `sagas` knows): saves reading what is before. */
  readonly fromOffset?: number;
};

const text = new TextDecoder();

/** Every record of one correlationId, children under the same id included, in order. Records that nobody can decode are left out. */
export const readSaga = async (options: ReadSagaOptions): Promise<readonly AuditedRecord[]> => {
  const { log, codec, namespace, context, correlationId } = options;
  const topic = `sagas.${context}`;
  const ranges = await rangesOf(log, `${namespace}.${topic}`);
  const range = ranges[partitionFor(correlationId, Math.max(1, ranges.length))];
  const records: AuditedRecord[] = [];
  if (range === undefined) return records;
  await readRange(log, { ...range, start: Math.max(range.start, options.fromOffset ?? 0) }, async (record) => {
    if (record.value === null || record.key === null || text.decode(record.key) !== correlationId) return;
    const decoded = await decodeNow(codec, record.value);
    if (decoded.status === 'undecodable') return;
    records.push({ topic, partition: record.partition, offset: record.offset, type: decoded.type, envelope: decoded.envelope, payload: decoded.payload() });
  });
  return records;
};
