import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createKafkaAdmin, createKafkaEventLog } from '#adapters/kafka';
import { createSchemaCodec } from '#adapters/schema-registry';
import { allEventTypes } from '#contracts';
import { createClient, createWorker, type SagaClient, systemClock, systemRandom, topicNames, type Worker } from '#saga-core/runtime';
import type { ParticipantDefinition } from '#saga-core';
import type { Codec, EventLog } from '#saga-core/ports';
import { benchTypes, fiveSteps } from './five-steps.ts';

export type Target = { readonly brokers: readonly string[]; readonly registryUrl: string };
/** A namespace with its topics, and a client. */
export type Stage = { readonly namespace: string; readonly log: EventLog; readonly codec: Codec; readonly client: SagaClient; readonly close: () => Promise<void> };
export type WorkerProcess = { readonly pid: number; readonly stop: () => Promise<void> };

const PARTITIONS = 2;
const OWNERS = ['one', 'two', 'three', 'four', 'five'];
export const FILLER = 'x'.repeat(200);

export const codecOf = async (target: Target, namespace: string): Promise<Codec> => {
  const codec = createSchemaCodec({ registryUrl: target.registryUrl, autoRegister: true, topicsOf: () => [topicNames(namespace).saga('bench')] });
  await codec.prepare([...benchTypes, ...allEventTypes.filter((type) => type.name.startsWith('chorus.') || type.name.startsWith('ops.'))]);
  return codec;
};

export const setUp = async (target: Target, namespace: string, partitions: number = PARTITIONS): Promise<Stage> => {
  const config = { brokers: [...target.brokers], clientId: 'chorus-bench' };
  const admin = createKafkaAdmin(config);
  const names = topicNames(namespace);
  const topics = [names.saga('bench'), names.ops, names.deadLetters, ...OWNERS.map((owner) => names.checkpoints(owner, 'bench'))];
  await admin.createTopics(topics.map((topic) => ({ topic, partitions, config: topic.includes('.checkpoints.') ? { 'cleanup.policy': 'compact' } : {} })));
  const log = createKafkaEventLog(config);
  const codec = await codecOf(target, namespace);
  const client = createClient({ log, codec, clock: systemClock, random: systemRandom, namespace });
  const close = async (): Promise<void> => {
    await client.close();
    await log.close();
    await admin.deleteTopics(topics);
    await admin.close();
  };
  return { namespace, log, codec, client, close };
};

/** Participants in this very process. */
export const startWorker = async ({ log, codec, namespace }: Stage, participants: readonly ParticipantDefinition[]): Promise<Worker> => {
  const worker = createWorker({ participants, log, codec, clock: systemClock, random: systemRandom, namespace });
  await worker.start();
  return worker;
};

/** The five participants in a process of their own: who starts sagas and who runs them do not share a thread in production either. */
export const startWorkerProcess = async (target: Target, namespace: string): Promise<WorkerProcess> => {
  const child = fork(new URL('./worker-process.ts', import.meta.url), [target.brokers.join(','), target.registryUrl, namespace]);
  const ended = once(child, 'exit');
  const [first] = await Promise.race([once(child, 'message'), ended]);
  if (first !== 'live' || child.pid === undefined) throw new Error(`the worker's process ended with ${String(first)} before it was live`);
  const stop = async (): Promise<void> => {
    child.disconnect();
    await ended;
  };
  return { pid: child.pid, stop };
};

export const runOne = async (stage: Stage, mustFail: boolean): Promise<number> => {
  const handle = await stage.client.start(fiveSteps, { filler: FILLER, mustFail });
  const begunMs = performance.now();
  await handle.result();
  return performance.now() - begunMs;
};

/** One saga at a time, from the commit of its start record to the read of its terminal record. */
export const closedLoop = async (stage: Stage, count: number): Promise<readonly number[]> => {
  const latenciesMs: number[] = [];
  for (let index = 0; index < count; index++) latenciesMs.push(await runOne(stage, index % 10 === 9));
  return latenciesMs;
};

/** `inFlight` sagas at any time, every tenth failing at step 4. */
export const loaded = async (stage: Stage, load: { readonly inFlight: number; readonly durationMs: number }): Promise<{ readonly latenciesMs: readonly number[]; readonly seconds: number }> => {
  const latenciesMs: number[] = [];
  let started = 0;
  const begunMs = performance.now();
  const lane = async (): Promise<void> => {
    while (performance.now() - begunMs < load.durationMs) latenciesMs.push(await runOne(stage, started++ % 10 === 9));
  };
  await Promise.all(Array.from({ length: load.inFlight }, lane));
  return { latenciesMs, seconds: (performance.now() - begunMs) / 1_000 };
};
