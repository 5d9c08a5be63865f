// The command line from `up` to `down`: simulators, worker and projector as processes, an order placed, shown, listed and audited.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { projectRoot } from '#apps/local-platform';
import { freshNamespace, sharedPlatform } from '../support/platform.ts';

const run = promisify(execFile);
const TIMEOUT_MS = 180_000;
const namespace = freshNamespace();
const otherNamespace = freshNamespace();
const home = mkdtempSync(join(tmpdir(), 'chorus-cli-'));
let environment: Readonly<Record<string, string>> = {};
let shown = '';

type Answer = { readonly code: number; readonly json: Record<string, unknown>; readonly text: string; readonly err: string };
const parsed = (text: string): Record<string, unknown> => {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
};
const chorus = async (...args: readonly string[]): Promise<Answer> => {
  const program = ['--conditions=chorus:source', '--disable-warning=ExperimentalWarning', '--disable-warning=TimeoutNegativeWarning', join(projectRoot(), 'src', 'apps', 'cli', 'main.ts')];
  const env = { ...process.env, NODE_OPTIONS: '', ...environment };
  return run(process.execPath, [...program, ...args], { env, maxBuffer: 16_000_000 }).then(
    ({ stdout, stderr }) => ({ code: 0, json: parsed(stdout), text: stdout, err: stderr }),
    (error: { readonly code: number; readonly stdout: string; readonly stderr: string }) => ({ code: error.code, json: parsed(error.stdout), text: error.stdout, err: error.stderr }),
  );
};
const localFile = (): { readonly workers: readonly string[]; readonly simulators: Readonly<Record<string, string>>; readonly pids: Readonly<Record<string, number>> } =>
  JSON.parse(readFileSync(join(home, 'local.json'), 'utf8')) as ReturnType<typeof localFile>;
/** Where nobody collects ended orphans they stay in the process table, as zombies: those are not alive. */
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !existsSync('/proc') || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

const ORDER = {
  orderId: 'ord-1', clientOrderId: 'order-1.submit_order', userId: 'demo-user', accountId: 'demo-account', brokerConnectionId: 'demo-connection', symbol: 'AAPL', side: 'buy', qty: '10', orderType: 'market',
  limitPrice: null, timeInForce: 'day', accountStatus: 'ACTIVE', buyingPower: '1000000',
  limits: { maxOrderValue: '50000', maxPositionValue: '100000', maxExposure: '10000000', minConfidence: 0.5, maxOrdersPerMinute: 0, priceCollarPercent: '10' },
  positionSnapshot: { qty: '0', avgPrice: '0' }, decisionId: null, bracket: null, pyramiding: null, positionId: null, isVirtual: true, referencePrice: '100.01',
};
const inputFile = (): string => {
  const file = join(home, 'order.json');
  writeFileSync(file, JSON.stringify(ORDER));
  return file;
};

beforeAll(async () => {
  const { kafka, registry, database } = await sharedPlatform();
  environment = { CHORUS_HOME: home, KAFKA_BROKERS: kafka.join(','), SCHEMA_REGISTRY_URL: registry, DATABASE_URL: database, CHORUS_NAMESPACE: namespace };
  const up = await chorus('up', '--json');
  if (up.code !== 0) throw new Error(up.err);
  shown = up.text;
}, TIMEOUT_MS);
afterAll(async () => {
  await chorus('down');
  rmSync(home, { recursive: true, force: true });
}, TIMEOUT_MS);

test('up has started everything, and starts nothing again', async () => {
  expect(Object.keys(localFile().pids).sort()).toEqual(['alpaca-simulator', 'groq-simulator', 'openai-simulator', 'projector', 'worker']);
  expect(await chorus('status', '--json')).toMatchObject({ code: 0, json: { up: true } });
  const before = localFile();
  expect((await chorus('up', '--json')).json['started']).toEqual([]);
  expect(localFile()).toEqual(before);
  expect(await chorus('topics', 'plan')).toMatchObject({ code: 0 });
  expect(await chorus('schemas', 'check')).toMatchObject({ code: 0 });
}, TIMEOUT_MS);

test('the password of a database that the environment names is not shown, and the file that holds it is its owner’s', () => {
  expect(shown).toContain('postgres://***@');
  expect(shown).not.toContain(environment['DATABASE_URL']);
  expect(statSync(join(home, 'local.json')).mode & 0o777).toBe(0o600);
});

test('up --only infra forgets no program that runs', async () => {
  const before = localFile();
  expect(await chorus('up', '--only', 'infra', '--json')).toMatchObject({ code: 0, json: { workers: before.workers, simulators: before.simulators } });
  expect(localFile()).toEqual(before);
  expect((await chorus('up', '--json')).json['started']).toEqual([]);
}, TIMEOUT_MS);

test('a projector that was killed is shown as down, and up starts it again', async () => {
  const { pids } = localFile();
  process.kill(pids['projector'] ?? 0, 'SIGKILL');
  while (isAlive(pids['projector'] ?? 0)) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await chorus('status', '--json')).toMatchObject({ code: 1, json: { up: false, parts: expect.arrayContaining([expect.objectContaining({ name: 'projector', answers: false }), expect.objectContaining({ name: 'worker', answers: true })]) } });
  expect(await chorus('up', '--json')).toMatchObject({ code: 0, json: { started: ['projector'] } });
  expect(await chorus('status', '--json')).toMatchObject({ code: 0 });
}, TIMEOUT_MS);

