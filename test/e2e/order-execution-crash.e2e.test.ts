import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { PARTICIPANT_NAMES } from '#apps/worker';
import { freshNamespace } from '../support/platform.ts';
import { eventually } from '../support/stage/eventually.ts';
import { laneOf } from '../support/stage/lane.ts';
import { SagaRun } from '../support/stage/saga-run.ts';
import { startWorkerProcess, type WorkerProcess } from '../support/stage/worker-process.ts';
import { ORDER_EXECUTED } from '../support/trading-events.ts';
import { expectSound } from '../support/trading-scenarios.ts';
import { TradingStage } from '../support/trading-stage.ts';

// The Trading Engine in a process of its own, killed as by `kill -9`; everybody else runs on.

const LIMIT_MS = 240_000;
const HELD_BACK_MS = 60_000;
const lane = laneOf('SC-M-17');
const namespace = freshNamespace();
const processes: WorkerProcess[] = [];
let stage: TradingStage;

beforeAll(async () => {
  stage = await TradingStage.open({ namespace, lanes: [lane], participants: PARTICIPANT_NAMES.filter((name) => name !== 'trading-engine') });
}, LIMIT_MS);
afterAll(async () => {
  await Promise.all(processes.map((worker) => worker.kill()));
  await stage.close();
}, LIMIT_MS);

const startTradingEngine = async (): Promise<WorkerProcess> => {
  const worker = await startWorkerProcess(stage.config, [lane], ['trading-engine']);
  processes.push(worker);
  return worker;
};

test('SC-M-17: killed right after the broker accepted: one order, the same events', async () => {
  const worker = await startTradingEngine();
  await stage.connected(lane);
  const run = new SagaRun(stage, lane);
  // The broker has the order at once, its answer never gets through.
  await stage.alpaca.answer(lane.symbol, [{ delay_millis: HELD_BACK_MS }], 'submit_order');
  const id = await run.place();
  await eventually(async () => (await stage.alpaca.orders(lane.keyId)).length === 1, 'the broker has accepted the order');
  await worker.kill();
  expect(run.domain(id)).toEqual(['OrderPlacedEvent']);
  await startTradingEngine();
  await run.until(id, 'COMPLETED');
  expect(run.domain(id)).toEqual(ORDER_EXECUTED);
  expect(await run.posts()).toHaveLength(1);
  expect((await run.lookups(id)).length).toBeGreaterThan(0);
  expect(await stage.alpaca.orders(lane.keyId)).toMatchObject([{ client_order_id: `${id}.submit_order`, filled_qty: '10' }]);
  expectSound(run, await stage.compareReadModels());
}, LIMIT_MS);
