// The package's front door on real Kafka: participants inside a program of one's own, with its logger and its metrics.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pino from 'pino';
import { Registry } from 'prom-client';
import { createKafkaAdmin, createKafkaEventLog } from '#adapters/kafka';
import { connect, createWorker, type EmbeddedWorker, type SagaClient } from '#apps/client';
import { dataType, sagaSignalled } from '#contracts/core';
import { command, completed, data, defineEntity, defineEvent, defineParticipant, defineSaga, event, type Fact, implementAwait, implementEffect, implementEntityStep, initiate, NO_RETRY, none, on } from '#saga-core';
import { freshNamespace, sharedPlatform } from '../support/platform.ts';

const TIMEOUT_MS = 120_000;
const namespace = freshNamespace();

const asked = defineEvent('shop.purchase.asked', { item: 'string' });
const quoted = defineEvent('shop.price.quoted', { cents: 'int' });
const reserved = defineEvent('shop.stock.reserved', { left: 'int' });
const reserve = defineEvent('shop.stock.reserve', { item: 'string' });
const stock = dataType<{ readonly left: number }>('shop.Stock', { type: 'record', name: 'Stock', namespace: 'shop', fields: [{ name: 'left', type: 'int' }] });
const receipt = dataType<{ readonly cents: number }>('shop.Receipt', { type: 'record', name: 'Receipt', namespace: 'shop', fields: [{ name: 'cents', type: 'int' }] });
const approval = dataType<{ readonly by: string }>('shop.Approval', { type: 'record', name: 'Approval', namespace: 'shop', fields: [{ name: 'by', type: 'string' }] });
const approved = defineEvent('shop.approval.given', { by: 'string' });

const purchase = defineSaga({
  type: 'purchase', version: 1, context: 'shop', initiator: 'shop', start: asked, timeoutMs: 60_000, totalSteps: 3, result: 'await_approval', completed: { emits: null }, failed: { emits: null },
  steps: {
    quote_price: { kind: 'effect', owner: 'shop', number: 1, after: 'start', timeoutMs: 5_000, retry: NO_RETRY, output: quoted, compensation: none('a quote costs nothing') },
    reserve_stock: { kind: 'entity', entity: 'shelf', owner: 'shop', number: 2, after: 'quote_price', output: reserved, compensation: none('kept') },
    await_approval: { kind: 'await', owner: 'shop', number: 3, after: 'reserve_stock', timeoutMs: 30_000, onLimit: 'fail', listensTo: [sagaSignalled], output: receipt, compensation: none('an approval leaves nothing behind') },
  },
  validate: ({ item }: { readonly item: string }) => (item === '' ? ['item: must not be empty'] : []),
});
const shelf = defineEntity<{ readonly left: number }>({
  name: 'shelf', owner: 'shop', state: stock, initial: () => ({ left: 3 }), emits: [reserved],
  commands: [on(reserve, (state) => ({ state: { left: state.left - 1 }, outcome: completed(event(reserved, { left: state.left - 1 })) }))],
});
const shop = defineParticipant({
  name: 'shop', initiates: [initiate(purchase)], entities: [shelf],
  steps: [
    implementEffect(purchase, 'quote_price', { execute: async ({ start: { item } }) => completed(event(quoted, { cents: item.length * 100 })) }),
    implementEntityStep(purchase, 'reserve_stock', { command: ({ start: { item } }) => command({ entity: 'shelf', key: item }, reserve, { item }) }),
    implementAwait(purchase, 'await_approval', {
      initial: false,
      fold: (isApproved: boolean, fact: Fact) => isApproved || fact.type === sagaSignalled.name,
      verdict: (isApproved: boolean) => (isApproved ? completed(data(receipt, { cents: 300 })) : null),
    }),
  ],
});

const lines: string[] = [];
const metrics = new Registry();
let worker: EmbeddedWorker;
let client: SagaClient;
let brokers: readonly string[];

beforeAll(async () => {
  const { kafka, registry } = await sharedPlatform();
  brokers = kafka;
  const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  worker = createWorker({ participants: [shop], kafka: { brokers }, registry: { url: registry }, namespace, logger, metrics, types: [receipt], provision: { partitions: 2 } });
  await worker.start();
  client = connect({ brokers, registryUrl: registry, namespace, name: 'till', provision: true });
}, TIMEOUT_MS);
afterAll(async () => {
  await client?.close();
  await worker?.stop();
}, TIMEOUT_MS);

