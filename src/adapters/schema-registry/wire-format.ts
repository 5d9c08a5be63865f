import { hash } from 'node:crypto';

// Confluent wire format: magic byte 0 | schema id, 4 bytes big endian | Avro body

export const HEADER_BYTES = 5;
const MAGIC = 0;

/** The same bytes as a Buffer, which avsc wants; no copy. */
export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export type Header = { readonly ok: true; readonly schemaId: number } | { readonly ok: false; readonly reason: string };

/** The schema's id, or why the bytes are no Confluent wire format. */
export const readHeader = (bytes: Uint8Array): Header => {
  if (bytes.length < HEADER_BYTES) return { ok: false, reason: `${bytes.length} bytes are too few for the five-byte header of the Confluent wire format` };
  if (bytes[0] !== MAGIC) return { ok: false, reason: `the first byte is ${String(bytes[0])}, not 0 as in the Confluent wire format` };
  return { ok: true, schemaId: asBuffer(bytes).readUInt32BE(1) };
};

export const writeHeader = (bytes: Buffer, schemaId: number): void => {
  bytes[0] = MAGIC;
  bytes.writeUInt32BE(schemaId, 1);
};

/** `chain.prevHash` of the record that follows: SHA-256 of the Avro body, without the five-byte header. 32 bytes. */
export const bodyHash = (record: Uint8Array): Uint8Array => hash('sha256', record.subarray(HEADER_BYTES), 'buffer');
