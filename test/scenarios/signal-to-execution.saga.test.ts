import { expect, test } from '@jest/globals';
import { marketSplitDetected } from '#contracts';
import { cycleIdOf } from '#participants/orchestrator';
import { defineSaga } from '#saga-core';
import { signalToExecution } from '#sagas/signal-to-execution';
import { serverError as SERVER_ERROR } from '../support/simulated-broker.ts';
import { DECIDED, EXECUTED, failuresOf, isCausedBy, numbersOf, REFUSED_NUMBERS } from '../support/trading-events.ts';
import { TradingWorld } from '../support/trading-world.ts';

// The trading saga and its decision saga with every participant on the in-memory log, in simulated time. Lists hold all domain events of the
// correlationId, in their order on the partition.

const LIMITED = { status: 'rate_limited', retryAfterMs: null, reason: 'slow down' } as const;
const BROKEN = { status: 'server_error', httpStatus: 500, reason: 'HTTP 500' } as const;
const decision = (changes: object): string => JSON.stringify({ action: 'buy', confidence: 0.9, quantity: '10', orderType: 'market', rationale: 'r', ...changes });

test('SC-A1-1: a quote becomes a decision, an order, a fill, a position, a booked result', async () => {
  const world = await TradingWorld.open();
  const id = await world.quote('q1');
  await world.until(id, 'COMPLETED');
  expect(world.domain(id)).toEqual([...DECIDED, ...EXECUTED]);
  expect(world.payload(id, 'orchestrator.cycle.completed')).toMatchObject({ outcome: 'executed', orderId: `ord-${id}` });
  expect(world.broker.calls.filter((call) => call === 'POST')).toHaveLength(1);
  expect([world.primary.calls.count, world.fallback.calls.count]).toEqual([1, 0]);
  expect(await world.violations()).toEqual([]);
});

test('A9: every record carries the numbers of the cycle\'s table, and the causes form one chain', async () => {
  const world = await TradingWorld.open();
  const id = await world.quote('q1');
  await world.until(id, 'COMPLETED');
  const number = (type: string) => {
    const { step, totalSteps, sagaType, subSaga, subStep, timeout } = world.of(id).find((record) => record.type === type)?.envelope ?? {};
    return [step, totalSteps, sagaType, subSaga, subStep, timeout];
  };
  expect(number('orchestrator.cycle.started')).toEqual([0, 6, 'signal_to_execution', null, null, 420_000]);
  expect(number('orchestrator.analysis.requested')).toEqual([1, 6, 'signal_to_execution', null, null, 420_000]);
  expect(number('ai.decision.generated')).toEqual([2, 6, 'signal_to_execution', 'ai_decision', 5, 420_000]);
  expect(number('orchestrator.trade.requested')).toEqual([3, 6, 'signal_to_execution', null, null, 420_000]);
  expect(number('chorus.OrderPlacedEvent')).toEqual([3, 6, 'signal_to_execution', 'order_execution', 0, 420_000]);
  expect(number('trade.order.submitted')).toEqual([3, 6, 'signal_to_execution', 'order_execution', 2, 420_000]);
  expect(number('trade.order.acknowledged')).toEqual([4, 6, 'signal_to_execution', 'order_execution', 3, 420_000]);
  expect(number('trade.order.filled')).toEqual([4, 6, 'signal_to_execution', 'order_execution', 5, 420_000]);
  expect(number('trade.position.updated')).toEqual([5, 6, 'signal_to_execution', 'order_execution', 5, 420_000]);
  expect(number('analytics.pnl.recorded')).toEqual([5, 6, 'signal_to_execution', 'order_execution', 6, 420_000]);
  expect(number('chorus.OrderExecutionCompleted')?.slice(0, 2)).toEqual([5, 6]);
  expect(number('orchestrator.cycle.completed')).toEqual([6, 6, 'signal_to_execution', null, null, 420_000]);
  const find = (type: string) => world.of(id).filter((record) => record.type === type);
  const chain = ['orchestrator.analysis.requested', 'ai.decision.generated', 'trade.order.submitted', 'trade.order.filled'].flatMap(find);
  expect(chain).toHaveLength(4);
  expect(chain.slice(1).map((record, index) => chain[index] !== undefined && isCausedBy(world.of(id), record, chain[index]))).toEqual([true, true, true]);
  const roots = world.of(id).filter((record) => record.envelope.causationId === null).map((record) => record.type);
  expect(roots).toEqual(['orchestrator.cycle.started', 'orchestrator.analysis.requested']);
});

