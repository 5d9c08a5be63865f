import { murmur2, utf8Bytes } from '#kernel';

const HEX = 16;
const WORD_CHARACTERS = 8;
/** Four independent words make 128 bits. */
const SALTS = ['a', 'b', 'c', 'd'];

/**
 * The correlationId of a child with an id of its own: a hash of parent, step and item, so that a repeat is the same child
 * and the parent's fold knows whose end is reported. 32 characters.
 */
export const childSagaId = (parentCorrelationId: string, step: string, item: string | null): string =>
  SALTS.map((salt) => (murmur2(utf8Bytes(`${salt}|${parentCorrelationId}|${step}|${item ?? ''}`)) >>> 0).toString(HEX).padStart(WORD_CHARACTERS, '0')).join('');
