import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { aiModelSwitched, type OpsCircuitStateChanged, type OpsPartitionClaimed, opsPartitionClaimed } from '#contracts';
import { partitionFor } from '#kernel';
import { cycleIdOf } from '#participants/orchestrator';
import { freshNamespace } from '../support/platform.ts';
import { eventually } from '../support/stage/eventually.ts';
import { laneOf } from '../support/stage/lane.ts';
import { SagaRun } from '../support/stage/saga-run.ts';
import type { StageWorker } from '../support/stage/stage-worker.ts';
import { TradingStage } from '../support/trading-stage.ts';

// The circuit in front of OpenAI, in two workers that share the partitions: real calls, real records on `ops`, and time of the
// circuits that only the test moves. Each cycle asks OpenAI once (no repeats), and Groq where OpenAI does not serve; nothing is traded.

const LIMIT_MS = 180_000;
const OPEN_MS = 30_000;
const WINDOW_MS = 60_000;
const HOLD = JSON.stringify({ action: 'hold', confidence: 0.9, quantity: '0', orderType: 'market', rationale: 'r' });
const lanes = ['SC-A7-A', 'SC-A7-B', 'SC-A7-C', 'SC-A7-D', 'SC-A7-E'].map((name) => laneOf(name));
const namespace = freshNamespace();
let stage: TradingStage;
let runs: readonly SagaRun[];
let first: StageWorker;
let second: StageWorker;
let quoteCount = 0;

beforeAll(async () => {
  stage = await TradingStage.open({
    namespace, lanes,
    configure: (config) => ({ ...config, limits: { ...config.limits, aiDecision: { ...config.limits.aiDecision, askRetry: { ...config.limits.aiDecision.askRetry, maxAttempts: 1 } } } }),
  });
  await Promise.all([stage.openai, stage.groq].flatMap((model) => lanes.map((lane) => model.content(lane.symbol, HOLD))));
  await Promise.all(lanes.map((lane) => stage.connected(lane)));
  [first] = stage.workers as [StageWorker];
  second = await stage.startWorker('worker-2', ['ai-decision']);
  runs = lanes.map((lane) => new SagaRun(stage, lane));
}, LIMIT_MS);
afterAll(async () => {
  await stage.close();
}, LIMIT_MS);

const circuitOf = (worker: StageWorker): string => worker.circuits().find(({ credential }) => credential === 'OPENAI')?.state() ?? 'none';
const openaiCalls = async (): Promise<number> => (await stage.openai.requests({ route: 'complete' })).length;

/** Which worker runs AI Decision on the partition: the last that claimed it. */
const ownerOf = (partition: number): string | null => {
  const claims = stage.records('sagas.trading').filter((record) => record.type === opsPartitionClaimed.name && record.partition === partition).map(({ payload }) => payload as OpsPartitionClaimed);
  return claims.findLast(({ group }) => group === 'ai-decision')?.worker ?? null;
};

/** Event id of a quote whose cycle's decision the worker makes. */
const quoteFor = (worker: StageWorker): string => {
  for (;;) {
    const eventId = `a7-quote-${++quoteCount}`;
    if (ownerOf(partitionFor(cycleIdOf(eventId), 2)) === worker.name) return eventId;
  }
};

/** One cycle, decided by that worker; resolves with its id when it has ended. */
const cycle = async (worker: StageWorker, run = runs[0]): Promise<string> => {
  if (run === undefined) throw new Error('no lane');
  await run.released();
  const id = await run.quote(quoteFor(worker));
  await run.until(id, 'COMPLETED');
  return id;
};

/** So many calls of the worker fail, at the same time. */
const fail = async (worker: StageWorker, count: number): Promise<void> => {
  await Promise.all(runs.slice(0, count).map(async (run) => {
    await stage.openai.answer(run.lane.symbol, [500]);
    await cycle(worker, run);
  }));
};

/** Changes that the worker told, oldest first, from the `from`th of all. */
const told = (worker: StageWorker, from = 0): readonly string[] =>
  stage.records('ops').filter(({ type }) => type === 'ops.circuit.state_changed').slice(from).map(({ payload }) => payload as OpsCircuitStateChanged)
    .filter((change) => change.worker === worker.name).map((change) => `${change.from}→${change.to} ${change.failures}`);
const toldCount = (): number => stage.records('ops').filter(({ type }) => type === 'ops.circuit.state_changed').length;
const untilTold = (worker: StageWorker, from: number, changes: readonly string[]): Promise<void> =>
  stage.collector.until(() => told(worker, from).length >= changes.length, () => `${worker.name} told ${told(worker, from).join(', ')}, not ${changes.join(', ')}`);

/** The cycle was decided by Groq because OpenAI's circuit is open. */
const expectRefused = async (worker: StageWorker): Promise<void> => {
  const before = await openaiCalls();
  const id = await cycle(worker);
  expect(runs[0]?.payload(id, aiModelSwitched)).toMatchObject({ fromProvider: 'openai', toProvider: 'groq', reason: 'circuit_open' });
  expect(await openaiCalls()).toBe(before);
};

