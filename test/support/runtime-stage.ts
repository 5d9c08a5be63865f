import {
  brokerObservationRecorded, childSagaEnded, compensationCompleted, compensationFailed, compensationRequested, type Envelope, entityPosition, entityState, entityTick, instanceCheckpoint, instanceParked,
  opsOperatorAction, opsPartitionClaimed, sagaCompleted, sagaFailed, sagaQuarantined, sagaRefused, sagaSignalled, sagaStarted, stepAttemptFailed, stepCompleted, stepFailed, stepStarted,
} from '#contracts/core';
import { type DataType, defineEvent, type EventType, type ParticipantDefinition, type SagaDefinition } from '#saga-core';
import type { Codec, EventLog, LogRecord, RecordToWrite } from '#saga-core/ports';
import { createClient, createWorker, EMPTY_ENVELOPE, type SagaClient, type TaskLimits, topicNames, topicsOf, type Worker } from '#saga-core/runtime';
import {
  createMemoryCluster, createMemoryCodec, createMemorySchemaRegistry, createSimulatedClock, createSimulatedRandom, type FaultPlan, type MemoryCluster, type SimulatedProcess,
} from '#saga-core/testing';

// Participants of a test's own on the in-memory log, in simulated time: one partition, so that one task folds all.

export const CONTEXT = 'stage';
export const NAMESPACE = 'test';
export const names = topicNames(NAMESPACE);

/** Events that carry one text each. */
export const begun = defineEvent('stage.begun', { text: 'string' });
export const told = defineEvent('stage.told', { text: 'string' });
export const asked = defineEvent('stage.asked', { text: 'string' });
export const withdrawn = defineEvent('stage.withdrawn', { text: 'string' });

const CORE_TYPES = [
  brokerObservationRecorded, childSagaEnded, compensationCompleted, compensationFailed, compensationRequested, entityPosition, entityState, entityTick, instanceCheckpoint, instanceParked,
  opsOperatorAction, opsPartitionClaimed, sagaCompleted, sagaFailed, sagaQuarantined, sagaRefused, sagaSignalled, sagaStarted, stepAttemptFailed, stepCompleted, stepFailed, stepStarted,
];
const START_MILLIS = Date.UTC(2026, 0, 5, 14, 30);
const READY_LIMIT_MS = 30_000;

export type Seen = { readonly offset: number; readonly type: string; readonly envelope: Envelope; readonly payload: Readonly<Record<string, unknown>> };
export type StageOptions = {
  readonly participants: readonly ParticipantDefinition[];
  readonly types?: readonly (EventType<unknown> | DataType<unknown>)[];
  readonly faults?: FaultPlan;
  /** By topic: bytes of one record that the broker takes. */
  readonly recordBytesMax?: Readonly<Record<string, number>>;
  readonly codecBytesMax?: number;
};
export type StageWorker = { readonly worker: Worker; readonly process: SimulatedProcess; readonly started: Promise<void> };

export class RuntimeStage {
  readonly clock = createSimulatedClock({ nowMillis: START_MILLIS });
  readonly registry = createMemorySchemaRegistry();
  readonly cluster: MemoryCluster;
  readonly errors: string[] = [];
  readonly warnings: { readonly message: string; readonly fields: Readonly<Record<string, unknown>> }[] = [];
  readonly #random = createSimulatedRandom(1);
  readonly #options: StageOptions;
  #codec: Codec | null = null;
  #number = 0;

