import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { absolute, add, compare, type Decimal, multiply, subtract, ZERO } from '#kernel';
import { afterFill, afterSplit, type Fill, FLAT, type Position, realizedBy, signedQty } from './position.ts';
import { applyFill, type PositionBook, rollBack } from './position-book.ts';

const shares = fc.integer({ min: 1, max: 1_000 }).map((whole): Decimal => ({ units: BigInt(whole), scale: 0 }));
const price = fc.integer({ min: 1, max: 999_999 }).map((cents) => add(ZERO, multiply({ units: BigInt(cents), scale: 2 }, { units: 1n, scale: 0 })));
const fill: fc.Arbitrary<Fill> = fc.record({ side: fc.constantFrom('buy' as const, 'sell' as const), qty: shares, price });
const fills = fc.array(fill, { maxLength: 20 });

const after = (list: readonly Fill[]): Position => list.reduce(afterFill, FLAT);
const bookOf = (list: readonly Fill[]): PositionBook => {
  let book: PositionBook = { symbol: 'AAPL', position: FLAT, executions: [] };
  for (const [index, one] of list.entries()) {
    const order = { orderId: `o${index}`, symbol: 'AAPL', side: one.side, qty: one.qty };
    const verdict = applyFill(book, order, { executionId: `e${index}`, symbol: 'AAPL', ...one });
    if (verdict.status === 'applied') book = verdict.book;
  }
  return book;
};

test('the quantity of a position is the sum of its fills', () => {
  fc.assert(fc.property(fills, (list) => {
    expect(after(list).qty).toEqual(list.reduce((sum, one) => add(sum, signedQty(one)), ZERO));
  }));
});

test('money is conserved: what was paid is what the position cost plus what was lost on the way', () => {
  fc.assert(fc.property(fills, (list) => {
    let position = FLAT;
    let realized = ZERO;
    let paid = ZERO;
    for (const one of list) {
      realized = add(realized, realizedBy(position, one));
      paid = add(paid, multiply(signedQty(one), one.price));
      position = afterFill(position, one);
    }
    const error = absolute(subtract(paid, subtract(multiply(position.qty, position.avgPrice), realized)));
    // Averages are rounded to eight places: 20 fills of at most 20,000 shares are off by at most 20 × 20,000 × 0.5e-8.
    expect(compare(error, { units: 2n, scale: 3 })).toBeLessThanOrEqual(0);
  }));
});

test('an average lies between the lowest and the highest price ever paid', () => {
  fc.assert(fc.property(fc.array(fill, { minLength: 1, maxLength: 20 }), (list) => {
    const position = after(list);
    if (position.qty.units === 0n) return;
    const prices = list.map((one) => one.price).toSorted(compare);
    expect(compare(position.avgPrice, prices[0] ?? ZERO)).toBeGreaterThanOrEqual(0);
    expect(compare(position.avgPrice, prices.at(-1) ?? ZERO)).toBeLessThanOrEqual(0);
  }));
});

test('rolling back any execution leaves the book of the others', () => {
  fc.assert(fc.property(fc.array(fill, { minLength: 1, maxLength: 12 }), fc.nat(), (list, pick) => {
    const at = pick % list.length;
    const rolled = rollBack(bookOf(list), `e${at}`);
    expect(rolled?.position).toEqual(after(list.filter((_, index) => index !== at)));
  }));
});

test('the same execution twice changes nothing', () => {
  fc.assert(fc.property(fc.array(fill, { minLength: 1, maxLength: 12 }), fc.nat(), (list, pick) => {
    const at = pick % list.length;
    const one = list[at];
    if (one === undefined) return;
    const order = { orderId: `o${at}`, symbol: 'AAPL', side: one.side, qty: one.qty };
    expect(applyFill(bookOf(list), order, { executionId: `e${at}`, symbol: 'AAPL', ...one }).status).toBe('known');
  }));
});

test('a split keeps what the position cost, to the rounding of its average', () => {
  fc.assert(fc.property(fills, fc.integer({ min: 2, max: 10 }), (list, times) => {
    const before = after(list);
    const split = afterSplit(before, { units: BigInt(times), scale: 0 });
    const error = absolute(subtract(multiply(split.qty, split.avgPrice), multiply(before.qty, before.avgPrice)));
    expect(compare(error, { units: 2n, scale: 3 })).toBeLessThanOrEqual(0);
  }));
});
