import type { Envelope } from '#contracts/core';
import { erase } from '#kernel';
import type { DomainEvent, TypedData } from '../definition/results.ts';
import type { Codec } from '../ports/index.ts';
import { caught } from './caught.ts';
import { schemaIdOf } from './wire-prefix.ts';

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
