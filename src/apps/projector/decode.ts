import { changesOf, isOfInterest, type Fault, type Projected, type ProjectionBatch, type ProjectionDefinition } from '#projections';
import type { Codec, DecodedEvent, LogRecord } from '#saga-core/ports';

/** What a batch comes to: the records that change something, and those that cannot be projected. */
export type Decoded = { readonly records: ProjectionBatch['records']; readonly faults: readonly Fault[] };

type From = { readonly codec: Codec; readonly topic: string };

const text = new TextDecoder();
const EVENT_TYPE_HEADER = 'event-type';

const fieldOf = (thrown: unknown, name: string): unknown =>
  typeof thrown === 'object' && thrown !== null ? Object.entries(thrown).find(([key]) => key === name)?.[1] : undefined;
const reasonOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

/** The schema may be had later: nothing is wrong with the record. */
const isPassing = (thrown: unknown): boolean => fieldOf(thrown, 'action') === 'retry';

/** Decodes, fetching the writer's schema first where it is not known. Null: undecodable, for the reason given. Rejects where the registry does not answer. */
const decoded = async (codec: Codec, value: Uint8Array): Promise<DecodedEvent | { readonly status: 'undecodable'; readonly reason: string }> => {
  const first = codec.decode(value);
  if (first.status !== 'unknown-schema') return first;
  try {
    await codec.learn(first.schemaId);
  } catch (thrown) {
    if (isPassing(thrown)) throw thrown;
    return { status: 'undecodable', reason: `schema ${first.schemaId}: ${reasonOf(thrown)}` };
  }
  const second = codec.decode(value);
  return second.status === 'unknown-schema' ? { status: 'undecodable', reason: `schema ${first.schemaId} stays unknown` } : second;
};

/** Runs `map`, once more after each schema of typed bytes that had to be fetched. */
const mapped = async <Result>(codec: Codec, map: () => Result): Promise<Result> => {
  const fetched = new Set<unknown>();
  for (;;) {
    try {
      return map();
    } catch (thrown) {
      const schemaId = fieldOf(thrown, 'schemaId');
      if (fieldOf(thrown, 'code') !== 'CODEC_UNKNOWN_SCHEMA' || typeof schemaId !== 'number' || fetched.has(schemaId)) throw thrown;
      fetched.add(schemaId);
      await codec.learn(schemaId);
    }
  }
};

/** A record as projections see it. */
const projectedOf = (record: LogRecord, event: DecodedEvent, { codec, topic }: From): Projected => ({
  topic,
  partition: record.partition,
  offset: record.offset,
  timestampMs: record.timestampMs,
  key: record.key === null ? '' : text.decode(record.key),
  type: event.type,
  envelope: event.envelope,
  payload: event.payload(),
  decodeData: codec.decodeData,
});

/** Whether the record's header already tells that the projection has no use for it. */
const isSkipped = (projection: ProjectionDefinition, record: LogRecord): boolean => {
  const header = record.headers[EVENT_TYPE_HEADER];
  return record.value === null || (header !== undefined && !isOfInterest(projection, text.decode(header)));
};

const one = async (projection: ProjectionDefinition, from: From, record: LogRecord): Promise<ProjectionBatch['records'][number] | Fault | null> => {
  const { offset, value } = record;
  if (value === null || isSkipped(projection, record)) return null;
  const event = await decoded(from.codec, value);
  if (event.status === 'undecodable') return { offset, reason: event.reason };
  if (!isOfInterest(projection, event.type)) return null;
  try {
    const changes = await mapped(from.codec, () => changesOf(projection, projectedOf(record, event, from)));
    return changes.length === 0 ? null : { offset, changes };
  } catch (thrown) {
    if (isPassing(thrown)) throw thrown;
    return { offset, reason: `${event.type}: ${reasonOf(thrown)}` };
  }
};

/** What a batch of records does, and which of them cannot be projected. Rejects where the schema registry does not answer. */
export const decodeBatch = async (projection: ProjectionDefinition, from: From, records: readonly LogRecord[]): Promise<Decoded> => {
  const useful: ProjectionBatch['records'][number][] = [];
  const faults: Fault[] = [];
  for (const record of records) {
    const result = await one(projection, from, record);
    if (result === null) continue;
    if ('reason' in result) faults.push(result);
    else useful.push(result);
  }
  return { records: useful, faults };
};
