import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { DEFAULT_LIMITS } from '#sagas/order-execution';
import { participantNames, workerConfig } from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'chorus-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const BASE = { KAFKA_BROKERS: 'k1:9092,k2:9092', SCHEMA_REGISTRY_URL: 'http://registry:8081/apis/ccompat/v7/' };
let count = 0;
const fileWith = (text: string): string => {
  const path = join(folder, `${count++}.yaml`);
  writeFileSync(path, text);
  return path;
};
const withFile = (text: string, more: Readonly<Record<string, string>> = {}) => workerConfig({ ...BASE, ...more, CHORUS_CONFIG: fileWith(text) });

test('without a file everything has its default', () => {
  const config = workerConfig(BASE);
  expect(config).toMatchObject({ namespace: 'chorus', registryUrl: 'http://registry:8081/apis/ccompat/v7', autoRegister: false, logLevel: 'info', port: null, host: '127.0.0.1', brokers: [], currency: 'USD' });
  expect(config.kafka.brokers).toEqual(['k1:9092', 'k2:9092']);
  expect(config.models.map(({ provider, baseUrl }) => [provider, baseUrl])).toEqual([['openai', 'https://api.openai.com'], ['groq', 'https://api.groq.com']]);
  expect(config.limits.orderExecution).toEqual(DEFAULT_LIMITS);
});

test('a file replaces what it names and nothing else', () => {
  const config = withFile(`
connections:
  - id: main
    accountId: acc-1
    symbols: [AAPL, MSFT]
    baseUrl: http://127.0.0.1:4000/
    orderSafety: {ordersPerMinuteMax: 5}
models:
  - {provider: groq, model: small}
  - {provider: openai, credential: OPENAI_TWO}
riskLimits: {maxOrderValue: 2500.50}
sagas:
  order_execution: {monitorFillsMs: 1000, submitRetry: {maxAttempts: 5}}
`);
  expect(config.brokers).toMatchObject([{ brokerConnectionId: 'main', accountId: 'acc-1', baseUrl: 'http://127.0.0.1:4000', streamUrl: 'ws://127.0.0.1:4000/stream', credential: 'ALPACA', isVirtual: false }]);
  expect(config.brokers[0]?.orderSafety).toEqual({ orderValueMax: '100000', ordersPerMinuteMax: 5, priceCollarPermille: 100 });
  expect(config.models.map(({ provider, model, credential }) => [provider, model, credential])).toEqual([['groq', 'small', 'GROQ'], ['openai', 'gpt-4o-mini', 'OPENAI_TWO']]);
  expect(config.riskLimits).toMatchObject({ maxOrderValue: '2500.5', maxPositionValue: '100000' });
  expect(config.limits.orderExecution).toEqual({ ...DEFAULT_LIMITS, monitorFillsMs: 1000, submitRetry: { ...DEFAULT_LIMITS.submitRetry, maxAttempts: 5 } });
});

test.each([
  ['sagas: {order_execution: {monitorFilsMs: 1}}', /\.yaml: sagas\.order_execution\.monitorFilsMs: there is no such setting; there are .*monitorFillsMs/],
  ['sagas: {order_executions: {}}', /sagas\.order_executions: there is no such setting/],
  ['conections: []', /\.yaml: conections: there is no such setting; there are connections/],
  ['sagas: {order_execution: {timeoutMs: soon}}', /sagas\.order_execution\.timeoutMs: a whole number that is not negative is expected, got "soon"/],
  ['sagas: {order_execution: {timeoutMs: -1}}', /timeoutMs: a whole number that is not negative/],
  ['connections: [{id: a, accountId: b, orderSafety: {priceCollarPermille: 0.5}}]', /orderSafety\.priceCollarPermille: a whole number that is not negative is expected, got 0\.5/],
  ['connections: [{id: a, accountId: b, orderSafety: {orderValueMax: 0}}]', /orderSafety\.orderValueMax: zero would refuse every order/],
  ['riskLimits: {minConfidence: high}', /riskLimits\.minConfidence: a number that is not negative/],
  ['sagas: {order_execution: {submitRetry: 3}}', /submitRetry: a group of settings is expected, got 3/],
  ['riskLimits: {maxOrderValue: lots}', /riskLimits\.maxOrderValue: a decimal number is expected/],
  ['connections: [{id: a, accountId: b, baseUrl: "ftp://user:secret@x"}]', /connections\[0\]\.baseUrl: is no address that begins with http/],
  ['connections: [{accountId: b}]', /connections\[0\]\.id: a text is expected, got nothing/],
  ['connections: [{id: a, accountId: b, venue: nyse}]', /connections\[0\]\.venue: there is no venue "nyse"/],
  ['connections: [{id: a, accountId: b}, {id: a, accountId: c}]', /connections: a is there twice/],
  ['connections: [{id: a, accountId: b, symbols: [X]}, {id: c, accountId: d, symbols: [X]}]', /symbols: X is there twice/],
  ['models: [{provider: clippy}]', /models\[0\]\.provider: there is no provider "clippy"; there are openai, groq/],
  ['- 1', /a group of settings is expected, got a list/],
  ['a: [', /CHORUS_CONFIG=.*\.yaml: /],
])('the file %p is refused in one line that says where', (text, message) => {
  const read = (): unknown => withFile(text);
  expect(read).toThrow(message);
  expect(read).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.not.stringMatching(/\n|secret/) }));
});

test.each([
  [{ SCHEMA_REGISTRY_URL: '' }, /^SCHEMA_REGISTRY_URL: is needed and not set/],
  [{ SCHEMA_REGISTRY_URL: 'registry:8081' }, /^SCHEMA_REGISTRY_URL: is no address/],
  [{ KAFKA_BROKERS: '' }, /KAFKA_BROKERS is empty/],
  [{ CHORUS_NAMESPACE: 'Up.Down' }, /^CHORUS_NAMESPACE: "Up\.Down" must be/],
  [{ PORT: '70000' }, /^PORT: 70000 is no port number/],
  [{ PORT: 'http' }, /^PORT: http is no port number/],
  [{ CHORUS_REGISTER_SCHEMAS: 'yes' }, /^CHORUS_REGISTER_SCHEMAS: yes is neither true nor false/],
  [{ LOG_LEVEL: 'loud' }, /^LOG_LEVEL: loud is no level; there are trace/],
  [{ CHORUS_CONFIG: '/nowhere.yaml' }, /^CHORUS_CONFIG=\/nowhere\.yaml: /],
  [{ OPENAI_BASE_URL: 'api' }, /^OPENAI_BASE_URL: is no address/],
])('the environment %p is refused', (environment, message) => {
  expect(() => workerConfig({ ...BASE, ...environment })).toThrow(message);
});

test('a secret comes from the environment or from a file; a missing one is named, never shown', () => {
  const file = fileWith('from-file\n');
  const { secret } = workerConfig({ ...BASE, ONE: 'plain', TWO_FILE: file, THREE_FILE: '/nowhere' });
  expect(secret('ONE')).toBe('plain');
  expect(secret('TWO')).toBe('from-file');
  expect(() => secret('THREE')).toThrow('THREE_FILE: /nowhere cannot be read');
  expect(() => secret('FOUR')).toThrow('FOUR: is needed and not set: set it, or FOUR_FILE');
});

test('participants are named; one that does not exist is told', () => {
  expect(participantNames(' orchestrator, analytics,orchestrator ')).toEqual(['orchestrator', 'analytics']);
  expect(() => participantNames('orchestrator,toString')).toThrow(/there is no participant "toString"; there are market-data/);
  expect(() => participantNames(' , ')).toThrow(/name at least one/);
});
