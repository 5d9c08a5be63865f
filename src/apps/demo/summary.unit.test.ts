import { expect, test } from '@jest/globals';
import { parseDecimal } from '#kernel';
import { Journal } from './journal.ts';
import { quantile, renderSummary, type RunSummary, summaryOf } from './summary.ts';

test('percentiles are by nearest rank', () => {
  const values = [40, 10, 30, 20];
  expect([quantile(values, 0.5), quantile(values, 0.75), quantile(values, 0.95), quantile([], 0.5), quantile([7], 0.99)]).toEqual([20, 30, 40, 0, 7]);
});

const AAPL = {
  symbol: 'AAPL', bars: 250, decisions: 250, orders: 12, fills: 13, position: { qty: '226', avgPrice: '43.9149' }, lastClose: '44.86', realizedPnl: '12345.67', unrealizedPnl: '-213.59', digest: '0123456789abcdef',
};
const IBM = { symbol: 'IBM', bars: 250, decisions: 250, orders: 3, fills: 3, position: { qty: '0', avgPrice: '0' }, lastClose: '101.5', realizedPnl: '-1000', unrealizedPnl: '0', digest: 'fedcba9876543210' };
const SUMMARY: RunSummary = {
  namespace: 'demo-x', seed: '7', seconds: 41.5, sagasPerSecond: 12,
  cycles: { played: 500, refused: 0, byOutcome: { no_trade: 480, executed: 15, failed: 5 }, failures: { 'trade: refused': 5 } },
  sagas: { started: 500, completed: 495, failed: 5, manualRequired: 0, open: 0 },
  decisions: 500, orders: 15, fills: 16, splits: 2, splitHoldings: 1,
  vendorFaults: { 'openai 429': 9, 'alpaca dropped': 1 }, fallbacks: { rate_limited: 9 }, retries: {}, rejections: { 'broker 403': 2 },
  latencyMs: { p50: 48, p95: 90, p99: 3_010 }, symbols: [AAPL, IBM], badRows: [], interestingSaga: 'c-1', audit: { isClean: true, records: 15_321, problems: [] },
};

test('the summary reads as people read it', () => {
  expect(renderSummary(SUMMARY)).toBe(`
500 trading days replayed in 41.5 s (12 sagas a second), seed 7

  sagas      495 completed, 5 failed and compensated
  cycles     480 no trade, 15 executed, 5 failed
  latency    p50 48 ms, p95 90 ms, p99 3010 ms, from a cycle's start to its end
  trading    500 decisions, 15 orders, 16 fills, 2 splits, 1 of them of shares held
  faults     9 openai 429, 1 alpaca dropped
  fallbacks  9 rate limited
  retries    none
  refusals   2 broker 403
  audit      clean: every invariant holds over 15321 records

  symbol  days  orders  fills  position  average  last close   realised     open  digest
  AAPL     250      12     13       226    43.91       44.86  12,345.67  -213.59  0123456789abcdef
  IBM      250       3      3         0        0       101.5     -1,000        0  fedcba9876543210
  all      500      15     16                                 11,345.67  -213.59
`);
});

test('what is not as it should be is told: who waits, what is open, quotes in vain, bad rows, a broken invariant; an interrupted run has no audit', () => {
  const text = renderSummary({
    ...SUMMARY, cycles: { ...SUMMARY.cycles, refused: 3 }, sagas: { ...SUMMARY.sagas, manualRequired: 1, open: 2 }, badRows: ['line 7: close: not a decimal', 'line 9: date: none'],
    audit: { isClean: false, records: 10, problems: ['I2 c-1: two ends', 'I5 c-2: twice at the vendor'] },
  });
  expect(text).toContain('  sagas      495 completed, 5 failed and compensated, 1 wait for a person, 2 still open\n');
  expect(text).toContain('  cycles     480 no trade, 15 executed, 5 failed; 3 quotes began none\n');
  expect(text).toContain('  bad rows   2: line 7: close: not a decimal | line 9: date: none\n');
  expect(text).toContain('  audit      2 problems: I2 c-1: two ends | I5 c-2: twice at the vendor\n');
  expect(renderSummary({ ...SUMMARY, audit: null })).not.toContain('audit');
});

const decimal = (text: string) => {
  const value = parseDecimal(text);
  if (!value.ok) throw new Error(value.fault);
  return value.value;
};
const bar = (date: string, close: string) => ({ symbol: 'AAPL', date, open: decimal(close), high: decimal(close), low: decimal(close), close: decimal(close), adjustedClose: decimal(close), volume: decimal('1') });

test('open positions are valued at the last close that was played, and rounded to cents', () => {
  const journal = new Journal();
  journal.symbol('AAPL').realizedPnl = decimal('10.125');
  journal.latenciesMs.push(20, 10);
  const series = [{ symbol: 'AAPL', bars: [bar('2005-01-03', '100'), bar('2005-01-04', '101.5'), bar('2005-01-05', '999')] }];
  const counts = { barsBySymbol: new Map([['AAPL', 2]]), published: 2, refused: 0, manualRequired: 0, splits: 0, splitHoldings: 0 };
  const state = { position: { qty: '3', avgPrice: '100.333' } };
  const input = { namespace: 'n', seed: 's', seconds: 4.04, series, badRows: [{ line: 3, faults: ['a', 'b'] }], journal, counts, audit: null, vendorFaults: {} };
  const summary = summaryOf({ ...input, watch: { stateOf: (symbol) => (symbol === 'AAPL' ? state : null) as never } });
  // 3 × (101.5 − 100.333) = 3.501; half-even: 10.125 becomes 10.12.
  expect(summary.symbols).toMatchObject([{ symbol: 'AAPL', bars: 2, position: { qty: '3', avgPrice: '100.333' }, lastClose: '101.5', realizedPnl: '10.12', unrealizedPnl: '3.5' }]);
  expect(summary).toMatchObject({ seconds: 4, sagasPerSecond: 0.5, cycles: { played: 2 }, latencyMs: { p50: 10, p95: 20, p99: 20 }, badRows: ['line 3: a; b'], interestingSaga: null });
});

test('the digest changes with what was decided, ordered and filled, and with its order, and with nothing else', () => {
  const digestOf = (change: (journal: Journal) => void): string => {
    const journal = new Journal();
    change(journal);
    const counts = { barsBySymbol: new Map<string, number>(), published: 0, refused: 0, manualRequired: 0, splits: 0, splitHoldings: 0 };
    const [one] = summaryOf({ namespace: 'n', seed: 's', seconds: 1, series: [{ symbol: 'AAPL', bars: [] }], badRows: [], journal, counts, audit: null, vendorFaults: {}, watch: { stateOf: () => null } }).symbols;
    return one?.digest ?? '';
  };
  const bought = digestOf((journal) => void journal.symbol('AAPL').orders.push('buy 1', 'sell 1'));
  expect(bought).toMatch(/^[0-9a-f]{16}$/);
  expect(digestOf((journal) => void journal.symbol('AAPL').orders.push('buy 1', 'sell 1'))).toBe(bought);
  expect(digestOf((journal) => { journal.symbol('AAPL').orders.push('buy 1', 'sell 1'); journal.latenciesMs.push(5); })).toBe(bought);
  const others = [(journal: Journal) => void journal.symbol('AAPL').orders.push('sell 1', 'buy 1'), (journal: Journal) => void journal.symbol('AAPL').fills.push('buy 1', 'sell 1'), () => undefined].map(digestOf);
  expect(new Set([bought, ...others]).size).toBe(4);
});
