// The demo's core on real Kafka, registry and PostgreSQL: the same seed gives the same decisions, orders and fills.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { projectRoot } from '#apps/local-platform';
import { loadMarket, type RunSummary, runDemo, startSimulators } from '#apps/demo';
import { type Counters, SILENT_LOG } from '#saga-core/runtime';
import { deleteNamespace, freshNamespace, sharedPlatform } from '../support/platform.ts';

const CYCLES = 75;
const TIMEOUT_MS = 240_000;
const namespaces = [freshNamespace(), freshNamespace(), freshNamespace()];
const runs: RunSummary[] = [];
const counted: Readonly<Record<string, Readonly<Counters>>>[] = [];

/** One whole run with vendors of its own. */
const play = async (namespace: string, seed: string): Promise<RunSummary> => {
  const simulators = await startSimulators();
  try {
    const run = await runDemo({
      addresses: await sharedPlatform(), namespace, market: loadMarket(), cycles: CYCLES, seed, simulators, logger: SILENT_LOG, port: null, signal: new AbortController().signal, screen: null,
    });
    try {
      counted.push(Object.fromEntries(run.stage.worker.status().map(({ participant, counters }) => [participant, counters])));
      return run.summary;
    } finally {
      await run.stop();
    }
  } finally {
    await simulators.stop();
  }
};

/** What must not hang on how fast a run was. */
const essence = ({ cycles, decisions, orders, fills, fallbacks, rejections, symbols, vendorFaults }: RunSummary): unknown => ({ cycles, decisions, orders, fills, fallbacks, rejections, symbols, vendorFaults });

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

test('the counters of the participants agree with what the records say', () => {
  for (const [index, counters] of counted.entries()) {
    const { sagas, decisions, orders } = runs[index] as RunSummary;
    expect(counters['orchestrator']).toMatchObject({ sagasStarted: CYCLES, sagasCompleted: sagas.completed, sagasFailed: sagas.failed, deadLetters: 0 });
    expect(counters['ai-decision']).toMatchObject({ sagasStarted: CYCLES, sagasCompleted: decisions });
    expect(counters['trading-engine']?.sagasStarted).toBeGreaterThanOrEqual(orders);
    expect(counters['trading-engine']?.transactions).toBeGreaterThan(0);
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

describe('the program', () => {
  type Ended = { readonly code: number | null; readonly out: string; readonly err: string };
  const started: string[] = [];
  afterAll(async () => { for (const namespace of started) await deleteNamespace(namespace); }, TIMEOUT_MS);

  /** Runs `main.ts`; `onErr` is told all of standard error so far. */
  const demo = async (args: readonly string[], onErr: (text: string, interrupt: () => void) => void = () => undefined): Promise<Ended> => {
    const { kafka, registry, database } = await sharedPlatform();
    const flags = ['--conditions=chorus:source', '--disable-warning=ExperimentalWarning', '--disable-warning=TimeoutNegativeWarning'];
    const env = { ...process.env, NODE_OPTIONS: '', KAFKA_BROKERS: kafka.join(','), SCHEMA_REGISTRY_URL: registry, DATABASE_URL: database };
    const child = spawn(process.execPath, [...flags, join(projectRoot(), 'src', 'apps', 'demo', 'main.ts'), ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, err] = ['', ''];
    child.stdout.on('data', (bytes: Buffer) => { out += bytes.toString('utf8'); });
    child.stderr.on('data', (bytes: Buffer) => {
      err += bytes.toString('utf8');
      onErr(err, () => void child.kill('SIGINT'));
    });
    const code = await new Promise<number | null>((resolve) => child.once('close', (ended) => resolve(ended)));
    return { code, out, err };
  };
  const summaryIn = (out: string): RunSummary => {
    const summary = JSON.parse(out.trimEnd().split('\n').at(-1) ?? '') as RunSummary;
    started.push(summary.namespace);
    return summary;
  };

  test('with --exit --json it ends by itself, with 0, the summary on the last line', async () => {
    const { code, out, err } = await demo(['--sagas', '10', '--seed', '3', '--exit', '--json']);
    expect({ code, err }).toMatchObject({ code: 0, err: expect.stringContaining('first saga ended') });
    expect(summaryIn(out)).toMatchObject({ seed: '3', cycles: { played: 10 }, sagas: { started: 10, open: 0 }, audit: { isClean: true } });
  }, TIMEOUT_MS);

  test('without --exit it stays up, tells its addresses, and ends at Ctrl-C', async () => {
    let isInterrupted = false;
    const { code, out, err } = await demo(['--sagas', '5', '--json'], (text, interrupt) => {
      if (isInterrupted || !text.includes('topics demo-')) return;
      isInterrupted = true;
      interrupt();
    });
    expect({ code, err }).toMatchObject({ code: 0, err: expect.stringMatching(/worker +http:\/\/127\.0\.0\.1:\d+\/metrics/) });
    summaryIn(out);
  }, TIMEOUT_MS);

  test('wrong options end with 2', async () => {
    expect(await demo(['--sagas', 'all'])).toMatchObject({ code: 2, err: expect.stringContaining('usage: npm run demo') });
  }, TIMEOUT_MS);
});
