import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createDatabase, type Database } from '#adapters/postgres';
import { verifyLog } from '#apps/audit';
import { allProjections, createProjector } from '#apps/projector';
import { orderExecution } from '#sagas/order-execution';
import { freshNamespace, sharedPlatform } from '../support/platform.ts';
import { makeReadModelStage, type ReadModelStage } from '../support/read-model-stage.ts';

const namespace = freshNamespace();
const TIMEOUT_MS = 180_000;
const VICTIM = new URL('../support/projector-victim.ts', import.meta.url).pathname;
const KILLS = 4;
const TERMINATIONS = 6;
let stage: ReadModelStage;
let written = 0;
const victims: ChildProcess[] = [];

beforeAll(async () => { stage = await makeReadModelStage(namespace, await sharedPlatform()); }, TIMEOUT_MS);
afterAll(async () => {
  for (const victim of victims) victim.kill('SIGKILL');
  await stage.close();
}, TIMEOUT_MS);

const writeOrders = async (count: number): Promise<void> => {
  for (let number = 0; number < count; number++) await stage.write(stage.history.order({ number: written++, end: written % 7 === 0 ? 'rejected' : 'filled' }));
};

const spawnVictim = async (): Promise<ChildProcess> => {
  const { kafka, registry, database } = await sharedPlatform();
  const child = spawn(process.execPath, ['--conditions=chorus:source', '--disable-warning=ExperimentalWarning', VICTIM, JSON.stringify({ kafka, registry, database, namespace })], { stdio: ['ignore', 'pipe', 'inherit'] });
  victims.push(child);
  await once(child.stdout, 'data');
  return child;
};

const timelineCount = (): Promise<number> => stage.readModels.count({ table: 'saga_timeline' });

/** The read model moves: whoever is killed now has a batch in hand. */
const isMovingFrom = async (count: number): Promise<void> => {
  while ((await timelineCount()) === count) await pause(5);
};

const caughtUp = async (database: Database): Promise<void> => {
  const projector = createProjector({ log: stage.connect(), codec: stage.codec, database, namespace, projections: allProjections, groupPrefix: `${namespace}.survivor` });
  await projector.start();
  await projector.caughtUp();
  await projector.stop();
};

const violations = async (): Promise<readonly string[]> => {
  const result = await verifyLog({ log: stage.connect(), codec: stage.codec, database: stage.database, namespace, definitions: [orderExecution], projections: allProjections, isFinished: true });
  expect(result.instanceCount).toBe(written);
  return result.violations.map(({ invariant, message }) => `${invariant} ${message}`);
};

test('a projector that is killed again and again in the middle of its batches applies every record once', async () => {
  await caughtUp(stage.database);
  for (let kill = 0; kill < KILLS; kill++) {
    const victim = await spawnVictim();
    const before = await timelineCount();
    const writing = writeOrders(60);
    await isMovingFrom(before);
    await pause(kill * 15);
    victim.kill('SIGKILL');
    await once(victim, 'exit');
    await writing;
  }
  await stage.write(stage.history.positions());
  await caughtUp(stage.database);
  expect(await violations()).toEqual([]);
  expect(await stage.readModels.count({ table: 'sagas' })).toBe(written);
}, TIMEOUT_MS);

test('connections that the server ends in the middle of transactions cost nothing but time', async () => {
  const { database: url } = await sharedPlatform();
  const name = `${namespace}-cut`;
  const database = createDatabase({ url, name });
  const projector = createProjector({ log: stage.connect(), codec: stage.codec, database, namespace, projections: allProjections, groupPrefix: `${namespace}.cut` });
  await projector.start();
  const writing = writeOrders(120);
  let ended = 0;
  for (let termination = 0; termination < TERMINATIONS; termination++) {
    await isMovingFrom(await timelineCount());
    const { rows } = await stage.database.query('select pg_terminate_backend(pid) as ended from pg_stat_activity where application_name = $1', [name]);
    ended += rows.length;
  }
  await writing;
  await stage.write(stage.history.positions());
  await projector.caughtUp();
  await projector.stop();
  await database.close();
  expect(ended).toBeGreaterThan(0);
  expect(await violations()).toEqual([]);
}, TIMEOUT_MS);
