import { expect } from '@jest/globals';
import {
  aiDecisionFailed, aiDecisionGenerated, aiModelSwitched, type CycleState, orchestratorCycleCompleted, orchestratorCycleFailed, orchestratorCycleStarted, orchestratorDecisionUpdated,
  orchestratorRiskRejected, orderExecutionFailed, tradeOrderRejected,
} from '#contracts';
import { gapsOf } from '../support/stage/simulator-controls.ts';
import { DECIDED, EXECUTED, failuresOf, isCausedBy, isDomainEvent, metadataFaults, numbersOf, ORDER_FAILED, REFUSED_NUMBERS, REQUESTED } from '../support/trading-events.ts';
import { tradingScenarios } from '../support/trading-scenarios.ts';

// Cycles and their decisions over real sockets: a quote on Kafka, two models and a broker behind HTTP. Lists hold all domain events of the correlationId.

const { scenario } = tradingScenarios();
type Run = Parameters<Parameters<typeof scenario>[1]>[0];
const decision = (changes: object): string => JSON.stringify({ action: 'buy', confidence: 0.9, quantity: '10', orderType: 'market', rationale: 'r', ...changes });

const executedByPrimary = async (run: Run): Promise<string> => {
  const id = await run.quote();
  await run.until(id, 'COMPLETED');
  expect(run.domain(id)).toEqual([...DECIDED, ...EXECUTED]);
  expect(run.payload(id, aiDecisionGenerated)).toMatchObject({ provider: 'openai', fallbackUsed: false });
  expect(run.payload(id, orchestratorCycleCompleted)).toMatchObject({ outcome: 'executed', orderId: `ord-${id}` });
  expect(await run.posts()).toHaveLength(1);
  return id;
};

scenario('SC-A1-1: a quote becomes a decision, an order, a fill, a position, a booked result', async (run) => {
  const id = await executedByPrimary(run);
  expect(run.payload(id, orchestratorCycleStarted)).toMatchObject({ triggerEventId: 'sc-a1-1-q1', symbol: run.lane.symbol });
  expect(await run.questionCounts()).toEqual([1, 0]);
});

scenario('SC-A1-2: a decision to hold completes the cycle without a trade', async (run) => {
  const id = await run.quote();
  await run.until(id, 'COMPLETED');
  expect(run.domain(id)).toEqual([...DECIDED, 'orchestrator.cycle.completed']);
  expect(run.payload(id, aiDecisionGenerated)).toMatchObject({ action: 'hold' });
  expect(run.payload(id, orchestratorCycleCompleted)).toMatchObject({ outcome: 'no_trade', orderId: null });
  expect(await run.posts()).toEqual([]);
}, { answer: decision({ action: 'hold', quantity: '0' }) });

scenario('SC-A1-3: a decision above a limit is refused, marked not executed, and the cycle completes', async (run) => {
  const id = await run.quote();
  await run.until(id, 'COMPLETED');
  expect(run.domain(id)).toEqual([...DECIDED, 'orchestrator.risk.rejected', 'orchestrator.decision.updated', 'orchestrator.cycle.completed']);
  const reason = 'maxOrderValue: 100000 against a limit of 50000';
  expect(run.payload(id, orchestratorRiskRejected)).toEqual({ decisionId: `dec-${id}`, reason, limitName: 'maxOrderValue', limitValue: '50000', observedValue: '100000' });
  expect(run.payload(id, orchestratorDecisionUpdated)).toEqual({ decisionId: `dec-${id}`, executed: false, reason });
  expect(run.payload(id, orchestratorCycleCompleted)).toEqual({ cycleId: id, outcome: 'risk_rejected', decisionId: `dec-${id}`, orderId: null });
  expect(await run.posts()).toEqual([]);
}, { answer: decision({ quantity: '1000' }) });

scenario('SC-A1-4: when both models fail the cycle fails, and no decision is invented', async (run) => {
  await run.stage.openai.answer(run.lane.symbol, [429]);
  await run.stage.groq.answer(run.lane.symbol, [429]);
  const id = await run.quote();
  await run.until(id, 'FAILED');
  expect(run.domain(id)).toEqual([...REQUESTED, 'ai.decision.failed', 'orchestrator.cycle.failed']);
  const [requested, failed] = ['chorus.CompensationRequested', 'chorus.SagaFailed'].map((type) => run.of(id).findIndex((record) => record.type === type && record.envelope.subSaga === null));
  expect(requested).toBeGreaterThan(-1);
  expect(failed).toBeGreaterThan(requested ?? Infinity);
  expect(run.payload(id, aiDecisionFailed)?.attempts).toMatchObject(['openai', 'groq'].map((provider) => ({ provider, status: 429, reason: expect.stringMatching(/^rate_limited/) })));
  expect(run.payload(id, orchestratorCycleFailed)).toMatchObject({ cycleId: id, decisionId: null, failedStep: 'generate_decision', reason: expect.stringMatching(/^chain_exhausted/) });
  expect([await run.questionCounts(), await run.posts()]).toEqual([[1, 1], []]);
});

