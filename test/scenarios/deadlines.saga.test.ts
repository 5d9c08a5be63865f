import { expect, test } from '@jest/globals';
import { aiDecisionGenerated, type CompensationRequested, compensationCompleted, compensationRequested } from '#contracts';
import { ACKNOWLEDGED, DECIDED, REQUESTED } from '../support/trading-events.ts';
import { TradingWorld } from '../support/trading-world.ts';

// A saga's own deadline, as opposed to the limit of one of its steps (SC-M-14). The sagas inside a cycle are given more time than the
// cycle, and an order's watch more than the order, so that nothing but the deadline in question can end them.

const CYCLE_MS = 420_000;
const ORDER_MS = 300_000;
const LONG_MS = 1_000_000;

/** The instance's own request to compensate, and when it was written, in milliseconds from the saga's start. */
const requestOf = (world: TradingWorld, id: string, subSaga: string | null) => {
  const found = world.of(id).filter(({ type, envelope }) => type === compensationRequested.name && envelope.subSaga === subSaga);
  expect(found).toHaveLength(1);
  const [request] = found;
  const { envelope, payload } = request ?? {};
  return { afterMs: (envelope?.occurredAt ?? 0) - (envelope?.startedAt ?? 0), payload: payload as CompensationRequested };
};
const undoneSteps = (world: TradingWorld, id: string): readonly (string | null)[] => world.of(id).filter(({ type }) => type === compensationCompleted.name).map(({ envelope }) => envelope.stepName);

/** By timer, not later than the tick of the clock that a scenario looks at. */
const expectAtDeadline = (afterMs: number, deadlineMs: number): void => {
  expect(afterMs).toBeGreaterThanOrEqual(deadlineMs);
  expect(afterMs).toBeLessThan(deadlineMs + 1_000);
};

test('SC-A1-9: a cycle\'s 420 s pass while its order waits to be filled: all of it is undone in reverse order, and the cycle fails by time-out', async () => {
  const world = await TradingWorld.open(1, { order: { timeoutMs: LONG_MS, monitorFillsMs: LONG_MS } });
  world.broker.behaviour.script = () => [];
  const id = await world.quote('q1');
  await world.until(id, 'FAILED');
  const { afterMs, payload } = requestOf(world, id, null);
  expectAtDeadline(afterMs, CYCLE_MS);
  expect(payload).toMatchObject({ failedStep: null, failedItem: null, reason: 'timeout', completedSteps: ['request_analysis', 'generate_decision', 'validate_risk'] });
  expect(world.domain(id)).toEqual([
    ...DECIDED, 'orchestrator.trade.requested', ...ACKNOWLEDGED, 'trade.order.cancelled', 'orchestrator.decision.updated', 'OrderExecutionFailed', 'orchestrator.cycle.failed',
  ]);
  expect(undoneSteps(world, id)).toEqual(['submit_order', 'validate_order', 'link_decision', 'validate_risk']);
  // Each undoing is a warning that names saga and step (B14).
  const warned = world.lines.filter(({ level, message }) => level === 'warn' && message.startsWith('compensated '));
  expect(warned.map(({ fields }) => [fields['sagaId'], fields['step']])).toEqual(undoneSteps(world, id).map((step) => [id, step]));
  expect(world.payload(id, 'trade.order.cancelled')).toMatchObject({ reason: 'compensation', cumQty: '0' });
  expect(world.payload(id, 'chorus.OrderExecutionFailed')).toMatchObject({ failedStep: 'monitor_fills', reason: 'stopped: timeout', filledQty: '0', positionKept: false });
  expect(world.payload(id, 'orchestrator.cycle.failed')).toMatchObject({ failedStep: null, reason: 'timeout', decisionId: `dec-${id}` });
  expect(world.broker.calls.filter((call) => call === 'DELETE')).toHaveLength(1);
  expect(await world.violations()).toEqual([]);
});

