import {
  brokerObservationRecorded, compensationCompleted, compensationFailed, compensationRequested, childSagaEnded, entityPosition, entityState, entityTick, instanceCheckpoint, instanceParked,
  type EntityState, opsOperatorAction, opsPartitionClaimed, sagaCompleted, sagaFailed, sagaQuarantined, sagaRefused, sagaSignalled, sagaStarted, stepAttemptFailed, stepCompleted, stepFailed, stepStarted,
} from '#contracts/core';
import { erase, idempotencyKey } from '#kernel';
import type { SagaDefinition } from '#saga-core';
import type { Codec, EventLog } from '#saga-core/ports';
import { bodyHash, createClient, createWorker, type SagaClient, topicNames, topicsOf } from '#saga-core/runtime';
import {
  type AuditedRecord, type BrokerMutants, createMemoryCluster, createMemoryCodec, createMemorySchemaRegistry, createSimulatedClock, createSimulatedProcess, createSimulatedRandom,
  type MemoryCluster, type SimulatedClock, type SimulatedProcess, type SimulatedRandom, type Verification, type Violation, verifyRecords,
} from '#saga-core/testing';
import { faultPlan, pauseDurationMs, randomWeather, type Weather } from './chaos.ts';
import { participantsOf, SHELF_SIZE } from './participants.ts';
import { CONTEXT, randomSaga } from './random-saga.ts';
import { noted, type Shelf, simulatedTypes } from './types.ts';
import { createVendor, type Vendor } from './vendor.ts';
import { watchFaults } from './watch-faults.ts';

const NAMESPACE = 'sim';
const PARTITION_COUNT = 2;
const WORKER_COUNT = 2;
const INSTANCE_COUNT = 6;
const STORM_MS = 25_000;
const STEP_MS = 200;
const CALM_LIMIT_MS = 400_000;
/** Small, so that every take-over reads several batches. */
const FETCH_ENTRY_COUNT_MAX = 10;
const START_MILLIS = Date.UTC(2026, 0, 5, 14, 30);
const names = topicNames(NAMESPACE);

const coreTypes = [
  brokerObservationRecorded, compensationCompleted, compensationFailed, compensationRequested, childSagaEnded, entityPosition, entityState, entityTick, instanceCheckpoint, instanceParked,
  opsOperatorAction, opsPartitionClaimed, sagaCompleted, sagaFailed, sagaQuarantined, sagaRefused, sagaSignalled, sagaStarted, stepAttemptFailed, stepCompleted, stepFailed, stepStarted,
];

export type SimulateOptions = { readonly mutant?: Mutant; readonly calmLimitMs?: number; readonly trace?: (line: string) => void };

/** Faults planted into the protocol's seams, to prove that the checkers see them. */
export type Mutant = {
  readonly broker?: BrokerMutants;
  /** Wraps the log that a worker is given. */
  readonly log?: (log: EventLog) => EventLog;
  /** Wraps the vendor that workers call. */
  readonly vendor?: (vendor: Vendor) => Vendor;

};

export type RunResult = Verification & {
  readonly seed: number;
  readonly weather: Weather;
  readonly virtualMs: number;
  readonly eventCount: number;
  readonly recordCount: number;
  readonly completedCount: number;
  readonly failedCount: number;
  readonly takeoverCount: number;
  /** Events that watches wrote before their outcomes. */
  readonly notedCount: number;
  readonly records: readonly AuditedRecord[];
};

type World = {
  readonly clock: SimulatedClock;
  readonly random: SimulatedRandom;
  readonly cluster: MemoryCluster;
  readonly saga: SagaDefinition;
  readonly vendor: Vendor;
  readonly weather: Weather;
  readonly newCodec: () => Promise<Codec>;
  readonly mutant: Mutant;
  readonly trace: (line: string) => void;
  isStormy: boolean;
  workerNumber: number;
  readonly workers: SimulatedProcess[];
};

