import { opsPartitionClaimed, type Envelope } from '#contracts/core';
import { defineEvent, type EventType, type SagaDefinition } from '#saga-core';
import type { Codec, LogRecord, RecordToWrite } from '#saga-core/ports';
import { EMPTY_ENVELOPE, type SagaClient, topicNames, topicsOf } from '#saga-core/runtime';
import { createSimulatedRandom, type LaunchOptions, lineOf, type LogLine, MemoryStage, type MemoryStageOptions, type StageWorker } from '#saga-core/testing';

// The runtime's own tests: participants on the in-memory log, in simulated time, on one partition, so that one task folds all.

export const CONTEXT = 'stage';
export const NAMESPACE = 'test';
export const names = topicNames(NAMESPACE);

/** Events that carry one text each. */
export const begun = defineEvent('stage.begun', { text: 'string' });
export const told = defineEvent('stage.told', { text: 'string' });
export const asked = defineEvent('stage.asked', { text: 'string' });
export const withdrawn = defineEvent('stage.withdrawn', { text: 'string' });

export type Seen = { readonly offset: number; readonly type: string; readonly envelope: Envelope; readonly payload: Readonly<Record<string, unknown>> };
export type StageOptions = Pick<MemoryStageOptions, 'participants' | 'types' | 'faults' | 'recordBytesMax' | 'codecBytesMax'>;

export class RuntimeStage {
  readonly #stage: MemoryStage;
  readonly #random = createSimulatedRandom(2);
  #number = 0;

  private constructor(stage: MemoryStage) {
    this.#stage = stage;
  }

  static async open(options: StageOptions): Promise<RuntimeStage> {
    const stage = await MemoryStage.open({ ...options, namespace: NAMESPACE, types: [begun, told, asked, withdrawn, ...(options.types ?? [])] });
    // The context's topics, for participants too that own no step.
    for (const name of new Set(options.participants.flatMap((participant) => topicsOf(participant, [CONTEXT], names)))) {
      if (!stage.cluster.topicNames().includes(name)) stage.cluster.createTopic({ name, partitionCount: 1, cleanup: name.includes('.checkpoints.') ? 'compact' : 'delete' });
    }
    return new RuntimeStage(stage);
  }

  get clock(): MemoryStage['clock'] {
    return this.#stage.clock;
  }

  get registry(): MemoryStage['registry'] {
    return this.#stage.registry;
  }

  get cluster(): MemoryStage['cluster'] {
    return this.#stage.cluster;
  }

  get codec(): Codec {
    return this.#stage.codec;
  }

  /** Of a process that knows every type but those of `unknown`. */
  newCodec(unknown: StageOptions['types'] = []): Promise<Codec> {
    return this.#stage.newCodec(unknown);
  }

  /** What workers have said, message and fields, in errors. */
  get errors(): readonly string[] {
    return this.#stage.lines.filter(({ level }) => level === 'error').map(({ message, fields }) => `${message} ${JSON.stringify(fields)}`);
  }

  get warnings(): readonly Pick<LogLine, 'message' | 'fields'>[] {
    return this.#stage.lines.filter(({ level }) => level === 'warn').map(({ message, fields }) => ({ message, fields }));
  }

  /** A worker in a process of its own; `started` is its start's promise, not awaited. */
  launch(options: LaunchOptions = {}): Promise<StageWorker> {
    return this.#stage.launch(options);
  }

  start(options: LaunchOptions = {}): Promise<StageWorker> {
    return this.#stage.start(options);
  }

  client(name = 'client'): SagaClient {
    return this.#stage.client(name);
  }

  /** Lets time pass until the promise is settled. */
  settled<Value>(promise: Promise<Value>, limitMs = 60_000): Promise<Value> {
    return this.#stage.settled(promise, { limitMs, what: () => this.types().join(', ') });
  }

  /** Committed records of a topic, as they are written. */
  raw(topic: string): readonly LogRecord[] {
    return this.#stage.committed(topic);
  }

  seen(topic: string = names.saga(CONTEXT)): readonly Seen[] {
    return this.#stage.audited(topic).map(({ offset, type, envelope, payload }) => ({ offset, type, envelope, payload: payload as Seen['payload'] }));
  }

  /** Types on the saga topic but for claims, with step and item. */
  types(id?: string): readonly string[] {
    return this.seen().filter(({ type, envelope }) => type !== opsPartitionClaimed.name && (id === undefined || envelope.correlationId === id)).map((record) => lineOf(record).replace(/^stage\./, ''));
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