const refusedByBroker = async (run: Run): Promise<string> => {
  await run.stage.alpaca.answer(run.lane.symbol, [403], 'submit_order');
  const id = await run.quote();
  await run.until(id, 'FAILED');
  expect(run.domain(id)).toEqual([...DECIDED, 'orchestrator.trade.requested', 'OrderPlacedEvent', 'trade.order.rejected', 'orchestrator.decision.updated', ORDER_FAILED, 'orchestrator.cycle.failed']);
  const [orderId, decisionId, reason] = [`ord-${id}`, `dec-${id}`, expect.stringMatching(/^rejected_by_broker: 403/)];
  expect(run.payload(id, tradeOrderRejected)).toMatchObject({ orderId, decisionId, source: 'broker', httpStatus: 403 });
  expect(run.payload(id, orchestratorDecisionUpdated)).toEqual({ decisionId, executed: false, reason });
  expect(run.payload(id, orderExecutionFailed)).toMatchObject({ orderId, failedStep: 'submit_order', reason, filledQty: '0', positionKept: false });
  expect(run.payload(id, orchestratorCycleFailed)).toEqual({ cycleId: id, decisionId, failedStep: 'trade', reason });
  expect(await run.posts()).toHaveLength(1);
  return id;
};

scenario('SC-A1-5: a broker refusal fails the cycle, is logged and marks the decision', async (run) => {
  const id = await refusedByBroker(run);
  expect(run.stage.lines).toContainEqual(expect.objectContaining({ level: 'warn', message: expect.stringMatching(/^order not executed/), fields: expect.objectContaining({ sagaId: id }) }));
});

type Expected = { readonly reason: string; readonly httpStatus: number; readonly counts: readonly [number, number] };
const decidedByFallback = async (run: Run, { reason, httpStatus, counts }: Expected): Promise<void> => {
  const id = await run.quote();
  await run.until(id, 'COMPLETED');
  expect(run.domain(id)).toEqual([...DECIDED, 'ai.model.switched', ...EXECUTED]);
  expect(run.payload(id, aiDecisionGenerated)).toMatchObject({ provider: 'groq', fallbackUsed: true });
  expect(run.payload(id, aiModelSwitched)).toMatchObject({ decisionId: `dec-${id}`, fromProvider: 'openai', toProvider: 'groq', reason, httpStatus });
  expect(run.payload(id, orchestratorCycleCompleted)).toMatchObject({ outcome: 'executed', orderId: `ord-${id}` });
  expect(await run.questionCounts()).toEqual(counts);
  expect(await run.posts()).toHaveLength(1);
};

scenario('SC-A1-6: a fallback inside the cycle changes nothing of the rest', async (run) => {
  await run.stage.openai.answer(run.lane.symbol, [429]);
  await decidedByFallback(run, { reason: 'rate_limited', httpStatus: 429, counts: [1, 1] });
});

scenario('SC-A1-7: the same quote twice begins one cycle', async (run) => {
  const eventId = 'sc-a1-7-quote';
  const id = await run.quote(eventId);
  await run.quote(eventId);
  await run.until(id, 'COMPLETED');
  await run.released();
  await run.quote(eventId);
  // A later quote of the symbol is heard behind the repeated ones.
  const later = await run.quote();
  await run.until(later, 'COMPLETED');
  const started = run.stage.records('sagas.trading').filter(({ type, payload }) => type === 'orchestrator.cycle.started' && (payload as { readonly symbol: string }).symbol === run.lane.symbol);
  expect(started.map(({ envelope }) => envelope.correlationId).toSorted()).toEqual([id, later].toSorted());
  expect(await run.questionCounts()).toEqual([2, 0]);
}, { answer: decision({ action: 'hold', quantity: '0' }) });

scenario('SC-A1-8: a second quote during a cycle is stored and begins none', async (run) => {
  await run.stage.openai.answer(run.lane.symbol, [{ status: 200, delay_millis: 4_000 }]);
  const id = await run.quote();
  await run.untilDomain(id, 'orchestrator.analysis.requested');
  const second = await run.quote('sc-a1-8-second');
  const state = (): CycleState | null => run.stage.stateOf<CycleState>('cycles', run.lane.symbol);
  await run.stage.collector.until(() => state()?.refusedActiveCount === 1, () => 'the second quote is counted');
  expect(state()).toMatchObject({ activeCycleId: id, recentQuoteIds: ['sc-a1-8-q1', 'sc-a1-8-second'] });
  await run.until(id, 'COMPLETED');
  expect(run.of(second)).toEqual([]);
  run.forget(second);
});

scenario('SC-A5-1: the primary answers, the fallback is not asked', async (run) => {
  const id = await executedByPrimary(run);
  expect(run.of(id).some(({ type }) => type === 'ai.model.switched')).toBe(false);
  expect(await run.questionCounts()).toEqual([1, 0]);
});

scenario('SC-A5-2: a 429 goes to the fallback at once', async (run) => {
  await run.stage.openai.answer(run.lane.symbol, [429]);
  await decidedByFallback(run, { reason: 'rate_limited', httpStatus: 429, counts: [1, 1] });
});

