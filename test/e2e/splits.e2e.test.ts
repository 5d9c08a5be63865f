// The real splits of the data set, and the dividend that looks like one, through every participant and the broker's own books.
import { expect, test } from '@jest/globals';
import { DEMO_ACCOUNT, loadMarket, type Market, type RunSummary, runDemo, type Series, startSimulators } from '#apps/demo';
import { SILENT_LOG } from '#saga-core/runtime';
import { freshNamespace, sharedPlatform } from '../support/platform.ts';

const TIMEOUT_MS = 240_000;
const namespace = freshNamespace();
const BEFORE = 30;
const AFTER = 6;

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
      const response = await fetch(`${simulators.alpaca.url}/v2/positions`, { headers: { 'apca-api-key-id': DEMO_ACCOUNT.keyId, 'apca-api-secret-key': DEMO_ACCOUNT.secret } });
      const held = new Map((await response.json() as readonly { readonly symbol: string; readonly qty: string; readonly avg_entry_price: string }[]).map(({ symbol, qty }) => [symbol, qty]));
      for (const { symbol, position } of summary.symbols) expect([symbol, position.qty]).toEqual([symbol, held.get(symbol) ?? '0']);
    } finally {
      await run.stop();
    }
  } finally {
    await simulators.stop();
  }
}, TIMEOUT_MS);
