import { expect, test } from '@jest/globals';
import { divideDecimal, formatDecimal, multiplyDecimal, parseDecimal } from './decimal.ts';

const decimal = (text: string): bigint => parseDecimal(text) ?? -1n;

test('reads and writes decimals without loss', () => {
  expect(formatDecimal(decimal('12.500'))).toBe('12.5');
  expect(formatDecimal(decimal('0.000000001'))).toBe('0.000000001');
  expect(formatDecimal(decimal('-3'))).toBe('-3');
});

test('refuses what is no plain decimal', () => {
  for (const text of ['', '1e3', '1.0000000001', 'NaN', '1,5', ' 1', '.5']) expect(parseDecimal(text)).toBeNull();
});

test('multiplies and divides with rounding half away from zero', () => {
  expect(formatDecimal(multiplyDecimal(decimal('3'), decimal('101.25')))).toBe('303.75');
  expect(formatDecimal(divideDecimal(decimal('2'), decimal('3')))).toBe('0.666666667');
  expect(formatDecimal(divideDecimal(decimal('-2'), decimal('3')))).toBe('-0.666666667');
});
