import { expect, test } from '@jest/globals';
import { EMPTY_ENVELOPE } from '#saga-core/runtime';
import { formatDecimal } from '#kernel';
import { Journal } from './journal.ts';
import type { SeenRecord } from './watch.ts';

const STARTED_AT = 1_000;

type Told = { readonly id?: string; readonly subSaga?: string | null; readonly atMs?: number };
const told = (type: string, payload: object = {}, { id = 'c-1', subSaga = null, atMs = STARTED_AT }: Told = {}): SeenRecord => ({
  type, payload, timestampMs: atMs,
  envelope: { ...EMPTY_ENVELOPE, eventId: 'e', occurredAt: atMs, producer: 'p', chain: { id: 'p', seq: 1, prevHash: null }, correlationId: id, sagaType: 'signal_to_execution', subSaga, startedAt: STARTED_AT },
});
const started = (id: string, symbol = 'AAPL'): SeenRecord => told('orchestrator.cycle.started', { symbol }, { id });
const ended = (id: string, type: 'chorus.SagaCompleted' | 'chorus.SagaFailed', atMs: number): SeenRecord => told(type, {}, { id, atMs });
const journalOf = (...records: readonly SeenRecord[]): Journal => {
  const journal = new Journal();
  for (const record of records) journal.see(record);
  return journal;
};
const earned = (journal: Journal, symbol: string): string => formatDecimal(journal.symbol(symbol).realizedPnl);

test('profit and loss is summed up by symbol, and what is reversed is taken off again', () => {
  const recorded = (id: string, realizedPnl: string): SeenRecord => told('analytics.pnl.recorded', { realizedPnl }, { id, subSaga: 'order_execution' });
  const reversed = (id: string, realizedPnl: string): SeenRecord => told('analytics.pnl.reversed', { realizedPnl }, { id, subSaga: 'order_execution' });
  const journal = journalOf(
    started('a'), recorded('a', '120.25'), started('b'), recorded('b', '-20.5'), started('m', 'MSFT'), recorded('m', '7'), reversed('b', '-20.5'), reversed('m', '7'),
  );
  expect([earned(journal, 'AAPL'), earned(journal, 'MSFT'), earned(journal, 'IBM')]).toEqual(['120.25', '0', '0']);
});

test('a figure that is no decimal changes no sum', () => {
  expect(earned(journalOf(started('a'), told('analytics.pnl.recorded', { realizedPnl: 'n/a' }, { id: 'a' }), told('analytics.pnl.reversed', { realizedPnl: '' }, { id: 'a' })), 'AAPL')).toBe('0');
});

test('decisions, orders and fills are told in their order; a refused order is told and not counted', () => {
  const journal = journalOf(
    started('a'),
    told('ai.decision.generated', { action: 'buy', quantity: '10', provider: 'openai' }, { id: 'a' }),
    told('trade.order.submitted', { side: 'buy', qty: '10' }, { id: 'a' }),
    told('trade.order.partially_filled', { fillQty: '4', fillPrice: '99.5' }, { id: 'a' }),
    told('trade.order.filled', { filledQty: '10', avgPrice: '99.8' }, { id: 'a' }),
    started('b'),
    told('trade.order.rejected', { source: 'broker', httpStatus: 403, reason: 'forbidden' }, { id: 'b' }),
    told('trade.order.rejected', { source: 'pre_trade', httpStatus: null, reason: 'LIMIT' }, { id: 'b' }),
  );
  expect(journal.symbol('AAPL')).toMatchObject({
    decisions: ['buy 10 by openai'], orders: ['buy 10', 'rejected broker 403', 'rejected pre_trade LIMIT'], fills: ['part 4 at 99.5', '10 at 99.8'], submittedCount: 1,
  });
  expect([journal.decisions, journal.orders, journal.fills]).toEqual([1, 1, 2]);
  expect([...journal.rejections]).toEqual([['broker 403', 1], ['pre_trade LIMIT', 1]]);
});

test('outcomes, failures, fallbacks and repeats are counted by their names', () => {
  const journal = journalOf(
    started('a'), told('ai.model.switched', { reason: 'rate_limited' }, { id: 'a' }), told('chorus.StepAttemptFailed', { stepName: 'submit_order' }, { id: 'a', subSaga: 'order_execution' }),
    told('orchestrator.cycle.completed', { outcome: 'executed' }, { id: 'a' }),
    started('b'), told('chorus.StepAttemptFailed', { stepName: 'request_analysis' }, { id: 'b' }), told('orchestrator.cycle.failed', { failedStep: 'trade', reason: 'refused' }, { id: 'b' }),
    started('c'), told('orchestrator.cycle.failed', { failedStep: null, reason: 'timeout' }, { id: 'c' }),
  );
  expect([...journal.outcomes]).toEqual([['executed', 1], ['failed', 2]]);
  expect([...journal.failures]).toEqual([['trade: refused', 1], ['cycle: timeout', 1]]);
  expect([...journal.fallbacks]).toEqual([['rate_limited', 1]]);
  expect([...journal.retries]).toEqual([['order_execution.submit_order', 1], ['signal_to_execution.request_analysis', 1]]);
});

test('sagas under way are counted by state; a child\'s end and a child\'s undoing are not the cycle\'s', () => {
  const journal = journalOf(
    started('a'), started('b'), started('c'), started('d'),
    told('chorus.SagaCompleted', {}, { id: 'a', subSaga: 'ai_decision' }),
    told('chorus.CompensationRequested', {}, { id: 'a', subSaga: 'order_execution' }),
    told('chorus.CompensationRequested', {}, { id: 'b' }),
    told('chorus.SagaQuarantined', {}, { id: 'c', subSaga: 'order_execution' }),
    ended('d', 'chorus.SagaCompleted', STARTED_AT + 250),
  );
  expect(journal.phases()).toEqual({ running: 1, compensating: 1, manual_required: 1 });
  expect([journal.started, journal.completed, journal.failed, journal.latenciesMs]).toEqual([4, 1, 0, [250]]);
});

test('of the ended sagas the one in which most went wrong is worth showing; the first of equals', () => {
  const quiet = journalOf(started('a'), ended('a', 'chorus.SagaCompleted', STARTED_AT), started('b'), ended('b', 'chorus.SagaFailed', STARTED_AT));
  expect([new Journal().interestingSaga, quiet.interestingSaga]).toEqual([null, 'a']);
  const lively = journalOf(
    started('a'), told('trade.order.filled', { filledQty: '1', avgPrice: '1' }, { id: 'a' }), ended('a', 'chorus.SagaCompleted', STARTED_AT),
    started('b'), told('ai.model.switched', { reason: 'timeout' }, { id: 'b' }), ended('b', 'chorus.SagaCompleted', STARTED_AT),
    started('open'), told('ai.model.switched', { reason: 'timeout' }, { id: 'open' }), told('chorus.StepAttemptFailed', { stepName: 's' }, { id: 'open' }),
  );
  expect(lively.interestingSaga).toBe('b');
});

test('what belongs to no saga, to one that was not begun here, or to one that has ended, counts for nothing', () => {
  const decided = (id: string): SeenRecord => told('ai.decision.generated', { action: 'buy', quantity: '1', provider: 'openai' }, { id });
  const journal = journalOf(decided('stranger'), started('a'), ended('a', 'chorus.SagaCompleted', STARTED_AT), decided('a'), { ...decided('x'), envelope: { ...decided('x').envelope, correlationId: null } });
  expect([journal.decisions, journal.completed]).toEqual([0, 1]);
});
