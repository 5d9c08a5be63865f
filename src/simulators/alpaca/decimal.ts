/** Decimal text as whole billionths: nine places cover Alpaca's fractional shares and prices exactly. */
export const DECIMAL_SCALE = 1_000_000_000n;
const PLACES = 9;
const DECIMAL_PATTERN = /^(-?)(\d{1,24})(?:\.(\d{1,9})0*)?$/;

/** null unless the text is a plain decimal with at most nine places. */
export const parseDecimal = (text: string): bigint | null => {
  const match = DECIMAL_PATTERN.exec(text);
  if (match === null) return null;
  const [, sign, whole, fraction] = match;
  const magnitude = BigInt(whole ?? '0') * DECIMAL_SCALE + BigInt((fraction ?? '').padEnd(PLACES, '0'));
  return sign === '-' ? -magnitude : magnitude;
};

/** Without trailing zeros: "12", "12.5". */
export const formatDecimal = (value: bigint): string => {
  const magnitude = value < 0n ? -value : value;
  const whole = magnitude / DECIMAL_SCALE;
  const fraction = (magnitude % DECIMAL_SCALE).toString().padStart(PLACES, '0').replace(/0+$/, '');
  return `${value < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
};

/** Rounds half away from zero. */
const divideRounded = (numerator: bigint, denominator: bigint): bigint => {
  const isNegative = numerator < 0n !== denominator < 0n;
  const n = numerator < 0n ? -numerator : numerator;
  const d = denominator < 0n ? -denominator : denominator;
  const quotient = (n + d / 2n) / d;
  return isNegative ? -quotient : quotient;
};

export const multiplyDecimal = (left: bigint, right: bigint): bigint => divideRounded(left * right, DECIMAL_SCALE);
export const divideDecimal = (left: bigint, right: bigint): bigint => divideRounded(left * DECIMAL_SCALE, right);
export const minDecimal = (left: bigint, right: bigint): bigint => (left < right ? left : right);
export const maxDecimal = (left: bigint, right: bigint): bigint => (left > right ? left : right);
