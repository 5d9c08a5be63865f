import { expect, test } from '@jest/globals';
import { knownDecimal as d } from '#kernel';
import { type AccountToCheck, checkOrder, type LimitsToCheck, type OrderToCheck } from './pre-trade-check.ts';

const ORDER: OrderToCheck = { side: 'buy', qty: d('10'), orderType: 'market', limitPrice: null, referencePrice: d('100'), heldQty: d('0'), isClientOrderIdOwn: true, isOrderIdFree: true };
const ACCOUNT: AccountToCheck = { isActive: true, isConnected: true, free: d('5000'), ordersThisMinute: 0 };
const LIMITS: LimitsToCheck = { maxOrderValue: d('1000'), maxPositionValue: d('2000'), maxOrdersPerMinute: 0, priceCollarPercent: d('10') };
const verdict = (order: Partial<OrderToCheck> = {}, account: Partial<AccountToCheck> = {}, limits: Partial<LimitsToCheck> = {}) =>
  checkOrder({ ...ORDER, ...order }, { ...ACCOUNT, ...account }, { ...LIMITS, ...limits });

test('an order within every limit passes and reserves what it may cost, exactly at the limit too', () => {
  expect(verdict()).toEqual({ status: 'passed', reserve: d('1000') });
});

test.each([
  ['CLIENT_ORDER_ID_FOREIGN', verdict({ isClientOrderIdOwn: false })],
  ['ORDER_ID_TAKEN', verdict({ isOrderIdFree: false })],
  ['ACCOUNT_INACTIVE', verdict({}, { isActive: false })],
  ['CONNECTION_NOT_CONNECTED', verdict({}, { isConnected: false })],
  ['NO_REFERENCE_PRICE', verdict({ referencePrice: null })],
  ['ORDER_VALUE_EXCEEDED', verdict({ qty: d('10.01') })],
  ['POSITION_VALUE_EXCEEDED', verdict({ heldQty: d('10.01') })],
  ['PRICE_OUTSIDE_COLLAR', verdict({ orderType: 'limit', limitPrice: d('89.99') })],
  ['ORDER_RATE_EXCEEDED', verdict({}, { ordersThisMinute: 3 }, { maxOrdersPerMinute: 3 })],
  ['BUYING_POWER_INSUFFICIENT', verdict({}, { free: d('999.99') })],
  ['NOTHING_TO_SELL', verdict({ side: 'sell', heldQty: d('9.99') })],
])('%s', (code, refused) => {
  expect(refused).toEqual({ status: 'refused', code });
});

test('a limit price at the very edge of the collar passes', () => {
  expect(verdict({ orderType: 'limit', limitPrice: d('90') }).status).toBe('passed');
});

test('no value limit keeps anybody in a position: a sale of what is held passes whatever it is worth', () => {
  expect(verdict({ side: 'sell', qty: d('1000'), heldQty: d('1000') }, { free: d('0') })).toEqual({ status: 'passed', reserve: d('0') });
});
