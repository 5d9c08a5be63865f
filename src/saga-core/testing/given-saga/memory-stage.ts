import type { DataType, EventType } from '#contracts/core';
import type { ParticipantDefinition } from '#saga-core';
import type { Codec, EventLog, Log, LogFields, LogRecord } from '#saga-core/ports';
import { bodyHash, createClient, createWorker, Needs, type SagaClient, type TaskLimits, type TopicNames, topicNames, type Worker } from '#saga-core/runtime';
import type { AuditedRecord } from '../invariants/audited.ts';
import { createMemoryCodec, createMemorySchemaRegistry, type MemorySchemaRegistry } from '../memory-codec/memory-codec.ts';
import { createMemoryCluster, type MemoryCluster } from '../memory-event-log/cluster.ts';
import type { FaultPlan } from '../memory-event-log/faults.ts';
import { createSimulatedClock, type SimulatedClock } from '../simulated-clock.ts';
import type { SimulatedProcess } from '../simulated-process.ts';
import { createSimulatedRandom, type SimulatedRandom } from '../simulated-random.ts';

type AnyType = EventType<unknown> | DataType<unknown>;

/** What a stage is made of. */
export type MemoryStageOptions = {
  readonly participants: readonly ParticipantDefinition[];
  /** Types that handlers write beyond what definitions name: compensation data. */
  readonly types?: readonly AnyType[];
  /** Where handlers wait for time, they wait on this clock. Default: one that begins on 5 January 2026, 14:30 UTC. */
  readonly clock?: SimulatedClock;
  /** Decides how the network delays; default 1. */
  readonly seed?: number;
  /** Prefix of the topics; default `test`. */
  readonly namespace?: string;
  /** Of every topic; default 1. */
  readonly partitionCount?: number;
  readonly faults?: FaultPlan;
  /** By topic: bytes of one record that the broker takes. */
  readonly recordBytesMax?: Readonly<Record<string, number>>;
  /** Bytes of one record that the codec makes. */
  readonly codecBytesMax?: number;
};

/** One line that a worker has said to people. */
export type LogLine = { readonly level: 'info' | 'warn' | 'error'; readonly message: string; readonly fields: LogFields };
/** A worker in a process of its own; `started` is its start's promise, not awaited. */
export type StageWorker = { readonly worker: Worker; readonly process: SimulatedProcess; readonly started: Promise<void> };
/** How a worker differs from the usual one: every participant, a codec that knows every type, the log as it is. */
export type LaunchOptions = { readonly participants?: readonly ParticipantDefinition[]; readonly limits?: Partial<TaskLimits>; readonly codec?: Codec; readonly wrap?: (log: EventLog) => EventLog };

const START_MILLIS = Date.UTC(2026, 0, 5, 14, 30);
const READY_LIMIT_MS = 30_000;
const SETTLED_LIMIT_MS = 60_000;

/** A record in a line: `name step item (sub-saga)`, names of the runtime without `chorus.` */
export const lineOf = ({ type, envelope: { stepName, stepItem, subSaga } }: Pick<AuditedRecord, 'type' | 'envelope'>): string =>
  [type.replace(/^chorus\./, ''), stepName, stepItem, subSaga === null ? null : `(${subSaga})`].filter((part) => part !== null).join(' ');

/** What `givenSaga` stands on, for tests that take workers, processes and the log into their own hands. */
export class MemoryStage {
  readonly names: TopicNames;
  readonly clock: SimulatedClock;
  readonly registry: MemorySchemaRegistry = createMemorySchemaRegistry();
  readonly cluster: MemoryCluster;
  /** Knows every type of the participants. */
  readonly codec: Codec;
  /** What workers have said, oldest first. */
  readonly lines: LogLine[] = [];
  readonly #options: MemoryStageOptions;
  readonly #needs: Needs;
  readonly #random: SimulatedRandom;
  readonly #audited = new Map<string, AuditedRecord | null>();
  #workerNumber = 0;

