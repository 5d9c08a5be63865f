/** Confluent wire format: a magic byte and the schema's id, four bytes, before the Avro body. */
const PREFIX_BYTES = 5;

/** The Avro body alone. */
export const bodyOf = (value: Uint8Array): Uint8Array => value.subarray(PREFIX_BYTES);

/** The id of the schema that the value was written with; null where it is too short to have one. */
export const schemaIdOf = (value: Uint8Array): number | null => {
  const [, a, b, c, d] = value;
  return a === undefined || b === undefined || c === undefined || d === undefined ? null : ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
};

/** The same of bytes that may be anything: null where they do not begin as typed bytes do. */
export const schemaIdIfWire = (bytes: Uint8Array): number | null => (bytes[0] === 0 && bytes.length > PREFIX_BYTES ? schemaIdOf(bytes) : null);
