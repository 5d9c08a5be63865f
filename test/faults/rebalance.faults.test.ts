// Goal: a second worker joins while a slow call of the first is under way on a partition that moves. A call that is answered within
// the bound is committed by its first owner, and nobody makes it again; one that is not is aborted, nothing of it is recorded, and
// the next owner asks what became of it before anything else. Method: two workers on real Kafka, a saga on each of two partitions,
// so that one moves and one stays; the test ends the calls.
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { createKafkaEventLog } from '#adapters/kafka';
import { createSchemaCodec } from '#adapters/schema-registry';
import { connect, createWorker, type EmbeddedWorker, type SagaClient } from '#apps/client';
import { opsPartitionClaimed } from '#contracts/core';
import { partitionFor } from '#kernel';
import { completed, defineEvent, defineParticipant, defineSaga, event, implementEffect, initiate, NO_RETRY, none, type ParticipantDefinition, type StepResult, transient } from '#saga-core';
import type { EventLog } from '#saga-core/ports';
import { topicNames } from '#saga-core/runtime';
import { type AuditedRecord, verifyRecords } from '#saga-core/testing';
import { freshNamespace, sharedPlatform } from '../support/platform.ts';
import { SagaEventCollector } from '../support/stage/saga-event-collector.ts';

jest.setTimeout(90_000);

const platform = await sharedPlatform();
const PARTITIONS = [0, 1];
const asked = defineEvent('slow.call.asked', { text: 'string' });
const answered = defineEvent('slow.call.answered', { text: 'string' });
const saga = defineSaga({
  type: 'slow', version: 1, context: 'slow', initiator: 'caller', start: asked, timeoutMs: 0, totalSteps: 1, completed: { emits: null }, failed: { emits: null },
  steps: { call: { kind: 'effect', owner: 'caller', number: 1, after: 'start', timeoutMs: 60_000, retry: NO_RETRY, output: answered, compensation: none('only talk') } },
});
const says = (text: string): StepResult => completed(event(answered, { text }));

/** An id of each partition. */
const IDS = PARTITIONS.map((partition) => Array.from({ length: 100 }, (_, index) => `s${index}`).find((id) => partitionFor(id, PARTITIONS.length) === partition) ?? '');

let calls: string[];
let answer: PromiseWithResolvers<void>;
let workers: EmbeddedWorker[];
let client: SagaClient;
let log: EventLog;
let collector: SagaEventCollector;
let topic: string;

/** A call ends when the test says so, or when it is aborted. */
const callerOf = (worker: string): ParticipantDefinition => defineParticipant({
  name: 'caller', initiates: [initiate(saga)],
  steps: [implementEffect(saga, 'call', {
    execute: async ({ sagaId }, signal) => {
      calls.push(`${worker} calls ${sagaId}`);
      const aborted = new Promise<string>((resolve) => { signal.addEventListener('abort', () => resolve('aborted')); });
      if (await Promise.race([answer.promise, aborted]) !== 'aborted') return says(worker);
      calls.push(`${worker} aborts ${sagaId}`);
      return transient('aborted');
    },
    reconcile: async ({ sagaId }) => {
      calls.push(`${worker} asks for ${sagaId}`);
      return says('found');
    },
  })],
});

/** One a test: their topics keep what the other has left. */
const namespaces = [freshNamespace(), freshNamespace()];
let namespace: string;

const start = (name: string, revokeDrainTimeoutMs: number): { readonly worker: EmbeddedWorker; readonly started: Promise<void> } => {
  const worker = createWorker({
    participants: [callerOf(name)], kafka: { brokers: platform.kafka }, registry: { url: platform.registry }, namespace,
    provision: { partitions: PARTITIONS.length }, limits: { revokeDrainTimeoutMs },
  });
  workers.push(worker);
  return { worker, started: worker.start() };
};