const createTopics = (world: World): void => {
  const probe = createSimulatedProcess({ name: 'probe', clock: world.clock });
  const topics = new Set(participantsOf(world.saga, world.vendor, probe).flatMap((participant) => topicsOf(participant, [CONTEXT], names)));
  for (const name of topics) {
    const isCompacted = name.endsWith('.state') || name.includes('.checkpoints.');
    world.cluster.createTopic({ name, partitionCount: PARTITION_COUNT, cleanup: isCompacted ? 'compact' : 'delete' });
  }
};

const startWorker = async (world: World): Promise<void> => {
  const name = `worker-${++world.workerNumber}`;
  const process = createSimulatedProcess({ name, clock: world.clock, skewMs: world.random.integer(400) - 200 });
  const { log } = world.cluster.connect(name, process);
  const worker = createWorker({
    participants: participantsOf(world.saga, world.mutant.vendor?.(world.vendor) ?? world.vendor, process),
    log: world.mutant.log?.(log) ?? log,
    codec: await world.newCodec(),
    clock: process.clock,
    random: world.random.fork(name),
    namespace: NAMESPACE,
    name,
    membership: { sessionTimeoutMs: 6_000, heartbeatIntervalMs: 1_000 },
  });
  world.workers.push(process);
  // A process that cannot start exits, and is started again.
  void worker.start().catch(() => {
    process.kill();
    void startWorker(world);
  });
};

const createWorld = (seed: number, { mutant = {}, trace: hear = () => undefined }: SimulateOptions): World => {
  const random = createSimulatedRandom(seed);
  const clock = createSimulatedClock({ nowMillis: START_MILLIS });
  const weather = randomWeather(random.fork('weather'));
  const registry = createMemorySchemaRegistry();
  const trace = (line: string): void => hear(`@${Math.round(clock.monotonicMillis())} ${line}`);
  const vendor = createVendor({ clock, random: random.fork('vendor'), refusalProbability: 0.1, ambiguousUndoProbability: 0.15, isTroubled: () => world.isStormy, trace });
  const cluster = createMemoryCluster({
    clock, random: random.fork('cluster'), faults: faultPlan(random.fork('faults'), weather, () => world.isStormy), fetchEntryCountMax: FETCH_ENTRY_COUNT_MAX, ...(mutant.broker === undefined ? {} : { mutants: mutant.broker }),
  });
  const world: World = {
    clock, random: random.fork('world'), cluster, weather, vendor, mutant, trace, isStormy: true,
    saga: randomSaga(random.fork('saga')),
    newCodec: async () => {
      const codec = createMemoryCodec({ registry });
      await codec.prepare([...coreTypes, ...simulatedTypes]);
      return codec;
    },
    workerNumber: 0,
    workers: [],
  };
  createTopics(world);
  return world;
};

const idOf = (index: number): string => `saga-${index}`;

/** Starts until it is certain: the same id starts once. */
const insistOnStart = async (world: World, client: SagaClient, id: string): Promise<void> => {
  for (;;) {
    try {
      await client.start(world.saga, { key: id }, { id });
      return;
    } catch {
      await new Promise<void>((resolve) => void world.clock.after(100, resolve));
    }
  }
};

const disturb = async (world: World): Promise<void> => {
  const { random, weather, workers } = world;
  const alive = workers.filter((process) => process.status() !== 'dead');
  if (random.chance(weather.killProbability)) {
    const victim = random.pick(alive);
    victim.kill();
    world.trace(`${victim.name} is killed`);
    await startWorker(world);
  }
  const running = workers.filter((process) => process.status() === 'running');
  if (running.length > 0 && random.chance(weather.pauseProbability)) {
    const process = random.pick(running);
    process.pause();
    world.trace(`${process.name} stands still`);
    world.clock.after(pauseDurationMs(random), () => {
      world.trace(`${process.name} goes on`);
      process.resume();
    });
  }
  if (random.chance(weather.rebalanceProbability)) world.cluster.rebalance(names.group(random.pick(['alpha', 'beta', 'gamma'])));
};

