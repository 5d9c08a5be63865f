import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { allProjections, createProjector, rebuildProjection } from '#apps/projector';
import type { Row } from '#projections';
import { fillsProjection } from '#projections/fills';
import { sagasProjection } from '#projections/sagas';
import { makeReadModelStage, type ReadModelStage } from '../support/read-model-stage.ts';
import { freshNamespace, sharedPlatform } from '../support/platform.ts';

const namespace = freshNamespace();
const TIMEOUT_MS = 120_000;
const ORDERS = 40;
let stage: ReadModelStage;

beforeAll(async () => {
  stage = await makeReadModelStage(namespace, await sharedPlatform());
  for (let number = 0; number < ORDERS; number++) await stage.write(stage.history.order({ number, end: number % 4 === 3 ? 'rejected' : 'filled' }));
  await stage.write([
    stage.history.position({ symbol: 'AAPL', qty: '10', avgPrice: '100.1', version: 1, lastSplitDate: null }),
    stage.history.position({ symbol: 'AAPL', qty: '40', avgPrice: '25.025', version: 2, lastSplitDate: '2020-08-31' }),
  ]);
}, TIMEOUT_MS);
afterAll(() => stage.close(), TIMEOUT_MS);

/** Every row of every table, as one comparable value. */
const everything = async (): Promise<unknown> => {
  const found: Record<string, readonly string[]> = {};
  await stage.readModels.snapshot(allProjections, async (snapshots) => {
    for (const projection of allProjections) {
      for (const table of projection.tables) {
        const rows: Row[] = [];
        for await (const page of snapshots.get(projection.name)?.rows(table) ?? []) rows.push(...page);
        found[table.name] = rows.map((row) => JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))).sort();
      }
    }
  });
  return found;
};

const projector = (groupPrefix = `${namespace}.projection`) =>
  createProjector({ log: stage.connect(), codec: stage.codec, database: stage.database, namespace, projections: allProjections, groupPrefix });

test('what the log says is in the tables, with the names and figures of the records', async () => {
  const running = projector();
  await running.start();
  await running.caughtUp();
  await running.stop();
  const count = (table: string, where: Readonly<Record<string, string>> = {}): Promise<number> => stage.readModels.count({ table, where });
  expect(await count('sagas')).toBe(ORDERS);
  expect(await count('sagas', { status: 'COMPLETED' })).toBe(30);
  expect(await count('sagas', { status: 'FAILED' })).toBe(10);
  expect(await count('orders', { status: 'filled' })).toBe(30);
  expect(await count('orders', { status: 'rejected' })).toBe(10);
  expect(await count('fills')).toBe(30);
  const [failed] = await stage.readModels.select({ table: 'sagas', where: { saga_id: 'order-3' } });
  expect(failed).toMatchObject({ status: 'FAILED', failed_step: 'submit_order', failure_reason: 'rejected_by_broker', symbol: 'AAPL', type: 'order_execution' });
  const [position] = await stage.readModels.select({ table: 'positions', where: { symbol: 'AAPL' } });
  expect(position).toMatchObject({ qty: '40', avg_price: '25.025', last_split_date: '2020-08-31' });
  const [profit] = await stage.readModels.select({ table: 'pnl_by_symbol', where: { symbol: 'MSFT' } });
  expect(profit).toMatchObject({ currency: 'USD' });
  expect(await stage.readModels.projections()).toHaveLength(allProjections.length);
}, TIMEOUT_MS);

test('a read model built again from the log is the live one, and readers are switched while the projector runs', async () => {
  const before = await everything();
  const running = projector();
  await running.start();
  for (const projection of allProjections) {
    const report = await rebuildProjection({ log: stage.connect(), codec: stage.codec, database: stage.database, namespace, projection });
    expect(report).toMatchObject({ generation: 2, comparison: 'the same as the live one' });
  }
  expect(await everything()).toEqual(before);
  // The running one goes on in the new generation.
  await stage.write(stage.history.order({ number: ORDERS, end: 'filled' }));
  await running.caughtUp();
  await running.stop();
  expect(await stage.readModels.count({ table: 'sagas', where: { status: 'COMPLETED' } })).toBe(31);
}, TIMEOUT_MS);

test('a rebuild that comes to something else than the live read model is refused, until somebody says that the live one is wrong', async () => {
  await stage.database.query(`update "${namespace}".fills set qty = qty + 1`);
  const options = { log: stage.connect(), codec: stage.codec, database: stage.database, namespace, projection: fillsProjection };
  await expect(rebuildProjection(options)).rejects.toMatchObject({ code: 'READ_MODEL_DIFFERS', message: expect.stringMatching(/table fills: 31 rows live, 31 built, of other content.*--accept-differences/) });
  expect(await stage.readModels.projections()).toContainEqual(expect.objectContaining({ name: 'fills', generation: 2 }));
  expect(await rebuildProjection({ ...options, isAcceptingDifferences: true })).toMatchObject({ generation: 4, comparison: expect.stringContaining('differs from the live one: table fills') });
  expect(await rebuildProjection(options)).toMatchObject({ comparison: 'the same as the live one' });
}, TIMEOUT_MS);

test('two projectors that both own every partition apply each record once', async () => {
  const [one, other] = [projector(`${namespace}.one`), projector(`${namespace}.other`)];
  await Promise.all([one.start(), other.start()]);
  for (let number = 100; number < 160; number++) await stage.write(stage.history.order({ number, end: 'filled' }));
  await Promise.all([one.caughtUp(), other.caughtUp()]);
  await Promise.all([one.stop(), other.stop()]);
  const live = await everything();
  expect(await stage.readModels.count({ table: 'saga_timeline', where: { saga_id: 'order-100' } })).toBe(18);
  const [saga] = await stage.readModels.select({ table: 'sagas', where: { saga_id: 'order-159' } });
  expect(saga).toMatchObject({ record_count: '18' });
  for (const projection of allProjections) await rebuildProjection({ log: stage.connect(), codec: stage.codec, database: stage.database, namespace, projection });
  expect(await everything()).toEqual(live);
}, TIMEOUT_MS);

test('a record that nobody can decode is told with its place, and its partition goes on', async () => {
  await stage.write([{ topic: `${namespace}.sagas.trading`, partition: 0, key: 'order-x', value: Uint8Array.from([1, 2, 3]), headers: {}, timestampMs: Date.now() }]);
  await stage.write(stage.history.order({ number: 500, end: 'filled' }));
  await stage.write(stage.history.order({ number: 501, end: 'filled' }));
  await stage.write(stage.history.order({ number: 502, end: 'filled' }));
  const running = projector();
  await running.start();
  await running.caughtUp();
  await running.stop();
  expect(await stage.readModels.count({ table: 'sagas', where: { correlation_id: ['order-500', 'order-501', 'order-502'] } })).toBe(3);
  const sagasFaults = await stage.readModels.select({ table: 'projection_faults', where: { projection: sagasProjection.name } });
  expect(sagasFaults).toMatchObject([{ topic: 'sagas.trading', partition: 0 }]);
  expect(String(sagasFaults[0]?.['reason'])).not.toBe('');
}, TIMEOUT_MS);
