// The demo's core on real Kafka, registry and PostgreSQL: the same seed gives the same decisions, orders and fills.
import { beforeAll, expect, test } from '@jest/globals';
import { loadMarket, type RunSummary, runDemo, startSimulators } from '#apps/demo';
import { SILENT_LOG } from '#saga-core/runtime';
import { freshNamespace, sharedPlatform } from '../support/platform.ts';

const CYCLES = 75;
const TIMEOUT_MS = 240_000;
const namespaces = [freshNamespace(), freshNamespace(), freshNamespace()];
const runs: RunSummary[] = [];

/** One whole run with vendors of its own. */
const play = async (namespace: string, seed: string): Promise<RunSummary> => {
  const simulators = await startSimulators();
  try {
    const run = await runDemo({
      addresses: await sharedPlatform(), namespace, market: loadMarket(), cycles: CYCLES, seed, simulators, logger: SILENT_LOG, port: null, signal: new AbortController().signal, screen: null,
    });
    try {
      return run.summary;
    } finally {
      await run.stop();
    }
  } finally {
    await simulators.stop();
  }
};

/** What must not hang on how fast a run was. */
const essence = ({ cycles, decisions, orders, fills, fallbacks, rejections, symbols }: RunSummary): unknown => ({ cycles, decisions, orders, fills, fallbacks, rejections, symbols });

beforeAll(async () => {
  for (const [index, seed] of ['7', '7', '8'].entries()) runs.push(await play(namespaces[index] ?? '', seed));
}, TIMEOUT_MS * 2);

test('every cycle is played and every saga ends', () => {
  for (const run of runs) {
    expect(run.cycles).toMatchObject({ played: CYCLES, refused: 0 });
    expect(run.sagas).toMatchObject({ started: CYCLES, open: 0, manualRequired: 0 });
    expect(run.sagas.completed + run.sagas.failed).toBe(CYCLES);
    expect(run.orders).toBeGreaterThan(0);
    expect(run.fills).toBeGreaterThan(0);
    expect(run.badRows).toEqual([]);
  }
});

test('the same seed gives the same decisions, orders, fills, positions and profits', () => {
  const [first, second] = runs;
  expect(first).toBeDefined();
  expect(essence(second as RunSummary)).toEqual(essence(first as RunSummary));
});

test('another seed gives other faults', () => {
  const [first, , third] = runs;
  expect(essence(third as RunSummary)).not.toEqual(essence(first as RunSummary));
});

test('the audit of every run is clean', () => {
  for (const { audit } of runs) expect(audit).toMatchObject({ isClean: true, problems: [] });
});
