import { isPlainObject } from './value-check.ts';

/** Field names never begin with it; keys of maps that do are doubled. */
const MARK = '$';

const tagged = (value: unknown): unknown => {
  if (typeof value === 'bigint') return { $long: value.toString() };
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(tagged);
  if (!isPlainObject(value)) return Object.is(value, -0) ? { $zero: '-' } : value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key.startsWith(MARK) ? `${MARK}${key}` : key, tagged(item)]));
};

const untagged = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(untagged);
  if (!isPlainObject(value)) return value;
  const { $long: long, $bytes: bytes, $zero: zero } = value;
  if (typeof long === 'string') return BigInt(long);
  if (typeof bytes === 'string') return new Uint8Array(Buffer.from(bytes, 'base64'));
  if (zero === '-') return -0;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key.startsWith(MARK + MARK) ? key.slice(1) : key, untagged(item)]));
};

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** The same value gives the same bytes, with the fields in the order given. */
export const toBytes = (value: unknown): Uint8Array => encoder.encode(JSON.stringify(tagged(value)));

/** Throws where the bytes are not what `toBytes` writes. */
export const fromBytes = (bytes: Uint8Array): unknown => untagged(JSON.parse(decoder.decode(bytes)));
