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

test('the book forgets the oldest executions of finished orders, never those of an unfinished one', () => {
  let book = EMPTY;
  const big = { ...ORDER, orderId: 'big', qty: d('1000') };
  book = applied(book, big, fill({ executionId: 'big-1', qty: d('1') })).book;
  for (let at = 0; at < EXECUTIONS_MAX + 5; at++) book = applied(book, { ...ORDER, orderId: `o${at}` }, fill({ executionId: `x${at}`, qty: d('10') })).book;
  const last = applied(book, big, fill({ executionId: 'big-2', qty: d('1') }));
  expect(last.orderFilledQty).toEqual(d('2'));
  expect(last.book.executions).toHaveLength(EXECUTIONS_MAX);
  expect(last.book.executions.at(0)?.executionId).toBe('big-1');
  expect(last.book.executions.at(-1)?.executionId).toBe('big-2');
  expect(applyFill(last.book, big, fill({ executionId: 'big-1', qty: d('1') })).status).toBe('known');
});

test('an order of more executions than are kept of others is counted exactly, and every repetition of it is known', () => {
  const count = EXECUTIONS_MAX * 2;
  const order = { ...ORDER, qty: d(String(count)) };
  let verdict = applied(EMPTY, order, fill({ executionId: 'y0', qty: d('1') }));
  for (let at = 1; at < count; at++) verdict = applied(verdict.book, order, fill({ executionId: `y${at}`, qty: d('1') }));
  expect(verdict).toMatchObject({ isWhole: true, orderFilledQty: d(String(count)) });
  for (let at = 0; at < count; at++) expect(applyFill(verdict.book, order, fill({ executionId: `y${at}`, qty: d('1') })).status).toBe('known');
  const next = applied(verdict.book, { ...ORDER, orderId: 'o2' }, fill({ executionId: 'z' }));
  expect(next.book.executions).toHaveLength(EXECUTIONS_MAX);
  expect(next.book.position.qty).toEqual(d(String(count + 4)));
});

test('two orders filled in turn, each beyond the limit, are both counted exactly', () => {
  const orders = ['a', 'b'].map((orderId) => ({ ...ORDER, orderId, qty: d('100') }));
  let book = EMPTY;
  const totals = new Map<string, unknown>();
  for (let at = 0; at < 100; at++) {
    for (const order of orders) {
      const verdict = applied(book, order, fill({ executionId: `${order.orderId}-${at}`, qty: d('1') }));
      book = verdict.book;
      totals.set(order.orderId, verdict.orderFilledQty);
    }
  }
  expect([...totals]).toEqual([['a', d('100')], ['b', d('100')]]);
});

test('orders that were cancelled in part do not keep the book growing', () => {
  let book = EMPTY;
  for (let at = 0; at < EXECUTIONS_MAX * 2; at++) book = applied(book, { ...ORDER, orderId: `o${at}` }, fill({ executionId: `x${at}`, qty: d('1') })).book;
  expect(book.executions).toHaveLength(EXECUTIONS_MAX);
});

test('after a split a roll-back restores figures of the new share', () => {
  const { book } = applied(EMPTY, ORDER, fill());
  const later = applied(book, { ...ORDER, orderId: 'o2' }, fill({ executionId: 'e2', qty: d('6'), price: d('110') })).book;
  expect(rollBack(splitBook(later, d('2')), 'e2')?.position).toEqual({ qty: d('8'), avgPrice: d('50') });
});
