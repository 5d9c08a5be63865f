import type { SagaCompleted, SagaFailed } from '#contracts/core';
import { erase } from '#kernel';
import type { Codec, DecodedEvent, DecodeOutcome, EventLog, LogRecord, Subscription, TopicPartition } from '../ports/index.ts';
import { partitionKey } from '../ports/index.ts';
import { messageOf } from './caught.ts';
import { decodeLearning } from './takeover.ts';
import { schemaIdOf } from './wire-prefix.ts';

/** How an instance ended, as its last record tells. */
export type SagaEnd = {
  readonly status: 'COMPLETED' | 'FAILED' | 'REFUSED';
  readonly correlationId: string;
  /** Why it failed, or the faults of a refused start. */
  readonly reason: string | null;
  /** Typed bytes. */
  readonly result: Uint8Array | null;
};

type TailOptions = { readonly log: EventLog; readonly codec: Codec; readonly endsKeptMax?: number };
type Waiting = { readonly resolve: (end: SagaEnd) => void; readonly reject: (reason: Error) => void };

/** Reads one saga partition for the ends of the root instances that somebody wants to know of; the others pass by. */
export class Tail {
  readonly from: number;
  readonly #codec: Codec;
  readonly #subscription: Subscription;
  readonly #onOver: () => void;
  /** Who waits for the end of an expected instance; nobody as yet, where the list is empty. */
  readonly #expected = new Map<string, readonly Waiting[]>();
  /** Expected ends that nobody has asked for yet, oldest first. */
  readonly #unclaimed = new Map<string, SagaEnd>();
  readonly #unclaimedMax: number;
  /** Schemas whose records are no ends. */
  readonly #others = new Set<number>();
  #isOver = false;

  constructor(options: TailOptions, at: TopicPartition & { readonly offset: number }, onOver: () => void) {
    this.from = at.offset;
    this.#codec = options.codec;
    this.#unclaimedMax = options.endsKeptMax ?? ENDS_KEPT_MAX;
    this.#onOver = onOver;
    this.#subscription = options.log.reader().subscribe(at, {
      onBatch: (batch) => this.#read(batch.records, (reason) => this.close(new Error(`${partitionKey(at)}: ${reason}`))),
      onError: (error) => this.close(new Error(`${partitionKey(error)} at ${error.offset}: ${error.code} ${error.message}`)),
    });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** To be called before the instance can have ended: its end is kept until somebody asks for it. */
  expect(correlationId: string): void {
    if (!this.#expected.has(correlationId)) this.#expected.set(correlationId, []);
  }

  /** The instance was never started. */
  forget(correlationId: string): void {
    this.#expected.delete(correlationId);
  }

  /** The end of an expected instance, once; null where it is not expected, or its end was forgotten: then it has to be looked for. */
  claim(correlationId: string): Promise<SagaEnd> | null {
    const known = this.#unclaimed.get(correlationId);
    if (known !== undefined) {
      this.#unclaimed.delete(correlationId);
      return Promise.resolve(known);
    }
    const waiting = this.#isOver ? undefined : this.#expected.get(correlationId);
    if (waiting === undefined) return null;
    return new Promise((resolve, reject) => this.#expected.set(correlationId, [...waiting, { resolve, reject }]));
  }

  /** Whoever still waits is told why in vain. */
  close(reason: Error | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#subscription.close();
    this.#onOver();
    for (const { reject } of [...this.#expected.values()].flat()) reject(reason ?? new Error('nobody waits any more'));
    this.#expected.clear();
  }

  /** Synchronous unless a schema must be learnt first: every record of the partition passes here. */
  #read(records: readonly LogRecord[], onFault: (reason: string) => void): Promise<void> | void {
    for (const [index, { value }] of records.entries()) {
      if (value === null || !this.#mayBeEnd(value)) continue;
      const decoded = this.#codec.decode(value);
      if (decoded.status === 'unknown-schema') return this.#readLearning(records.slice(index)).catch((error: unknown) => onFault(messageOf(error)));
      this.#onDecoded(value, decoded);
    }
  }

  async #readLearning(records: readonly LogRecord[]): Promise<void> {
    for (const { value } of records) {
      if (value !== null && this.#mayBeEnd(value)) this.#onDecoded(value, await decodeLearning(this.#codec, value));
    }
  }

  /** What a schema's id stands for never changes: one record of each other type is decoded, and no more. */
  #mayBeEnd(value: Uint8Array): boolean {
    const schemaId = schemaIdOf(value);
    return schemaId !== null && !this.#others.has(schemaId);
  }

  #onDecoded(value: Uint8Array, decoded: Exclude<DecodeOutcome, { readonly status: 'unknown-schema' }>): void {
    if (decoded.status !== 'decoded') return;
    const schemaId = schemaIdOf(value);
    if (ENDS.has(decoded.type)) this.#onEnd(decoded);
    else if (schemaId !== null) this.#others.add(schemaId);
  }

  #onEnd({ type, envelope: { correlationId, subSaga }, payload }: DecodedEvent): void {
    if (correlationId === null || subSaga !== null) return;
    const waiting = this.#expected.get(correlationId);
    if (waiting === undefined) return;
    this.#expected.delete(correlationId);
    const end = { correlationId, ...endOf(type, payload()) };
    if (waiting.length === 0) this.#keep(end);
    for (const { resolve } of waiting) resolve(end);
  }

  #keep(end: SagaEnd): void {
    this.#unclaimed.set(end.correlationId, end);
    if (this.#unclaimed.size <= this.#unclaimedMax) return;
    for (const oldest of this.#unclaimed.keys()) {
      this.#unclaimed.delete(oldest);
      return;
    }
  }
}

/** Ends of one partition that are kept for handles whose result nobody has asked for; an older one is read from the log again. */
const ENDS_KEPT_MAX = 10_000;
const ENDS = new Set(['chorus.SagaCompleted', 'chorus.SagaFailed', 'chorus.SagaRefused']);

const endOf = (type: string, payload: unknown): Pick<SagaEnd, 'status' | 'reason' | 'result'> => {
  if (type === 'chorus.SagaCompleted') {
    const { result } = erase<SagaCompleted>(payload);
    // The record's memory is its batch's.
    return { status: 'COMPLETED', reason: null, result: result === null ? null : Uint8Array.from(result) };
  }
  if (type === 'chorus.SagaFailed') return { status: 'FAILED', reason: erase<SagaFailed>(payload).reason, result: null };
  return { status: 'REFUSED', reason: erase<{ readonly faults: readonly string[] }>(payload).faults.join('; '), result: null };
};
