import type { Codec, DecodeOutcome } from '#saga-core/ports';
import type { AvroSchema, Envelope } from '#contracts/core';
import { CodecError, messageOf } from './codec-error.ts';
import { createRecordReader, type RecordReader } from './record-reader.ts';
import { createRecordWriter, createScratch, type RecordWriter, type Scratch } from './record-writer.ts';
import { type AnyType, lookupSchemas, registerSchemas, schemaTextOf, type TopicsOf } from './registration.ts';
import { createInMemoryRegistry, createRegistryClient, type RegistryClient, type RegistryOptions } from './registry-client.ts';
import { fullNameOf } from './split-envelope.ts';
import { asBuffer, HEADER_BYTES, readHeader } from './wire-format.ts';

export type SchemaCodecOptions = RegistryOptions & {
  readonly topicsOf: TopicsOf;
  /** Whether `prepare` may register; otherwise it only looks up (production). */
  readonly autoRegister: boolean;
  /** Types that are read by this build's schema although this process never writes them. */
  readonly knownTypes?: readonly AnyType[];
  /** Header included; default 1,000,000: Kafka's default limit with room for headers. */
  readonly recordBytesMax?: number;
};

type CodecSettings = {
  readonly registry: RegistryClient;
  readonly topicsOf: TopicsOf;
  readonly autoRegister: boolean;
  readonly knownTypes: readonly AnyType[];
  readonly recordBytesMax: number;
};

const RECORD_BYTES_MAX = 1_000_000;

type Prepared = { readonly writer: RecordWriter; readonly schemaId: number };

/** Schemas by id: what writers wrote, read as this build's types where it knows them. */
type ReaderTable = {
  readonly know: (type: AnyType) => void;
  readonly learnt: (schemaId: number, schemaText: string) => void;
  readonly get: (schemaId: number) => RecordReader | undefined;
};

const parseSchema = (schemaId: number, schemaText: string): AvroSchema => {
  const refuse = (problem: string): never => {
    throw new CodecError({ code: 'CODEC_BAD_SCHEMA', schemaId, message: `schema ${schemaId} ${problem}` });
  };
  let schema: unknown = null;
  try {
    schema = JSON.parse(schemaText);
  } catch (cause) {
    refuse(`is not JSON: ${messageOf(cause)}`);
  }
  return typeof schema === 'string' ? { type: schema } : typeof schema === 'object' && schema !== null && !Array.isArray(schema) ? (schema as AvroSchema) : refuse('is no named type');
};

const createReaderTable = (): ReaderTable => {
  const known = new Map<string, AnyType>();
  const writers = new Map<number, AvroSchema>();
  const readers = new Map<number, RecordReader>();
  const compile = (schemaId: number, schema: AvroSchema): void => {
    readers.set(schemaId, createRecordReader(schema, known.get(fullNameOf(schema))?.schema ?? null));
  };
  return {
    know: (type) => {
      if (known.get(type.name)?.schema === type.schema) return;
      known.set(type.name, type);
      for (const [schemaId, schema] of writers) if (fullNameOf(schema) === type.name) compile(schemaId, schema);
    },
    learnt: (schemaId, schemaText) => {
      if (writers.has(schemaId)) return;
      const schema = parseSchema(schemaId, schemaText);
      compile(schemaId, schema);
      writers.set(schemaId, schema);
    },
    get: (schemaId) => readers.get(schemaId),
  };
};

type WriterTable = {
  readonly has: (type: AnyType) => boolean;
  readonly add: (type: AnyType, schemaId: number) => void;
  readonly of: (type: AnyType) => Prepared;
};

const createWriterTable = (scratch: Scratch): WriterTable => {
  const byName = new Map<string, Prepared & { readonly schema: AvroSchema }>();
  return {
    has: (type) => byName.get(type.name)?.schema === type.schema,
    // A type in several topics has one schema: any of its ids tells readers the same, the first topic's is written.
    add: (type, schemaId) => {
      if (byName.get(type.name)?.schema === type.schema) return;
      byName.set(type.name, { schema: type.schema, schemaId, writer: createRecordWriter(type.schema, type.name, scratch) });
    },
    of: (type) => {
      const prepared = byName.get(type.name);
      if (prepared !== undefined && prepared.schema === type.schema) return prepared;
      throw new CodecError({ code: 'CODEC_NOT_PREPARED', type: type.name, message: `${type.name} was not prepared: give it to Codec.prepare before the first record is written` });
    },
  };
};