  private constructor(options: StageOptions) {
    this.#options = options;
    this.cluster = createMemoryCluster({ clock: this.clock, random: this.#random.fork('cluster'), ...(options.faults === undefined ? {} : { faults: options.faults }) });
  }

  static async open(options: StageOptions): Promise<RuntimeStage> {
    const stage = new RuntimeStage(options);
    for (const topic of new Set(options.participants.flatMap((participant) => topicsOf(participant, [CONTEXT], names)))) {
      const bytes = options.recordBytesMax?.[topic];
      stage.cluster.createTopic({ name: topic, partitionCount: 1, cleanup: topic.endsWith('.state') || topic.includes('.checkpoints.') ? 'compact' : 'delete', ...(bytes === undefined ? {} : { recordBytesMax: bytes }) });
    }
    stage.#codec = await stage.newCodec();
    return stage;
  }

  /** Of a process that knows every type but those of `unknown`. */
  async newCodec(unknown: StageOptions['types'] = []): Promise<Codec> {
    const codec = createMemoryCodec({ registry: this.registry, ...(this.#options.codecBytesMax === undefined ? {} : { recordBytesMax: this.#options.codecBytesMax }) });
    await codec.prepare([...CORE_TYPES, begun, told, asked, withdrawn, ...(this.#options.types ?? []).filter((type) => !unknown.includes(type))]);
    return codec;
  }

  get codec(): Codec {
    if (this.#codec === null) throw new Error('open the stage first');
    return this.#codec;
  }

  /** A worker in a process of its own; `started` is its start's promise, not awaited. */
  async launch(options: { readonly participants?: readonly ParticipantDefinition[]; readonly limits?: Partial<TaskLimits>; readonly codec?: Codec; readonly wrap?: (log: EventLog) => EventLog } = {}): Promise<StageWorker> {
    const name = `worker-${++this.#number}`;
    const { log, process } = this.cluster.connect(name);
    const worker = createWorker({
      participants: options.participants ?? this.#options.participants, log: options.wrap?.(log) ?? log, codec: options.codec ?? await this.newCodec(), clock: process.clock, random: this.#random.fork(name), namespace: NAMESPACE, name,
      limits: options.limits ?? {},
      logger: { info: () => undefined, warn: (message, fields) => void this.warnings.push({ message, fields }), error: (message, fields) => void this.errors.push(`${message} ${JSON.stringify(fields)}`) },
    });
    const started = worker.start();
    started.catch(() => undefined);
    return { worker, process, started };
  }

  async start(options: Parameters<RuntimeStage['launch']>[0] = {}): Promise<StageWorker> {
    const launched = await this.launch(options);
    let isReady = false;
    launched.started.then(() => { isReady = true; }, () => { isReady = true; });
    if (!(await this.clock.runUntil(() => isReady, READY_LIMIT_MS))) throw new Error('the worker is not ready');
    await launched.started;
    return launched;
  }

  client(name = 'client'): SagaClient {
    const { log, process } = this.cluster.connect(name);
    return createClient({ log, codec: this.codec, clock: process.clock, random: this.#random.fork(name), namespace: NAMESPACE, name });
  }

  /** Lets time pass until the promise is settled. */
  async settled<Value>(promise: Promise<Value>, limitMs = 60_000): Promise<Value> {
    let isSettled = false;
    promise.then(() => { isSettled = true; }, () => { isSettled = true; });
    if (!(await this.clock.runUntil(() => isSettled, limitMs))) throw new Error(`not settled within ${limitMs} ms: ${this.types().join(', ')}`);
    return promise;
  }

  /** Committed records of a topic that are no tombstones, as they are written. */
  raw(topic: string): readonly LogRecord[] {
    return this.cluster.entries({ topic, partition: 0 }).flatMap((entry) => (entry.kind === 'record' && entry.transaction?.status === 'committed' ? [entry.record] : []));
  }

  seen(topic: string = names.saga(CONTEXT)): readonly Seen[] {
    return this.raw(topic).flatMap(({ offset, value }) => {
      const decoded = value === null ? null : this.codec.decode(value);
      return decoded?.status === 'decoded' ? [{ offset, type: decoded.type, envelope: decoded.envelope, payload: decoded.payload() as Seen['payload'] }] : [];
    });
  }

  /** Types on the saga topic but for claims, with step and item. */
  types(id?: string): readonly string[] {
    return this.seen().filter(({ type, envelope }) => type !== opsPartitionClaimed.name && (id === undefined || envelope.correlationId === id)).map(({ type, envelope: { stepName, stepItem } }) =>
      [type.replace(/^(chorus|stage)\./, ''), ...(stepName === null ? [] : [stepName]), ...(stepItem === null ? [] : [stepItem])].join(' '));
  }

  deadLetters(): readonly { readonly value: Uint8Array | null; readonly reason: string; readonly group: string }[] {
    const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('utf8');
    return this.raw(names.deadLetters).map(({ value, headers }) => ({ value, reason: text(headers['dead-letter-reason']), group: text(headers['dead-letter-group']) }));
  }

  /** Runs until the saga topic holds so many records of the type. */
  async until(type: EventType<unknown>, count = 1, limitMs = 60_000): Promise<readonly Seen[]> {
    const found = (): readonly Seen[] => this.seen().filter((record) => record.type === type.name);
    if (!(await this.clock.runUntil(() => found().length >= count, limitMs))) throw new Error(`${type.name}: ${found().length} of ${count} within ${limitMs} ms: ${this.types().join(', ')}\n${this.errors.join('\n')}`);
    return found();
  }

  /** What somebody else writes, at once. */
  async append(...records: readonly Partial<RecordToWrite>[]): Promise<void> {
    const whole = records.map((record): RecordToWrite => ({ topic: names.saga(CONTEXT), partition: 0, key: 'foreign', value: null, headers: {}, timestampMs: this.clock.nowMillis(), ...record }));
    await (await this.cluster.openTransaction(`foreign-${++this.#number}`, { records: whole })).commit();
  }

  /** An event of an instance, by hand. */
  written<Payload>(saga: SagaDefinition, id: string, event: { readonly type: EventType<Payload>; readonly payload: Payload }, envelope: Partial<Envelope> = {}): RecordToWrite {
    const eventId = this.#random.id();
    const whole: Envelope = {
      ...EMPTY_ENVELOPE, eventId, occurredAt: this.clock.nowMillis(), producer: 'foreign', correlationId: id, sagaType: saga.type, startedAt: this.clock.nowMillis(),
      timeout: saga.timeoutMs, totalSteps: saga.totalSteps, step: 0, chain: { id: eventId, seq: 1, prevHash: null }, ...envelope,
    };
    return { topic: names.saga(CONTEXT), partition: 0, key: id, value: this.codec.encode(event.type, whole, event.payload), headers: { 'event-type': event.type.name }, timestampMs: whole.occurredAt };
  }
}
