import { expect, test } from '@jest/globals';
import { compensationRequested, instanceParked, orderPlacedEvent, sagaCompleted, sagaStarted, stepCompleted } from '#contracts';
import type { Projected } from '#projections';
import { EMPTY_ENVELOPE } from '#saga-core/runtime';
import { nextSagaRow, type SagaRow } from './instance-row.ts';

type Said = { readonly type: { readonly name: string }; readonly by?: string; readonly chain?: string; readonly payload?: object };

const rowAfter = (said: readonly Said[]): SagaRow | null => said.reduce<SagaRow | null>((row, { type, by = 'trading-engine', chain = by, payload = {} }, offset) => {
  const envelope = { ...EMPTY_ENVELOPE, eventId: `e${offset}`, correlationId: 'c', sagaType: 'order_execution', producer: by, occurredAt: offset, chain: { id: chain, seq: 1, prevHash: null } };
  const record: Projected = { topic: 'sagas.trading', partition: 0, offset, timestampMs: offset, key: 'c', type: type.name, envelope, payload, decodeData: () => ({ type: '', value: null }) };
  return nextSagaRow('c', record)(row);
}, null);

const RUNNING: readonly Said[] = [{ type: orderPlacedEvent }, { type: sagaStarted, payload: { deadlineAt: 9, definitionVersion: 1 } }];
const PARKED: readonly Said[] = [...RUNNING, { type: instanceParked, payload: { reason: 'RECORD_TOO_LARGE' } }];

test('a parked instance waits for a person, whatever others write of it', () => {
  expect(rowAfter(PARKED)).toMatchObject({ status: 'MANUAL_REQUIRED', parked_by: 'trading-engine', parked_from: 'RUNNING', ended_at: null });
  expect(rowAfter([...PARKED, { type: stepCompleted, by: 'analytics' }])?.status).toBe('MANUAL_REQUIRED');
  expect(rowAfter([...PARKED, { type: stepCompleted, chain: 'positions/acc:AAPL' }])?.status).toBe('MANUAL_REQUIRED');
});

test('a parked instance whose participant writes again goes on where it stood', () => {
  expect(rowAfter([...PARKED, { type: stepCompleted }])).toMatchObject({ status: 'RUNNING', parked_by: null, parked_from: null });
  expect(rowAfter([...PARKED, { type: sagaCompleted }])).toMatchObject({ status: 'COMPLETED', parked_by: null });
});

test('compensation that others request reaches a parked instance beneath', () => {
  const undone: Said = { type: compensationRequested, by: 'orchestrator', payload: { failedStep: 'submit_order', reason: 'timeout' } };
  expect(rowAfter([...PARKED, undone])).toMatchObject({ status: 'MANUAL_REQUIRED', parked_from: 'COMPENSATING' });
  expect(rowAfter([...PARKED, undone, { type: stepCompleted }])?.status).toBe('COMPENSATING');
});
