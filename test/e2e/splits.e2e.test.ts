// The real splits of the data set, and the dividend that looks like one, through every participant and the broker's own books.
import { expect, test } from '@jest/globals';
import { type EntityState, entityState, type PositionState } from '#contracts';
import { DEMO_ACCOUNT, loadMarket, type Market, type RunSummary, runDemo, type Series, startSimulators } from '#apps/demo';
import { SILENT_LOG } from '#saga-core/runtime';
import { freshNamespace, sharedPlatform } from '../support/platform.ts';
import { SagaEventCollector } from '../support/stage/saga-event-collector.ts';

const TIMEOUT_MS = 240_000;
const namespace = freshNamespace();
const BEFORE = 30;
const AFTER = 6;
/** To which two books with roundings of their own agree. */
const PRICE_PLACES = 6;

/** Days around a date. */
const around = ({ bars }: Series, date: string): Series['bars'] => {
  const at = bars.findIndex((bar) => bar.date === date);
  expect(at).toBeGreaterThan(BEFORE);
  return bars.slice(at - BEFORE, at + AFTER);
};

const slices = (): Market => {
  const { series } = loadMarket();
  const of = (symbol: string): Series => series.find((one) => one.symbol === symbol) ?? { symbol, bars: [] };
  return {
    faults: [],
    series: [
      { symbol: 'AAPL', bars: [...around(of('AAPL'), '2000-06-21'), ...around(of('AAPL'), '2005-02-28')] },
      { symbol: 'MSFT', bars: [...around(of('MSFT'), '2003-02-18'), ...around(of('MSFT'), '2004-11-15')] },
    ],
  };
};

type Figures = { readonly qty: string; readonly avgPrice: string };
type Split = { readonly symbol: string; readonly date: string | null; readonly before: Figures; readonly after: Figures };

/** What each split made of a position, as its entity wrote it. */
const splitsOf = async ({ worker: { connection } }: Awaited<ReturnType<typeof runDemo>>['stage']): Promise<readonly Split[]> => {
  const topic = connection.names.state('positions');
  const collector = new SagaEventCollector(connection);
  await collector.follow([topic]);
  const states = (): readonly PositionState[] =>
    collector.records(topic).filter(({ type }) => type === entityState.name).map(({ payload }) => connection.codec.decodeData((payload as EntityState).state).value as PositionState);
  const found = (): readonly Split[] => [...Map.groupBy(states(), ({ symbol }) => symbol)].flatMap(([symbol, of]) => of.flatMap((after, index) => {
    const before = of[index - 1];
    return before === undefined || before.lastSplitDate === after.lastSplitDate ? [] : [{ symbol, date: after.lastSplitDate, before, after }];
  }));
  await collector.until(() => found().length === 3, () => `three splits; found ${JSON.stringify(found())}`);
  collector.close();
  return found();
};

test('three splits, no fourth: positions are scaled here and at the broker, and both books agree at the end', async () => {
  const simulators = await startSimulators();
  try {
    const run = await runDemo({
      addresses: await sharedPlatform(), namespace, market: slices(), cycles: null, seed: 'splits', simulators, logger: SILENT_LOG, port: null, signal: new AbortController().signal, screen: null,
    });
    try {
      const summary: RunSummary = run.summary;
      expect(summary).toMatchObject({ splits: 3, cycles: { played: 4 * (BEFORE + AFTER), refused: 0 }, sagas: { open: 0, manualRequired: 0 }, audit: { isClean: true, problems: [] } });
      // Else the test proves little: some split must have met a holding.
      expect(summary.splitHoldings).toBeGreaterThan(0);
      expect(summary.symbols.filter(({ position }) => position.qty !== '0')).not.toEqual([]);
      const splits = await splitsOf(run.stage);
      expect(splits.map(({ symbol, date }) => [symbol, date]).toSorted()).toEqual([['AAPL', '2000-06-21'], ['AAPL', '2005-02-28'], ['MSFT', '2003-02-18']]);
      expect(splits.filter(({ before }) => Number(before.qty) > 0)).toHaveLength(summary.splitHoldings);
      for (const { before, after } of splits) {
        expect(Number(after.qty)).toBe(2 * Number(before.qty));
        expect(Number(after.avgPrice)).toBeCloseTo(Number(before.avgPrice) / 2, PRICE_PLACES);
      }
      const response = await fetch(`${simulators.alpaca.url}/v2/positions`, { headers: { 'apca-api-key-id': DEMO_ACCOUNT.keyId, 'apca-api-secret-key': DEMO_ACCOUNT.secret } });
      const held = new Map((await response.json() as readonly { readonly symbol: string; readonly qty: string; readonly avg_entry_price: string }[]).map((one) => [one.symbol, one]));
      for (const { symbol, position } of summary.symbols) {
        expect([symbol, position.qty]).toEqual([symbol, held.get(symbol)?.qty ?? '0']);
        expect(Number(position.avgPrice)).toBeCloseTo(Number(held.get(symbol)?.avg_entry_price ?? '0'), PRICE_PLACES);
      }
    } finally {
      await run.stop();
    }
  } finally {
    await simulators.stop();
  }
}, TIMEOUT_MS);
