import type { AvroSchema, Envelope } from '#contracts/core';
import { type AvroType, compileAvro } from './avro-types.ts';
import { CodecError } from './codec-error.ts';
import { compileCheck, faultError } from './strict-check.ts';
import { splitEnvelope } from './split-envelope.ts';
import { HEADER_BYTES, writeHeader } from './wire-format.ts';

/** Compiled once per type; a data type's body has no envelope. */
export type RecordWriter = {
  readonly typeName: string;
  /** Null on data types. */
  readonly envelope: ((value: Envelope, at: number) => number) | null;
  readonly body: (value: unknown, at: number) => number;
  readonly finish: (schemaId: number, end: number) => Uint8Array;
};

const FIRST_SCRATCH_BYTES = 65_536;

/** One buffer that all records of a codec are written into and copied out of; each result is independent. */
export type Scratch = { bytes: Buffer; readonly limitBytes: number };

export const createScratch = (limitBytes: number): Scratch => ({ bytes: Buffer.allocUnsafeSlow(Math.min(FIRST_SCRATCH_BYTES, limitBytes)), limitBytes });

const tooLarge = (typeName: string, sizeBytes: number, limitBytes: number): CodecError =>
  new CodecError({ code: 'CODEC_RECORD_TOO_LARGE', type: typeName, message: `${typeName} has at least ${sizeBytes} bytes, the limit is ${limitBytes}; write less into it or raise the limit here and on the topic` });

// avsc answers the number of bytes that lack, negative, where the buffer ends too early.
const writeGrowing = (type: AvroType, value: unknown, target: { readonly at: number; readonly scratch: Scratch; readonly typeName: string }): number => {
  const { at, scratch, typeName } = target;
  const end = type.encode(value, scratch.bytes, at);
  if (end >= 0) return end;
  const needed = scratch.bytes.length - end;
  if (needed > scratch.limitBytes) throw tooLarge(typeName, needed, scratch.limitBytes);
  const larger = Buffer.allocUnsafeSlow(Math.min(scratch.limitBytes, needed * 2));
  scratch.bytes.copy(larger, 0, 0, at);
  scratch.bytes = larger;
  return type.encode(value, larger, at);
};

const partWriter = (schema: AvroSchema, context: { readonly typeName: string; readonly prefix: string; readonly scratch: Scratch }) => {
  const { typeName, prefix, scratch } = context;
  const type = compileAvro(schema);
  const check = compileCheck(schema);
  return (value: unknown, at: number): number => {
    const fault = check(value);
    if (fault === null) return writeGrowing(type, value, { at, scratch, typeName });
    const path = prefix === '' ? fault.path : fault.path === '' ? prefix : `${prefix}.${fault.path}`;
    throw faultError(typeName, { ...fault, path });
  };
};

/** Throws CODEC_BAD_SCHEMA. */
export const createRecordWriter = (schema: AvroSchema, typeName: string, scratch: Scratch): RecordWriter => {
  const parts = splitEnvelope(schema);
  const envelope = parts.envelope === null ? null : partWriter(parts.envelope, { typeName, prefix: 'envelope', scratch });
  const finish = (schemaId: number, end: number): Uint8Array => {
    if (end > scratch.limitBytes) throw tooLarge(typeName, end, scratch.limitBytes);
    const record = Buffer.allocUnsafe(end);
    scratch.bytes.copy(record, HEADER_BYTES, HEADER_BYTES, end);
    writeHeader(record, schemaId);
    return record;
  };
  return { typeName, envelope, body: partWriter(parts.body, { typeName, prefix: '', scratch }), finish };
};
