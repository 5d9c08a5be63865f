// Worker processes on real Kafka and registry: topics, health, metrics, admin messages, circuits that spread, settings that stop them.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createKafkaAdmin, type KafkaAdmin } from '#adapters/kafka';
import { projectRoot } from '#apps/local-platform';
import { applyTopics, planTopics } from '#apps/topics';
import { connect, type Connection, openCircuits, type RunningWorker, startWorker, workerConfig } from '#apps/worker';
import { SILENT_LOG } from '#saga-core/runtime';
import { startAlpacaSimulator } from '#simulators/alpaca';
import { freshNamespace, sharedPlatform } from '../support/platform.ts';

const TIMEOUT_MS = 120_000;
const namespace = freshNamespace();
let admin: KafkaAdmin;
let environment: Readonly<Record<string, string>>;
let worker: RunningWorker;
let alpaca: Awaited<ReturnType<typeof startAlpacaSimulator>>;

beforeAll(async () => {
  const { kafka, registry } = await sharedPlatform();
  alpaca = await startAlpacaSimulator();
  admin = createKafkaAdmin({ brokers: kafka, clientId: 'worker-test' });
  environment = {
    KAFKA_BROKERS: kafka.join(','), SCHEMA_REGISTRY_URL: registry, CHORUS_NAMESPACE: namespace, CHORUS_REGISTER_SCHEMAS: 'true', PORT: '0', LOG_LEVEL: 'silent',
    ALPACA_BASE_URL: alpaca.url, ALPACA_KEY_ID: 'k', ALPACA_SECRET_KEY: 's', OPENAI_API_KEY: 'o', GROQ_API_KEY: 'g',
  };
  await applyTopics(admin, { namespace });
  worker = await startWorker({ config: workerConfig(environment), participants: ['orchestrator', 'analytics', 'market-data'], logger: SILENT_LOG });
}, TIMEOUT_MS);
afterAll(async () => {
  await worker?.stop();
  await admin?.close();
  await alpaca?.stop();
}, TIMEOUT_MS);

const ask = async (path: string, method = 'GET') => {
  const response = await fetch(`${worker.url}${path}`, { method });
  return { status: response.status, body: await response.text() };
};
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
};

test('declared topics: nothing to do after apply; a setting that was changed by hand is seen and put right', async () => {
  expect((await planTopics(admin, { namespace })).differences).toEqual([]);
  const topic = `${namespace}.market.quotes`;
  await admin.setTopicConfig(topic, { 'cleanup.policy': 'delete', 'retention.ms': '1000', 'max.message.bytes': '2000000' });
  expect((await planTopics(admin, { namespace })).differences).toEqual([expect.objectContaining({ kind: 'change', topic, config: { 'retention.ms': '604800000' }, was: { 'retention.ms': '1000' } })]);
  await applyTopics(admin, { namespace });
  const [described] = await admin.describeTopics([topic]);
  // What is not ours is kept.
  expect(described?.ownConfig).toMatchObject({ 'retention.ms': '604800000', 'max.message.bytes': '2000000' });
  expect((await planTopics(admin, { namespace, partitions: 3 })).differences).toContainEqual({ kind: 'partitions-differ', topic, declared: 3, actual: 2 });
}, TIMEOUT_MS);

test('health, metrics and unknown pages', async () => {
  expect(await ask('/health/live')).toMatchObject({ status: 200 });
  expect(JSON.parse((await ask('/health/ready')).body)).toMatchObject({ status: 'ready', participants: [{ participant: 'orchestrator', tasks: 8, liveTasks: 8 }, { participant: 'analytics' }, { participant: 'market-data', tasks: 0 }] });
  const metrics = await ask('/metrics');
  expect(metrics.body).toMatch(/chorus_live_tasks\{participant="orchestrator"\} 8/);
  expect(metrics.body).toMatch(/chorus_takeovers_total\{participant="orchestrator"\} 8/);
  expect(metrics.body).toMatch(/chorus_group_lag_records\{participant="analytics"\} \d+/);
  expect(await ask('/nothing')).toMatchObject({ status: 404, body: expect.stringContaining('/health/live') });
  expect(await ask('/metrics', 'POST')).toMatchObject({ status: 405 });
}, TIMEOUT_MS);

test('stats and recover, per participant', async () => {
  expect(JSON.parse((await ask('/participants/analytics/stats')).body)).toMatchObject({ participant: 'analytics', openInstances: 0 });
  expect(JSON.parse((await ask('/participants/analytics/recover', 'POST')).body)).toEqual({ participant: 'analytics', recovered: [] });
  // Its partitions were taken over anew, and it serves again.
  expect(JSON.parse((await ask('/participants/analytics/stats')).body)).toMatchObject({ tasks: 2, liveTasks: 2, counters: { takeovers: 4 } });
  expect(await ask('/participants/analytics/recover')).toMatchObject({ status: 405 });
  expect(await ask('/participants/nobody/stats')).toMatchObject({ status: 404 });
}, TIMEOUT_MS);