test('SC-A1-9: the decision comes after the deadline: it is recorded, nothing is traded, and the cycle fails by time-out', async () => {
  const world = await TradingWorld.open(1, { decision: { timeoutMs: LONG_MS, askMs: LONG_MS } });
  world.primary.delay.ms = CYCLE_MS + 10_000;
  const id = await world.quote('q1');
  await world.until(id, 'FAILED');
  expectAtDeadline(requestOf(world, id, null).afterMs, CYCLE_MS);
  expect(requestOf(world, id, null).payload).toMatchObject({ failedStep: null, reason: 'timeout', completedSteps: ['request_analysis'] });
  expect(world.domain(id)).toEqual([...DECIDED, 'orchestrator.cycle.failed']);
  expect(world.payload(id, 'orchestrator.cycle.failed')).toMatchObject({ failedStep: null, reason: 'timeout' });
  expect([world.primary.calls.count, world.fallback.calls.count, world.broker.calls]).toEqual([1, 0, []]);
  expect(await world.violations()).toEqual([]);
});

test('SC-A1-9: the decision never comes: the cycle fails by time-out, and a decision written by hand afterwards is ignored and counted', async () => {
  const world = await TradingWorld.open(1, { decision: { timeoutMs: CYCLE_MS + 30_000, askMs: CYCLE_MS + 60_000 } });
  world.primary.delay.ms = 10 * LONG_MS;
  const id = await world.quote('q1');
  await world.until(id, 'FAILED');
  expectAtDeadline(requestOf(world, id, null).afterMs, CYCLE_MS);
  expect(world.domain(id)).toEqual([...REQUESTED, 'ai.decision.failed', 'orchestrator.cycle.failed']);
  expect(world.payload(id, 'orchestrator.cycle.failed')).toMatchObject({ failedStep: null, reason: 'timeout', decisionId: null });
  expect(await world.violations()).toEqual([]);
  const before = { records: world.of(id).length, duplicates: world.duplicateCount() };
  const [started] = world.of(id).filter(({ envelope }) => envelope.subSaga === 'ai_decision');
  if (started === undefined) throw new Error('the decision\'s saga has no record');
  await world.inject({ ...started, envelope: { ...started.envelope, stepName: 'publish' } }, {
    type: aiDecisionGenerated,
    payload: {
      decisionId: `dec-${id}`, symbol: 'AAPL', action: 'buy', confidence: 1, quantity: '10', orderType: 'market', limitPrice: null, stopLoss: null, takeProfit: null, rationale: 'by hand', provider: 'nobody',
      model: 'none', fallbackUsed: false, latencyMs: 1,
    },
  });
  expect(world.of(id)).toHaveLength(before.records + 1);
  expect(world.of(id).at(-1)).toMatchObject({ type: 'ai.decision.generated', payload: { provider: 'nobody' } });
  expect(world.duplicateCount()).toBeGreaterThan(before.duplicates);
  expect(world.lines.filter(({ message }) => message.startsWith('a success after the end'))).toMatchObject([{ level: 'warn', fields: { sagaId: id, step: 'publish', type: 'ai.decision.generated' } }]);
  expect(world.broker.calls).toEqual([]);
});

test('SC-M-21: an order\'s own 300 s pass while it is live, and the cancel loses to the fill: the fill is kept, the order fails by time-out', async () => {
  const world = await TradingWorld.open(1, { order: { monitorFillsMs: LONG_MS } });
  Object.assign(world.broker.behaviour, { script: () => [], cancel: 'loses' });
  world.order();
  await world.until('m-1', 'FAILED');
  const { afterMs, payload } = requestOf(world, 'm-1', null);
  expectAtDeadline(afterMs, ORDER_MS);
  expect(payload).toMatchObject({ failedStep: null, reason: 'timeout' });
  expect(world.domain('m-1')).toEqual([...ACKNOWLEDGED, 'trade.order.filled', 'trade.position.updated', 'OrderExecutionFailed']);
  expect(world.payload('m-1', 'trade.position.updated')).toMatchObject({ prevQty: '0', qty: '10' });
  expect(world.payload('m-1', 'chorus.OrderExecutionFailed')).toMatchObject({ failedStep: null, reason: 'timeout', filledQty: '10', positionKept: true });
  expect(await world.violations()).toEqual([]);
});