test('SC-A1-2: a decision to hold completes the cycle without a trade', async () => {
  const world = await TradingWorld.open();
  world.primary.answers.push(decision({ action: 'hold', quantity: 0 }));
  const id = await world.quote('q1');
  await world.until(id, 'COMPLETED');
  expect(world.domain(id)).toEqual([...DECIDED, 'orchestrator.cycle.completed']);
  expect(world.payload(id, 'orchestrator.cycle.completed')).toEqual({ cycleId: id, outcome: 'no_trade', decisionId: `dec-${id}`, orderId: null });
  expect(world.broker.calls).toEqual([]);
  expect(await world.violations()).toEqual([]);
});

test('SC-A1-3: a decision above a limit is refused, marked not executed, and the cycle completes', async () => {
  const world = await TradingWorld.open();
  world.primary.answers.push(decision({ quantity: 1_000 }));
  const id = await world.quote('q1');
  await world.until(id, 'COMPLETED');
  expect(world.domain(id)).toEqual([...DECIDED, 'orchestrator.risk.rejected', 'orchestrator.decision.updated', 'orchestrator.cycle.completed']);
  const reason = 'maxOrderValue: 100000 against a limit of 50000';
  expect(world.payload(id, 'orchestrator.risk.rejected')).toEqual({ decisionId: `dec-${id}`, reason, limitName: 'maxOrderValue', limitValue: '50000', observedValue: '100000' });
  expect(world.payload(id, 'orchestrator.decision.updated')).toEqual({ decisionId: `dec-${id}`, executed: false, reason });
  const stepOf = (type: string) => world.of(id).filter((record) => record.type === type).map(({ envelope }) => [envelope.step, envelope.totalSteps]);
  expect([stepOf('orchestrator.risk.rejected'), stepOf('orchestrator.decision.updated')]).toEqual([[[3, 6]], [[3, 6]]]);
  expect(world.payload(id, 'orchestrator.cycle.completed')).toEqual({ cycleId: id, outcome: 'risk_rejected', decisionId: `dec-${id}`, orderId: null });
  expect(world.broker.calls).toEqual([]);
  expect(await world.violations()).toEqual([]);
});

test('SC-A1-4, SC-A5-7: when every model fails no decision is invented', async () => {
  const world = await TradingWorld.open();
  world.primary.answers.push(BROKEN, BROKEN, BROKEN);
  world.fallback.answers.push('no idea');
  const id = await world.quote('q1');
  await world.until(id, 'FAILED');
  expect(world.domain(id)).toEqual(['orchestrator.cycle.started', 'orchestrator.analysis.requested', 'ai.decision.failed', 'orchestrator.cycle.failed']);
  const [requestedAnalysis] = world.of(id).filter(({ type }) => type === 'orchestrator.analysis.requested');
  expect(world.payload(id, 'ai.decision.failed')).toEqual({
    requestEventId: requestedAnalysis?.envelope.eventId, symbol: 'AAPL',
    attempts: [
      ...Array.from({ length: 3 }, () => ({ provider: 'openai', model: 'openai-1', status: 500, reason: 'server_error: HTTP 500' })),
      { provider: 'groq', model: 'groq-1', status: 200, reason: expect.stringMatching(/^invalid_output: /) },
    ],
  });
  expect(world.payload(id, 'orchestrator.cycle.failed')).toEqual({ cycleId: id, decisionId: null, failedStep: 'generate_decision', reason: 'chain_exhausted: no provider gave a valid decision' });
  expect(world.broker.calls).toEqual([]);
  const isParents = (type: string) => (record: { readonly type: string; readonly envelope: { readonly subSaga: string | null } }) => record.type === type && record.envelope.subSaga === null;
  const [requested, failed] = ['chorus.CompensationRequested', 'chorus.SagaFailed'].map((type) => world.of(id).findIndex(isParents(type)));
  expect(requested).toBeGreaterThan(-1);
  expect(failed).toBeGreaterThan(requested ?? Infinity);
  expect(await world.violations()).toEqual([]);
});

