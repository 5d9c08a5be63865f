import type { Envelope } from '#contracts/core';
import { erase } from '#kernel';
import type { DomainEvent, TypedData } from '../definition/results.ts';
import type { Codec } from '../ports/index.ts';
import { caught } from './caught.ts';
import { isUnreachable } from './takeover.ts';
import { schemaIdIfWire, schemaIdOf } from './wire-prefix.ts';

/** The value of typed bytes, whoever wrote them: a schema that this process has not met is fetched first. Rejects on bytes that nobody can read. */
export const decodeDataLearning = async (codec: Codec, bytes: Uint8Array): Promise<unknown> => {
  const first = caught(() => codec.decodeData(bytes).value);
  if (first.ok) return first.value;
  const schemaId = schemaIdOf(bytes);
  if (schemaId !== null) await codec.learn(schemaId);
  return codec.decodeData(bytes).value;
};

const isEvent = (value: DomainEvent | TypedData): value is DomainEvent => value.type.kind === 'event';

/** Typed data, or an event with an envelope of its own, as bytes that `decodeData` reads. Throws CodecError. */
export const encodeTyped = async (codec: Codec, value: DomainEvent | TypedData, envelope: Envelope): Promise<Uint8Array> => {
  await codec.prepare([value.type]);
  return isEvent(value) ? codec.encode(value.type, envelope, value.payload) : codec.encodeData(erase<TypedData>(value).type, erase<TypedData>(value).value);
};

const parts = (value: object): Iterable<unknown> => (Symbol.iterator in value ? erase<Iterable<unknown>>(value) : Object.values(value));

/** Ids of the schemas of all typed bytes inside plain data, however deep. */
const schemaIdsInside = (value: unknown, found = new Set<number>(), seen = new Set<unknown>()): ReadonlySet<number> => {
  if (typeof value !== 'object' || value === null || seen.has(value)) return found;
  seen.add(value);
  if (ArrayBuffer.isView(value)) {
    const schemaId = schemaIdIfWire(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    if (schemaId !== null) found.add(schemaId);
  } else for (const part of parts(value)) schemaIdsInside(part, found, seen);
  return found;
};

/**
 * Fetches the schemas of all typed bytes inside a value, so that handlers, which are synchronous, can read them. One that the registry
 * does not know stays unknown: the bytes are then nobody's. Rejects with REGISTRY_UNREACHABLE.
 */
export const learnInside = async (codec: Codec, value: unknown): Promise<void> => {
  for (const schemaId of schemaIdsInside(value)) {
    await codec.learn(schemaId).catch((error: unknown) => {
      if (isUnreachable(error)) throw error;
    });
  }
};
