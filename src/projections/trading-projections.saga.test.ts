import { beforeAll, expect, test } from '@jest/globals';
import { marketSplitDetected } from '#contracts';
import { applyChanges, changesOf, type ProjectionDefinition, type Row, type Rows } from '#projections';
import { decisionsProjection } from '#projections/decisions';
import { fillsProjection } from '#projections/fills';
import { ordersProjection } from '#projections/orders';
import { pnlProjection } from '#projections/pnl';
import { positionsProjection } from '#projections/positions';
import { TradingWorld } from '../../test/support/trading-world.ts';

let world: TradingWorld;
const ids: string[] = [];

beforeAll(async () => {
  world = await TradingWorld.open();
  const cycle = async (number: number, status: string): Promise<void> => {
    const id = await world.quote(`q${number}`);
    ids.push(id);
    await world.until(id, status);
  };
  await cycle(1, 'COMPLETED');
  await world.publish('s1', 'AAPL', { type: marketSplitDetected, payload: { symbol: 'AAPL', ratio: '4', effectiveDate: '2020-08-31', source: 'test' } });
  await world.clock.advance(5_000);
  await cycle(2, 'COMPLETED');
  world.broker.behaviour.submissions.push({ status: 'refused', httpStatus: 403, brokerCode: '40310000', reason: 'forbidden' });
  await cycle(3, 'FAILED');
}, 60_000);

const folded = (projection: ProjectionDefinition): Rows => {
  const { records, codec } = world.stored();
  const rows: Rows = new Map();
  for (const record of records) {
    const topic = record.topic.slice('sim.'.length);
    const event = record.value === null || !projection.topics.includes(topic) ? null : codec.decode(record.value);
    if (event?.status !== 'decoded') continue;
    const { partition, offset, timestampMs } = record;
    const changes = changesOf(projection, { topic, partition, offset, timestampMs, key: '', type: event.type, envelope: event.envelope, payload: event.payload(), decodeData: codec.decodeData });
    expect(applyChanges(rows, changes, () => undefined)).toBeNull();
  }
  return rows;
};
const all = (rows: Rows, table: string): readonly Row[] => [...(rows.get(table)?.values() ?? [])];

test('orders: what was filled, and what the broker refused with its reason', () => {
  const rows = all(folded(ordersProjection), 'orders');
  expect(rows.map((row) => [row['order_id'], row['status'], row['filled_qty']])).toEqual([[`ord-${ids[0]}`, 'filled', '10'], [`ord-${ids[1]}`, 'filled', '10'], [`ord-${ids[2]}`, 'rejected', '0']]);
  expect(rows[0]).toMatchObject({ symbol: 'AAPL', side: 'buy', avg_price: '100', decision_id: `dec-${ids[0]}`, limit_price: null });
  expect(rows[0]?.['broker_order_id']).not.toBeNull();
  expect(String(rows[2]?.['reason'])).toContain('forbidden');
});

test('fills: each execution once, with the position just after it', () => {
  const rows = all(folded(fillsProjection), 'fills');
  expect(rows.map((row) => [row['order_id'], row['side'], row['qty'], row['price'], row['position_qty']])).toEqual([[`ord-${ids[0]}`, 'buy', '10', '100', '10'], [`ord-${ids[1]}`, 'buy', '10', '100', '50']]);
  expect(rows.every((row) => row['rolled_back_at'] === null)).toBe(true);
});

test('positions: a split shows at once, before any further fill', () => {
  expect(all(folded(positionsProjection), 'positions')).toMatchObject([{ account_id: 'acc', symbol: 'AAPL', qty: '50', last_split_date: '2020-08-31' }]);
});

test('pnl: one entry per filled order, decimal text as it was recorded', () => {
  const rows = all(folded(pnlProjection), 'pnl');
  expect(rows.map((row) => [row['order_id'], row['realized_pnl'], row['reversed_at']])).toEqual([[`ord-${ids[0]}`, '0', null], [`ord-${ids[1]}`, '0', null]]);
});

test('decisions: executed is true after the execution, false where the order failed', () => {
  const rows = folded(decisionsProjection);
  expect(all(rows, 'decision_records').map((row) => row['decision_id'])).toEqual(ids.map((id) => `dec-${id}`));
  expect(all(rows, 'decision_executions').map((row) => [row['decision_id'], row['executed']])).toEqual([[`dec-${ids[0]}`, true], [`dec-${ids[1]}`, true], [`dec-${ids[2]}`, false]]);
});
