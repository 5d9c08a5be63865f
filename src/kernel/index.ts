export { erase } from './erase.ts';
export { type Err, err, type Ok, ok, type Result } from './result.ts';
export { assertNever, invariant, InvariantViolation } from './invariant.ts';
export { type IdempotencyKey, idempotencyKey, type IdempotencyKeyParts, parseSagaId, type PeerId, peerId, type SagaId } from './ids.ts';
export { murmur2, partitionFor, utf8Bytes } from './partitioner.ts';