test('an order is placed, shown from its records, listed from the read models, and audited', async () => {
  const { simulators } = localFile();
  await fetch(`${simulators['alpaca'] ?? ''}/admin/quotes`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify([{ symbol: 'AAPL', bid: '99.99', ask: '100.01', last: '100' }]) });
  const started = await chorus('saga', 'start', 'order_execution', '--input', inputFile(), '--id', 'order-1', '--wait', '--json');
  expect(started).toMatchObject({ code: 0, json: { correlationId: 'order-1', result: { status: 'COMPLETED', result: { symbol: 'AAPL', currency: 'USD' } } } });
  // The same id is the same saga.
  expect(await chorus('saga', 'start', 'order_execution', '--input', inputFile(), '--id', 'order-1', '--wait')).toMatchObject({ code: 0 });
  const shown = await chorus('saga', 'show', 'order-1', '--json');
  expect(shown.json['instances']).toEqual([{ type: 'order_execution', subSaga: null, status: 'COMPLETED', leftToDo: [], leftToUndo: [] }]);
  expect((await chorus('saga', 'show', 'order-1')).text).toMatch(/trade\.order\.filled .*filledQty 10, avgPrice 100\.01/);
  expect((await chorus('saga', 'show', 'order-1', '--mermaid')).text).toContain('sequenceDiagram');
  const lag = async (): Promise<number> => (JSON.parse((await chorus('projection', 'lag', '--json')).text) as readonly { readonly lagRecords: number }[]).reduce((sum, { lagRecords }) => sum + lagRecords, 0);
  while ((await lag()) > 0) await new Promise((resolve) => setTimeout(resolve, 200));
  expect(JSON.parse((await chorus('saga', 'list', '--symbol', 'AAPL', '--status', 'completed', '--json')).text)).toMatchObject([{ saga_id: 'order-1', type: 'order_execution' }]);
  expect(JSON.parse((await chorus('saga', 'list', '--status', 'failed', '--json')).text)).toEqual([]);
  expect(await chorus('audit', 'verify', '--json')).toMatchObject({ code: 0, json: { violationCount: 0 } });
}, TIMEOUT_MS);

test('stats and recover ask the worker', async () => {
  const stats = JSON.parse((await chorus('stats', '--participant', 'trading-engine', '--json')).text) as readonly { readonly counters: Readonly<Record<string, number>> }[];
  expect(stats[0]?.counters).toMatchObject({ sagasStarted: 1, sagasCompleted: 1 });
  expect(stats[0]?.counters['transactions']).toBeGreaterThan(0);
  expect(await chorus('recover')).toMatchObject({ code: 0, text: expect.stringContaining('trading-engine: 0 open sagas recovered') });
  expect(await chorus('stats', '--participant', 'nobody')).toMatchObject({ code: 2 });
}, TIMEOUT_MS);

test('an order that hangs is compensated by an operator, under his name', async () => {
  const { simulators } = localFile();
  await fetch(`${simulators['alpaca'] ?? ''}/admin/fill-scripts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ key: 'order-2.submit_order', script: 'none' }) });
  const file = join(home, 'order-2.json');
  writeFileSync(file, JSON.stringify({ ...ORDER, orderId: 'ord-2', clientOrderId: 'order-2.submit_order' }));
  expect(await chorus('saga', 'start', 'order_execution', '--input', file, '--id', 'order-2')).toMatchObject({ code: 0 });
  const stateOf = async (): Promise<string> => ((await chorus('saga', 'show', 'order-2', '--json')).json['instances'] as readonly { readonly status: string }[])[0]?.status ?? '';
  while (!(await chorus('saga', 'show', 'order-2')).text.includes('trade.order.acknowledged')) expect(await stateOf()).toBe('RUNNING');
  // Nobody hears it: that changes nothing, and is no fault.
  const note = join(home, 'note.json');
  writeFileSync(note, JSON.stringify({ result: 'filled', filledQty: '1' }));
  expect(await chorus('saga', 'signal', 'order-2', 'note', '--type', 'chorus.FillsMonitored', '--input', note)).toMatchObject({ code: 0 });
  const unfit = await chorus('saga', 'signal', 'order-2', 'note', '--type', 'chorus.FillsMonitored', '--input', inputFile());
  expect([unfit.code, unfit.err]).toEqual([1, expect.stringMatching(/^chorus: CODEC_MISSING_FIELD: chorus\.FillsMonitored: result is missing.*\n$/)]);
  expect(await chorus('saga', 'compensate', 'order-2', '--reason', 'no longer wanted', '--as', 'olga')).toMatchObject({ code: 0 });
  expect((await chorus('saga', 'show', 'order-2', '--watch')).text).toMatch(/olga/);
  expect(await stateOf()).toBe('FAILED');
  expect(await chorus('audit', 'verify')).toMatchObject({ code: 0 });
}, TIMEOUT_MS);

test('what is not there is told in one line', async () => {
  const { code, err } = await chorus('saga', 'show', 'nobody');
  expect(code).toBe(1);
  expect(err).toBe(`chorus: no saga has the id nobody in namespace ${namespace}\n`);
}, TIMEOUT_MS);

test('up in another namespace starts worker and projector again, there', async () => {
  const before = localFile();
  environment = { ...environment, CHORUS_NAMESPACE: otherNamespace };
  const { code, json } = await chorus('up', '--json');
  expect({ code, started: [...(json['started'] as readonly string[])].sort() }).toEqual({ code: 0, started: ['projector', 'worker'] });
  expect(localFile()).toMatchObject({ namespace: otherNamespace, workers: before.workers, simulators: before.simulators });
  expect(isAlive(before.pids['worker'] ?? 0)).toBe(false);
}, TIMEOUT_MS);

test('down leaves nothing running', async () => {
  const { pids } = localFile();
  expect(await chorus('down')).toMatchObject({ code: 0 });
  expect(Object.values(pids).filter(isAlive)).toEqual([]);
  expect(await chorus('status')).toMatchObject({ code: 1 });
}, TIMEOUT_MS);
