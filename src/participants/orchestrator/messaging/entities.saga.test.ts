import { expect, test } from '@jest/globals';
import type { AssessDecisionCommand, CycleState, ExposureState, ObserveQuoteCommand } from '#contracts';
import { parseSagaId } from '#kernel';
import { signalToExecution } from '#sagas/signal-to-execution';
import { CALLER, entityContext } from '../../../../test/support/step-context.ts';
import { RECENT_QUOTES_MAX } from '../business/cycle.ts';
import { cycleCommands, cycleIdOf } from './cycles.entity.ts';
import { exposureCommands } from './exposures.entity.ts';
import { marketQuotes } from './market.source.ts';
import { DEFAULT_RISK_LIMITS } from './settings.ts';

const SETTINGS = {
  watchList: [{ symbol: 'AAPL', accountId: 'acc', brokerConnectionId: 'conn' }], signalToExecution,
  riskLimits: { ...DEFAULT_RISK_LIMITS, maxOrderValue: '1000', maxPositionValue: '2000', maxExposure: '3000' },
};
const { observeQuote, releaseCycle, notePosition, noteConnection, applySplit } = cycleCommands(SETTINGS);
const QUOTE = { bid: '99.9', ask: '100.1', bidSize: '100', askSize: '100', last: '100', quoteTime: 5, source: 'daily-bars' };
const quote = (changes: Partial<ObserveQuoteCommand> = {}): ObserveQuoteCommand => ({ quoteEventId: 'q1', symbol: 'AAPL', quote: QUOTE, barPoint: 'close', ...changes });
const IDLE: CycleState = {
  quote: null, closes: [], position: { qty: '0', avgPrice: '0' }, portfolio: { cash: '900', exposure: '0' }, connectionStatus: 'CONNECTED', activeCycleId: null, recentQuoteIds: [], latestQuoteTime: 0, lastSplitDate: null,
  grantedCount: 0, refusedActiveCount: 0, refusedDisconnectedCount: 0, duplicateCount: 0, refusedOutdatedCount: 0,
};
const AT = entityContext({ key: 'AAPL', nowMillis: 77 });

test('the close of a bar begins a cycle whose first record has no cause and names the quote', () => {
  const { state, events } = observeQuote(IDLE, quote(), AT);
  const cycleId = cycleIdOf('q1');
  expect(parseSagaId(cycleId).ok).toBe(true);
  expect(state).toMatchObject({ activeCycleId: cycleId, closes: ['100'], grantedCount: 1 });
  expect(events).toMatchObject([{
    to: { context: 'trading', correlationId: cycleId, sagaType: 'signal_to_execution', step: 0, totalSteps: 6, timeout: 420_000, startedAt: 77, causationId: null },
    event: { type: { name: 'orchestrator.cycle.started' }, payload: { triggerEventId: 'q1', closes: ['100'], portfolioSnapshot: { cash: '900', exposure: '0' } } },
  }]);
});

test('a redelivered quote begins nothing, not even after its cycle ended', () => {
  const begun = observeQuote(IDLE, quote(), AT).state;
  const over = releaseCycle(begun, { cycleId: cycleIdOf('q1') }).state;
  expect(observeQuote(over, quote(), AT)).toEqual({ state: { ...over, duplicateCount: 1 } });
});

test('SC-A1-7: a quote published again after any number of others begins no second cycle and does not block its symbol', () => {
  let state = releaseCycle(observeQuote(IDLE, quote(), AT).state, { cycleId: cycleIdOf('q1') }).state;
  for (let at = 1; at <= RECENT_QUOTES_MAX; at++) state = observeQuote(state, quote({ quoteEventId: `open-${at}`, barPoint: 'open', quote: { ...QUOTE, quoteTime: 5 + at } }), AT).state;
  expect(state.recentQuoteIds).not.toContain('q1');
  const again = observeQuote(state, quote(), AT);
  expect(again).toEqual({ state: { ...state, refusedOutdatedCount: 1 } });
  const next = observeQuote(again.state, quote({ quoteEventId: 'q2', quote: { ...QUOTE, quoteTime: 100 } }), AT);
  expect(next.state.activeCycleId).toBe(cycleIdOf('q2'));
});

test('a second quote during a cycle is stored and counted', () => {
  const begun = observeQuote(IDLE, quote(), AT).state;
  const { state, events } = observeQuote(begun, quote({ quoteEventId: 'q2', quote: { ...QUOTE, last: '101', quoteTime: 6 } }), AT);
  expect(events).toBeUndefined();
  expect(state).toMatchObject({ closes: ['100', '101'], refusedActiveCount: 1, grantedCount: 1 });
});

test('other points of a bar are stored; without a connection nothing begins', () => {
  expect(observeQuote(IDLE, quote({ barPoint: 'open' }), AT)).toMatchObject({ state: { closes: [], activeCycleId: null, quote: QUOTE } });
  expect(observeQuote({ ...IDLE, connectionStatus: 'DISCONNECTED' }, quote(), AT)).toMatchObject({ state: { activeCycleId: null, refusedDisconnectedCount: 1 } });
});

