import { invariant } from './invariant.ts';
import { err, ok, type Result } from './result.ts';

/**
 * An exact decimal number: `units` × 10^-`scale`. Always normalised: no trailing zero in the scale, so that equal numbers
 * have equal fields. On the wire a decimal string.
 */
export type Decimal = { readonly units: bigint; readonly scale: number };

/** How a quotient that does not come out even is cut to a scale. Half-even is the only one without a bias. */
export type Rounding = 'down' | 'half-even' | 'up';

/** Longest text accepted, in characters: bounds the work of a parse. */
const TEXT_LENGTH_MAX = 64;
const DECIMAL_PATTERN = /^(-?)(\d+)(?:\.(\d+))?$/;

const powerOfTen = (exponent: number): bigint => 10n ** BigInt(exponent);

const normalised = (units: bigint, scale: number): Decimal => {
  if (units === 0n) return ZERO;
  let reduced = units;
  let places = scale;
  while (places > 0 && reduced % 10n === 0n) {
    reduced /= 10n;
    places -= 1;
  }
  return { units: reduced, scale: places };
};

/** The number zero, as every computation yields it. */
export const ZERO: Decimal = { units: 0n, scale: 0 };

/** Of a whole number, such as a count of shares. */
export const decimalOf = (whole: bigint): Decimal => ({ units: whole, scale: 0 });

/** Reads `-?digits[.digits]`, at most 64 characters; no exponent, no sign but minus, no spaces. */
export const parseDecimal = (text: string): Result<Decimal, string> => {
  const match = text.length <= TEXT_LENGTH_MAX ? DECIMAL_PATTERN.exec(text) : null;
  if (match === null) return err(`${JSON.stringify(text.slice(0, TEXT_LENGTH_MAX))} is no decimal number (digits, at most one point, at most ${TEXT_LENGTH_MAX} characters)`);
  const [, sign = '', whole = '0', fraction = ''] = match;
  const magnitude = BigInt(whole + fraction);
  return ok(normalised(sign === '-' ? -magnitude : magnitude, fraction.length));
};

/** Of text that was checked before it was kept (an entity's own state, a validated record): anything else is our own fault and stops. */
export const knownDecimal = (text: string): Decimal => {
  const result = parseDecimal(text);
  invariant(result.ok, `kept as a decimal: ${result.ok ? '' : result.fault}`);
  return result.ok ? result.value : ZERO;
};

/** The shortest text of the number: no trailing zeros, no exponent. */
export const formatDecimal = (value: Decimal): string => {
  if (value.scale === 0) return value.units.toString();
  const sign = value.units < 0n ? '-' : '';
  const digits = (value.units < 0n ? -value.units : value.units).toString().padStart(value.scale + 1, '0');
  return `${sign}${digits.slice(0, -value.scale)}.${digits.slice(-value.scale)}`;
};

const aligned = (left: Decimal, right: Decimal): readonly [left: bigint, right: bigint, scale: number] => {
  const scale = Math.max(left.scale, right.scale);
  return [left.units * powerOfTen(scale - left.scale), right.units * powerOfTen(scale - right.scale), scale];
};

/** Exact sum. */
export const add = (left: Decimal, right: Decimal): Decimal => {
  const [a, b, scale] = aligned(left, right);
  return normalised(a + b, scale);
};

/** The number with the other sign. */
export const negate = (value: Decimal): Decimal => ({ units: -value.units, scale: value.scale });
/** Exact difference. */
export const subtract = (left: Decimal, right: Decimal): Decimal => add(left, negate(right));
/** The number without its sign. */
export const absolute = (value: Decimal): Decimal => (value.units < 0n ? negate(value) : value);
/** Exact product. */
export const multiply = (left: Decimal, right: Decimal): Decimal => normalised(left.units * right.units, left.scale + right.scale);

/** Negative, zero or positive as `left` is smaller than, equal to or greater than `right`. */
export const compare = (left: Decimal, right: Decimal): -1 | 0 | 1 => {
  const [a, b] = aligned(left, right);
  if (a === b) return 0;
  return a < b ? -1 : 1;
};

/** Neither above nor below zero. */
export const isZero = (value: Decimal): boolean => value.units === 0n;
/** Above zero. */
export const isPositive = (value: Decimal): boolean => value.units > 0n;
/** Below zero. */
export const isNegative = (value: Decimal): boolean => value.units < 0n;
/** The smaller of two; the first where they are equal. */
export const smaller = (left: Decimal, right: Decimal): Decimal => (compare(left, right) <= 0 ? left : right);

const roundedQuotient = (dividend: bigint, divisor: bigint, rounding: Rounding): bigint => {
  const isNegativeResult = dividend < 0n !== divisor < 0n;
  const a = dividend < 0n ? -dividend : dividend;
  const b = divisor < 0n ? -divisor : divisor;
  const whole = a / b;
  const twiceRest = (a % b) * 2n;
  const isUp = rounding === 'up'
    ? twiceRest > 0n
    : rounding === 'half-even' && (twiceRest > b || (twiceRest === b && whole % 2n === 1n));
  const magnitude = isUp ? whole + 1n : whole;
  return isNegativeResult ? -magnitude : magnitude;
};

/** The number cut to at most `scale` places; `down` is towards zero, `up` away from it. */
export const round = (value: Decimal, scale: number, rounding: Rounding): Decimal =>
  value.scale <= scale ? value : normalised(roundedQuotient(value.units, powerOfTen(value.scale - scale), rounding), scale);

/** Quotient to at most `scale` places. A divisor of zero is a fault, not an exception. */
export const divide = (dividend: Decimal, divisor: Decimal, to: { readonly scale: number; readonly rounding: Rounding }): Result<Decimal, 'DIVISION_BY_ZERO'> => {
  if (divisor.units === 0n) return err('DIVISION_BY_ZERO');
  const shifted = dividend.units * powerOfTen(to.scale + divisor.scale);
  return ok(normalised(roundedQuotient(shifted, divisor.units * powerOfTen(dividend.scale), to.rounding), to.scale));
};
