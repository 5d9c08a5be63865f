import { fileURLToPath } from 'node:url';
import { expect, jest, test } from '@jest/globals';
import { fillsMonitored, tradeOrderFilled } from '#contracts';
import { signalToExecution } from '#sagas/signal-to-execution';
import { erase } from '#kernel';
import { defineEvent, defineSaga, none, type SagaDefinition, sagaSignalled } from '#saga-core';
import { securityOf } from '#apps/local-platform';
import { describeSaga, mermaidStates, renderSaga } from './describe.ts';
import { createProgram, runCommand } from './index.ts';
import { kafkaOf, registryOf } from './environment.ts';
import { serveHealth } from './health-server.ts';
import { signalPayload } from './input.ts';
import { loginName } from './login-name.ts';
import type { Command } from 'commander';

/** Runs a command line with what it writes caught. */
const run = async (...args: readonly string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> => {
  let [out, err] = ['', ''];
  const stdout = jest.spyOn(process.stdout, 'write').mockImplementation((text) => ((out += String(text)), true));
  const stderr = jest.spyOn(process.stderr, 'write').mockImplementation((text) => ((err += String(text)), true));
  try {
    return { code: await runCommand(args), out, err };
  } finally {
    stdout.mockRestore();
    stderr.mockRestore();
  }
};

test('wrong use ends with 2 and says what is wrong', async () => {
  expect(await run('nonsense')).toMatchObject({ code: 2, err: expect.stringContaining("unknown command 'nonsense'") });
  expect(await run('worker')).toMatchObject({ code: 2, err: expect.stringContaining('--participants') });
  expect(await run('saga', 'describe', 'nothing')).toMatchObject({ code: 2, err: expect.stringContaining('there are signal_to_execution, order_execution, ai_decision') });
  expect(await run('saga', 'retry', 'id')).toMatchObject({ code: 2, err: expect.stringContaining('--reason') });
  expect(await run('up', '--only', 'half')).toMatchObject({ code: 2 });
  expect(await run('saga', 'list', '--since', 'yesterday')).toMatchObject({ code: 2, err: expect.stringContaining('ISO-8601') });
  expect(await run('topics', 'plan', '--partitions', 'two')).toMatchObject({ code: 2 });
  expect(await run('worker', '--participants', 'nobody')).toMatchObject({ code: 2, err: expect.stringContaining('there is no participant "nobody"') });
  expect(await run('stats', '--participant', 'nobody', '--workers', 'http://127.0.0.1:1')).toMatchObject({ code: 2, err: expect.stringContaining('there are market-data, orchestrator') });
  expect(await run('saga', 'list', '--status', 'nonsense')).toMatchObject({ code: 2, err: expect.stringContaining('there are pending, running, compensating, manual_required, completed, failed, refused') });
  expect(await run('saga', 'start', 'order_execution', '--input', '/nowhere.json', '--id', 'a b')).toMatchObject({ code: 2, err: expect.stringContaining('--id "a b": an id is 1 to 32 of') });
});

test('a signal’s payload that nothing says how to encode is refused before anything is connected', async () => {
  const file = fileURLToPath(import.meta.url);
  expect(await run('saga', 'signal', 'order-1', 'approve', '--input', file)).toMatchObject({ code: 2, err: expect.stringContaining('"approve" is no event and no typed data of this build') });
  expect(await run('saga', 'signal', 'order-1', 'approve', '--type', 'trade.order.filled', '--input', file)).toMatchObject({ code: 1, err: expect.stringMatching(/^chorus: --input .*cli\.unit\.test\.ts is no JSON: .*\n$/) });
  expect(await run('saga', 'signal', 'order-1', 'approve', '--input', '/dev/null')).toMatchObject({ code: 2, err: expect.stringContaining('--input /dev/null is empty: JSON is expected') });
});

test('a signal’s payload is JSON of the type that is named, or bytes that are encoded already', () => {
  const json = Buffer.from('{"result":"filled","filledQty":"10"}');
  expect(signalPayload(json, { file: 'f', type: 'trade.order.filled' })).toEqual({ type: tradeOrderFilled, payload: { result: 'filled', filledQty: '10' } });
  expect(signalPayload(json, { file: 'f', type: fillsMonitored.name })).toEqual({ type: fillsMonitored, value: { result: 'filled', filledQty: '10' } });
  const framed = Buffer.from([0, 0, 0, 0, 7, 1]);
  expect(signalPayload(framed, { file: 'f', type: 'approve' })).toBe(framed);
});

test('a uid without a name in the password file is recorded by its number', () => {
  expect(loginName(() => { throw new Error('ENOENT: uv_os_get_passwd'); }, 54_321)).toBe('uid-54321');
  expect(loginName(() => ({ username: 'olga' }))).toBe('olga');
});

test('a failure ends with 1 and one line', async () => {
  const { code, err } = await run('saga', 'start', 'order_execution', '--input', '/nowhere.json');
  expect(code).toBe(1);
  expect(err).toMatch(/^chorus: --input \/nowhere\.json cannot be read: .*\n$/);
});

test('every command helps with exit 0, and answers as JSON when asked', async () => {
  const leaves = (command: Command, path: readonly string[]): readonly (readonly [readonly string[], Command])[] =>
    command.commands.length === 0 ? [[path, command]] : command.commands.flatMap((child) => leaves(child, [...path, child.name()]));
  const commands = leaves(createProgram(), []);
  expect(commands.length).toBeGreaterThan(20);
  for (const [path, command] of commands) {
    expect(await run(...path, '--help')).toMatchObject({ code: 0, out: expect.stringContaining('Usage: chorus') });
    expect([path.join(' '), command.options.some(({ long }) => long === '--json')]).toEqual([path.join(' '), true]);
    expect([path.join(' '), command.description()]).not.toEqual([path.join(' '), '']);
  }
});

test('describe tells a definition as data, as a table and as a diagram', async () => {
  const description = describeSaga(erase<SagaDefinition>(signalToExecution));
  expect(description.steps.map(({ name, kind, owner }) => `${name} ${kind} ${owner}`)).toEqual([
    'request_analysis effect orchestrator', 'generate_decision child ai-decision', 'validate_risk entity orchestrator', 'trade child trading-engine', 'confirm effect orchestrator',
  ]);
  expect(description.steps[4]?.after).toEqual(['validate_risk', 'trade']);
  const text = renderSaga(description);
  for (const { name, owner } of description.steps) expect(text).toMatch(new RegExp(`${name} .*${owner}`));
  const diagram = mermaidStates(description);
  expect(diagram).toContain('stateDiagram-v2');
  expect(diagram).toContain('  [*] --> request_analysis');
  expect(diagram).toContain('  confirm --> COMPLETED');
  const { code, out } = await run('saga', 'describe', 'signal_to_execution', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ type: 'signal_to_execution', mermaid: diagram });
});

