import { randomBytes } from 'node:crypto';
import { beforeAll, expect, test } from '@jest/globals';
import { SchemaRegistry } from '@kafkajs/confluent-schema-registry';
import { allDataTypes, allEventTypes, type Envelope, type EventType, eventType, topicsOf, tradeOrderFilled } from '#contracts';
import { sharedPlatform } from '../../../test/support/platform.ts';
import { checkSchemas, createRegistryClient, createSchemaCodec, registerSchemas } from './index.ts';

// Goal: against the real registry, every type is registered once under its subjects, kept compatible, and read by a stock client.

const START_TIMEOUT_MS = 120_000;
const REGISTER_ALL_MS_MAX = 10_000;
const namespace = `t${randomBytes(5).toString('hex')}`;
const liveTopicsOf = (typeName: string): readonly string[] => topicsOf(typeName).map((topic) => `${namespace}.${topic}`);
const declaredTypes = [...allEventTypes.filter((type) => topicsOf(type.name).length > 0), ...allDataTypes];

const envelope: Envelope = {
  eventId: 'e1', occurredAt: 1_700_000_000_000, producer: 'tester', correlationId: 'saga-1', causationId: null, parentCorrelationId: null,
  sagaType: 'order_execution', subSaga: null, definitionVersion: null, stepName: 'update_position', stepItem: 'x1', step: 5, totalSteps: 6,
  subStep: null, outcome: 'completed', compensationData: Uint8Array.from([1, 2]), attempt: 1, startedAt: 1_700_000_000_000, timeout: 300_000,
  idempotencyKey: null, chain: { id: 'tester', seq: 1, prevHash: null },
};
const payload = { orderId: 'o1', order_id: 'b1', executionId: 'x1', filledQty: '10', avgPrice: '1.50', commission: '0', filledAt: 1_700_000_000_000 };

let registryUrl = '';
beforeAll(async () => {
  const { registry } = await sharedPlatform();
  registryUrl = registry;
}, START_TIMEOUT_MS);

const probe = (fields: readonly Readonly<Record<string, unknown>>[]): EventType<unknown> =>
  eventType('test.probe', { type: 'record', name: 'probe', namespace: 'test', fields: [{ name: 'envelope', type: (tradeOrderFilled.schema['fields'] as readonly { readonly type: unknown }[])[0]?.type }, ...fields] });
const probeTopics = (): readonly string[] => [`${namespace}.probes`];

test('all types are registered quickly, under FULL_TRANSITIVE, and then found without registering', async () => {
  const writer = createSchemaCodec({ registryUrl, topicsOf: liveTopicsOf, autoRegister: true });
  const startMs = performance.now();
  await writer.prepare(declaredTypes);
  const tookMs = performance.now() - startMs;
  const states = await checkSchemas(createRegistryClient({ registryUrl }), declaredTypes, liveTopicsOf);
  process.stdout.write(`registered ${states.length} subjects of ${declaredTypes.length} types in ${Math.round(tookMs)} ms\n`);
  expect(tookMs).toBeLessThan(REGISTER_ALL_MS_MAX);
  expect(states.filter((state) => state.status !== 'registered')).toEqual([]);

  const subject = `${namespace}.sagas.trading-trade.order.filled`;
  expect(states.map((state) => state.subject)).toContain(subject);
  const config: unknown = await (await fetch(`${registryUrl}/config/${subject}`)).json();
  expect(config).toEqual({ compatibilityLevel: 'FULL_TRANSITIVE' });

  const inProduction = createSchemaCodec({ registryUrl, topicsOf: liveTopicsOf, autoRegister: false });
  await inProduction.prepare([tradeOrderFilled]);
  expect(inProduction.encode(tradeOrderFilled, envelope, payload)).toEqual(writer.encode(tradeOrderFilled, envelope, payload));
}, START_TIMEOUT_MS);

