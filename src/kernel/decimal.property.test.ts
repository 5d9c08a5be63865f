import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { absolute, add, compare, type Decimal, divide, formatDecimal, multiply, negate, parseDecimal, round, subtract, ZERO } from './decimal.ts';

const decimal: fc.Arbitrary<Decimal> = fc
  .tuple(fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }), fc.integer({ min: 0, max: 12 }))
  .map(([units, scale]) => {
    const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0');
    const text = `${units < 0n ? '-' : ''}${digits.slice(0, digits.length - scale)}${scale === 0 ? '' : `.${digits.slice(-scale)}`}`;
    return parsed(text);
  });

const parsed = (text: string): Decimal => {
  const result = parseDecimal(text);
  if (!result.ok) throw new Error(result.fault);
  return result.value;
};

test('what is formatted parses to the same number', () => {
  fc.assert(fc.property(decimal, (value) => {
    expect(parsed(formatDecimal(value))).toEqual(value);
  }));
});

test('addition and multiplication commute, associate and distribute exactly', () => {
  fc.assert(fc.property(decimal, decimal, decimal, (a, b, c) => {
    expect(add(a, b)).toEqual(add(b, a));
    expect(add(add(a, b), c)).toEqual(add(a, add(b, c)));
    expect(multiply(a, add(b, c))).toEqual(add(multiply(a, b), multiply(a, c)));
  }));
});

test('subtraction undoes addition, and comparing is the sign of the difference', () => {
  fc.assert(fc.property(decimal, decimal, (a, b) => {
    expect(subtract(add(a, b), b)).toEqual(a);
    const difference = subtract(a, b).units;
    expect(compare(a, b)).toBe(difference === 0n ? 0 : difference < 0n ? -1 : 1);
  }));
});

test('a quotient rounded half-even is never further than half a last place from the exact one', () => {
  fc.assert(fc.property(decimal, decimal.filter((value) => value.units !== 0n), fc.integer({ min: 0, max: 12 }), (a, b, scale) => {
    const quotient = divide(a, b, { scale, rounding: 'half-even' });
    if (!quotient.ok) throw new Error(quotient.fault);
    const error = absolute(subtract(multiply(quotient.value, b), a));
    const half = multiply(absolute(b), { units: 5n, scale: scale + 1 });
    expect(compare(error, half)).toBeLessThanOrEqual(0);
  }));
});

test('down is towards zero, up is away from it, and they differ by at most one last place', () => {
  fc.assert(fc.property(decimal, fc.integer({ min: 0, max: 12 }), (value, scale) => {
    const down = absolute(round(value, scale, 'down'));
    const up = absolute(round(value, scale, 'up'));
    expect(compare(down, absolute(value))).toBeLessThanOrEqual(0);
    expect(compare(up, absolute(value))).toBeGreaterThanOrEqual(0);
    expect(compare(subtract(up, down), { units: 1n, scale })).toBeLessThanOrEqual(0);
  }));
});

test('negating twice changes nothing, and zero has one form', () => {
  fc.assert(fc.property(decimal, (value) => {
    expect(negate(negate(value))).toEqual(value);
    expect(subtract(value, value)).toEqual(ZERO);
  }));
});
