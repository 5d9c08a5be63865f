// Everything that a namespace's topics hold, decoded and in order, while a test runs.
import type { EventLog, Codec, LogRecord, Subscription } from '#saga-core/ports';
import type { AuditedRecord } from '#saga-core/testing';
import { bodyHash, decodeLearning } from '#saga-core/runtime';

const WAIT_LIMIT_MS = 180_000;

type Waiting = { readonly holds: () => boolean; readonly resolve: () => void };

/** Reads topics from their beginning and lets a test wait until what they hold meets a condition. */
export class SagaEventCollector {
  readonly #log: EventLog;
  readonly #codec: Codec;
  readonly #byTopic = new Map<string, AuditedRecord[]>();
  readonly #waiting = new Set<Waiting>();
  readonly #subscriptions: Subscription[] = [];
  #fault: string | null = null;

  constructor(connection: { readonly log: EventLog; readonly codec: Codec }) {
    this.#log = connection.log;
    this.#codec = connection.codec;
  }

  /** Follows every partition of the topics, given with their namespace. */
  async follow(topics: readonly string[]): Promise<void> {
    await Promise.all(topics.map(async (topic) => {
      this.#byTopic.set(topic, []);
      const count = await this.#log.partitionCount(topic);
      for (let partition = 0; partition < count; partition++) this.#followPartition(topic, partition);
    }));
  }

  /** What was read of a topic so far; within a partition in order of the offsets. */
  records(topic: string): readonly AuditedRecord[] {
    return this.#byTopic.get(topic) ?? [];
  }

  /** Resolves as soon as the condition holds; it is asked again after every batch. Rejects after `limitMs` with what `describe` tells. */
  async until(holds: () => boolean, describe: () => string, limitMs = WAIT_LIMIT_MS): Promise<void> {
    if (this.#fault !== null) throw new Error(this.#fault);
    if (holds()) return;
    let timer: NodeJS.Timeout | undefined;
    let waiting: Waiting | undefined;
    const held = new Promise<void>((resolve) => {
      waiting = { holds, resolve };
      this.#waiting.add(waiting);
    });
    const tooLate = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(this.#fault ?? `not within ${limitMs} ms: ${describe()}`)), limitMs);
    });
    try {
      await Promise.race([held, tooLate]);
    } finally {
      clearTimeout(timer);
      if (waiting !== undefined) this.#waiting.delete(waiting);
    }
  }

  close(): void {
    for (const subscription of this.#subscriptions) subscription.close();
  }

  #followPartition(topic: string, partition: number): void {
    this.#subscriptions.push(this.#log.reader().subscribe({ topic, partition, offset: 0 }, {
      onBatch: async (batch) => {
        for (const record of batch.records) await this.#take(topic, partition, record);
        for (const waiting of this.#waiting) if (waiting.holds()) waiting.resolve();
      },
      onError: (error) => { this.#fault = `${topic}/${partition} is no longer read: ${error.code} ${error.message}`; },
    }));
  }

  async #take(topic: string, partition: number, record: LogRecord): Promise<void> {
    if (record.value === null) return;
    const decoded = await decodeLearning(this.#codec, record.value);
    if (decoded.status !== 'decoded') {
      this.#fault = `${topic}/${partition} at ${record.offset} cannot be decoded: ${decoded.reason}`;
      return;
    }
    const { type, envelope } = decoded;
    this.#byTopic.get(topic)?.push({ topic, partition, offset: record.offset, type, envelope, payload: decoded.payload(), bodyHash: bodyHash(record.value) });
  }
}
