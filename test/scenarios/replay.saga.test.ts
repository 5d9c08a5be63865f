import { expect, test } from '@jest/globals';
import { parseBarRow, quoteEventIdOf, quotesOfBar, type DailyBar } from '#participants/market-data';
import { cycleIdOf } from '#participants/orchestrator';
import { SYMBOLS, TradingWorld } from '../support/trading-world.ts';

// The same bars give the same decisions, orders and fills per symbol, however the symbols interleave. Method: two symbols are
// replayed at once, each waiting for its own cycles only, under several seeds of the network.

const DAYS = 10;
const bars = (symbol: string, first: number): readonly DailyBar[] =>
  Array.from({ length: DAYS }, (_, day) => {
    const price = first + ((day * 7) % 5) - ((day * 3) % 4);
    const row = parseBarRow(`${symbol},2001-02-${String(day + 1).padStart(2, '0')},${price},${price + 2},${price - 2},${price + 1},1000,${price + 1}`);
    if (!row.ok) throw new Error(row.fault.join());
    return row.value;
  });
const DATA = { AAPL: bars('AAPL', 100), MSFT: bars('MSFT', 50) };

/** Buys when the close rose, sells what is held when it fell. */
const trend = (question: string): string => {
  const facts: unknown = JSON.parse((question.split('\n').find((line) => line.startsWith('DATA: ')) ?? '').slice('DATA: '.length));
  const { closes, position } = facts as { closes: string[]; position: { qty: string } };
  const rise = Number(closes.at(-1)) - Number(closes.at(-2) ?? closes.at(-1));
  const action = rise > 0 ? 'buy' : rise < 0 && Number(position.qty) > 0 ? 'sell' : 'hold';
  return JSON.stringify({ action, confidence: 0.9, quantity: action === 'hold' ? 0 : 5 + Math.round(Math.abs(rise)), orderType: 'market', rationale: 'trend' });
};

const replayed = async (seed: number): Promise<Readonly<Record<string, readonly unknown[]>>> => {
  const world = await TradingWorld.open(seed);
  world.primary.rule.decide = trend;
  world.broker.behaviour.script = (request) => [{ afterMs: 5 + ((seed * 13 + request.qty.length * 7) % 40), fill: request.qty, price: request.referencePrice ?? '1' }];
  const position = new Map<string, number>(SYMBOLS.map((symbol) => [symbol, 0]));
  const isFree = (symbol: keyof typeof DATA): boolean => {
    const day = position.get(symbol) ?? 0;
    const before = DATA[symbol][day - 1];
    return day < DAYS && (before === undefined || world.status(cycleIdOf(quoteEventIdOf(before, 'close'))) !== null);
  };
  while ([...position.values()].some((day) => day < DAYS)) {
    for (const symbol of SYMBOLS) {
      if (!isFree(symbol)) continue;
      const bar = DATA[symbol][position.get(symbol) ?? 0];
      position.set(symbol, (position.get(symbol) ?? 0) + 1);
      if (bar === undefined) continue;
      for (const quote of quotesOfBar(bar)) await world.quote(quoteEventIdOf(bar, quote.barPoint), { ...quote, source: 'test' });
    }
    await world.clock.advance(40 + (seed % 3) * 15);
  }
  for (const symbol of SYMBOLS) await world.until(cycleIdOf(`q-${symbol}-2001-02-${DAYS}-close`), 'COMPLETED');
  expect(await world.violations()).toEqual([]);
  const told = (symbol: string): readonly unknown[] => DATA[symbol as keyof typeof DATA].map((bar) => {
    const id = cycleIdOf(quoteEventIdOf(bar, 'close'));
    const { action, quantity } = world.payload(id, 'ai.decision.generated') ?? {};
    const { qty, avgPrice, prevQty } = world.payload(id, 'trade.position.updated') ?? {};
    return { id, action, quantity, prevQty, qty, avgPrice, pnl: world.payload(id, 'analytics.pnl.recorded')?.['realizedPnl'] };
  });
  return Object.fromEntries(SYMBOLS.map((symbol) => [symbol, told(symbol)]));
};

test('same data, same decisions, orders and fills per symbol, whatever the interleaving', async () => {
  const first = await replayed(1);
  expect(first['AAPL']?.some((cycle) => (cycle as { action: string }).action === 'sell')).toBe(true);
  for (const seed of [2, 3]) expect(await replayed(seed)).toEqual(first);
}, 120_000);
