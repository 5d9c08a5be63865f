import { expect, test } from '@jest/globals';
import { knownDecimal as d } from '#kernel';
import { applyFill, EXECUTIONS_MAX, type OrderTerms, type PositionBook, type ReportedFill, rollBack, splitBook } from './position-book.ts';
import { FLAT } from './position.ts';

const EMPTY: PositionBook = { symbol: 'AAPL', position: FLAT, executions: [] };
const ORDER: OrderTerms = { orderId: 'o1', symbol: 'AAPL', side: 'buy', qty: d('10') };
const fill = (changes: Partial<ReportedFill> = {}): ReportedFill => ({ executionId: 'e1', symbol: 'AAPL', side: 'buy', qty: d('4'), price: d('100'), ...changes });
const applied = (book: PositionBook, order: OrderTerms, report: ReportedFill) => {
  const verdict = applyFill(book, order, report);
  if (verdict.status !== 'applied') throw new Error(JSON.stringify(verdict));
  return verdict;
};

test('partial fills add up to the order, at the weighted average', () => {
  const first = applied(EMPTY, ORDER, fill());
  const second = applied(first.book, ORDER, fill({ executionId: 'e2', qty: d('6'), price: d('110') }));
  expect([first.isWhole, second.isWhole]).toEqual([false, true]);
  expect(second.orderAvgPrice).toEqual(d('106'));
  expect(second.book.position).toEqual({ qty: d('10'), avgPrice: d('106') });
});

test.each([
  ['WRONG_SYMBOL', fill({ symbol: 'MSFT' })],
  ['WRONG_SIDE', fill({ side: 'sell' })],
  ['QUANTITY_NOT_POSITIVE', fill({ qty: d('0') })],
  ['PRICE_NOT_POSITIVE', fill({ price: d('-1') })],
  ['OVERFILL', fill({ qty: d('11') })],
])('%s: a fill that does not fit its order is refused', (code, report) => {
  expect(applyFill(EMPTY, ORDER, report)).toEqual({ status: 'refused', code });
});

test('exactly the quantity of the order is no overfill, one share more on top is', () => {
  const whole = applied(EMPTY, ORDER, fill({ qty: d('10') }));
  expect(applyFill(whole.book, ORDER, fill({ executionId: 'e2', qty: d('1') }))).toEqual({ status: 'refused', code: 'OVERFILL' });
});

test('a known execution with other figures is refused', () => {
  const { book } = applied(EMPTY, ORDER, fill());
  expect(applyFill(book, ORDER, fill({ price: d('101') }))).toEqual({ status: 'refused', code: 'EXECUTION_REPEATED_DIFFERENTLY' });
});

test('an execution that is not known cannot be rolled back', () => {
  expect(rollBack(EMPTY, 'e1')).toBeNull();
});

test('the book forgets the oldest executions of other orders, never those of the order being filled', () => {
  let book = EMPTY;
  const big = { ...ORDER, orderId: 'big', qty: d('1000') };
  book = applied(book, big, fill({ executionId: 'big-1', qty: d('1') })).book;
  for (let at = 0; at < EXECUTIONS_MAX + 5; at++) book = applied(book, { ...ORDER, orderId: `o${at}` }, fill({ executionId: `x${at}` })).book;
  book = applied(book, big, fill({ executionId: 'big-2', qty: d('1') })).book;
  expect(book.executions).toHaveLength(EXECUTIONS_MAX);
  expect(book.executions.at(-1)?.executionId).toBe('big-2');
});

test('after a split a roll-back restores figures of the new share', () => {
  const { book } = applied(EMPTY, ORDER, fill());
  const later = applied(book, { ...ORDER, orderId: 'o2' }, fill({ executionId: 'e2', qty: d('6'), price: d('110') })).book;
  expect(rollBack(splitBook(later, d('2')), 'e2')?.position).toEqual({ qty: d('8'), avgPrice: d('50') });
});