test('describe tells a watch: that it is one, whether it ends the waiting, and what it emits until its end', () => {
  const seen = defineEvent('test.seen', { text: 'string' });
  const watch = { kind: 'await', owner: 'o', number: 1, after: 'start', output: null, timeoutMs: 0, onLimit: 'fail', listensTo: [sagaSignalled], compensation: none('watches') } as const;
  const description = describeSaga(erase<SagaDefinition>(defineSaga({
    type: 'watched', version: 1, context: 'c', initiator: 'o', start: seen, timeoutMs: 0, totalSteps: 1, completed: { emits: null }, failed: { emits: null },
    steps: { adds: { ...watch, emits: [seen], watch: { endsWaiting: false } }, exits: { ...watch, watch: { endsWaiting: true } } },
  })));
  expect(description.steps.map(({ watch: told }) => told)).toEqual([{ endsWaiting: false }, { endsWaiting: true }]);
  expect(renderSaga(description)).toMatch(/adds +watch +o[\s\S]*exits +watch, ends the waiting +o/);
  expect(mermaidStates(description)).toContain('  adds --> adds: test.seen');
});

test('certificates and passwords of the environment go to the servers that it names, never to local ones', () => {
  const secured = { KAFKA_SSL_CA_FILE: '/ca.pem', KAFKA_SASL_MECHANISM: 'PLAIN', KAFKA_SASL_USERNAME: 'u', KAFKA_SASL_PASSWORD: 'p', SCHEMA_REGISTRY_AUTH: 'u:p', OTHER: '1' };
  expect(securityOf({ ...secured, KAFKA_BROKERS: 'a:9092', SCHEMA_REGISTRY_URL: 'https://r' })).toEqual({
    KAFKA_SSL_CA_FILE: '/ca.pem', KAFKA_SASL_MECHANISM: 'PLAIN', KAFKA_SASL_USERNAME: 'u', KAFKA_SASL_PASSWORD: 'p', SCHEMA_REGISTRY_AUTH: 'u:p',
  });
  expect(kafkaOf({ ...secured, ...securityOf(secured), KAFKA_BROKERS: '127.0.0.1:1' })).toEqual({ brokers: ['127.0.0.1:1'], clientId: 'chorus' });
  expect(registryOf({ ...secured, ...securityOf(secured), SCHEMA_REGISTRY_URL: 'http://127.0.0.1:2' })).toEqual({ registryUrl: 'http://127.0.0.1:2' });
});

test('health: 503 with the reasons while not ready, live all the while', async () => {
  let isReady = false;
  const server = await serveHealth({ port: 0, host: '127.0.0.1', readiness: () => ({ isReady, detail: 'a lane stands still' }) });
  try {
    const ask = async (path: string): Promise<readonly [number, string]> => {
      const response = await fetch(`${server.url}${path}`);
      return [response.status, await response.text()];
    };
    expect(await ask('/health/ready')).toEqual([503, expect.stringContaining('a lane stands still')]);
    expect((await ask('/health/live'))[0]).toBe(200);
    isReady = true;
    expect((await ask('/health/ready'))[0]).toBe(200);
    expect((await ask('/other'))[0]).toBe(404);
  } finally {
    await server.close();
  }
});
