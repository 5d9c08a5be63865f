import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { verifyLog } from '#apps/audit';
import { allProjections, createProjector } from '#apps/projector';
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

test('a read model that is not there in its version is told, not passed over', async () => {
  const projections = allProjections.map((projection) => (projection.name === 'pnl' ? { ...projection, version: projection.version + 1 } : projection));
  const { violations, readModels } = await verifyLog({ log: stage.connect(), codec: stage.codec, database: stage.database, namespace, definitions: [orderExecution], projections });
  expect(violations.map(({ message }) => message)).toContainEqual(expect.stringMatching(/^read model pnl: there is none of version \d+ to compare/));
  expect(readModels.map(({ name }) => name)).not.toContain('pnl');
}, TIMEOUT_MS);

test('what no read model has read is told when nothing runs any more', async () => {
  await stage.write(stage.history.order({ number: ORDERS, end: 'filled' }));
  const messages = await readModelViolations();
  expect(messages).toContainEqual(expect.stringMatching(/^read model orders: \d+ records of the log have not been read/));
}, TIMEOUT_MS);
