import { hash } from 'node:crypto';

/** Head of a writer's chain: the number of its last record and the hash of that record's Avro body. */
export type ChainHead = { readonly seq: number; readonly hash: Uint8Array | null };
export const NO_CHAIN: ChainHead = { seq: 0, hash: null };

const WIRE_PREFIX_BYTES = 5;

/** SHA-256 of a record's Avro body, without the five-byte prefix of the wire format. */
export const bodyHash = (value: Uint8Array): Uint8Array => hash('sha256', value.subarray(WIRE_PREFIX_BYTES), 'buffer');

/** The head after a record was appended. */
export const advanced = (head: ChainHead, value: Uint8Array): ChainHead => ({ seq: head.seq + 1, hash: bodyHash(value) });