const meddle = (world: World, client: SagaClient): void => {
  const { random, weather, saga } = world;
  const id = idOf(random.integer(INSTANCE_COUNT));
  const ignore = (): void => undefined;
  if (random.chance(0.3)) void client.signal(saga, id, random.chance(0.9) ? 'go' : 'stop').catch(ignore);
  if (!random.chance(weather.operatorProbability)) return;
  const action = random.pick(['retry', 'skip', 'resolve', 'compensate'] as const);
  const step = random.chance(0.7) ? { step: random.pick(Object.keys(saga.steps)) } : {};
  void client.order(saga, id, { action, ...step, user: 'simulated', reason: 'chaos' }).catch(ignore);
};

const storm = async (world: World, client: SagaClient): Promise<void> => {
  const startAt = Array.from({ length: INSTANCE_COUNT }, (_, index) => ({ id: idOf(index), atMs: world.random.between(0, STORM_MS / 2) }));
  for (const { id, atMs } of startAt) world.clock.after(atMs, () => void insistOnStart(world, client, id));
  for (let elapsedMs = 0; elapsedMs < STORM_MS; elapsedMs += STEP_MS) {
    await world.clock.advance(STEP_MS);
    await disturb(world);
    meddle(world, client);
  }
};

/** Everything of the saga topic that is committed. */
const audit = async (world: World): Promise<readonly AuditedRecord[]> => {
  const codec = await world.newCodec();
  const topic = names.saga(CONTEXT);
  const found: AuditedRecord[] = [];
  for (let partition = 0; partition < PARTITION_COUNT; partition++) {
    for (const entry of world.cluster.entries({ topic, partition })) {
      if (entry.kind !== 'record' || entry.transaction?.status !== 'committed' || entry.record.value === null) continue;
      const decoded = codec.decode(entry.record.value);
      if (decoded.status !== 'decoded') throw new Error(`undecodable record at ${topic}/${partition} offset ${entry.offset}`);
      found.push({ topic, partition, offset: entry.offset, type: decoded.type, envelope: decoded.envelope, payload: decoded.payload(), bodyHash: bodyHash(entry.record.value) });
    }
  }
  return found;
};

/** I6 of the simulated entity: it holds exactly what the records say, each once, and never more than fits. */
const shelfFaults = async (world: World, records: readonly AuditedRecord[]): Promise<readonly Violation[]> => {
  const codec = await world.newCodec();
  const holders = new Map<string, readonly string[]>();
  for (let partition = 0; partition < PARTITION_COUNT; partition++) {
    for (const entry of world.cluster.entries({ topic: names.state('shelves'), partition })) {
      if (entry.kind !== 'record' || entry.transaction?.status !== 'committed' || entry.record.value === null) continue;
      const decoded = codec.decode(entry.record.value);
      if (decoded.status !== 'decoded' || decoded.type !== entityState.name) continue;
      const { key, state } = erase<EntityState>(decoded.payload());
      holders.set(key, erase<{ readonly value: Shelf }>(codec.decodeData(state)).value.holders);
    }
  }
  const stepOf = ({ envelope: { correlationId, stepName, stepItem } }: AuditedRecord): string =>
    idempotencyKey({ correlationId: correlationId ?? '', subSaga: null, step: stepName ?? '', item: stepItem, phase: 'execute' });
  const isEntityStep = (record: AuditedRecord): boolean => world.saga.steps[record.envelope.stepName ?? '']?.kind === 'entity';
  const isUndone = (record: AuditedRecord): boolean => {
    if (record.type !== 'chorus.CompensationCompleted') return false;
    const { kept, byOperator } = erase<{ readonly kept: boolean; readonly byOperator: string | null }>(record.payload);
    return !kept && byOperator === null;
  };
  const undone = new Set(records.filter((record) => isEntityStep(record) && isUndone(record)).map(stepOf));
  const isReserved = (record: AuditedRecord): boolean => isEntityStep(record) && record.envelope.outcome === 'completed' && !erase<{ readonly skipped?: boolean }>(record.payload).skipped;
  const expected = records.filter(isReserved).map(stepOf).filter((key) => !undone.has(key)).sort();
  const found = [...holders.values()].flat().sort();
  const faults = [...holders].filter(([, held]) => held.length > SHELF_SIZE).map(([key, held]) => `${key} holds ${held.length}`);
  if (JSON.stringify(found) !== JSON.stringify(expected)) faults.push(`shelves hold ${found.join(', ')}; the records say ${expected.join(', ')}`);
  return faults.map((message) => ({ invariant: 'I6', instance: null, message }));
};

