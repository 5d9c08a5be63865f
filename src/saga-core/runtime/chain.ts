import { hash } from 'node:crypto';
import { bodyOf } from './wire-prefix.ts';

/** Head of a writer's chain: the number of its last record and the hash of that record's Avro body. */
export type ChainHead = {
  readonly seq: number;
  /** The 32 bytes as Latin-1 text: one is kept for every open instance, and a string is a third of a buffer. */
  readonly hash: string | null;
};
export const NO_CHAIN: ChainHead = { seq: 0, hash: null };

/** SHA-256 of a record's Avro body, without the five-byte prefix of the wire format. */
export const bodyHash = (value: Uint8Array): Uint8Array => hash('sha256', bodyOf(value), 'buffer');

/** The head whose last record is this one ('binary' is Node's other name for Latin-1). */
export const headAt = (seq: number, value: Uint8Array): ChainHead => ({ seq, hash: hash('sha256', bodyOf(value), 'binary') });

/** The next link, as its envelope tells it. */
export const linkAfter = (id: string, head: ChainHead): { readonly id: string; readonly seq: number; readonly prevHash: Uint8Array | null } => ({
  id,
  seq: head.seq + 1,
  prevHash: hashBytes(head),
});

export const hashBytes = (head: ChainHead): Uint8Array | null => (head.hash === null ? null : Buffer.from(head.hash, 'latin1'));
export const headOf = (seq: number, bytes: Uint8Array | null): ChainHead => ({ seq, hash: bytes === null ? null : Buffer.from(bytes).toString('latin1') });