test('a saga with an effect, an entity and an approval runs to its end', async () => {
  const handle = await client.start(purchase, { item: 'pen' }, { id: 'p-1' });
  await client.signal(purchase, 'p-1', 'approved', data(approval, { by: 'ann' }));
  expect(await handle.result()).toEqual({ correlationId: 'p-1', status: 'COMPLETED', reason: null, result: { cents: 300 } });
  // A repeat is the same instance, long ended as it is, and somebody who was not there can still ask.
  expect(await (await client.start(purchase, { item: 'pen' }, { id: 'p-1' })).result()).toMatchObject({ status: 'COMPLETED' });
  expect(await client.handle(purchase, 'p-1').result()).toMatchObject({ status: 'COMPLETED', result: { cents: 300 } });
  await expect(client.signal(purchase, 'p-1', 'approved', data(approval, JSON.parse('{}')))).rejects.toMatchObject({ code: 'CODEC_MISSING_FIELD' });
}, TIMEOUT_MS);

test('a start that fails validation is refused with its faults; a wrong id at once', async () => {
  const handle = await client.start(purchase, { item: '' });
  expect(await handle.result()).toMatchObject({ status: 'REFUSED', reason: 'item: must not be empty' });
  await expect(client.start(purchase, { item: 'pen' }, { id: 'not an id' })).rejects.toThrow('1 to 32 characters');
}, TIMEOUT_MS);

test('a start record goes out in a transaction of the caller', async () => {
  const log = createKafkaEventLog({ brokers, clientId: 'outbox' });
  const writer = log.writer(`${namespace}/outbox`);
  await writer.fence();
  const { correlationId, ...record } = await client.startRecord(purchase, { item: 'ink' }, { id: 'p-2' });
  expect(await writer.commit({ records: [record] })).toMatchObject({ status: 'committed' });
  await client.signal(purchase, correlationId, 'approved', event(approved, { by: 'ben' }));
  expect(await client.handle(purchase, correlationId).result()).toMatchObject({ status: 'COMPLETED' });
  await writer.close();
  await log.close();
}, TIMEOUT_MS);

test('the program’s own registry has the figures', async () => {
  // The client may have read an end before the worker has.
  while (worker.status().some(({ openInstances }) => openInstances > 0)) await new Promise((resolve) => setTimeout(resolve, 10));
  const text = await metrics.metrics();
  expect(text).toMatch(/chorus_sagas_started_total\{participant="shop"\} 2/);
  expect(text).toMatch(/chorus_sagas_completed_total\{participant="shop"\} 2/);
  expect(text).toMatch(/chorus_sagas_failed_total\{participant="shop"\} 0/);
  expect(text).toMatch(/chorus_refused_total\{participant="shop"\} 1/);
  expect(text).toMatch(/chorus_open_instances\{participant="shop"\} 0/);
  expect(worker.status()).toMatchObject([{ participant: 'shop', tasks: 4, liveTasks: 4 }]);
}, TIMEOUT_MS);

test('topics are there with the settings that the runtime needs', async () => {
  const admin = createKafkaAdmin({ brokers, clientId: 'look' });
  const topics = await admin.describeTopics(['sagas.shop', 'checkpoints.shop.shop', 'entities.shelf.commands', 'entities.shelf.state', 'ops', 'dead-letters'].map((name) => `${namespace}.${name}`));
  expect(topics.map(({ topic, config }) => [topic.slice(namespace.length + 1), config['cleanup.policy'], config['message.timestamp.type']]).sort()).toEqual([
    ['checkpoints.shop.shop', 'compact', 'CreateTime'], ['dead-letters', 'delete', 'CreateTime'], ['entities.shelf.commands', 'delete', 'CreateTime'], ['entities.shelf.state', 'compact', 'CreateTime'],
    ['ops', 'delete', 'CreateTime'], ['sagas.shop', 'delete', 'CreateTime'],
  ]);
  await admin.close();
}, TIMEOUT_MS);

test('a worker whose schemas are not there does not start, and leaves nothing open', async () => {
  const { registry } = await sharedPlatform();
  const unprovisioned = createWorker({ participants: [shop], kafka: { brokers }, registry: { url: registry }, namespace: `${namespace}x` });
  await expect(unprovisioned.start()).rejects.toThrow(/the registry lacks this build's schema/);
  await unprovisioned.stop();
  expect(unprovisioned.status()).toEqual([]);
}, TIMEOUT_MS);

test('stop drains and may be called twice', async () => {
  await worker.stop();
  await worker.stop();
  expect(lines.filter((line) => line.includes('"level":50'))).toEqual([]);
}, TIMEOUT_MS);
