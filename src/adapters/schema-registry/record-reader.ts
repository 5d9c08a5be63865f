import type { DecodedEvent } from '#saga-core/ports';
import { type AvroSchema, type Envelope, envelopeSchema } from '#contracts/core';
import { type AvroResolver, type AvroType, compileAvro } from './avro-types.ts';
import { CodecError, messageOf } from './codec-error.ts';
import { fullNameOf, splitEnvelope } from './split-envelope.ts';
import { HEADER_BYTES } from './wire-format.ts';

/** A writer's schema, compiled against what this process reads. Throws CODEC_UNDECODABLE or what avsc throws on broken bytes. */
export type RecordReader = {
  readonly fullName: string;
  readonly isEvent: boolean;
  readonly event: (bytes: Buffer) => DecodedEvent;
  /** The body alone: the value of typed data, an event's payload. */
  readonly data: (bytes: Buffer) => unknown;
};

type Part = { readonly type: AvroType; readonly resolver: AvroResolver | undefined };

// Where the writer's text is the reader's, there is nothing to resolve.
const readPart = (writer: AvroSchema, reader: AvroSchema | null): Part => {
  const writerType = compileAvro(writer);
  if (reader === null || JSON.stringify(reader) === JSON.stringify(writer)) return { type: writerType, resolver: undefined };
  const type = compileAvro(reader);
  return { type, resolver: type.createResolver(writerType) };
};

/** Where the envelope ends, without a value made of it: a reader of no fields skips all that the writer wrote. */
const skipperOf = (writer: AvroSchema): ((bytes: Buffer) => number) => {
  const nothing = compileAvro({ ...NO_FIELDS, name: fullNameOf(writer) });
  const resolver = nothing.createResolver(compileAvro(writer));
  return (bytes) => (nothing.decode(bytes, HEADER_BYTES, resolver) as { readonly offset: number }).offset;
};
const NO_FIELDS = { type: 'record', fields: [] };

const lazily = <Value>(make: () => Value): (() => Value) => {
  let made: { readonly value: Value } | null = null;
  return () => (made ??= { value: make() }).value;
};

const cutShort = (fullName: string, part: string): CodecError =>
  new CodecError({ code: 'CODEC_UNDECODABLE', type: fullName, message: `${fullName}: the bytes end within its ${part}` });

const reading = <Value>(fullName: string, read: () => Value): Value => {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof CodecError) throw cause;
    throw new CodecError({ code: 'CODEC_UNDECODABLE', type: fullName, message: `${fullName}: ${messageOf(cause)}`, cause });
  }
};

/** `reader` is this process' schema of the same full name, null where it knows none. */
export const createRecordReader = (writer: AvroSchema, reader: AvroSchema | null): RecordReader => {
  const parts = splitEnvelope(writer);
  const { fullName } = parts;
  const envelopePart = parts.envelope === null ? null : readPart(parts.envelope, envelopeSchema);
  const bodyPart = lazily(() => reading(fullName, () => readPart(parts.body, reader === null ? null : splitEnvelope(reader).body)));

  const bodyAt = (bytes: Buffer, at: number): unknown => reading(fullName, () => {
    const { type, resolver } = bodyPart();
    const { value, offset } = type.decode(bytes, at, resolver) as { readonly value: unknown; readonly offset: number };
    if (offset < 0) throw cutShort(fullName, 'payload');
    if (offset !== bytes.length) throw new CodecError({ code: 'CODEC_UNDECODABLE', type: fullName, message: `${fullName}: ${bytes.length - offset} bytes are left over after the payload` });
    return value;
  });

  const envelopeOf = (bytes: Buffer): { readonly value: Envelope; readonly offset: number } => {
    if (envelopePart === null) throw new CodecError({ code: 'CODEC_UNDECODABLE', type: fullName, message: `${fullName} has no envelope as its first field: it is not an event` });
    const { value, offset } = envelopePart.type.decode(bytes, HEADER_BYTES, envelopePart.resolver) as { readonly value: Envelope; readonly offset: number };
    if (offset < 0) throw cutShort(fullName, 'envelope');
    return { value, offset };
  };

  const skipEnvelope = lazily(() => (parts.envelope === null ? () => HEADER_BYTES : skipperOf(parts.envelope)));
  const bodyStart = (bytes: Buffer): number => {
    const offset = skipEnvelope()(bytes);
    if (offset < 0) throw cutShort(fullName, 'envelope');
    return offset;
  };

  return {
    fullName,
    isEvent: envelopePart !== null,
    event: (bytes) => {
      const { value, offset } = envelopeOf(bytes);
      let payload: { readonly value: unknown } | null = null;
      return {
        status: 'decoded',
        type: fullName,
        envelope: value,
        payload: () => (payload ??= { value: bodyAt(bytes, offset) }).value,
      };
    },
    data: (bytes) => bodyAt(bytes, bodyStart(bytes)),
  };
};
