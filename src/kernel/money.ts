import { type Decimal, multiply, round, type Rounding } from './decimal.ts';
import { err, ok, type Result } from './result.ts';

/** ISO 4217 codes of the currencies in use, with the decimal places of their minor unit. */
export const MINOR_UNIT_PLACES = { USD: 2, EUR: 2, JPY: 0 } as const satisfies Record<string, number>;
/** ISO 4217 code of a currency in use. */
export type Currency = keyof typeof MINOR_UNIT_PLACES;

/** An amount in the smallest unit of its currency (cents). */
export type Money = { readonly currency: Currency; readonly minorUnits: bigint };

/** Whether the text is the code of a currency in use. */
export const isCurrency = (code: string): code is Currency => Object.hasOwn(MINOR_UNIT_PLACES, code);

/** So many minor units of a currency. */
export const money = (currency: Currency, minorUnits: bigint): Money => ({ currency, minorUnits });

/** The nearest amount in minor units; the rounding is the caller's to name. */
export const moneyOf = (amount: Decimal, currency: Currency, rounding: Rounding): Money => {
  const places = MINOR_UNIT_PLACES[currency];
  const cut = round(amount, places, rounding);
  return { currency, minorUnits: cut.units * 10n ** BigInt(places - cut.scale) };
};

/** Exact. */
export const amountOf = (value: Money): Decimal => round(multiply({ units: value.minorUnits, scale: 0 }, { units: 1n, scale: MINOR_UNIT_PLACES[value.currency] }), MINOR_UNIT_PLACES[value.currency], 'down');

/** Price × quantity, the one place where the two meet. */
export const valueOf = (price: Decimal, quantity: Decimal, to: { readonly currency: Currency; readonly rounding: Rounding }): Money =>
  moneyOf(multiply(price, quantity), to.currency, to.rounding);

/** Exact sum; amounts of two currencies have none. */
export const addMoney = (left: Money, right: Money): Result<Money, 'CURRENCY_MISMATCH'> =>
  left.currency === right.currency ? ok({ currency: left.currency, minorUnits: left.minorUnits + right.minorUnits }) : err('CURRENCY_MISMATCH');
/** Exact difference; amounts of two currencies have none. */
export const subtractMoney = (left: Money, right: Money): Result<Money, 'CURRENCY_MISMATCH'> =>
  addMoney(left, { currency: right.currency, minorUnits: -right.minorUnits });