scenario('SC-A5-3: 500s and then an answer stay with the primary', async (run) => {
  await run.stage.openai.answer(run.lane.symbol, [500, 500]);
  const id = await executedByPrimary(run);
  const [first = 0, second = 0] = gapsOf(await run.questions(run.stage.openai));
  expect(first).toBeGreaterThanOrEqual(1_000);
  expect(second).toBeGreaterThanOrEqual(2_000);
  expect(run.recordedWaitsSeconds(id)).toEqual([1, 2]);
  expect(await run.questionCounts()).toEqual([3, 0]);
});

scenario('SC-A5-4: 500s to the end go to the fallback', async (run) => {
  await run.stage.openai.answer(run.lane.symbol, [500, 500, 500]);
  await decidedByFallback(run, { reason: 'server_error', httpStatus: 500, counts: [3, 1] });
}, { wave: 1 });

const completion = (content: string): object => ({
  body: { id: 'c', object: 'chat.completion', created: 1, model: 'm', choices: [{ index: 0, message: { role: 'assistant', content }, logprobs: null, finish_reason: 'stop' }], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } },
});

scenario('SC-A5-5: an answer that cannot be read goes to the fallback', async (run) => {
  await run.stage.openai.answer(run.lane.symbol, [completion('no idea')]);
  await decidedByFallback(run, { reason: 'invalid_output', httpStatus: 200, counts: [1, 1] });
});

scenario('SC-A5-6: a confidence out of bounds goes to the fallback', async (run) => {
  await run.stage.openai.answer(run.lane.symbol, [completion(decision({ confidence: 1.7 }))]);
  await decidedByFallback(run, { reason: 'invalid_output', httpStatus: 200, counts: [1, 1] });
});

scenario('SC-A5-6b: an unknown action goes to the fallback', async (run) => {
  await run.stage.openai.answer(run.lane.symbol, [completion(decision({ action: 'short' }))]);
  await decidedByFallback(run, { reason: 'invalid_output', httpStatus: 200, counts: [1, 1] });
});

scenario('SC-A5-7: when all fail, the attempts are told and nothing is decided', async (run) => {
  await run.stage.openai.answer(run.lane.symbol, [500, 500, 500]);
  await run.stage.groq.answer(run.lane.symbol, [500, 500, 500]);
  const id = await run.quote();
  await run.until(id, 'FAILED');
  expect(run.domain(id)).toEqual([...REQUESTED, 'ai.decision.failed', 'orchestrator.cycle.failed']);
  expect(run.payload(id, aiDecisionFailed)?.attempts).toMatchObject(['openai', 'openai', 'openai', 'groq', 'groq', 'groq'].map((provider) => ({ provider, status: 500 })));
  expect([await run.questionCounts(), await run.posts()]).toEqual([[3, 3], []]);
}, { wave: 2 });

scenario('SC-A9-1: one correlationId, and each event of the chain is caused by its predecessor', async (run) => {
  const id = await executedByPrimary(run);
  const records = run.of(id);
  const find = (type: string) => {
    const found = records.find((record) => record.type === type);
    if (found === undefined) throw new Error(`no ${type}`);
    return found;
  };
  const chain = ['orchestrator.analysis.requested', 'ai.decision.generated', 'trade.order.submitted', 'trade.order.filled'].map(find);
  expect(chain.map(({ envelope }) => envelope.step)).toEqual([1, 2, 3, 4]);
  expect(chain[0]?.envelope.causationId).toBeNull();
  for (const [index, record] of chain.entries()) {
    const before = chain[index - 1];
    if (before !== undefined) expect({ effect: record.type, cause: before.type, isCaused: isCausedBy(records, record, before) }).toEqual({ effect: record.type, cause: before.type, isCaused: true });
  }
  expect(records.filter(({ envelope }) => envelope.causationId === null).map(({ type }) => type)).toEqual(REQUESTED);
});

scenario('SC-A9-2: compensation and failure events carry all seven fields', async (run) => {
  const id = await refusedByBroker(run);
  const told = failuresOf(run.of(id));
  expect(told.map(numbersOf).toSorted()).toEqual(REFUSED_NUMBERS.toSorted());
  // The whole history begins with a root, so that no record of these may count as one.
  expect(metadataFaults(run.of(id))).toEqual([]);
  for (const { envelope } of told) expect(envelope).toMatchObject({ correlationId: id, causationId: expect.any(String), sagaType: 'signal_to_execution', timeout: 420_000, startedAt: expect.any(Number) });
});

scenario('SC-A9-3: startedAt and timeout are constant', async (run) => {
  const id = await executedByPrimary(run);
  const [first] = run.of(id);
  expect(first?.type).toBe('orchestrator.cycle.started');
  expect(new Set(run.of(id).map(({ envelope }) => `${String(envelope.startedAt)} ${String(envelope.timeout)}`))).toEqual(new Set([`${String(first?.envelope.startedAt)} 420000`]));
  expect(run.of(id).filter(isDomainEvent).length).toBe(DECIDED.length + EXECUTED.length);
});
