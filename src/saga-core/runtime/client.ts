import { opsOperatorAction, sagaSignalled, type EventType, type Envelope } from '#contracts/core';
import { erase, parseSagaId, partitionFor } from '#kernel';
import type { DomainEvent, TypedData } from '../definition/results.ts';
import type { ResultOf, SagaShape, StartOf } from '../definition/saga.ts';
import type { Clock, Codec, EventLog, RandomSource, RecordToWrite, TopicPartition, TransactionalWriter } from '../ports/index.ts';
import { partitionKey } from '../ports/index.ts';
import { type SagaEnd, Tail } from './client-tail.ts';
import { Committer, type OutboxItem } from './committer.ts';
import { EMPTY_ENVELOPE } from './records.ts';
import { messageOf } from './caught.ts';
import { type TopicNames, topicNames } from './topics.ts';
import { decodeDataLearning, encodeTyped } from './typed-bytes.ts';

/** How an instance ended. */
export type SagaResult<Value = unknown> = {
  readonly status: 'COMPLETED' | 'FAILED' | 'REFUSED';
  readonly correlationId: string;
  /** Why it failed, or the faults of a refused start. */
  readonly reason: string | null;
  /** Of a completed instance: the output of the step that its definition names as its result. Null where it names none, or the step was skipped. */
  readonly result: Value | null;
};

/** One instance that was started: its id, and its end once there is one. */
export type SagaHandle<Value = unknown> = {
  readonly correlationId: string;
  /** Resolves with the instance's end; never rejects for a business failure, but when the client is closed or the partition, or the result, cannot be read. */
  readonly result: () => Promise<SagaResult<Value>>;
};

/** What a signal carries: an event, or typed data, with its type; or bytes in Confluent wire format, which are passed on as they are. */
export type SignalPayload = DomainEvent | TypedData | Uint8Array;

const CLOSED = 'the client is closed';

/** What a client runs on; times in milliseconds. */
export type ClientOptions = {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly namespace: string;
  /** Who starts, as envelopes tell; default `client`. */
  readonly name?: string;
  /** Ends of one partition that are kept for handles whose result nobody has asked for; older ones are looked for in the log again. Default 10,000. */
  readonly endsKeptMax?: number;
};

export type StartOptions = { readonly id?: string };
/** A person's order to one instance; where it does not apply it is void and changes nothing. */
export type OperatorOrder = { readonly action: 'retry' | 'skip' | 'compensate' | 'resolve'; readonly subSaga?: string; readonly step?: string; readonly stepItem?: string; readonly user: string; readonly reason: string };

/** Starts sagas, awaits their ends and gives orders to them, from outside any participant. */
export type SagaClient = {
  /**
   * Starts an instance: resolves when its trigger is committed. The same id starts once (a repeat is the same instance, whose end
   * `result` then looks for from the partition's start on).
   * Rejects on an id that is none, and when the commit is refused or its outcome unknown (start again with the same id).
   */
  readonly start: <Definition extends SagaShape>(saga: Definition, input: StartOf<Definition>, options?: StartOptions) => Promise<SagaHandle<ResultOf<Definition>>>;
  /** The encoded start record alone, for senders with a transaction or outbox of their own. */
  readonly startRecord: <Definition extends SagaShape>(saga: Definition, input: StartOf<Definition>, options?: StartOptions) => Promise<RecordToWrite & { readonly correlationId: string }>;
  /**
   * Tells an instance something: resolves when that is committed. What hears it are await steps that list `sagaSignalled`. Rejects with
   * CodecError where the payload does not fit its type.
   */
  readonly signal: (saga: SagaShape, correlationId: string, signal: string, payload?: SignalPayload | null) => Promise<void>;
  /** An operator's order, recorded on the instance's own partition; where it does not apply it is void. */
  readonly order: (saga: SagaShape, correlationId: string, order: OperatorOrder) => Promise<void>;
  /** A handle on an instance that somebody started: `result` reads from the partition's start. */
  readonly handle: <Definition extends SagaShape>(saga: Definition, correlationId: string) => SagaHandle<ResultOf<Definition>>;
  readonly close: () => Promise<void>;
};

/** A sender and watcher of sagas. One transactional id of its own; sends are grouped. */
export const createClient = (options: ClientOptions): SagaClient => new Client(options);

