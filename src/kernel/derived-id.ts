import { utf8Bytes } from './partitioner.ts';

const FNV_OFFSET_128 = 0x6c62272e07bb014262b821756295c58dn;
const FNV_PRIME_128 = 0x0000000001000000000000000000013bn;
const MASK_128 = (1n << 128n) - 1n;

/**
 * An id that is a function of the text alone (FNV-1a, 128 bits, base 36, at most 25 characters of `0-9 a-z`): a repeated
 * trigger gets the same correlationId. Not for secrets: anybody can compute it.
 */
export const derivedId = (text: string): string => {
  let hash = FNV_OFFSET_128;
  for (const byte of utf8Bytes(text)) hash = ((hash ^ BigInt(byte)) * FNV_PRIME_128) & MASK_128;
  return hash.toString(36);
};
