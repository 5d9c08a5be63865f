import { expect, test } from '@jest/globals';
import { brokerObservationRecorded, compensationCompleted, orderPlacedEvent, sagaStarted, stepFailed, tradeOrderSubmitted } from '#contracts';
import { EMPTY_ENVELOPE } from '#saga-core/runtime';
import { type AuditedRecord, historiesOf, ledgerOf } from '#saga-core/testing';
import { formatObservation, type ObservationKind, orderExecution } from '#sagas/order-execution';
import { VendorOrders } from './vendor-orders.ts';
import type { AuditViolation } from './violation.ts';

type Said = { readonly type: { readonly name: string }; readonly step?: string; readonly payload?: object; readonly isOutcome?: boolean };

const observed = (kind: ObservationKind, executionId: string | null = null): Said => ({
  type: brokerObservationRecorded,
  payload: {
    venue: 'alpaca', connectionId: 'c', order_id: 'b', clientOrderId: 'c.1', kind, receivedAt: 0,
    body: formatObservation({
      kind, via: 'stream', brokerOrderId: 'b', orderQty: '10', orderFilledQty: '0', bustedExecutionId: null, reason: null, atMs: 0,
      fill: executionId === null ? null : { executionId, symbol: 'AAPL', side: 'buy', qty: '1', price: '1', atMs: 0 },
    }),
  },
});
const START: readonly Said[] = [{ type: orderPlacedEvent }, { type: sagaStarted, payload: { definitionVersion: orderExecution.version } }];
const SUBMITTED: Said = { type: tradeOrderSubmitted, step: 'submit_order', isOutcome: true, payload: { clientOrderId: 'c.1', order_id: 'b' } };
const notExecuted = (errorKind: string, outcomeUnknown = false): Said => ({ type: stepFailed, step: 'submit_order', payload: { stepName: 'submit_order', errorKind, outcomeUnknown } });
const undone = (kept = false, byOperator: string | null = null): Said => ({ type: compensationCompleted, step: 'submit_order', payload: { stepName: 'submit_order', kept, byOperator } });

const toldOf = (...said: readonly Said[]): readonly string[] => {
  const records = [...START, ...said].map(({ type, step = null, payload = {}, isOutcome = false }, offset): AuditedRecord => ({
    topic: 'sagas.trading', partition: 0, offset, type: type.name, payload,
    envelope: {
      ...EMPTY_ENVELOPE, eventId: `e${offset}`, occurredAt: offset, producer: 'trading-engine', correlationId: 'c', sagaType: 'order_execution', definitionVersion: orderExecution.version,
      stepName: step, outcome: isOutcome ? 'completed' : null, chain: { id: 'trading-engine', seq: offset + 1, prevHash: null },
    },
  }));
  const found: AuditViolation[] = [];
  const orders = new VendorOrders({ report: (violation) => void found.push(violation) });
  for (const record of records) orders.add(record);
  for (const history of historiesOf(records, () => orderExecution)) {
    const ledger = ledgerOf(history);
    if (ledger !== null) orders.check(ledger);
  }
  return found.map(({ message }) => message);
};

test.each<[string, readonly Said[]]>([
  ['an order that was submitted and filled', [SUBMITTED, observed('new'), observed('fill', 'x1')]],
  ['a fill that stream and poll tell, the second after the undo', [SUBMITTED, observed('partial_fill', 'x1'), undone(), observed('partial_fill', 'x1'), observed('canceled')]],
  ['an order of which nobody knew whether it was executed', [notExecuted('Terminal', true), observed('new')]],
  ['a refusal that the venue tells, too', [notExecuted('Terminal'), observed('rejected')]],
  ['an undo that kept the effect', [SUBMITTED, undone(true), observed('fill', 'x1')]],
  ['what a person has judged', [SUBMITTED, undone(false, 'ann'), observed('fill', 'x1')]],
])('%s is in order', (_, said) => {
  expect(toldOf(...said)).toEqual([]);
});

test.each<[string, readonly Said[], RegExp]>([
  ['an order that was never executed, but is new at the venue', [notExecuted('Cancelled'), observed('new')], /recorded as never executed, but the order lives at the venue: new/],
  ['an order that failed for certain, but is filled', [notExecuted('Terminal'), observed('fill', 'x1')], /recorded as failed for certain, but .*: fill/],
  ['an execution after the undo', [SUBMITTED, observed('partial_fill', 'x1'), undone(), observed('fill', 'x2')], /recorded as compensated, but .*: fill/],
  ['another order under the same client order id', [{ ...SUBMITTED, payload: { clientOrderId: 'c.1', order_id: 'a' } }, observed('new')], /client order id c\.1 has two orders at the venue, a and b/],
])('%s is told', (...[, said, expected]) => {
  expect(toldOf(...said).join('\n')).toMatch(expected);
});