const expectAsked = async (worker: StageWorker): Promise<void> => {
  const before = await openaiCalls();
  const id = await cycle(worker);
  expect(runs[0]?.of(id).some(({ type }) => type === 'ai.model.switched')).toBe(false);
  expect(await openaiCalls()).toBe(before + 1);
};

beforeEach(async () => {
  // Each test begins with closed circuits in which no failure counts any more.
  await eventually(() => ownerOf(0) !== ownerOf(1), 'each worker has a partition');
  await stage.circuitClock.advance(WINDOW_MS + 1_000);
  for (const worker of [first, second]) {
    if (circuitOf(worker) !== 'CLOSED') await cycle(worker);
    expect(circuitOf(worker)).toBe('CLOSED');
    await stage.collector.until(() => told(worker).at(-1)?.includes('→CLOSED') ?? true, () => `${worker.name} has told that its circuit is closed`);
  }
}, LIMIT_MS);

test('SC-A7-1: five failures of a worker within 60 s open its circuit; the sixth call makes no request', async () => {
  const from = toldCount();
  const before = await openaiCalls();
  await fail(first, 5);
  await untilTold(first, from, ['CLOSED→OPEN 5']);
  expect(told(first, from)).toEqual(['CLOSED→OPEN 5']);
  expect(await openaiCalls()).toBe(before + 5);
  await expectRefused(first);
}, LIMIT_MS);

test('SC-A7-2: four failures, or five spread over 61 s, leave it closed', async () => {
  const from = toldCount();
  await fail(first, 4);
  expect(circuitOf(first)).toBe('CLOSED');
  await expectAsked(first);
  await stage.circuitClock.advance(61_000);
  await fail(first, 1);
  expect(circuitOf(first)).toBe('CLOSED');
  await expectAsked(first);
  expect(told(first, from)).toEqual([]);
}, LIMIT_MS);

test('SC-A7-3: 30 s later one probe is let through, and its success closes the circuit', async () => {
  const from = toldCount();
  await fail(first, 5);
  await stage.circuitClock.advance(OPEN_MS);
  expect(circuitOf(first)).toBe('HALF_OPEN');
  await expectAsked(first);
  await untilTold(first, from, ['CLOSED→OPEN 5', 'OPEN→HALF_OPEN 5', 'HALF_OPEN→CLOSED 5']);
  expect(told(first, from).map((change) => change.replace(/ \d+$/, ''))).toEqual(['CLOSED→OPEN', 'OPEN→HALF_OPEN', 'HALF_OPEN→CLOSED']);
  expect(circuitOf(first)).toBe('CLOSED');
}, LIMIT_MS);

test('SC-A7-4: a probe that fails opens it again, and the next probe comes 30 s later', async () => {
  const from = toldCount();
  await fail(first, 5);
  await stage.circuitClock.advance(OPEN_MS);
  const before = await openaiCalls();
  await fail(first, 1);
  expect(await openaiCalls()).toBe(before + 1);
  await untilTold(first, from, ['CLOSED→OPEN', 'OPEN→HALF_OPEN', 'HALF_OPEN→OPEN']);
  expect(told(first, from).map((change) => change.replace(/ \d+$/, ''))).toEqual(['CLOSED→OPEN', 'OPEN→HALF_OPEN', 'HALF_OPEN→OPEN']);
  await stage.circuitClock.advance(OPEN_MS - 1);
  await expectRefused(first);
  await stage.circuitClock.advance(1);
  await expectAsked(first);
}, LIMIT_MS);

test('SC-A7-5: before 30 s have passed it refuses', async () => {
  await fail(first, 5);
  await stage.circuitClock.advance(OPEN_MS - 1);
  expect(circuitOf(first)).toBe('OPEN');
  await expectRefused(first);
}, LIMIT_MS);

test('SC-A7-6: a second worker that reads the OPEN makes no request either until those 30 s are over', async () => {
  const from = toldCount();
  await expectAsked(second);
  await fail(first, 5);
  await eventually(() => circuitOf(second) === 'OPEN', 'the second worker has read the OPEN');
  await expectRefused(second);
  await stage.circuitClock.advance(OPEN_MS - 1);
  await expectRefused(second);
  await stage.circuitClock.advance(1);
  await expectAsked(second);
  // What it took over it does not tell again.
  expect(told(second, from).some((change) => change.startsWith('CLOSED→OPEN'))).toBe(false);
}, LIMIT_MS);

test('the records of all these cycles hold what holds for every saga, and the read models equal a fresh rebuild', async () => {
  for (const run of runs) expect(run.faults()).toEqual([]);
  const { live, rebuilt } = await stage.compareReadModels();
  expect(live.length).toBeGreaterThan(runs.length);
  expect(rebuilt).toEqual(live);
}, LIMIT_MS);