test('SC-A1-5: a broker refusal fails the cycle and marks the decision', async () => {
  const world = await TradingWorld.open();
  world.broker.behaviour.submissions.push({ status: 'refused', httpStatus: 403, brokerCode: '40310000', reason: 'forbidden' });
  const id = await world.quote('q1');
  await world.until(id, 'FAILED');
  expect(world.domain(id)).toEqual([...DECIDED, 'orchestrator.trade.requested', 'OrderPlacedEvent', 'trade.order.rejected', 'orchestrator.decision.updated', 'OrderExecutionFailed', 'orchestrator.cycle.failed']);
  const [orderId, decisionId, reason] = [`ord-${id}`, `dec-${id}`, 'rejected_by_broker: 403 forbidden'];
  expect(world.payload(id, 'trade.order.rejected')).toEqual({ orderId, decisionId, source: 'broker', httpStatus: 403, brokerCode: '40310000', reason: 'forbidden' });
  expect(world.payload(id, 'orchestrator.decision.updated')).toEqual({ decisionId, executed: false, reason });
  expect(world.payload(id, 'chorus.OrderExecutionFailed')).toEqual({ orderId, failedStep: 'submit_order', reason, compensated: ['link_decision', 'validate_order'], filledQty: '0', positionKept: false });
  expect(world.payload(id, 'orchestrator.cycle.failed')).toEqual({ cycleId: id, decisionId, failedStep: 'trade', reason });
  expect(failuresOf(world.of(id)).map(numbersOf).toSorted()).toEqual(REFUSED_NUMBERS.toSorted());
  expect(world.lines.filter(({ message }) => message.startsWith('order not executed'))).toMatchObject([{ level: 'warn', fields: { sagaId: id, orderId, decisionId, symbol: 'AAPL', failedStep: 'submit_order', reason } }]);
  expect(world.broker.calls).toEqual(['POST']);
  expect(await world.violations()).toEqual([]);
});

test.each([
  ['SC-A1-6, SC-A5-2: 429', [LIMITED], 'rate_limited', 429, 1],
  ['SC-A5-4: 500s exhausted', [BROKEN, BROKEN, BROKEN], 'server_error', 500, 3],
  ['SC-A5-5: an answer that cannot be read', ['no idea'], 'invalid_output', 200, 1],
  ['SC-A5-6: confidence out of bounds', [decision({ confidence: 1.7 })], 'invalid_output', 200, 1],
  ['SC-A5-6: an unknown action', [decision({ action: 'short' })], 'invalid_output', 200, 1],
  ['SC-A5-8: an open breaker', [{ status: 'circuit_open', retryAfterMs: 9_000 } as const], 'circuit_open', null, 1],
] as const)('%s at the primary: the fallback decides, and the switch is told after the decision', async (_name, answers, reason, httpStatus, calls) => {
  const world = await TradingWorld.open();
  world.primary.answers.push(...answers);
  const id = await world.quote('q1');
  await world.until(id, 'COMPLETED');
  expect(world.domain(id)).toEqual([...DECIDED, 'ai.model.switched', ...EXECUTED]);
  expect(world.payload(id, 'ai.decision.generated')).toMatchObject({ provider: 'groq', fallbackUsed: true });
  expect(world.payload(id, 'ai.model.switched')).toEqual({ decisionId: `dec-${id}`, fromProvider: 'openai', fromModel: 'openai-1', toProvider: 'groq', toModel: 'groq-1', reason, httpStatus });
  expect(world.payload(id, 'orchestrator.cycle.completed')).toMatchObject({ outcome: 'executed', orderId: `ord-${id}` });
  expect(world.broker.calls.filter((call) => call === 'POST')).toHaveLength(1);
  expect([world.primary.calls.count, world.fallback.calls.count]).toEqual([calls, 1]);
  expect(await world.violations()).toEqual([]);
});

