import { add, compare, type Decimal, formatDecimal, isPositive, multiply, ZERO } from '#kernel';

export type DecisionToCheck = {
  readonly symbol: string;
  readonly action: 'buy' | 'sell';
  /** 0..1. */
  readonly confidence: number;
  readonly quantity: Decimal;
  readonly orderType: string;
  readonly limitPrice: Decimal | null;
  readonly bid: Decimal;
  readonly ask: Decimal;
};
export type Exposure = {
  /** Held quantity of the decision's symbol, signed, and what it cost per unit. */
  readonly heldQty: Decimal;
  readonly heldAvgPrice: Decimal;
  /** Reserved by running cycles of the symbol. */
  readonly reservedOfSymbol: Decimal;
  /** All positions at cost, and all reservations. */
  readonly total: Decimal;
};
export type Limits = {
  readonly maxOrderValue: Decimal;
  readonly maxPositionValue: Decimal;
  readonly maxExposure: Decimal;
  /** 0..1. */
  readonly minConfidence: number;
};

export type RiskVerdict =
  | { readonly status: 'passed'; readonly side: 'buy' | 'sell'; readonly qty: Decimal; readonly adds: Decimal }
  | { readonly status: 'refused'; readonly limitName: string; readonly limitValue: string; readonly observedValue: string; readonly reason: string };

const refused = (limitName: string, limitValue: string, observedValue: string): RiskVerdict => ({
  status: 'refused', limitName, limitValue, observedValue, reason: `${limitName}: ${observedValue} against a limit of ${limitValue}`,
});

const above = (name: string, limit: Decimal, observed: Decimal): RiskVerdict | null =>
  compare(observed, limit) > 0 ? refused(name, formatDecimal(limit), formatDecimal(observed)) : null;

/**
 * Does a decision fit the limits? Inclusive: a value equal to a limit passes. Long only: a sale closes what is held, whatever
 * quantity was asked for, and adds no exposure, so that no limit can keep anybody in a position.
 */
export const checkRisk = (decision: DecisionToCheck, exposure: Exposure, limits: Limits): RiskVerdict => {
  if (decision.confidence < limits.minConfidence) return refused('minConfidence', String(limits.minConfidence), String(decision.confidence));
  if (decision.action === 'sell') {
    if (!isPositive(exposure.heldQty)) return refused('longOnly', '0', formatDecimal(exposure.heldQty));
    return { status: 'passed', side: 'sell', qty: exposure.heldQty, adds: ZERO };
  }
  const price = decision.limitPrice ?? decision.ask;
  if (decision.orderType !== 'market' && decision.limitPrice === null) return refused('limitPrice', 'required', 'none');
  const value = multiply(decision.quantity, price);
  const position = add(add(multiply(exposure.heldQty, price), exposure.reservedOfSymbol), value);
  const refusal = above('maxOrderValue', limits.maxOrderValue, value)
    ?? above('maxPositionValue', limits.maxPositionValue, position)
    ?? above('maxExposure', limits.maxExposure, add(exposure.total, value));
  return refusal ?? { status: 'passed', side: 'buy', qty: decision.quantity, adds: value };
};