const encodeEvent = (prepared: Prepared, envelope: Envelope, payload: unknown): Uint8Array => {
  const { writer, schemaId } = prepared;
  if (writer.envelope === null) throw new CodecError({ code: 'CODEC_BAD_SCHEMA', type: writer.typeName, message: `${writer.typeName} has no envelope as its first field: it is no event` });
  return writer.finish(schemaId, writer.body(payload, writer.envelope(envelope, HEADER_BYTES)));
};

const decodeEvent = (readers: ReaderTable, value: Uint8Array): DecodeOutcome => {
  const header = readHeader(value);
  if (!header.ok) return { status: 'undecodable', reason: header.reason };
  const reader = readers.get(header.schemaId);
  if (reader === undefined) return { status: 'unknown-schema', schemaId: header.schemaId };
  try {
    return reader.event(asBuffer(value));
  } catch (error) {
    return { status: 'undecodable', reason: `schema ${header.schemaId}, ${reader.fullName}: ${messageOf(error)}`, cause: error };
  }
};

const decodeData = (readers: ReaderTable, bytes: Uint8Array): { readonly type: string; readonly value: unknown } => {
  const header = readHeader(bytes);
  if (!header.ok) throw new CodecError({ code: 'CODEC_UNDECODABLE', message: header.reason });
  const reader = readers.get(header.schemaId);
  if (reader === undefined) {
    throw new CodecError({ code: 'CODEC_UNKNOWN_SCHEMA', schemaId: header.schemaId, message: `schema ${header.schemaId} is not known yet: learn it, then decode again` });
  }
  return { type: reader.fullName, value: reader.data(asBuffer(bytes)) };
};

const createCodec = (settings: CodecSettings): Codec => {
  const { registry, topicsOf, autoRegister } = settings;
  const readers = createReaderTable();
  const writers = createWriterTable(createScratch(settings.recordBytesMax));
  const underWay = new Map<number, Promise<void>>();
  for (const type of settings.knownTypes) readers.know(type);

  const fetchSchema = async (schemaId: number): Promise<void> => {
    readers.learnt(schemaId, await registry.schemaText(schemaId));
  };
  return {
    prepare: async (wanted) => {
      const types = wanted.filter((type) => !writers.has(type));
      if (types.length === 0) return;
      const states = await (autoRegister ? registerSchemas : lookupSchemas)(registry, types, topicsOf);
      const byName = new Map(types.map((type) => [type.name, type]));
      for (const state of states) {
        const type = byName.get(state.typeName);
        if (type === undefined || state.status !== 'registered') continue;
        readers.know(type);
        writers.add(type, state.schemaId);
        readers.learnt(state.schemaId, schemaTextOf(type));
      }
    },
    encode: (type, envelope, payload) => encodeEvent(writers.of(type), envelope, payload),
    decode: (value) => decodeEvent(readers, value),
    encodeData: (type, value) => {
      const { writer, schemaId } = writers.of(type);
      return writer.finish(schemaId, writer.body(value, HEADER_BYTES));
    },
    decodeData: (bytes) => decodeData(readers, bytes),
    learn: (schemaId) => {
      if (readers.get(schemaId) !== undefined) return Promise.resolve();
      // A batch asks for the same id many times: one request answers all of them, and a failed one may be repeated.
      const asked = underWay.get(schemaId) ?? fetchSchema(schemaId).finally(() => underWay.delete(schemaId));
      underWay.set(schemaId, asked);
      return asked;
    },
  };
};

/** The codec of a worker. Makes no request before `prepare` or `learn`. */
export const createSchemaCodec = (options: SchemaCodecOptions): Codec =>
  createCodec({
    registry: createRegistryClient(options),
    topicsOf: options.topicsOf,
    autoRegister: options.autoRegister,
    knownTypes: options.knownTypes ?? [],
    recordBytesMax: options.recordBytesMax ?? RECORD_BYTES_MAX,
  });

export type InMemoryCodecOptions = {
  /** Shared by the codecs of one simulation, so that they agree on ids; default a registry of its own. */
  readonly registry?: RegistryClient;
  readonly knownTypes?: readonly AnyType[];
  readonly recordBytesMax?: number;
};

/** The same codec on a registry within the process: for tests and simulations. Every event may be prepared, whatever its topics. */
export const createInMemoryCodec = (options: InMemoryCodecOptions = {}): Codec =>
  createCodec({
    registry: options.registry ?? createInMemoryRegistry(),
    topicsOf: () => ['in-memory'],
    autoRegister: true,
    knownTypes: options.knownTypes ?? [],
    recordBytesMax: options.recordBytesMax ?? RECORD_BYTES_MAX,
  });

