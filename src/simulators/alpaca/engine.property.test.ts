import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { multiplyDecimal } from './decimal.ts';
import { bench, d, quote, request } from '../../../test/support/vendors/engine-bench.ts';
import { FINAL_STATUSES } from './engine-types.ts';

// Random sequences of orders, quotes, cancels and passing time on one symbol; method: the invariants are checked against
// figures kept beside the engine, from its events only.
type Op =
  | { readonly op: 'place'; readonly side: 'buy' | 'sell'; readonly qty: number; readonly limit: number | null; readonly isOco: boolean }
  | { readonly op: 'quote'; readonly mid: number; readonly size: number | null }
  | { readonly op: 'cancel'; readonly which: number; readonly afterMs: number }
  | { readonly op: 'wait'; readonly ms: number };

const ops: fc.Arbitrary<readonly Op[]> = fc.array(
  fc.oneof(
    fc.record({
      op: fc.constant('place' as const), side: fc.constantFrom('buy' as const, 'sell' as const), qty: fc.integer({ min: 1, max: 50 }),
      limit: fc.option(fc.integer({ min: 80, max: 120 })), isOco: fc.boolean(),
    }),
    fc.record({ op: fc.constant('quote' as const), mid: fc.integer({ min: 80, max: 120 }), size: fc.option(fc.integer({ min: 1, max: 30 })) }),
    fc.record({ op: fc.constant('cancel' as const), which: fc.nat(30), afterMs: fc.constantFrom(0, 50) }),
    fc.record({ op: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 100 }) }),
  ),
  { maxLength: 60 },
);

const run = (steps: readonly Op[]): ReturnType<typeof bench> => {
  const table = bench({ ackAfterMs: 5 });
  let nowMs = 0;
  for (const [index, step] of steps.entries()) {
    if (step.op === 'wait') {
      nowMs += step.ms;
      table.engine.advance(nowMs);
    } else if (step.op === 'quote') {
      const size = step.size === null ? null : d(String(step.size));
      table.engine.quote(quote(String(step.mid), String(step.mid + 1), { bidSize: size, askSize: size }), nowMs);
    } else if (step.op === 'cancel') {
      const order = table.engine.orders()[step.which];
      if (order !== undefined) table.engine.cancel(order.id, step.afterMs, nowMs);
    } else {
      const limitPrice = step.limit === null ? null : d(String(step.limit));
      const shape = step.isOco && step.side === 'sell'
        ? { orderClass: 'oco' as const, takeProfitPrice: d('115'), stopLossPrice: d('85') }
        : { type: limitPrice === null ? ('market' as const) : ('limit' as const), limitPrice };
      table.engine.place(request({ clientOrderId: `o${index}`, side: step.side, qty: d(String(step.qty)), ...shape }), nowMs);
    }
  }
  return table;
};

test('no order fills beyond its quantity, and nothing happens to an order after its end', () => {
  fc.assert(
    fc.property(ops, (steps) => {
      const { engine, events } = run(steps);
      for (const order of engine.orders()) expect(order.filledQty <= order.qty).toBe(true);
      const ended = new Set<string>();
      for (const { order } of events) {
        expect(ended.has(order.id)).toBe(false);
        if (FINAL_STATUSES.has(order.status)) ended.add(order.id);
      }
    }),
  );
});

test('cash and holding are the sum of the executions, and a long-only holding is never negative', () => {
  fc.assert(
    fc.property(ops, (steps) => {
      const { engine, events } = run(steps);
      let cash = d('100000');
      let held = 0n;
      const ids = new Set<string>();
      for (const { execution } of events) {
        if (execution === null) continue;
        ids.add(execution.executionId);
        const sign = execution.side === 'buy' ? 1n : -1n;
        cash -= sign * multiplyDecimal(execution.qty, execution.price);
        held += sign * execution.qty;
        expect(held >= 0n).toBe(true);
      }
      expect(engine.cash()).toBe(cash);
      expect(engine.positions()[0]?.qty ?? 0n).toBe(held);
      expect(ids.size).toBe(engine.executions().length);
    }),
  );
});

test('the same calls give the same events', () => {
  fc.assert(fc.property(ops, (steps) => expect(run(steps).events).toEqual(run(steps).events)));
});
