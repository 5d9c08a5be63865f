import { expect, test } from '@jest/globals';
import { EMPTY_ENVELOPE } from '#saga-core/runtime';
import type { AuditedRecord } from '#saga-core/testing';
import { domainOf, duplicatesOf, isCausedBy, metadataFaults, statusOf } from './trading-events.ts';

// The checkers that every acceptance scenario leans on find what they are for.

const record = (offset: number, type: string, changes: Partial<AuditedRecord['envelope']> = {}): AuditedRecord => ({
  topic: 't', partition: 0, offset, type, payload: {},
  envelope: {
    ...EMPTY_ENVELOPE, eventId: `e${offset}`, occurredAt: 1, producer: 'p', chain: { id: 'p', seq: offset + 1, prevHash: null }, correlationId: 'c', sagaType: 's', step: 1, totalSteps: 2, startedAt: 5, timeout: 9,
    causationId: offset === 0 ? null : `e${offset - 1}`, ...changes,
  },
});
const [FIRST, SECOND, LAST] = [record(0, 'chorus.OrderPlacedEvent'), record(1, 'trade.order.submitted'), record(2, 'chorus.SagaCompleted')];
const GOOD = [FIRST, SECOND, LAST];

test('a complete history has no faults', () => {
  expect([metadataFaults(GOOD), duplicatesOf(GOOD)]).toEqual([[], []]);
  expect([domainOf(GOOD), statusOf(GOOD)]).toEqual([['OrderPlacedEvent', 'trade.order.submitted'], 'COMPLETED']);
  expect(metadataFaults([])).toHaveLength(1);
});

test.each([
  ['causationId', { causationId: null }], ['correlationId', { correlationId: 'other' }], ['sagaType', { sagaType: null }], ['step', { step: null }], ['step', { step: 3 }],
  ['totalSteps', { totalSteps: 3 }], ['startedAt', { startedAt: 6 }], ['timeout', { timeout: null }],
] as const)('a record whose %s is missing or differs is named', (field, changes) => {
  const faults = metadataFaults([FIRST, record(1, 'trade.order.filled', changes)]);
  expect(faults.length).toBeGreaterThan(0);
  expect(faults[0]).toMatch(new RegExp(`^trade.order.filled at 1: .*${field}`));
});

test('the same eventId, and the same event of a step, are found', () => {
  expect(duplicatesOf([...GOOD, record(3, 'chorus.StepCompleted', { eventId: 'e1' })])).toEqual(['e1']);
  expect(duplicatesOf([...GOOD, record(3, 'trade.order.submitted')])).toEqual(['trade.order.submitted //']);
  expect(duplicatesOf([...GOOD, record(3, 'trade.order.submitted', { stepItem: 'x' })])).toEqual([]);
});

test('a cause is found through the records between, and only there', () => {
  expect(isCausedBy(GOOD, LAST, FIRST)).toBe(true);
  expect(isCausedBy(GOOD, FIRST, LAST)).toBe(false);
  expect(isCausedBy([FIRST, record(1, 'x', { causationId: 'elsewhere' }), LAST], LAST, FIRST)).toBe(false);
});
