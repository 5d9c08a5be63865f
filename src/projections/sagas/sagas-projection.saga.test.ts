import { expect, test } from '@jest/globals';
import { applyChanges, changesOf, type Projected, type Row, type Rows } from '#projections';
import type { LogRecord } from '#saga-core/ports';
import { createObserver } from '#saga-core/runtime';
import { aiDecision } from '#sagas/ai-decision';
import { orderExecution } from '#sagas/order-execution';
import { signalToExecution } from '#sagas/signal-to-execution';
import { TradingWorld } from '../../../test/support/trading-world.ts';
import { sagasProjection } from './index.ts';

const TOPIC = 'sagas.trading';
const observe = createObserver([signalToExecution, aiDecision, orderExecution]);

const projectedOf = (world: TradingWorld): readonly Projected[] => {
  const { records, codec } = world.stored();
  return records.filter((record: LogRecord) => record.topic === `sim.${TOPIC}`).flatMap((record) => {
    const event = record.value === null ? null : codec.decode(record.value);
    if (event?.status !== 'decoded') return [];
    const { partition, offset, timestampMs } = record;
    return [{ topic: TOPIC, partition, offset, timestampMs, key: '', type: event.type, envelope: event.envelope, payload: event.payload(), decodeData: codec.decodeData }];
  });
};

const folded = (records: readonly Projected[]): Rows => {
  const rows: Rows = new Map();
  for (const record of records) expect(applyChanges(rows, changesOf(sagasProjection, record), () => undefined)).toBeNull();
  return rows;
};
const row = (rows: Rows, table: string, ...key: readonly string[]): Row | undefined => rows.get(table)?.get(key.join('\u001f'));

/** After every single record, the row says what the engine that runs the sagas makes of the same records. */
const agreesAlongTheWay = (records: readonly Projected[]): number => {
  const byCorrelation = Map.groupBy(records.filter(({ envelope }) => envelope.sagaType !== null), ({ envelope }) => envelope.correlationId ?? '');
  let compared = 0;
  for (const own of byCorrelation.values()) {
    for (let count = 1; count <= own.length; count++) {
      const rows = folded(own.slice(0, count));
      for (const instance of observe(own.slice(0, count))) {
        expect([count, instance.key, row(rows, 'sagas', instance.key)?.['status']]).toEqual([count, instance.key, instance.status]);
        compared++;
      }
    }
  }
  return compared;
};

test('a cycle that executes: every instance, step and figure is told', async () => {
  const world = await TradingWorld.open();
  const id = await world.quote('q1');
  await world.until(id, 'COMPLETED');
  const records = projectedOf(world);
  const rows = folded(records);
  expect(row(rows, 'sagas', id)).toMatchObject({ type: 'signal_to_execution', status: 'COMPLETED', symbol: 'AAPL', sub_saga: null, failure_reason: null });
  expect(row(rows, 'sagas', `${id}/order_execution`)).toMatchObject({ type: 'order_execution', status: 'COMPLETED', symbol: 'AAPL', correlation_id: id });
  expect(row(rows, 'saga_steps', `${id}/order_execution`, 'submit_order', '')).toMatchObject({ outcome: 'completed', owner: 'trading-engine', compensation: null, attempts: 0 });
  expect(row(rows, 'saga_steps', `${id}/order_execution`, 'cancel_rest', '')).toMatchObject({ outcome: 'skipped' });
  expect(agreesAlongTheWay(records)).toBeGreaterThan(50);
}, 60_000);

test('an order that the broker refuses: the failure, its reason and what was undone are told', async () => {
  const world = await TradingWorld.open();
  world.broker.behaviour.submissions.push({ status: 'refused', httpStatus: 403, brokerCode: '40310000', reason: 'forbidden' });
  world.order({ decisionId: 'dec-1' }, 'm-1');
  await world.until('m-1', 'FAILED');
  const records = projectedOf(world);
  const rows = folded(records);
  expect(row(rows, 'sagas', 'm-1')).toMatchObject({ status: 'FAILED', type: 'order_execution', failed_step: 'submit_order', failure_reason: expect.stringContaining('403') });
  expect(row(rows, 'saga_steps', 'm-1', 'link_decision', '')).toMatchObject({ outcome: 'completed', compensation: 'done' });
  expect(agreesAlongTheWay(records)).toBeGreaterThan(5);
}, 60_000);

test('a compensation that waits for a person: MANUAL_REQUIRED with its step, until the operator\'s retry', async () => {
  const world = await TradingWorld.open();
  Object.assign(world.broker.behaviour, { isAcknowledged: false, isStreamLive: false, script: () => [], cancel: 'fails' });
  world.order();
  await world.until('m-1', 'MANUAL_REQUIRED');
  const rows = folded(projectedOf(world));
  expect(row(rows, 'sagas', 'm-1')).toMatchObject({ status: 'MANUAL_REQUIRED', waiting_steps: '["submit_order"]', ended_at: null });
  expect(row(rows, 'saga_steps', 'm-1', 'submit_order', '')).toMatchObject({ outcome: 'completed', compensation: 'quarantined' });
  world.broker.behaviour.cancel = 'works';
  void world.client.order(orderExecution, 'm-1', { action: 'retry', user: 'ann', reason: 'broker is back' });
  await world.until('m-1', 'FAILED');
  const records = projectedOf(world);
  expect(row(folded(records), 'sagas', 'm-1')).toMatchObject({ status: 'FAILED', waiting_steps: '[]' });
  expect(agreesAlongTheWay(records)).toBeGreaterThan(10);
}, 60_000);

test('an instance that is parked waits visibly for a person, and goes on when it can', async () => {
  const world = await TradingWorld.open();
  const id = await world.quote('q1');
  await world.until(id, 'COMPLETED');
  const records = projectedOf(world);
  const at = records.findIndex(({ type }) => type === 'chorus.SagaStarted');
  const started = records[at];
  if (started === undefined) throw new Error('nothing started');
  const parked = { ...started, type: 'chorus.InstanceParked', payload: { reason: 'too large' } };
  expect(row(folded([...records.slice(0, at + 1), parked]), 'sagas', id)).toMatchObject({ status: 'MANUAL_REQUIRED', failure_reason: 'too large', ended_at: null });
  expect(row(folded([...records.slice(0, at + 1), parked, ...records.slice(at + 1)]), 'sagas', id)).toMatchObject({ status: 'COMPLETED', failure_reason: null });
}, 60_000);