test('SC-A5-3: 500s and then an answer stay with the primary', async () => {
  const world = await TradingWorld.open();
  world.primary.answers.push(BROKEN, BROKEN);
  const id = await world.quote('q1');
  await world.until(id, 'COMPLETED');
  expect(world.domain(id)).toEqual([...DECIDED, ...EXECUTED]);
  expect(world.payload(id, 'ai.decision.generated')).toMatchObject({ provider: 'openai', fallbackUsed: false });
  expect([world.primary.calls.count, world.fallback.calls.count]).toEqual([3, 0]);
  const waits = world.of(id).filter((record) => record.type === 'chorus.StepAttemptFailed').map((record) => Number((record.payload as { nextAt: number }).nextAt) - record.envelope.occurredAt);
  expect(waits).toEqual([1_000, 2_000]);
});

test('SC-A1-7, SC-A1-8: a repeated quote begins no second cycle, a second one during a cycle neither, another symbol does', async () => {
  const world = await TradingWorld.open();
  const id = await world.quote('q1');
  await world.quote('q1');
  const second = await world.quote('q2');
  const other = await world.quote('q3', { symbol: 'MSFT' });
  await world.until(id, 'COMPLETED');
  await world.until(other, 'COMPLETED');
  await world.quote('q1');
  await world.clock.advance(5_000);
  expect(world.of(second)).toEqual([]);
  expect(world.records().filter((record) => record.type === 'orchestrator.cycle.started').map((record) => record.envelope.correlationId).toSorted()).toEqual([id, other].toSorted());
  expect(await world.violations()).toEqual([]);
});

test('a cycle that ended frees its symbol, and the next one knows the position', async () => {
  const world = await TradingWorld.open();
  await world.until(await world.quote('q1'), 'COMPLETED');
  world.primary.answers.push(decision({ action: 'sell', quantity: 1 }));
  const id = await world.quote('q2', { bid: '104.9', ask: '105', last: '105' });
  await world.until(id, 'COMPLETED');
  expect(world.payload(id, 'orchestrator.analysis.requested')).toMatchObject({ positionSnapshot: { qty: '10', avgPrice: '100' }, closes: ['100', '105'] });
  expect(world.payload(id, 'orchestrator.trade.requested')).toMatchObject({ side: 'sell', qty: '10' });
  expect(world.payload(id, 'trade.position.updated')).toMatchObject({ prevQty: '10', qty: '0' });
});

test('a cycle whose start is refused frees its symbol: the next quote begins one', async () => {
  const validate = ({ triggerEventId }: { readonly triggerEventId: string }): readonly string[] => (triggerEventId === 'q1' ? ['not today'] : []);
  const world = await TradingWorld.open(1, { cycle: defineSaga({ ...signalToExecution, validate }) });
  const refused = await world.quote('q1');
  await world.until(refused, 'REFUSED');
  expect(world.payload(refused, 'chorus.SagaRefused')).toEqual({ sagaType: 'signal_to_execution', faults: ['not today'] });
  expect(world.domain(refused)).toEqual(['orchestrator.cycle.started']);
  await world.clock.advance(1_000);
  const next = await world.quote('q2');
  await world.until(next, 'COMPLETED');
  expect(world.domain(next)).toEqual([...DECIDED, ...EXECUTED]);
});

test('the account is asked for again after a fill: the next decision is made on the cash that is left', async () => {
  const world = await TradingWorld.open();
  await world.until(await world.quote('q1'), 'COMPLETED');
  world.broker.behaviour.cash = '999000';
  await world.clock.advance(10_000);
  const id = await world.quote('q2');
  await world.until(id, 'COMPLETED');
  expect(world.payload(id, 'orchestrator.analysis.requested')).toMatchObject({ portfolioSnapshot: { cash: '999000' } });
  expect(world.payload(id, 'orchestrator.trade.requested')).toMatchObject({ buyingPower: '999000' });
});

