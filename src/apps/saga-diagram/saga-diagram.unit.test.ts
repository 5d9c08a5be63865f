import { expect, test } from '@jest/globals';
import type { Envelope } from '#contracts/core';
import { EMPTY_ENVELOPE } from '#saga-core/runtime';
import { mermaidSequence, type SagaRecord, timelineText } from './index.ts';

const record = (offset: number, type: string, { payload = {}, ...envelope }: Partial<Envelope> & { readonly payload?: unknown }): SagaRecord => ({
  partition: 0,
  offset,
  type,
  envelope: { ...EMPTY_ENVELOPE, eventId: `e${offset}`, occurredAt: 1_000 + offset * 250, producer: 'desk', sagaType: 'order', correlationId: 'c', chain: { id: 'desk', seq: 1, prevHash: null }, ...envelope },
  payload,
});

const FAILED: readonly SagaRecord[] = [
  record(0, 'order.placed', { producer: 'shop' }),
  record(1, 'chorus.SagaStarted', { producer: 'desk', causationId: 'e0', payload: { sagaType: 'order' } }),
  record(2, 'funds.held', { producer: 'bank', causationId: 'e1', stepName: 'hold', outcome: 'completed' }),
  record(3, 'chorus.StepAttemptFailed', { producer: 'venue-link', causationId: 'e2', stepName: 'submit', payload: { stepName: 'submit', phase: 'execute', attempt: 1, cause: 'HTTP 503' } }),
  record(4, 'chorus.StepFailed', { producer: 'venue-link', causationId: 'e2', stepName: 'submit', payload: { stepName: 'submit', reason: 'refused; too large #1' } }),
  record(5, 'chorus.CompensationRequested', { causationId: 'e4', payload: { reason: 'refused' } }),
  record(6, 'chorus.CompensationCompleted', { producer: 'bank', causationId: 'e5', stepName: 'hold', payload: { stepName: 'hold', kept: false } }),
  record(7, 'chorus.SagaFailed', { causationId: 'e6', payload: { reason: 'refused' } }),
];

test('arrows go from the writer to those who acted on the record; what is undone is dashed and shaded', () => {
  expect(mermaidSequence(FAILED)).toBe(`sequenceDiagram
  participant shop as shop
  participant desk as desk
  participant bank as bank
  participant venue_link as venue-link
  shop->>desk: order.placed
  Note over desk: order started
  bank->>venue_link: funds.held
  Note over venue_link: submit attempt 1 failed HTTP 503
  venue_link-xdesk: submit failed: refused too large 1
  rect rgba(220, 80, 60, 0.12)
    desk-->>bank: compensate: refused
    bank-->>desk: hold undone
  end
  Note over shop,venue_link: order FAILED: refused
`);
});

test('the order of the log decides, not the order given', () => {
  expect(mermaidSequence(FAILED.toReversed())).toBe(mermaidSequence(FAILED));
  expect(timelineText(FAILED.toReversed())).toBe(timelineText(FAILED));
});

test('a venue is a lifeline of its own, an operator and a quarantine are notes', () => {
  const drawn = mermaidSequence([
    record(0, 'chorus.BrokerObservationRecorded', { producer: 'connections', stepName: 'fill', stepItem: 'x1', payload: { venue: 'alpaca', kind: 'fill' } }),
    record(1, 'chorus.SagaQuarantined', { stepName: 'fill', payload: { stepName: 'fill', reason: 'unclear' } }),
    record(2, 'ops.operator.action', { producer: 'api', payload: { user: 'ann', action: 'retry', reason: 'venue is back' } }),
  ]);
  expect(drawn).toContain('  actor alpaca as alpaca\n');
  expect(drawn).toContain('  alpaca-)connections: fill (x1)\n');
  expect(drawn).toContain('  Note over desk: MANUAL REQUIRED fill unclear\n');
  expect(drawn).toContain('  Note over api: operator ann retry venue is back\n');
});

test('a saga that is still being undone leaves a well-formed diagram', () => {
  const drawn = mermaidSequence(FAILED.slice(0, 6));
  expect(drawn.endsWith('  end\n')).toBe(true);
});

test('the timeline tells time since the start, writer, event, step and what it says', () => {
  expect(timelineText(FAILED.slice(0, 5)).split('\n')).toEqual([
    '+0.000s  shop        order.placed',
    '+0.250s  desk        SagaStarted',
    '+0.500s  bank        funds.held ✔       hold',
    '+0.750s  venue-link  StepAttemptFailed  submit  phase execute, attempt 1, HTTP 503',
    '+1.000s  venue-link  StepFailed         submit  refused; too large #1',
    '',
  ]);
  expect(timelineText([])).toBe('');
});
