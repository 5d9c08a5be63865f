import { expect, test } from '@jest/globals';
import { createSimulatedRandom, type SimulatedRandom } from '#saga-core/testing';
import { orderExecution } from '#sagas/order-execution';
import { cycleIdOf } from '#participants/orchestrator';
import { type OrderScript, serverError } from '../support/simulated-broker.ts';
import { TradingWorld } from '../support/trading-world.ts';

// The participants of the trading context under a troubled broker and kills, from a seed. Judged by every invariant of the log,
// and against the broker's own books: one order per client order id, positions equal to the fills, nothing left open.
// A failing seed is repeated by its number alone.

const SEEDS = Array.from({ length: 25 }, (_, index) => index + 1);
const ORDER_COUNT = 5;
const STORM_MS = 40_000;
const STEP_MS = 500;
const CALM_MS = 900_000;
const ENDED = ['COMPLETED', 'FAILED'];

const randomScript = (random: SimulatedRandom, qty: number): OrderScript => {
  const events: OrderScript[number][] = [];
  let left = qty;
  let afterMs = 0;
  while (left > 0 && random.chance(0.85)) {
    const fill = Math.min(left, 1 + random.integer(qty));
    afterMs += 1 + random.integer(random.chance(0.2) ? 20_000 : 300);
    events.push({ afterMs, fill: String(fill), price: String(90 + random.integer(20)) });
    left -= fill;
  }
  if (left > 0 && random.chance(0.5)) events.push({ afterMs: afterMs + random.integer(500), end: random.pick(['cancelled', 'expired'] as const) });
  return events;
};

const troubled = (world: TradingWorld, random: SimulatedRandom): void => {
  const { behaviour } = world.broker;
  behaviour.script = (request) => randomScript(random, Number(request.qty));
  behaviour.isStreamLive = random.chance(0.8);
  behaviour.cancel = random.pick(['works', 'works', 'fails', 'loses'] as const);
  if (random.chance(0.4)) behaviour.submissions.push(random.pick([serverError, 'lost', { status: 'unknown', kind: 'connection_lost', reason: 'reset' }] as const));
  if (random.chance(0.2)) behaviour.lookups.push(serverError);
};

const storm = async (world: TradingWorld, random: SimulatedRandom): Promise<readonly string[]> => {
  const ids: string[] = [];
  let downUntilMs: number | null = null;
  for (let elapsedMs = 0; elapsedMs < STORM_MS; elapsedMs += STEP_MS) {
    await world.clock.advance(STEP_MS);
    if (random.chance(0.15)) troubled(world, random);
    if (ids.length < ORDER_COUNT && random.chance(0.2)) {
      const id = `m-${ids.length + 1}`;
      ids.push(id);
      world.order({ qty: String(1 + random.integer(20)), decisionId: random.chance(0.5) ? `dec-${id}` : null }, id);
    }
    if (downUntilMs === null && random.chance(0.06)) {
      world.killWorker();
      downUntilMs = elapsedMs + random.integer(4_000);
    } else if (downUntilMs !== null && elapsedMs >= downUntilMs) {
      downUntilMs = null;
      await world.startWorker();
    }
  }
  if (downUntilMs !== null) await world.startWorker();
  return ids;
};

/** The broker is well again; people look after what is quarantined. */
const calm = async (world: TradingWorld, ids: readonly string[]): Promise<readonly string[]> => {
  Object.assign(world.broker.behaviour, { isStreamLive: true, cancel: 'works', submissions: [], lookups: [] });
  const untilMs = world.clock.monotonicMillis() + CALM_MS;
  while (world.clock.monotonicMillis() < untilMs) {
    const open = ids.filter((id) => !ENDED.includes(world.status(id) ?? ''));
    if (open.length === 0) return [];
    for (const id of open) if (world.status(id) === 'MANUAL_REQUIRED') void world.client.order(orderExecution, id, { action: 'retry', user: 'ann', reason: 'broker is well' }).catch(() => undefined);
    await world.clock.advance(10_000);
  }
  return ids.filter((id) => !ENDED.includes(world.status(id) ?? '')).map((id) => `${id} is ${world.status(id) ?? 'running'}`);
};

const sum = (values: readonly unknown[]): number => values.reduce<number>((total, value) => total + Number(value), 0);

const simulated = async (seed: number) => {
  const random = createSimulatedRandom(seed);
  const world = await TradingWorld.open(seed);
  const ids = await storm(world, random);
  const cycle = cycleIdOf(`q-${seed}`);
  await world.quote(`q-${seed}`, { symbol: 'MSFT' });
  const open = await calm(world, [...ids, cycle]);
  const violations = await world.violations();
  const updates = world.records().filter((record) => record.type === 'trade.position.updated');
  const applied = sum(updates.map((record) => (record.payload as { fillQty: string }).fillQty));
  const filled = sum([...world.broker.orders.values()].map((order) => order.filledQty));
  const executions = updates.map((record) => (record.payload as { executionId: string }).executionId);
  return { seed, open, violations, applied, filled, repeated: executions.length - new Set(executions).size, ended: ids.length + 1, stories: ids.map((id) => world.status(id)) };
};

test.each(SEEDS)('seed %d: whatever the broker does and whatever is killed, the books agree', async (seed) => {
  const { open, violations, applied, filled, repeated } = await simulated(seed);
  expect({ open, violations, unapplied: filled - applied, repeated }).toEqual({ open: [], violations: [], unapplied: 0, repeated: 0 });
}, 60_000);