  private constructor(options: MemoryStageOptions) {
    this.#options = options;
    this.names = topicNames(options.namespace ?? 'test');
    this.clock = options.clock ?? createSimulatedClock({ nowMillis: START_MILLIS });
    this.#random = createSimulatedRandom(options.seed ?? 1);
    this.#needs = options.participants.reduce((needs, participant) => needs.addParticipant(participant), new Needs(this.names)).addTypes(options.types ?? []);
    this.cluster = createMemoryCluster({ clock: this.clock, random: this.#random.fork('cluster'), ...(options.faults === undefined ? {} : { faults: options.faults }) });
    this.codec = this.#bareCodec();
  }

  /** With every topic that the participants read or write, and nobody at work. */
  static async open(options: MemoryStageOptions): Promise<MemoryStage> {
    const stage = new MemoryStage(options);
    for (const { topic, isCompacted } of stage.#needs.topics) {
      const recordBytesMax = options.recordBytesMax?.[topic];
      stage.cluster.createTopic({ name: topic, partitionCount: options.partitionCount ?? 1, cleanup: isCompacted ? 'compact' : 'delete', ...(recordBytesMax === undefined ? {} : { recordBytesMax }) });
    }
    await stage.codec.prepare(stage.#needs.types);
    return stage;
  }

  #bareCodec(): Codec {
    const { codecBytesMax } = this.#options;
    return createMemoryCodec({ registry: this.registry, ...(codecBytesMax === undefined ? {} : { recordBytesMax: codecBytesMax }) });
  }

  /** Of a process that knows every type but these. */
  async newCodec(unknown: readonly AnyType[] = []): Promise<Codec> {
    const codec = this.#bareCodec();
    await codec.prepare(this.#needs.types.filter((type) => !unknown.includes(type)));
    return codec;
  }

  /** A worker that has been told to start. */
  async launch(options: LaunchOptions = {}): Promise<StageWorker> {
    const name = `worker-${++this.#workerNumber}`;
    const { log, process } = this.cluster.connect(name);
    const worker = createWorker({
      participants: options.participants ?? this.#options.participants, log: options.wrap?.(log) ?? log, codec: options.codec ?? await this.newCodec(), clock: process.clock, random: this.#random.fork(name),
      namespace: this.names.namespace, name, limits: options.limits ?? {}, logger: this.#logger(),
    });
    const started = worker.start();
    started.catch(() => undefined);
    return { worker, process, started };
  }

  /** A worker that is ready. */
  async start(options: LaunchOptions = {}): Promise<StageWorker> {
    const launched = await this.launch(options);
    await this.settled(launched.started, { limitMs: READY_LIMIT_MS, what: () => 'the start of a worker' });
    return launched;
  }

  /** A client in a process of its own. */
  client(name = 'client'): SagaClient {
    const { log, process } = this.cluster.connect(name);
    return createClient({ log, codec: this.codec, clock: process.clock, random: this.#random.fork(name), namespace: this.names.namespace, name });
  }

  #logger(): Log {
    const said = (level: LogLine['level']) => (message: string, fields: LogFields): void => void this.lines.push({ level, message, fields });
    return { info: said('info'), warn: said('warn'), error: said('error') };
  }

  /** Lets time pass until the promise is settled, and gives what it came to; rejects where the limit passes first. */
  async settled<Value>(promise: Promise<Value>, { limitMs = SETTLED_LIMIT_MS, what = () => 'a promise' }: { readonly limitMs?: number; readonly what?: () => string } = {}): Promise<Value> {
    let isSettled = false;
    promise.then(() => { isSettled = true; }, () => { isSettled = true; });
    if (!(await this.clock.runUntil(() => isSettled, limitMs))) throw new Error(`not settled within ${limitMs} ms: ${what()}`);
    return promise;
  }

  /** Committed records of a topic, tombstones included, by partition and offset. */
  committed(topic: string): readonly LogRecord[] {
    return Array.from({ length: this.cluster.partitionCount(topic) }, (_, partition) => this.cluster.entries({ topic, partition })).flat()
      .flatMap((entry) => (entry.kind === 'record' && entry.transaction?.status === 'committed' ? [entry.record] : []));
  }

  /** The same, decoded; what cannot be is left out. */
  audited(topic: string): readonly AuditedRecord[] {
    return this.committed(topic).flatMap((record) => this.#auditedOf(record) ?? []);
  }

  /** Committed records never change: decoded once. */
  #auditedOf({ topic, partition, offset, value }: LogRecord): AuditedRecord | null {
    const key = `${topic}/${partition}/${offset}`;
    const known = this.#audited.get(key);
    if (known !== undefined) return known;
    const decoded = value === null ? null : this.codec.decode(value);
    const audited = value === null || decoded?.status !== 'decoded' ? null
      : { topic, partition, offset, type: decoded.type, envelope: decoded.envelope, payload: decoded.payload(), bodyHash: bodyHash(value) };
    this.#audited.set(key, audited);
    return audited;
  }
}