test('only the end of the running cycle frees the symbol', () => {
  const begun = observeQuote(IDLE, quote(), AT).state;
  expect(releaseCycle(begun, { cycleId: 'c-other' }).state.activeCycleId).toBe(cycleIdOf('q1'));
});

test('a split scales what is remembered and goes on to the position and the exposure, once', () => {
  const held = notePosition({ ...IDLE, closes: ['100', '90'] }, { accountId: 'acc', symbol: 'AAPL', qty: '10', avgPrice: '80' }, AT).state;
  const split = { symbol: 'AAPL', ratio: '2', effectiveDate: '2005-02-28' };
  const { state, commands } = applySplit(held, split);
  expect(state).toMatchObject({ closes: ['50', '45'], position: { qty: '20', avgPrice: '40' } });
  expect(commands?.map(({ entity, key }) => `${entity} ${key}`)).toEqual(['positions acc:AAPL', 'exposures acc']);
  expect(applySplit(state, split)).toEqual({ state });
});

test('the connection tells whether cycles may begin', () => {
  const note = { brokerConnectionId: 'conn', status: 'FAILED', accountId: 'acc', accountStatus: 'ACTIVE', buyingPower: '1', cash: '2', accountAsOf: 3 } as const;
  expect(noteConnection(IDLE, note).state).toMatchObject({ connectionStatus: 'FAILED', portfolio: { cash: '2' } });
});

test('quotes of symbols that nobody watches go nowhere', () => {
  const fact = { type: 'market.quote.received', eventId: 'q1', key: 'X', payload: { ...QUOTE, barPoint: 'close' } };
  expect(marketQuotes(SETTINGS).map({ ...fact, payload: { ...fact.payload, symbol: 'X' } })).toEqual([]);
  expect(marketQuotes(SETTINGS).map({ ...fact, payload: { ...fact.payload, symbol: 'AAPL' } })).toMatchObject([{ entity: 'cycles', key: 'AAPL', payload: { quoteEventId: 'q1', barPoint: 'close', quote: QUOTE } }]);
});

const exposure = exposureCommands(SETTINGS);
const NONE: ExposureState = { accountStatus: 'ACTIVE', buyingPower: '5000', positions: [], reservations: [], splitsSeen: [] };
const DECISION: AssessDecisionCommand = {
  cycleId: 'c-1', decisionId: 'd1', symbol: 'AAPL', action: 'buy', confidence: 0.9, quantity: '9', orderType: 'market', limitPrice: null, stopLoss: null, takeProfit: null, bid: '99.9', ask: '100',
  accountId: 'acc', brokerConnectionId: 'conn',
};

test('a decision within the limits reserves what it may add and requests the trade', () => {
  const { state, outcome } = exposure.assess(NONE, DECISION);
  expect(state.reservations).toEqual([{ cycleId: 'c-1', symbol: 'AAPL', value: '900' }]);
  expect(outcome).toMatchObject({ status: 'completed', output: { type: { name: 'orchestrator.trade.requested' }, payload: { side: 'buy', qty: '9', riskCheck: { exposureBefore: '0', exposureAfter: '900' }, buyingPower: '5000' } } });
});

test.each([
  ['maxOrderValue', NONE, { quantity: '10.01' }],
  ['maxPositionValue', { ...NONE, positions: [{ symbol: 'AAPL', qty: '12', avgPrice: '10' }] }, {}],
  ['maxExposure', { ...NONE, reservations: [{ cycleId: 'c-2', symbol: 'MSFT', value: '2100.01' }] }, {}],
  ['minConfidence', NONE, { confidence: 0.49 }],
  ['longOnly', NONE, { action: 'sell' }],
  ['limitPrice', NONE, { orderType: 'limit' }],
] satisfies readonly [string, ExposureState, Partial<AssessDecisionCommand>][])('%s: refused, then the decision is marked not executed', (limitName, state, changes) => {
  const decision = exposure.assess(state, { ...DECISION, ...changes });
  expect(decision.state).toEqual(state);
  expect(decision.outcome).toMatchObject({
    status: 'completed', output: { type: { name: 'orchestrator.risk.rejected' }, payload: { limitName } },
    after: [{ type: { name: 'orchestrator.decision.updated' }, payload: { decisionId: 'd1', executed: false } }],
  });
});

test('a sale closes what is held, whatever was asked for, and reserves nothing', () => {
  const held = exposure.notePosition(NONE, { accountId: 'acc', symbol: 'AAPL', qty: '7', avgPrice: '300' }).state;
  const { state, outcome } = exposure.assess(held, { ...DECISION, action: 'sell', quantity: '1' });
  expect(outcome).toMatchObject({ output: { payload: { side: 'sell', qty: '7' } } });
  expect(state.reservations).toEqual([]);
});

test('a release is answered as an undo, and merely done at a cycle\'s end', () => {
  const reserved = exposure.assess(NONE, DECISION).state;
  expect(exposure.release(reserved, { cycleId: 'c-1' }, entityContext({ caller: CALLER, phase: 'compensate' }))).toMatchObject({ state: NONE, outcome: { status: 'compensated' } });
  expect(exposure.release(reserved, { cycleId: 'c-1' }, entityContext({ caller: CALLER, phase: null }))).toEqual({ state: NONE });
});
