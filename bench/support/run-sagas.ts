import { createKafkaAdmin, createKafkaEventLog } from '#adapters/kafka';
import { createSchemaCodec } from '#adapters/schema-registry';
import { allEventTypes } from '#contracts';
import { createClient, createWorker, type SagaClient, systemClock, systemRandom, topicNames, type Worker } from '#saga-core/runtime';
import type { ParticipantDefinition } from '#saga-core';
import type { Codec, EventLog } from '#saga-core/ports';
import { benchTypes, fiveSteps, participants } from './five-steps.ts';

export type Target = { readonly brokers: readonly string[]; readonly registryUrl: string };
export type Stage = { readonly namespace: string; readonly partitions: number; readonly log: EventLog; readonly codec: Codec; readonly client: SagaClient; readonly worker: Worker; readonly close: () => Promise<void> };

const PARTITIONS = 2;
/** In the order of their steps. */
export const OWNERS = participants().map(({ name }) => name);
export const FILLER = 'x'.repeat(200);

/** Topics, worker with the five participants and a client, in a namespace of its own. */
export const setUp = async (target: Target, namespace: string, options: { readonly participants?: readonly ParticipantDefinition[]; readonly partitions?: number } = {}): Promise<Stage> => {
  const config = { brokers: [...target.brokers], clientId: 'chorus-bench' };
  const admin = createKafkaAdmin(config);
  const names = topicNames(namespace);
  const partitions = options.partitions ?? PARTITIONS;
  const topics = [names.saga('bench'), names.ops, names.deadLetters, ...OWNERS.map((owner) => names.checkpoints(owner, 'bench'))];
  await admin.createTopics(topics.map((topic) => ({ topic, partitions, config: topic.includes('.checkpoints.') ? { 'cleanup.policy': 'compact' } : {} })));
  const log = createKafkaEventLog(config);
  const codec = createSchemaCodec({ registryUrl: target.registryUrl, autoRegister: true, topicsOf: () => [names.saga('bench')] });
  await codec.prepare([...benchTypes, ...allEventTypes.filter((type) => type.name.startsWith('chorus.') || type.name.startsWith('ops.'))]);
  const common = { log, codec, clock: systemClock, random: systemRandom, namespace };
  const worker = createWorker({ ...common, participants: options.participants ?? participants() });
  await worker.start();
  const client = createClient(common);
  const close = async (): Promise<void> => {
    await client.close();
    await worker.stop();
    await log.close();
    await admin.deleteTopics(topics);
    await admin.close();
  };
  return { namespace, partitions, log, codec, client, worker, close };
};

export const runOne = async (stage: Stage, mustFail: boolean): Promise<{ readonly correlationId: string; readonly latencyMs: number }> => {
  const handle = await stage.client.start(fiveSteps, { filler: FILLER, mustFail });
  const begunMs = performance.now();
  await handle.result();
  return { correlationId: handle.correlationId, latencyMs: performance.now() - begunMs };
};

/** One saga at a time, from the commit of its start record to the read of its terminal record. */
export const closedLoop = async (stage: Stage, count: number): Promise<readonly number[]> => {
  const latenciesMs: number[] = [];
  for (let index = 0; index < count; index++) latenciesMs.push((await runOne(stage, index % 10 === 9)).latencyMs);
  return latenciesMs;
};

/** `inFlight` sagas at any time, every tenth failing at step 4. */
export const loaded = async (stage: Stage, load: { readonly inFlight: number; readonly durationMs: number }): Promise<{ readonly latenciesMs: readonly number[]; readonly seconds: number }> => {
  const latenciesMs: number[] = [];
  let started = 0;
  const begunMs = performance.now();
  const lane = async (): Promise<void> => {
    while (performance.now() - begunMs < load.durationMs) latenciesMs.push((await runOne(stage, started++ % 10 === 9)).latencyMs);
  };
  await Promise.all(Array.from({ length: load.inFlight }, lane));
  return { latenciesMs, seconds: (performance.now() - begunMs) / 1_000 };
};
