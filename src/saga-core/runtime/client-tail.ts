import type { SagaCompleted, SagaFailed } from '#contracts/core';
import { erase } from '#kernel';
import { instanceKey } from '../engine/index.ts';
import type { Codec, EventLog, LogRecord, Subscription, TopicPartition } from '../ports/index.ts';
import { partitionKey } from '../ports/index.ts';
import { messageOf } from './caught.ts';
import { decodeLearning } from './takeover.ts';

/** How an instance ended. */
export type SagaResult = {
  readonly status: 'COMPLETED' | 'FAILED' | 'REFUSED';
  readonly correlationId: string;
  /** Why it failed, or the faults of a refused start. */
  readonly reason: string | null;
};

type Waiting = { readonly resolve: (result: SagaResult) => void; readonly reject: (reason: Error) => void };

/** Reads one saga partition for the ends of root instances. */
export class Tail {
  readonly from: number;
  readonly #codec: Codec;
  readonly #subscription: Subscription;
  readonly #onOver: () => void;
  readonly #waiting = new Map<string, readonly Waiting[]>();
  readonly #ended = new Map<string, SagaResult>();
  #hasForgotten = false;
  #isOver = false;

  constructor(options: { readonly log: EventLog; readonly codec: Codec }, at: TopicPartition & { readonly offset: number }, onOver: () => void) {
    this.from = at.offset;
    this.#codec = options.codec;
    this.#onOver = onOver;
    this.#subscription = options.log.reader().subscribe(at, {
      onBatch: async (batch) => {
        try {
          for (const record of batch.records) await this.#read(record);
        } catch (error) {
          this.close(new Error(`${partitionKey(at)}: ${messageOf(error)}`));
        }
      },
      onError: (error) => this.close(new Error(`${partitionKey(error)} at ${error.offset}: ${error.code} ${error.message}`)),
    });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  knownEnd(correlationId: string): SagaResult | undefined {
    return this.#ended.get(instanceKey(correlationId, null));
  }

  /** What has ended since is known here, or still to come. */
  holdsAllSince(offset: number): boolean {
    return !this.#isOver && !this.#hasForgotten && this.from <= offset;
  }

  endOf(correlationId: string): Promise<SagaResult> {
    const key = instanceKey(correlationId, null);
    return new Promise((resolve, reject) => this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), { resolve, reject }]));
  }

  /** Whoever still waits is told why in vain. */
  close(reason: Error | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#subscription.close();
    this.#onOver();
    for (const { reject } of [...this.#waiting.values()].flat()) reject(reason ?? new Error('nobody waits any more'));
    this.#waiting.clear();
  }

  async #read(record: LogRecord): Promise<void> {
    const type = record.headers['event-type'];
    if (record.value === null || type === undefined || !ENDS.has(Buffer.from(type).toString('latin1'))) return;
    const decoded = await decodeLearning(this.#codec, record.value);
    if (decoded.status !== 'decoded' || decoded.envelope.subSaga !== null || decoded.envelope.correlationId === null) return;
    const { correlationId } = decoded.envelope;
    this.#settle(correlationId, { correlationId, ...endOf(decoded.type, decoded.payload()) });
  }

  #settle(key: string, result: SagaResult): void {
    this.#ended.set(key, result);
    if (this.#ended.size > ENDED_MAX) for (const oldest of this.#ended.keys()) { this.#ended.delete(oldest); this.#hasForgotten = true; break; }
    for (const { resolve } of this.#waiting.get(key) ?? []) resolve(result);
    this.#waiting.delete(key);
  }
}

const ENDED_MAX = 10_000;
const ENDS = new Set(['chorus.SagaCompleted', 'chorus.SagaFailed', 'chorus.SagaRefused']);

const endOf = (type: string, payload: unknown): Pick<SagaResult, 'status' | 'reason'> => {
  if (type === 'chorus.SagaCompleted') return { status: 'COMPLETED', reason: erase<SagaCompleted>(payload).result };
  if (type === 'chorus.SagaFailed') return { status: 'FAILED', reason: erase<SagaFailed>(payload).reason };
  return { status: 'REFUSED', reason: erase<{ readonly faults: readonly string[] }>(payload).faults.join('; ') };
};
