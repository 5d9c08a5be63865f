import { absolute, add, compare, type Decimal, divide, isNegative, isPositive, isZero, multiply, negate, smaller, subtract, ZERO } from '#kernel';

/** Signed: negative is short. The average is what the open quantity cost per unit, zero when flat. */
export type Position = { readonly qty: Decimal; readonly avgPrice: Decimal };
export type Side = 'buy' | 'sell';
/** One execution: both figures positive. */
export type Fill = { readonly side: Side; readonly qty: Decimal; readonly price: Decimal };

/** Averages are kept to this many places; beyond it half-even rounding, which has no bias. */
const AVERAGE_PLACES = 8;

export const FLAT: Position = { qty: ZERO, avgPrice: ZERO };

const quotient = (dividend: Decimal, divisor: Decimal): Decimal => {
  const result = divide(dividend, divisor, { scale: AVERAGE_PLACES, rounding: 'half-even' });
  return result.ok ? result.value : ZERO;
};

export const signedQty = (fill: Pick<Fill, 'side' | 'qty'>): Decimal => (fill.side === 'buy' ? fill.qty : negate(fill.qty));

/** Total cost ÷ total quantity of several executions; zero for none. */
export const averagePrice = (fills: readonly Pick<Fill, 'qty' | 'price'>[]): Decimal => {
  const qty = fills.reduce((sum, fill) => add(sum, fill.qty), ZERO);
  return isZero(qty) ? ZERO : quotient(fills.reduce((sum, fill) => add(sum, multiply(fill.qty, fill.price)), ZERO), qty);
};

const isSameDirection = (left: Decimal, right: Decimal): boolean => isPositive(left) === isPositive(right);

/**
 * The position after a fill. Adding weighs the average; reducing leaves it; passing through zero starts anew at the fill's price.
 */
export const afterFill = (position: Position, fill: Fill): Position => {
  const delta = signedQty(fill);
  const qty = add(position.qty, delta);
  if (isZero(qty)) return FLAT;
  if (isZero(position.qty) || isSameDirection(position.qty, delta)) {
    return { qty, avgPrice: averagePrice([{ qty: absolute(position.qty), price: position.avgPrice }, fill]) };
  }
  const isCrossed = compare(fill.qty, absolute(position.qty)) > 0;
  return { qty, avgPrice: isCrossed ? fill.price : position.avgPrice };
};

/** Profit (negative: loss) that a fill realises: on the part that reduces the position, against its average. */
export const realizedBy = (position: Position, fill: Fill): Decimal => {
  if (isZero(position.qty) || isSameDirection(position.qty, signedQty(fill))) return ZERO;
  const closed = smaller(fill.qty, absolute(position.qty));
  const gain = multiply(closed, subtract(fill.price, position.avgPrice));
  return isNegative(position.qty) ? negate(gain) : gain;
};

/** A split multiplies the quantity by `ratio` (new per old, positive) and divides the average by it. */
export const afterSplit = (position: Position, ratio: Decimal): Position => ({
  qty: multiply(position.qty, ratio),
  avgPrice: quotient(position.avgPrice, ratio),
});
