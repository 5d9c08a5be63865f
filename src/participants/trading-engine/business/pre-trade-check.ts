import { absolute, compare, type Decimal, decimalOf, isPositive, isZero, multiply, subtract } from '#kernel';

export type OrderToCheck = {
  readonly side: 'buy' | 'sell';
  readonly qty: Decimal;
  readonly orderType: string;
  readonly limitPrice: Decimal | null;
  /** The price that the order's value and collar are measured against. */
  readonly referencePrice: Decimal | null;
  /** Signed, as it was when the order was placed. */
  readonly heldQty: Decimal;
  /** Its client order id begins with its saga's correlationId. With another's, it would be taken for that order at the broker. */
  readonly isClientOrderIdOwn: boolean;
  /** No other saga holds funds for the same order id. */
  readonly isOrderIdFree: boolean;
};
export type AccountToCheck = {
  readonly isActive: boolean;
  readonly isConnected: boolean;
  /** What is neither spent nor reserved. */
  readonly free: Decimal;
  readonly ordersThisMinute: number;
};
export type LimitsToCheck = {
  readonly maxOrderValue: Decimal;
  readonly maxPositionValue: Decimal;
  /** 0 = no limit. */
  readonly maxOrdersPerMinute: number;
  /** Largest distance of a limit price from the reference price, percent of the latter; 0 = no collar. */
  readonly priceCollarPercent: Decimal;
};

export type PreTradeRefusal =
  | 'CLIENT_ORDER_ID_FOREIGN' | 'ORDER_ID_TAKEN' | 'ACCOUNT_INACTIVE' | 'CONNECTION_NOT_CONNECTED' | 'NO_REFERENCE_PRICE' | 'NOTHING_TO_SELL' | 'ORDER_VALUE_EXCEEDED' | 'POSITION_VALUE_EXCEEDED'
  | 'PRICE_OUTSIDE_COLLAR' | 'ORDER_RATE_EXCEEDED' | 'BUYING_POWER_INSUFFICIENT';
export type PreTradeVerdict =
  /** `reserve`: the most a buy may cost; zero for a sale. */
  | { readonly status: 'passed'; readonly reserve: Decimal }
  | { readonly status: 'refused'; readonly code: PreTradeRefusal };

const refused = (code: PreTradeRefusal): PreTradeVerdict => ({ status: 'refused', code });
const HUNDRED = decimalOf(100n);

const isOutsideCollar = (order: OrderToCheck, limits: LimitsToCheck): boolean => {
  if (order.limitPrice === null || order.referencePrice === null || isZero(limits.priceCollarPercent)) return false;
  const distance = absolute(subtract(order.limitPrice, order.referencePrice));
  return compare(multiply(distance, HUNDRED), multiply(order.referencePrice, limits.priceCollarPercent)) > 0;
};

/** Order's own ids, account active, connection up, limits kept, funds there; refusals in this order. Limits are inclusive: a value equal to one passes. */
export const checkOrder = (order: OrderToCheck, account: AccountToCheck, limits: LimitsToCheck): PreTradeVerdict => {
  if (!order.isClientOrderIdOwn) return refused('CLIENT_ORDER_ID_FOREIGN');
  if (!order.isOrderIdFree) return refused('ORDER_ID_TAKEN');
  if (!account.isActive) return refused('ACCOUNT_INACTIVE');
  if (!account.isConnected) return refused('CONNECTION_NOT_CONNECTED');
  const price = order.limitPrice ?? order.referencePrice;
  if (price === null || !isPositive(price)) return refused('NO_REFERENCE_PRICE');
  if (limits.maxOrdersPerMinute > 0 && account.ordersThisMinute >= limits.maxOrdersPerMinute) return refused('ORDER_RATE_EXCEEDED');
  if (isOutsideCollar(order, limits)) return refused('PRICE_OUTSIDE_COLLAR');
  const value = multiply(order.qty, price);
  // A sale only closes what is held: it adds no exposure, and the value limits must not keep anybody in a position.
  if (order.side === 'sell') return compare(order.qty, order.heldQty) > 0 ? refused('NOTHING_TO_SELL') : { status: 'passed', reserve: decimalOf(0n) };
  if (compare(value, limits.maxOrderValue) > 0) return refused('ORDER_VALUE_EXCEEDED');
  const heldValue = isPositive(order.heldQty) ? multiply(order.heldQty, price) : decimalOf(0n);
  if (compare(subtract(limits.maxPositionValue, heldValue), value) < 0) return refused('POSITION_VALUE_EXCEEDED');
  return compare(value, account.free) > 0 ? refused('BUYING_POWER_INSUFFICIENT') : { status: 'passed', reserve: value };
};