const countOf = (records: readonly AuditedRecord[], type: string): number => records.filter((record) => record.type === type).length;
const areAllEnded = (records: readonly AuditedRecord[]): boolean =>
  new Set(records.filter((record) => /^chorus\.Saga(Completed|Failed|Refused)$/.test(record.type)).map((record) => record.envelope.correlationId)).size >= INSTANCE_COUNT;

/** No more faults; people look after what is quarantined. */
const calmDown = async (world: World, client: SagaClient, calmLimitMs: number): Promise<readonly AuditedRecord[]> => {
  world.isStormy = false;
  for (const process of world.workers) process.resume();
  const untilMs = world.clock.monotonicMillis() + calmLimitMs;
  for (;;) {
    await world.clock.advance(2_000);
    const records = await audit(world);
    if (areAllEnded(records) || world.clock.monotonicMillis() > untilMs) return records;
    const ended = new Set(records.filter((record) => /^chorus\.Saga(Completed|Failed)$/.test(record.type)).map((record) => record.envelope.correlationId));
    for (let index = 0; index < INSTANCE_COUNT; index++) {
      if (ended.has(idOf(index))) continue;
      const action = world.random.chance(0.5) ? 'retry' : 'resolve';
      void client.order(world.saga, idOf(index), { action, user: 'simulated', reason: 'clean up' }).catch(() => undefined);
    }
  }
};

/** One run: a function of its seed and the planted fault. */
export const simulate = async (seed: number, options: SimulateOptions = {}): Promise<RunResult> => {
  const world = createWorld(seed, options);
  const { log, process } = world.cluster.connect('client');
  const client = createClient({ log, codec: await world.newCodec(), clock: process.clock, random: world.random.fork('client'), namespace: NAMESPACE });
  for (let count = 0; count < WORKER_COUNT; count++) await startWorker(world);
  await storm(world, client);
  const ended = await calmDown(world, client, options.calmLimitMs ?? CALM_LIMIT_MS);
  await world.clock.advance(5_000);
  const records = await audit(world);
  for (const worker of world.workers) worker.kill();
  process.kill();
  const verification = verifyRecords(records, {
    definitions: (type, version) => (type === world.saga.type && version === world.saga.version ? world.saga : undefined),
    isFinished: true,
    vendorEffects: world.vendor.effects(),
  });
  return {
    ...verification,
    violations: [...verification.violations, ...(await shelfFaults(world, records)), ...watchFaults(world.saga, records)],
    seed,
    weather: world.weather,
    virtualMs: world.clock.monotonicMillis(),
    eventCount: world.clock.firedTimerCount(),
    recordCount: ended.length,
    completedCount: countOf(records, 'chorus.SagaCompleted'),
    failedCount: countOf(records, 'chorus.SagaFailed'),
    notedCount: countOf(records, noted.name),
    takeoverCount: world.cluster.entries({ topic: names.saga(CONTEXT), partition: 0 }).filter((entry) => entry.kind === 'record' && Buffer.from(entry.record.key ?? []).toString().startsWith('claim:')).length,
    records,
  };
};