test('a circuit that opens in one worker opens in another, in one that starts later, and in one of the same name', async () => {
  const config = workerConfig(environment);
  const open = (): Promise<Connection> => connect({ kafka: config.kafka, registryUrl: config.registryUrl, namespace, autoRegister: true, logger: SILENT_LOG });
  const connections = await Promise.all([open(), open(), open(), open()]);
  const [one, two, three, four] = connections;
  const first = await openCircuits(one, 'worker-one');
  const second = await openCircuits(two, 'worker-two');
  const [failing, watching, other] = [first.breakerOf('https://vendor', 'KEY'), second.breakerOf('https://vendor', 'KEY'), second.breakerOf('https://vendor', 'OTHER_KEY')];
  for (let count = 0; count < 5; count++) await failing.execute(() => Promise.resolve(500), () => 'failure');
  expect(failing.state()).toBe('OPEN');
  await until(() => watching.state() === 'OPEN');
  expect(await watching.execute(() => Promise.reject(new Error('was sent')), () => 'success')).toMatchObject({ status: 'refused' });
  expect(other.state()).toBe('CLOSED');
  const third = await openCircuits(three, 'worker-three');
  expect(third.breakerOf('https://vendor', 'KEY').state()).toBe('OPEN');
  expect(third.breakerOf('https://elsewhere', 'KEY').state()).toBe('CLOSED');
  // One of the same name: a restarted worker's predecessor, or a container with the same pid.
  const namesake = await openCircuits(four, 'worker-one');
  expect(namesake.breakerOf('https://vendor', 'KEY').state()).toBe('OPEN');
  const live = namesake.breakerOf('https://vendor-two', 'KEY');
  const failingToo = first.breakerOf('https://vendor-two', 'KEY');
  for (let count = 0; count < 5; count++) await failingToo.execute(() => Promise.resolve(500), () => 'failure');
  await until(() => live.state() === 'OPEN');
  await Promise.all([first, second, third, namesake].map((circuits) => circuits.close()));
  await Promise.all(connections.map((connection) => connection.close()));
}, TIMEOUT_MS);

const run = promisify(execFile);
/** The worker as a process of its own; what it says and how it ends. */
const runWorker = async (participants: string, changes: Readonly<Record<string, string>>): Promise<{ readonly code: number; readonly stderr: string }> => {
  const args = ['--conditions=chorus:source', '--disable-warning=ExperimentalWarning', '--disable-warning=TimeoutNegativeWarning', join(projectRoot(), 'src', 'apps', 'cli', 'main.ts'), 'worker', '--participants', participants];
  return run(process.execPath, args, { env: { ...process.env, NODE_OPTIONS: '', ...environment, ...changes } }).then(
    () => ({ code: 0, stderr: '' }),
    (error: { readonly code: number; readonly stderr: string }) => ({ code: error.code, stderr: error.stderr }),
  );
};

test.each([
  { what: 'a missing secret', participants: 'ai-decision', changes: { OPENAI_API_KEY: '' }, message: /^chorus: OPENAI_API_KEY: is needed and not set/ },
  {
    what: 'a broker that is not on this machine', participants: 'trading-engine', changes: { CHORUS_CONFIG: join(projectRoot(), 'test', 'integration', 'real-broker.yaml') },
    message: /^chorus: .*is not loopback: set CHORUS_LIVE_TRADING/,
  },
  {
    what: 'a configured account that is not the one that may be traded', participants: 'trading-engine',
    changes: { CHORUS_CONFIG: join(projectRoot(), 'test', 'integration', 'real-broker.yaml'), CHORUS_LIVE_TRADING: 'another' },
    message: /^chorus: connections real: accountId is account, but CHORUS_LIVE_TRADING names another/,
  },
])('$what stops the process with one line', async ({ participants, changes, message }) => {
  const { code, stderr } = await runWorker(participants, changes);
  expect(code).toBe(1);
  expect(stderr).toMatch(message);
  expect(stderr.trim().split('\n')).toHaveLength(1);
}, TIMEOUT_MS);

test('two workers of one process have different names', async () => {
  const second = await startWorker({ config: workerConfig(environment), participants: ['analytics'], logger: SILENT_LOG });
  try {
    expect(second.name).toMatch(new RegExp(`^.+-${process.pid}-[0-9a-f]{8}$`));
    expect(second.name).not.toBe(worker.name);
  } finally {
    await second.stop();
  }
}, TIMEOUT_MS);

test('SIGTERM drains and ends with 0', async () => {
  const { spawn } = await import('node:child_process');
  const args = ['--conditions=chorus:source', '--disable-warning=ExperimentalWarning', join(projectRoot(), 'src', 'apps', 'cli', 'main.ts'), 'worker', '--participants', 'analytics', '--json'];
  const child = spawn(process.execPath, args, { env: { ...process.env, NODE_OPTIONS: '', ...environment }, stdio: ['ignore', 'pipe', 'inherit'] });
  const said = await new Promise<string>((resolve) => child.stdout.once('data', (bytes: Buffer) => resolve(bytes.toString('utf8'))));
  const { url } = JSON.parse(said) as { readonly url: string };
  expect((await fetch(`${url}/health/ready`)).status).toBe(200);
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
}, TIMEOUT_MS);
