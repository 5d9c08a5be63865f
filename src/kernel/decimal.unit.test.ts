import { expect, test } from '@jest/globals';
import { divide, formatDecimal, parseDecimal, round } from './decimal.ts';
import { addMoney, amountOf, money, moneyOf, valueOf } from './money.ts';
import { derivedId } from './derived-id.ts';
import { parseSagaId } from './ids.ts';

const d = (text: string) => {
  const result = parseDecimal(text);
  if (!result.ok) throw new Error(result.fault);
  return result.value;
};

test.each(['', '.5', '1.', '1e3', '+1', ' 1', '1,5', 'NaN', '0x10', '9'.repeat(65)])('%j is no decimal number', (text) => {
  expect(parseDecimal(text).ok).toBe(false);
});

test.each([['007.500', '7.5'], ['-0.0', '0'], ['-12.3400', '-12.34'], ['0.00000001', '0.00000001'], ['100', '100']])('%s is written %s', (text, expected) => {
  expect(formatDecimal(d(text))).toBe(expected);
});

test('halves go to the even neighbour, away and towards zero as named', () => {
  expect(['0.125', '0.135', '-0.125'].map((text) => formatDecimal(round(d(text), 2, 'half-even')))).toEqual(['0.12', '0.14', '-0.12']);
  expect(formatDecimal(round(d('-0.121'), 2, 'up'))).toBe('-0.13');
  expect(formatDecimal(round(d('-0.129'), 2, 'down'))).toBe('-0.12');
});

test('a division names its scale, and one by zero is a fault', () => {
  expect(divide(d('1'), d('3'), { scale: 4, rounding: 'half-even' })).toEqual({ ok: true, value: { units: 3333n, scale: 4 } });
  expect(divide(d('1'), d('0'), { scale: 4, rounding: 'half-even' })).toEqual({ ok: false, fault: 'DIVISION_BY_ZERO' });
});

test('price times quantity is money in whole minor units', () => {
  expect(valueOf(d('130.315'), d('3'), { currency: 'USD', rounding: 'half-even' })).toEqual({ currency: 'USD', minorUnits: 39094n });
  expect(moneyOf(d('12.5'), 'JPY', 'half-even')).toEqual({ currency: 'JPY', minorUnits: 12n });
  expect(formatDecimal(amountOf(money('USD', 39094n)))).toBe('390.94');
});

test('amounts of two currencies do not add up', () => {
  expect(addMoney(money('USD', 1n), money('EUR', 1n))).toEqual({ ok: false, fault: 'CURRENCY_MISMATCH' });
});

test('a derived id is a function of its text and fits a correlationId', () => {
  expect(derivedId('quote-1')).toBe(derivedId('quote-1'));
  expect(derivedId('quote-1')).not.toBe(derivedId('quote-2'));
  expect(derivedId('a'.repeat(10_000)).length).toBeLessThanOrEqual(25);
  expect(parseSagaId(`c-${derivedId('quote-1')}`).ok).toBe(true);
});
