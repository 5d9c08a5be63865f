import type { AvroSchema, DataType, Envelope, EventType } from '#contracts/core';
import { erase } from '#kernel';
import type { Codec, DecodeOutcome } from '#saga-core/ports';
import { fromBytes, toBytes } from './tagged-json.ts';
import { compileValueCheck, fieldsOf, isPlainObject, type ValueCheck } from './value-check.ts';

type AnyType = EventType<unknown> | DataType<unknown>;

/** Why the codec in memory refuses; the codes of the real one. */
export type MemoryCodecErrorCode =
  | 'CODEC_UNDECLARED_FIELD' | 'CODEC_MISSING_FIELD' | 'CODEC_INVALID_VALUE' | 'CODEC_RECORD_TOO_LARGE' | 'CODEC_NOT_PREPARED'
  | 'CODEC_UNKNOWN_SCHEMA' | 'CODEC_UNDECODABLE' | 'REGISTRY_NOT_FOUND';

/** The refusals of the in-memory codec: the codes of the real one. */
export class MemoryCodecError extends Error {
  override readonly name = 'CodecError';
  readonly code: MemoryCodecErrorCode;
  /** Of the field within the record, such as `envelope.chain.seq`. */
  readonly path: string;

  constructor(code: MemoryCodecErrorCode, message: string, path = '') {
    super(`${code}: ${message}`);
    this.code = code;
    this.path = path;
  }
}

/** Schemas by id, shared by the codecs of one simulation. */
export type MemorySchemaRegistry = {
  readonly idOf: (type: AnyType) => number;
  readonly find: (schemaId: number) => AnyType | null;
};

/** A schema registry that lives as long as the test, to be shared by its codecs. */
export const createMemorySchemaRegistry = (): MemorySchemaRegistry => {
  const types: AnyType[] = [];
  const idBySchema = new Map<string, number>();
  return {
    idOf: (type) => {
      const text = JSON.stringify(type.schema);
      const known = idBySchema.get(text) ?? types.push(type);
      idBySchema.set(text, known);
      return known;
    },
    find: (schemaId) => types[schemaId - 1] ?? null,
  };
};

/** What the codec in memory runs on. */
export type MemoryCodecOptions = {
  readonly registry?: MemorySchemaRegistry;
  /** Types that are read by this schema although this process never writes them. */
  readonly knownTypes?: readonly AnyType[];
  /** Header included; default 1,000,000. */
  readonly recordBytesMax?: number;
};

const RECORD_BYTES_MAX = 1_000_000;
const HEADER_BYTES = 5;
/** Of the envelope, before it; the payload follows. */
const LENGTH_BYTES = 4;

type Prepared = { readonly type: AnyType; readonly schemaId: number; readonly check: ValueCheck };

const frame = (schemaId: number, parts: readonly Uint8Array[]): Uint8Array => {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(schemaId, 1);
  return new Uint8Array(Buffer.concat([header, ...parts]));
};

const lengthOf = (part: Uint8Array): Uint8Array => {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(part.length);
  return length;
};

/** Undefined where the bytes do not begin as a record does. */
const schemaIdOf = (bytes: Uint8Array): number | undefined =>
  bytes.length > HEADER_BYTES && bytes[0] === 0 ? Buffer.from(bytes.buffer, bytes.byteOffset, HEADER_BYTES).readUInt32BE(1) : undefined;

const splitBody = (body: Uint8Array): { readonly envelope: Uint8Array; readonly payload: Uint8Array } | null => {
  if (body.length < LENGTH_BYTES) return null;
  const length = Buffer.from(body.buffer, body.byteOffset, LENGTH_BYTES).readUInt32BE();
  const start = LENGTH_BYTES + length;
  return start >= body.length ? null : { envelope: body.subarray(LENGTH_BYTES, start), payload: body.subarray(start) };
};

const defaultOf = (field: AvroSchema): unknown => {
  const { type } = field;
  const isExact = isPlainObject(type) && type['chorus:exact'] === true;
  return isExact && typeof field['default'] === 'number' ? BigInt(field['default']) : field['default'];
};