test('M.Q: an order that nobody fills within its limit is cancelled, and its cycle fails for that reason', async () => {
  const world = await TradingWorld.open();
  world.broker.behaviour.script = () => [];
  const id = await world.quote('q1');
  await world.until(id, 'FAILED');
  expect(world.domain(id)).toEqual([...DECIDED, 'orchestrator.trade.requested', 'OrderPlacedEvent', 'trade.order.submitted', 'trade.order.acknowledged', 'trade.order.cancelled', 'orchestrator.decision.updated', 'OrderExecutionFailed', 'orchestrator.cycle.failed']);
  expect(world.payload(id, 'trade.order.cancelled')).toMatchObject({ reason: 'timeout', cumQty: '0' });
  expect(world.payload(id, 'orchestrator.cycle.failed')).toMatchObject({ failedStep: 'trade', reason: expect.stringMatching(/^cancelled_at_limit/) });
  expect(await world.violations()).toEqual([]);
});

test('an operator\'s order to compensate a cycle stops its order', async () => {
  const world = await TradingWorld.open();
  world.broker.behaviour.script = () => [];
  const id = await world.quote('q1');
  await world.clock.runUntil(() => world.domain(id).includes('trade.order.acknowledged'), 20_000);
  void world.client.order(signalToExecution, id, { action: 'compensate', user: 'ann', reason: 'halt' });
  await world.until(id, 'FAILED');
  expect(world.domain(id).slice(-4)).toEqual(['trade.order.cancelled', 'orchestrator.decision.updated', 'OrderExecutionFailed', 'orchestrator.cycle.failed']);
  expect(world.payload(id, 'trade.order.cancelled')).toMatchObject({ reason: 'compensation' });
  expect(await world.violations()).toEqual([]);
});

test('an order that is stopped between two attempts is not sent again', async () => {
  const world = await TradingWorld.open();
  world.broker.behaviour.submissions.push(SERVER_ERROR);
  const id = await world.quote('q1');
  await world.clock.runUntil(() => world.of(id).some((record) => record.type === 'chorus.StepAttemptFailed'), 20_000);
  void world.client.order(signalToExecution, id, { action: 'compensate', user: 'ann', reason: 'halt' });
  await world.until(id, 'FAILED');
  expect(world.broker.calls.filter((call) => call === 'POST')).toHaveLength(1);
  expect(world.domain(id).slice(-4)).toEqual(['OrderPlacedEvent', 'orchestrator.decision.updated', 'OrderExecutionFailed', 'orchestrator.cycle.failed']);
  expect(world.payload(id, 'chorus.OrderExecutionFailed')).toMatchObject({ failedStep: 'watch_for_stop', filledQty: '0', positionKept: false });
  expect(await world.violations()).toEqual([]);
});

test('SC-A5-9: killed after the provider answered, nobody is asked again', async () => {
  const world = await TradingWorld.open();
  await world.quote('q1');
  const id = cycleIdOf('q1');
  await world.clock.runUntil(() => world.of(id).some((record) => record.type === 'chorus.StepCompleted' && record.envelope.stepName === 'ask_primary'), 20_000);
  world.killWorker();
  await world.clock.advance(15_000);
  await world.startWorker();
  await world.until(id, 'COMPLETED');
  expect(world.domain(id)).toEqual([...DECIDED, ...EXECUTED]);
  expect(world.primary.calls.count).toBe(1);
  expect(await world.violations()).toEqual([]);
});

test('a split between two cycles: the next one sells twice the shares, at half the average', async () => {
  const world = await TradingWorld.open();
  await world.until(await world.quote('q1'), 'COMPLETED');
  await world.publish('s1', 'AAPL', { type: marketSplitDetected, payload: { symbol: 'AAPL', ratio: '2', effectiveDate: '2005-02-28', source: 'test' } });
  world.primary.answers.push(decision({ action: 'sell' }));
  const id = await world.quote('q2', { bid: '51.9', ask: '52', last: '52' });
  await world.until(id, 'COMPLETED');
  expect(world.payload(id, 'orchestrator.analysis.requested')).toMatchObject({ positionSnapshot: { qty: '20', avgPrice: '50' }, closes: ['50', '52'] });
  expect(world.payload(id, 'trade.position.updated')).toMatchObject({ prevQty: '20', prevAvgPrice: '50', qty: '0' });
  expect(world.payload(id, 'analytics.pnl.recorded')).toMatchObject({ realizedPnl: '1000' });
  expect(await world.violations()).toEqual([]);
});
