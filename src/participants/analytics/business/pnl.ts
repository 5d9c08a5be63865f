import { absolute, add, compare, type Decimal, isPositive, isZero, multiply, negate, smaller, subtract, ZERO } from '#kernel';

/** One fill and the position just before and after it: quantities signed, prices per unit. */
export type PositionChange = {
  readonly qtyBefore: Decimal;
  readonly avgPriceBefore: Decimal;
  readonly qtyAfter: Decimal;
  readonly avgPriceAfter: Decimal;
  readonly fillPrice: Decimal;
};

/** `unrealized` values what is still open at the last fill's price. */
export type ProfitAndLoss = { readonly realized: Decimal; readonly unrealized: Decimal };

const isReducing = ({ qtyBefore, qtyAfter }: PositionChange): boolean =>
  !isZero(qtyBefore) && (isPositive(qtyBefore) ? compare(qtyAfter, qtyBefore) < 0 : compare(qtyAfter, qtyBefore) > 0);

/** What one fill realises: the closed quantity times the distance from the average; a short position gains as the price falls. */
export const realizedBy = (change: PositionChange): Decimal => {
  if (!isReducing(change)) return ZERO;
  const closed = smaller(absolute(change.qtyBefore), absolute(subtract(change.qtyBefore, change.qtyAfter)));
  const gain = multiply(closed, subtract(change.fillPrice, change.avgPriceBefore));
  return isPositive(change.qtyBefore) ? gain : negate(gain);
};

/** Of an order: the sum over its fills, in their order. No fills, no profit. */
export const profitAndLoss = (changes: readonly PositionChange[]): ProfitAndLoss => {
  const last = changes.at(-1);
  return {
    realized: changes.reduce((sum, change) => add(sum, realizedBy(change)), ZERO),
    unrealized: last === undefined ? ZERO : multiply(last.qtyAfter, subtract(last.fillPrice, last.avgPriceAfter)),
  };
};