/** As this reader's schema has it: defaults for what the writer lacked, nothing of what the reader does not know. */
const resolved = (value: unknown, reader: AvroSchema): unknown => {
  if (!isPlainObject(value)) return value;
  const names = fieldsOf(reader).filter((field) => field['name'] !== 'envelope');
  return Object.fromEntries(names.map((field) => [String(field['name']), value[String(field['name'])] ?? defaultOf(field)]));
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * A Codec without Avro: the wire's five-byte prefix, then text. As strict as the real one, by the same schemas; for
 * simulations and tests, never for a topic that anybody else reads.
 */
export const createMemoryCodec = (options: MemoryCodecOptions = {}): Codec => {
  const registry = options.registry ?? createMemorySchemaRegistry();
  const recordBytesMax = options.recordBytesMax ?? RECORD_BYTES_MAX;
  const prepared = new Map<AvroSchema, Prepared>();
  const learnt = new Map<number, AnyType>();
  const readers = new Map<string, AvroSchema>((options.knownTypes ?? []).map((type) => [type.name, type.schema]));
  const checked = (type: AnyType, value: unknown): Prepared => {
    const known = prepared.get(type.schema);
    if (known === undefined) throw new MemoryCodecError('CODEC_NOT_PREPARED', `${type.name}: prepare it before it is written`);
    const fault = known.check(value);
    if (fault === null) return known;
    const code = fault.problem.startsWith('is missing') ? 'CODEC_MISSING_FIELD' : fault.problem.startsWith('is not a field') ? 'CODEC_UNDECLARED_FIELD' : 'CODEC_INVALID_VALUE';
    throw new MemoryCodecError(code, `${type.name}: ${fault.path} ${fault.problem}`, fault.path);
  };
  const limited = (name: string, bytes: Uint8Array): Uint8Array => {
    if (bytes.length > recordBytesMax) throw new MemoryCodecError('CODEC_RECORD_TOO_LARGE', `${name}: ${bytes.length} bytes, the limit is ${recordBytesMax}`);
    return bytes;
  };
  const read = (type: AnyType, bytes: Uint8Array): unknown => {
    const reader = readers.get(type.name);
    try {
      const value = fromBytes(bytes);
      return reader === undefined || reader === type.schema ? value : resolved(value, reader);
    } catch (error) {
      throw new MemoryCodecError('CODEC_UNDECODABLE', `${type.name}: ${messageOf(error)}`);
    }
  };
  const decodeEvent = (type: AnyType, body: Uint8Array): DecodeOutcome => {
    const parts = type.kind === 'event' ? splitBody(body) : null;
    if (parts === null) return { status: 'undecodable', reason: type.kind === 'event' ? `${type.name}: the bytes end within the envelope` : `${type.name} has no envelope` };
    let payload: { readonly value: unknown } | null = null;
    try {
      const envelope = erase<Envelope>(fromBytes(parts.envelope));
      return { status: 'decoded', type: type.name, envelope, payload: () => (payload ??= { value: read(type, parts.payload) }).value };
    } catch (error) {
      return { status: 'undecodable', reason: `${type.name}: envelope: ${messageOf(error)}`, cause: error };
    }
  };
  return {
    prepare: async (types) => {
      for (const type of types) {
        if (prepared.has(type.schema)) continue;
        const schemaId = registry.idOf(type);
        prepared.set(type.schema, { type, schemaId, check: compileValueCheck(type.schema) });
        learnt.set(schemaId, type);
        readers.set(type.name, type.schema);
      }
    },
    encode: (type, envelope, payload) => {
      const known = checked(type, { envelope, ...erase<object>(payload) });
      const head = toBytes(envelope);
      return limited(type.name, frame(known.schemaId, [lengthOf(head), head, toBytes(payload)]));
    },
    decode: (value) => {
      const schemaId = schemaIdOf(value);
      if (schemaId === undefined) return { status: 'undecodable', reason: `no record: ${value.length} bytes, too few or without the magic byte 0` };
      const type = learnt.get(schemaId);
      return type === undefined ? { status: 'unknown-schema', schemaId } : decodeEvent(type, value.subarray(HEADER_BYTES));
    },
    encodeData: (type, value) => limited(type.name, frame(checked(type, value).schemaId, [toBytes(value)])),
    decodeData: (bytes) => {
      const schemaId = schemaIdOf(bytes);
      const type = schemaId === undefined ? undefined : learnt.get(schemaId);
      if (type === undefined) throw new MemoryCodecError('CODEC_UNKNOWN_SCHEMA', `schema ${schemaId ?? '(none)'} was not learnt`);
      const body = bytes.subarray(HEADER_BYTES);
      const parts = type.kind === 'event' ? splitBody(body) : null;
      return { type: type.name, value: read(type, parts?.payload ?? body) };
    },
    learn: async (schemaId) => {
      const type = registry.find(schemaId);
      if (type === null) throw new MemoryCodecError('REGISTRY_NOT_FOUND', `schema ${schemaId} is not registered`);
      if (!learnt.has(schemaId)) learnt.set(schemaId, type);
    },
  };
};