test('a worker that knows nothing learns the writer\'s schema from the registry', async () => {
  const writer = createSchemaCodec({ registryUrl, topicsOf: liveTopicsOf, autoRegister: true });
  await writer.prepare([tradeOrderFilled]);
  const record = writer.encode(tradeOrderFilled, envelope, payload);
  const reader = createSchemaCodec({ registryUrl, topicsOf: liveTopicsOf, autoRegister: false });
  const unknown = reader.decode(record);
  if (unknown.status !== 'unknown-schema') throw new Error(`expected an unknown schema, got ${unknown.status}`);
  await reader.learn(unknown.schemaId);
  const outcome = reader.decode(record);
  if (outcome.status !== 'decoded') throw new Error(JSON.stringify(outcome));
  expect(outcome.envelope).toEqual(envelope);
  expect(outcome.payload()).toEqual(payload);
  await expect(reader.learn(999_999_999)).rejects.toMatchObject({ code: 'REGISTRY_NOT_FOUND', schemaId: 999_999_999 });
});

test('an incompatible schema is refused, naming the subject and the registry\'s reasons, and nothing changes', async () => {
  const registry = createRegistryClient({ registryUrl });
  const first = probe([{ name: 'a', type: 'string' }]);
  const breaking = probe([{ name: 'a', type: 'string' }, { name: 'b', type: 'string' }]);
  const additive = probe([{ name: 'a', type: 'string' }, { name: 'b', type: ['null', 'string'], default: null }]);
  await registerSchemas(registry, [first], probeTopics);
  expect(await checkSchemas(registry, [breaking], probeTopics)).toMatchObject([{ status: 'incompatible', subject: `${namespace}.probes-test.probe` }]);
  await expect(registerSchemas(registry, [breaking], probeTopics)).rejects.toMatchObject({
    code: 'REGISTRY_INCOMPATIBLE', subject: `${namespace}.probes-test.probe`, message: expect.stringMatching(/probes-test\.probe: .*b at \/fields\/2/),
  });
  expect(await checkSchemas(registry, [breaking], probeTopics)).toMatchObject([{ status: 'incompatible' }]);
  expect(await checkSchemas(registry, [additive], probeTopics)).toMatchObject([{ status: 'missing' }]);
  expect(await registerSchemas(registry, [additive], probeTopics)).toMatchObject([{ status: 'registered' }]);
});

test('a subject that somebody registered under another level is told, and set by registering', async () => {
  const registry = createRegistryClient({ registryUrl });
  const type = probe([{ name: 'a', type: 'string' }]);
  const topics = (): readonly string[] => [`${namespace}.foreign`];
  const subject = `${namespace}.foreign-test.probe`;
  await registry.register(subject, JSON.stringify(type.schema));
  await fetch(`${registryUrl}/config/${subject}`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ compatibility: 'NONE' }) });
  expect(await checkSchemas(registry, [type], topics)).toMatchObject([{ status: 'incompatible', reasons: [expect.stringContaining('NONE')] }]);
  expect(await registerSchemas(registry, [type], topics)).toMatchObject([{ status: 'registered' }]);
  expect(await registry.compatibility(subject)).toBe('FULL_TRANSITIVE');
  expect(await checkSchemas(registry, [type], topics)).toMatchObject([{ status: 'registered' }]);
});

test('what is not registered is named, where registering is not allowed', async () => {
  const codec = createSchemaCodec({ registryUrl, topicsOf: () => [`${namespace}.empty`], autoRegister: false });
  await expect(codec.prepare([tradeOrderFilled])).rejects.toMatchObject({
    code: 'REGISTRY_NOT_FOUND', message: expect.stringMatching(/\.empty-trade\.order\.filled: run `chorus schemas register`/),
  });
});

test('a stock Confluent client reads our records with nothing but the address, and we read its', async () => {
  const codec = createSchemaCodec({ registryUrl, topicsOf: liveTopicsOf, autoRegister: true });
  await codec.prepare([tradeOrderFilled]);
  const record = codec.encode(tradeOrderFilled, envelope, payload);
  const stock = new SchemaRegistry({ host: registryUrl });
  const value = await stock.decode(Buffer.from(record)) as Readonly<Record<string, unknown>>;
  expect(value).toMatchObject({ ...payload, envelope: { eventId: 'e1', chain: { seq: 1, prevHash: null }, compensationData: Buffer.from([1, 2]) } });
  const again = await stock.encode(Buffer.from(record).readUInt32BE(1), value);
  expect(Buffer.from(record).equals(again)).toBe(true);
});