const awaitThat = async (condition: () => boolean, what: string, timeoutMs = 40_000): Promise<void> => {
  const untilMs = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > untilMs) throw new Error(`not within ${timeoutMs} ms: ${what}; ${calls.join(', ')}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
};

beforeEach(() => {
  namespace = namespaces.shift() ?? '';
  calls = [];
  workers = [];
  answer = Promise.withResolvers();
  topic = topicNames(namespace).saga('slow');
  client = connect({ brokers: platform.kafka, registryUrl: platform.registry, namespace, name: 'asker', provision: true });
  log = createKafkaEventLog({ brokers: platform.kafka, clientId: 'look' });
  collector = new SagaEventCollector({ log, codec: createSchemaCodec({ registryUrl: platform.registry, autoRegister: false, topicsOf: () => [] }) });
});
afterEach(async () => {
  answer.resolve();
  collector.close();
  await Promise.all([client.close(), ...workers.map((worker) => worker.stop())]);
  await log.close();
});

/** Both sagas' calls are under way at the first worker when the second one joins; resolves when the first one drains. */
const rebalance = async (revokeDrainTimeoutMs: number): Promise<{ readonly joined: Promise<void> }> => {
  const first = start('first', revokeDrainTimeoutMs);
  await first.started;
  await collector.follow([topic]);
  for (const id of IDS) await client.start(saga, { text: id }, { id });
  await awaitThat(() => calls.length === IDS.length, 'both calls are under way');
  const second = start('second', revokeDrainTimeoutMs);
  // An abort without a drain would pass unseen.
  await awaitThat(() => (first.worker.status()[0]?.drainingTasks ?? 0) > 0 || calls.length > IDS.length, 'the first worker drains');
  return { joined: second.started };
};

const of = (id: string): readonly AuditedRecord[] => collector.records(topic).filter(({ envelope }) => envelope.correlationId === id);
const typesOf = (records: readonly AuditedRecord[]): readonly string[] => records.map(({ type }) => type);
/** The claims of a partition: its owners, first to last. */
const claimsOn = (partition: number): readonly { readonly offset: number; readonly worker: unknown }[] =>
  collector.records(topic).filter((record) => record.type === opsPartitionClaimed.name && record.partition === partition)
    .map(({ offset, payload }) => ({ offset, worker: typeof payload === 'object' && payload !== null && 'worker' in payload ? payload.worker : null }));

/** Every saga has completed; both workers own a partition; what holds for every saga holds. */
const settle = async (joined: Promise<void>): Promise<{ readonly moved: number; readonly stayed: number }> => {
  await joined;
  for (const id of IDS) expect(await client.handle(saga, id).result()).toMatchObject({ status: 'COMPLETED' });
  await collector.until(() => IDS.every((id) => of(id).some(({ type }) => type === 'chorus.SagaCompleted')), () => 'both have completed');
  await awaitThat(() => workers.every((worker) => worker.status()[0]?.liveTasks === 1), 'each worker owns a partition');
  const { violations } = verifyRecords(collector.records(topic), { definitions: (type) => (type === saga.type ? saga : undefined), isFinished: true });
  expect(violations).toEqual([]);
  const owners = PARTITIONS.map((partition) => new Set(claimsOn(partition).map(({ worker }) => worker)).size);
  expect(owners.toSorted()).toEqual([1, 2]);
  return { moved: owners.indexOf(2), stayed: owners.indexOf(1) };
};

test('a call that is answered while its partition is taken back is committed by its first owner, and made by nobody again', async () => {
  const { joined } = await rebalance(20_000);
  answer.resolve();
  const { moved } = await settle(joined);
  expect(calls.toSorted()).toEqual(IDS.map((id) => `first calls ${id}`).toSorted());
  const records = of(IDS[moved] ?? '');
  const outcome = records.find(({ type }) => type === answered.name);
  expect(outcome?.payload).toMatchObject({ text: 'first' });
  expect(outcome?.offset).toBeLessThan(claimsOn(moved).at(-1)?.offset ?? 0);
  expect(typesOf(records)).toEqual([asked.name, 'chorus.SagaStarted', answered.name, 'chorus.SagaCompleted']);
});

test('a call that outlasts the bound is aborted, nothing of it is recorded, and the next owner asks before anything else', async () => {
  const { joined } = await rebalance(300);
  const { moved, stayed } = await settle(joined);
  const [movedId = '', stayedId = ''] = [IDS[moved], IDS[stayed]];
  const callsOf = (id: string): readonly string[] => calls.filter((call) => call.endsWith(` ${id}`));
  expect(callsOf(movedId)).toEqual([`first calls ${movedId}`, `first aborts ${movedId}`, `second asks for ${movedId}`]);
  expect(callsOf(stayedId)).toEqual([`first calls ${stayedId}`, `first aborts ${stayedId}`, `first asks for ${stayedId}`]);
  for (const [index, id] of IDS.entries()) {
    const records = of(id);
    expect(typesOf(records)).toEqual([asked.name, 'chorus.SagaStarted', answered.name, 'chorus.SagaCompleted']);
    const outcome = records.find(({ type }) => type === answered.name);
    expect(outcome?.payload).toMatchObject({ text: 'found' });
    expect(outcome?.offset).toBeGreaterThan(claimsOn(index).at(-1)?.offset ?? Infinity);
  }
});