class Client implements SagaClient {
  readonly #options: ClientOptions;
  readonly #names: TopicNames;
  readonly #tails = new Map<string, Tail>();
  /** Every tail that still reads. */
  readonly #reading = new Set<Tail>();
  #committer: Promise<Open> | null = null;
  /** Sends under way, and how each is told that it failed. */
  readonly #pending = new Map<OutboxItem, (reason: Error) => void>();
  #isClosed = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#names = topicNames(options.namespace);
    this.start = this.start.bind(this);
  }

  async start<Definition extends SagaShape>(saga: Definition, input: StartOf<Definition>, options: StartOptions = {}): Promise<SagaHandle<ResultOf<Definition>>> {
    const record = await this.startRecord(saga, input, options);
    const { correlationId } = record;
    const at = { topic: record.topic, partition: record.partition };
    // Under an id of the caller's the instance may have begun, and ended, long ago.
    if (options.id !== undefined) {
      await this.#send(record);
      return this.handle(saga, correlationId);
    }
    // A tail that reads already may see the end before the answer to the commit is here.
    const reading = this.#tails.get(partitionKey(at));
    reading?.expect(correlationId);
    const offset = await this.#send(record).catch((error: unknown) => {
      reading?.forget(correlationId);
      throw error;
    });
    const tail = this.#tail(at, offset);
    if (tail !== reading) tail.expect(correlationId);
    return { correlationId, result: once(() => this.#resultOf<Definition>(this.#endOf(at, offset, correlationId))) };
  }

  async startRecord<Definition extends SagaShape>(saga: Definition, input: StartOf<Definition>, options: StartOptions = {}): Promise<RecordToWrite & { readonly correlationId: string }> {
    const correlationId = options.id ?? this.#options.random.id();
    const record = await this.#record(saga, correlationId, { type: erase<EventType<unknown>>(saga.start), payload: input });
    return { ...record, correlationId };
  }

  async signal(saga: SagaShape, correlationId: string, signal: string, payload: SignalPayload | null = null): Promise<void> {
    const carried = payload === null || payload instanceof Uint8Array ? payload : await encodeTyped(this.#options.codec, payload, this.#envelope(saga, correlationId));
    await this.#send(await this.#record(saga, correlationId, { type: sagaSignalled, payload: { signal, payload: carried } }));
  }

  async order(saga: SagaShape, correlationId: string, order: OperatorOrder): Promise<void> {
    const payload = { sagaId: correlationId, subSaga: order.subSaga ?? null, action: order.action, step: order.step ?? null, stepItem: order.stepItem ?? null, user: order.user, reason: order.reason };
    await this.#send(await this.#record(saga, correlationId, { type: opsOperatorAction, payload }, order.subSaga ?? null));
  }

  handle<Definition extends SagaShape>(saga: Definition, correlationId: string): SagaHandle<ResultOf<Definition>> {
    const topic = this.#names.saga(saga.context);
    const result = async (): Promise<SagaResult<ResultOf<Definition>>> => {
      const partition = partitionFor(correlationId, await this.#options.log.partitionCount(topic));
      return this.#resultOf<Definition>(this.#endOf({ topic, partition }, await this.#options.log.logStartOffset({ topic, partition }), correlationId));
    };
    return { correlationId, result };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const tail of this.#reading) tail.close(new Error(CLOSED));
    const open = await this.#committer?.catch(() => null);
    await open?.committer.close();
    await open?.writer.close();
    this.#fail(CLOSED);
  }

  async #record(saga: SagaShape, correlationId: string, event: { readonly type: EventType<unknown>; readonly payload: unknown }, subSaga: string | null = null): Promise<RecordToWrite> {
    const id = parseSagaId(correlationId);
    if (!id.ok) throw new Error(id.fault);
    const { codec, log } = this.#options;
    await codec.prepare([event.type]);
    const topic = this.#names.saga(saga.context);
    const envelope = this.#envelope(saga, correlationId, subSaga);
    const { eventId, producer } = envelope;
    return {
      topic,
      partition: partitionFor(correlationId, await log.partitionCount(topic)),
      key: correlationId,
      value: codec.encode(event.type, envelope, event.payload),
      headers: { 'event-type': event.type.name, 'event-id': eventId, 'correlation-id': correlationId, 'saga-type': saga.type, producer },
      timestampMs: envelope.occurredAt,
    };
  }

  #envelope(saga: SagaShape, correlationId: string, subSaga: string | null = null): Envelope {
    const { clock, random, name = 'client' } = this.#options;
    const [eventId, nowMs] = [random.id(), clock.nowMillis()];
    return {
      ...EMPTY_ENVELOPE,
      eventId, occurredAt: nowMs, producer: name, correlationId, sagaType: saga.type, subSaga, step: 0, totalSteps: saga.totalSteps,
      startedAt: nowMs, timeout: saga.timeoutMs, chain: { id: `${name}:${eventId}`, seq: 1, prevHash: null },
    };
  }

  async #send(record: RecordToWrite): Promise<number> {
    if (this.#isClosed) throw new Error(CLOSED);
    this.#committer ??= this.#open().catch((error: unknown) => {
      this.#committer = null;
      throw error;
    });
    const { committer } = await this.#committer;
    return new Promise((resolve, reject) => {
      const item: OutboxItem = {
        records: [record],
        concerns: null,
        onCommitted: (offsetOf) => {
          this.#pending.delete(item);
          resolve(offsetOf(record));
        },
      };
      this.#pending.set(item, reject);
      if (committer.submit(item)) return;
      this.#pending.delete(item);
      reject(new Error(this.#isClosed ? CLOSED : 'the writer was lost before this was sent: send it again'));
    });
  }

  #fail(message: string): void {
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    for (const reject of waiting) reject(new Error(message));
  }

  async #open(): Promise<Open> {
    const { log, random, namespace, name = 'client' } = this.#options;
    const writer = log.writer(`${namespace}/${name}/${random.id()}`);
    const fenced = await writer.fence();
    if (fenced.status === 'failed') {
      await writer.close();
      throw new Error(`client cannot write: ${fenced.message}`);
    }
    const committer = new Committer({
      writer,
      group: '',
      positions: () => null,
      onDead: ({ code, message }) => {
        // The next send opens a new writer; what was under way is reported, never repeated.
        this.#committer = null;
        this.#fail(`${code}: ${message}`);
        void writer.close().catch(() => undefined);
      },
      onPoison: (item, message) => {
        this.#pending.get(item)?.(new Error(message));
        this.#pending.delete(item);
        return [];
      },
    });
    return { committer, writer };
  }

  /** From the partition's tail where it expects the end, or has it; else from a reading from `from` on, as long as it takes. */
  #endOf(at: TopicPartition, from: number, correlationId: string): Promise<SagaEnd> {
    if (this.#isClosed) return Promise.reject(new Error(CLOSED));
    const claimed = this.#tails.get(partitionKey(at))?.claim(correlationId) ?? null;
    if (claimed !== null) return claimed;
    const own = this.#openTail(at, from);
    own.expect(correlationId);
    const end = own.claim(correlationId) ?? Promise.reject(new Error(CLOSED));
    return end.finally(() => own.close(null));
  }

  /** What a definition says of its result's type is what its owner encodes. */
  async #resultOf<Definition extends SagaShape>(ending: Promise<SagaEnd>): Promise<SagaResult<ResultOf<Definition>>> {
    const { result, ...end } = await ending;
    if (result === null) return { ...end, result: null };
    const value = await decodeDataLearning(this.#options.codec, result).catch((error: unknown) => {
      throw new Error(`${end.correlationId} has completed, but its result cannot be read: ${messageOf(error)}`);
    });
    return { ...end, result: erase<ResultOf<Definition>>(value) };
  }

  #tail(at: TopicPartition, from: number): Tail {
    const key = partitionKey(at);
    const known = this.#tails.get(key);
    if (known !== undefined && !known.isOver && known.from <= from) return known;
    const tail = this.#openTail(at, from);
    this.#tails.set(key, tail);
    return tail;
  }

  #openTail(at: TopicPartition, from: number): Tail {
    const tail: Tail = new Tail(this.#options, { ...at, offset: from }, () => this.#reading.delete(tail));
    this.#reading.add(tail);
    return tail;
  }
}

/** What is asked for once, and then known. A vain answer is asked for anew. */
const once = <Answer>(ask: () => Promise<Answer>): (() => Promise<Answer>) => {
  let asked: Promise<Answer> | null = null;
  return () => {
    asked ??= ask().catch((error: unknown) => {
      asked = null;
      throw error;
    });
    return asked;
  };
};

type Open = { readonly committer: Committer; readonly writer: TransactionalWriter };
