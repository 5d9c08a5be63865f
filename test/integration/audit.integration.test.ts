import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { isClean, verdictLines, verifyLog } from '#apps/audit';
import { allProjections, createProjector } from '#apps/projector';
import { defineProjection } from '#projections';
import { orderExecution } from '#sagas/order-execution';
import { freshNamespace, sharedPlatform } from '../support/platform.ts';
import { makeReadModelStage, type ReadModelStage } from '../support/read-model-stage.ts';

const namespace = freshNamespace();
const TIMEOUT_MS = 120_000;
const ORDERS = 60;
let stage: ReadModelStage;

beforeAll(async () => {
  stage = await makeReadModelStage(namespace, await sharedPlatform());
  for (let number = 0; number < ORDERS; number++) await stage.write(stage.history.order({ number, end: number % 5 === 4 ? 'rejected' : 'filled' }));
  await stage.write(stage.history.positions());
  const projector = createProjector({ log: stage.connect(), codec: stage.codec, database: stage.database, namespace, projections: allProjections });
  await projector.start();
  await projector.caughtUp();
  await projector.stop();
}, TIMEOUT_MS);
afterAll(() => stage.close(), TIMEOUT_MS);

const readModelViolations = async (): Promise<readonly string[]> => {
  const { violations } = await verifyLog({ log: stage.connect(), codec: stage.codec, database: stage.database, namespace, definitions: [orderExecution], projections: allProjections, isFinished: true });
  return violations.filter(({ invariant }) => invariant === 'I7').map(({ message }) => message);
};
const schemaOf = async (projection: string): Promise<string> => {
  const [stored] = (await stage.readModels.projections()).filter(({ name }) => name === projection);
  return `"${namespace}_${projection}_g${stored?.generation ?? 0}"`;
};

test('the read models of a projector are the fold of the log, row by row', async () => {
  const result = await verifyLog({ log: stage.connect(), codec: stage.codec, database: stage.database, namespace, definitions: [orderExecution], projections: allProjections, isFinished: true });
  expect(result.violations).toEqual([]);
  expect(isClean(result)).toBe(true);
  expect(result.instanceCount).toBe(ORDERS);
  expect(result.readModels).toHaveLength(allProjections.length);
  expect(result.readModels.find(({ name }) => name === 'sagas')?.rowCount).toBeGreaterThan(ORDERS * 15);
}, TIMEOUT_MS);

test.each([
  ['a changed figure', 'pnl', `update {pnl} set realized_pnl = realized_pnl + 0.01 where order_id = 'o-1'`, /table pnl: row o-1 realized_pnl is -12\.49, the log says -12\.5/],
  ['a lost row', 'orders', `delete from {orders} where order_id = 'o-2'`, /table orders: row o-2 is missing/],
  ['an invented row', 'fills', `insert into {fills} select 'o-none', execution_id, correlation_id, position_id, account_id, symbol, side, qty, price, position_qty, position_avg_price, applied_at, null from {fills} limit 1`, /table fills: row o-none.* is not what any record/],
  ['an edited line of a timeline', 'sagas', `update {saga_timeline} set summary = 'nothing to see' where saga_id = 'order-3' and type = 'trade.order.filled'`, /table saga_timeline: row .* differs from its record/],
  ['a status', 'sagas', `update {sagas} set status = 'FAILED' where saga_id = 'order-5'`, /table sagas: row order-5 status is FAILED, the log says COMPLETED/],
])('%s in a read model is told with its row', async (...[, projection, sql, expected]) => {
  const before = await readModelViolations();
  const schema = await schemaOf(projection);
  await stage.database.query(sql.replaceAll(/\{(\w+)\}/g, (__, table: string) => `${schema}.${table}`));
  const after = (await readModelViolations()).filter((message) => !before.includes(message));
  expect(after).toHaveLength(1);
  expect(after[0]).toMatch(expected);
}, TIMEOUT_MS);

test('a read model that was never run, or is stored in another version, is a violation with its name', async () => {
  const projections = [...allProjections.map((projection) => (projection.name === 'orders' ? { ...projection, version: 999 } : projection)), defineProjection({ name: 'never', version: 1, topics: [], tables: [], handles: [] })];
  const options = { log: stage.connect(), codec: stage.codec, namespace, definitions: [orderExecution] };
  const told = (await verifyLog({ ...options, database: stage.database, projections })).violations.map(({ invariant, message }) => `${invariant} ${message}`);
  expect(told.find((line) => line.includes('read model orders:'))).toMatch(/^I7 .*stored in version 2, this build has version 999/);
  expect(told.find((line) => line.includes('read model never:'))).toMatch(/^I7 .*it was never run/);
  // Without a database nobody claims that read models were looked at.
  expect(await verifyLog({ ...options, projections })).toMatchObject({ violations: [], readModels: [] });
}, TIMEOUT_MS);

test('instances whose definition is unknown are told, and are not clean', async () => {
  const result = await verifyLog({ log: stage.connect(), codec: stage.codec, namespace, definitions: [{ ...orderExecution, version: 2 }] });
  expect(result).toMatchObject({ violationCount: 0, unjudgedCount: ORDERS, unjudged: [{ type: 'order_execution', version: 1, instanceCount: ORDERS }] });
  expect(isClean(result)).toBe(false);
  expect(verdictLines(result)).toEqual([expect.stringMatching(/^unjudged {2}order_execution {2}60 instances of version 1/), expect.stringMatching(/^60 instances not judged; /)]);
}, TIMEOUT_MS);

test('records behind what a read model has read are lost only where nothing runs any more', async () => {
  const before = await readModelViolations();
  await stage.write(stage.history.order({ number: ORDERS, end: 'filled' }));
  const behind = (await readModelViolations()).filter((message) => !before.includes(message));
  expect(behind.map((message) => message.replace(/\d+ records/, 'n records'))).toEqual(['sagas', 'orders', 'fills', 'pnl', 'decisions'].map((name) => `read model ${name}: n records of the log have not been read`));
  const running = await verifyLog({ log: stage.connect(), codec: stage.codec, database: stage.database, namespace, definitions: [orderExecution], projections: allProjections });
  expect(running.violations.filter(({ message }) => message.includes('have not been read'))).toEqual([]);
}, TIMEOUT_MS);
