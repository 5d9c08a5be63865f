import { expect, test } from '@jest/globals';
import { TradingWorld } from '../support/trading-world.ts';

// Whatever is killed at whatever point, the final sequence of events is the same and the broker has one order.
// Method: one cycle per point, killed as soon as its partition holds that many of its records, and started anew.

const CYCLE = [
  'orchestrator.cycle.started', 'orchestrator.analysis.requested', 'ai.decision.generated', 'orchestrator.trade.requested', 'OrderPlacedEvent', 'trade.order.submitted', 'trade.order.acknowledged',
  'trade.order.filled', 'trade.position.updated', 'analytics.pnl.recorded', 'OrderExecutionCompleted', 'orchestrator.cycle.completed',
];
/** With the takeover below the 15 s that an acknowledgment may take. */
const DOWN_MS = 1_000;

const recordCountOfACycle = async (): Promise<number> => {
  const world = await TradingWorld.open();
  const id = await world.quote('q1');
  await world.until(id, 'COMPLETED');
  return world.of(id).length;
};

test('killed after any record of a cycle, the cycle ends as if nothing had happened, with one order', async () => {
  const count = await recordCountOfACycle();
  expect(count).toBeGreaterThan(20);
  for (let point = 1; point < count; point++) {
    const world = await TradingWorld.open();
    const id = await world.quote('q1');
    await world.clock.runUntil(() => world.of(id).length >= point, 60_000);
    world.killWorker();
    await world.clock.advance(DOWN_MS);
    await world.startWorker();
    await world.until(id, 'COMPLETED');
    const posts = world.broker.calls.filter((call) => call === 'POST').length;
    expect({ point, domain: world.domain(id), posts, orders: world.broker.orders.size, violations: await world.violations() })
      .toEqual({ point, domain: CYCLE, posts: 1, orders: 1, violations: [] });
  }
}, 180_000);

test('killed while orders fail, the end is the same too', async () => {
  const failing = async (killAt: number | null): Promise<readonly string[]> => {
    const world = await TradingWorld.open();
    Object.assign(world.broker.behaviour, { script: () => [{ afterMs: 20, fill: '4', price: '100' }, { afterMs: 40, end: 'cancelled' }] });
    const id = await world.quote('q1');
    if (killAt !== null) {
      await world.clock.runUntil(() => world.of(id).length >= killAt, 60_000);
      world.killWorker();
      await world.clock.advance(DOWN_MS);
      await world.startWorker();
    }
    await world.until(id, 'FAILED');
    expect(await world.violations()).toEqual([]);
    expect(world.payload(id, 'chorus.OrderExecutionFailed')).toMatchObject({ filledQty: '4', positionKept: true });
    return world.domain(id);
  };
  const expected = await failing(null);
  expect(expected.slice(-6)).toEqual(['trade.order.partially_filled', 'trade.position.updated', 'trade.order.cancelled', 'orchestrator.decision.updated', 'OrderExecutionFailed', 'orchestrator.cycle.failed']);
  for (const point of [15, 18, 20, 22, 24, 26, 28, 30, 32, 34]) expect({ point, domain: await failing(point) }).toEqual({ point, domain: expected });
}, 180_000);

test('down for longer than an acknowledgment may take: the order fails, but what was filled meanwhile is in the position', async () => {
  const world = await TradingWorld.open();
  const id = await world.quote('q1');
  await world.clock.runUntil(() => world.domain(id).includes('trade.order.submitted'), 60_000);
  world.killWorker();
  await world.clock.advance(60_000);
  await world.startWorker();
  await world.until(id, 'FAILED');
  expect(world.domain(id).slice(-6)).toEqual(['trade.order.submitted', 'trade.order.filled', 'trade.position.updated', 'orchestrator.decision.updated', 'OrderExecutionFailed', 'orchestrator.cycle.failed']);
  expect(world.payload(id, 'chorus.OrderExecutionFailed')).toMatchObject({ filledQty: '10', positionKept: true });
  expect(await world.violations()).toEqual([]);
});
