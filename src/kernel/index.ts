export { erase } from './erase.ts';
export { type Err, err, type Ok, ok, type Result } from './result.ts';
export { assertNever, invariant, InvariantViolation } from './invariant.ts';
export { type IdempotencyKey, idempotencyKey, type IdempotencyKeyParts, parseSagaId, type PeerId, peerId, type SagaId } from './ids.ts';
export { murmur2, partitionFor, utf8Bytes } from './partitioner.ts';
export {
  absolute, add, compare, type Decimal, decimalOf, divide, formatDecimal, isNegative, isPositive, isZero, knownDecimal, multiply, negate,
  parseDecimal, round, type Rounding, smaller, subtract, ZERO,
} from './decimal.ts';
export { addMoney, amountOf, type Currency, isCurrency, MINOR_UNIT_PLACES, money, type Money, moneyOf, subtractMoney, valueOf } from './money.ts';
export { derivedId } from './derived-id.ts';
