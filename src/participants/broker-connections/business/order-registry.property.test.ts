import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { forget, observe, type OpenOrder, register, type Registry, type Report, reportKey, UNMATCHED_KEPT_MS, UNMATCHED_MAX } from './order-registry.ts';

type Book = Registry<string>;
const EMPTY: Book = { orders: [], unmatched: [], recentlyClosed: [], unmatchedDroppedCount: 0 };
const order = (clientOrderId: string, brokerOrderId: string | null = null): OpenOrder<string> => ({ clientOrderId, brokerOrderId, orderId: `o-${clientOrderId}`, symbol: 'AAPL', saga: `saga-${clientOrderId}`, seen: [], lastHeardAt: 0 });
const report = (changes: Partial<Report> = {}): Report => ({ clientOrderId: 'c1', brokerOrderId: 'b1', kind: 'new', executionId: null, body: '{}', receivedAt: 1, ...changes });

const anyReport = fc.record({
  clientOrderId: fc.constantFrom('c1', 'c2', null), brokerOrderId: fc.constantFrom('b1', 'b2', null), kind: fc.constantFrom('new', 'fill', 'partial_fill', 'canceled', 'bust'),
  executionId: fc.constantFrom('e1', 'e2', null), body: fc.constant('{}'), receivedAt: fc.nat({ max: 1_000 }),
});

test('whatever comes when, every report reaches its order at most once', () => {
  fc.assert(fc.property(fc.array(fc.oneof(anyReport.map((one) => ({ report: one })), fc.constantFrom({ open: 'c1' }, { open: 'c2' }))), (story) => {
    let book = EMPTY;
    const passed: string[] = [];
    for (const event of story) {
      if ('open' in event) {
        const opened = register<string, Book>(book, order(event.open, event.open === 'c1' ? 'b1' : 'b2'));
        book = opened.registry;
        passed.push(...opened.routed.map((one) => `${one.order.clientOrderId} ${reportKey(one.report)}`));
      } else {
        const heard = observe<string, Book>(book, event.report);
        book = heard.registry;
        if (heard.routed !== null) passed.push(`${heard.routed.order.clientOrderId} ${reportKey(heard.routed.report)}`);
      }
    }
    expect(new Set(passed).size).toBe(passed.length);
  }));
});

test('reports that came before their order are passed on with it, in the order they came', () => {
  let book: Book = EMPTY;
  for (const kind of ['new', 'canceled']) book = observe<string, Book>(book, report({ kind })).registry;
  const { registry, routed } = register<string, Book>(book, order('c1'));
  expect(routed.map((one) => one.report.kind)).toEqual(['new', 'canceled']);
  expect(registry.unmatched).toEqual([]);
});

test('stream and poll tell of one fill under one execution id: it is passed on once', () => {
  const book = register<string, Book>(EMPTY, order('c1')).registry;
  const first = observe<string, Book>(book, report({ kind: 'fill', executionId: 'e1' }));
  expect(first.routed).not.toBeNull();
  expect(observe<string, Book>(first.registry, report({ kind: 'partial_fill', executionId: 'e1' })).routed).toBeNull();
});

test('a report without our id is routed by the broker order id once that is known', () => {
  const book = observe<string, Book>(register<string, Book>(EMPTY, order('c1')).registry, report()).registry;
  expect(observe<string, Book>(book, report({ clientOrderId: null, kind: 'canceled' })).routed?.order.orderId).toBe('o-c1');
});

test('a late report on a closed order is not kept, an unknown one is, for ten minutes and at most 200', () => {
  const closed = forget<string, Book>(register<string, Book>(EMPTY, order('c1')).registry, 'c1');
  expect(observe<string, Book>(closed, report()).registry.unmatched).toEqual([]);
  let book: Book = EMPTY;
  for (let at = 0; at <= UNMATCHED_MAX; at++) book = observe<string, Book>(book, report({ clientOrderId: 'foreign', brokerOrderId: 'x', receivedAt: at })).registry;
  expect(book.unmatched).toHaveLength(UNMATCHED_MAX);
  expect(book.unmatchedDroppedCount).toBe(1);
  const later = observe<string, Book>(book, report({ clientOrderId: 'foreign', brokerOrderId: 'x', receivedAt: UNMATCHED_KEPT_MS + UNMATCHED_MAX })).registry;
  expect(later.unmatched).toHaveLength(1);
});
