import { setTimeout as pause } from 'node:timers/promises';
import type { ApplyOutcome, Generation, ProjectionDefinition } from '#projections';
import type { Codec, EventLog, Log, LogRecord, PartitionReader, ReadBatch, Subscription } from '#saga-core/ports';
import { decodeBatch } from './decode.ts';

export type LaneOptions = {
  readonly projection: ProjectionDefinition;
  readonly generation: Generation;
  readonly log: EventLog;
  readonly reader: PartitionReader;
  readonly codec: Codec;
  readonly logger: Log;
  /** Without the namespace. */
  readonly topic: string;
  /** With it. */
  readonly liveTopic: string;
  readonly partition: number;
  /** Readers were switched to another generation. */
  readonly onSuperseded: () => void;
  readonly onApplied?: (recordCount: number) => void;
};

export type LaneStatus = { readonly topic: string; readonly partition: number; readonly nextOffset: number; readonly lag: number; readonly faultCount: number; readonly error: string | null };

const RETRY_FIRST_MS = 20;
const RETRY_MAX_MS = 5_000;
/**
 * People read what it writes, and a transaction costs the same for one record as for hundreds: small batches are this far apart,
 * and what arrives meanwhile comes as one.
 */
const SMALL_BATCH_INTERVAL_MS = 100;
const SMALL_BATCH_RECORDS = 500;

const isPassing = (thrown: unknown): boolean => typeof thrown === 'object' && thrown !== null && 'action' in thrown && thrown.action === 'retry';
const reasonOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

/**
 * One partition of one projection. What was applied is what the store says, and nothing else: a batch that somebody else has
 * applied, or whose commit's answer was lost, is found by the position that the store has moved to.
 */
export class Lane {
  readonly #options: LaneOptions;
  #subscription: Subscription | null = null;
  /** What the store holds for the partition. */
  #stored = 0;
  #highWatermark = 0;
  #faultCount = 0;
  #error: string | null = null;
  #isFailed = false;
  #underWay: Promise<void> = Promise.resolve();
  readonly #stopped = new AbortController();

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  status(): LaneStatus {
    const { topic, partition } = this.#options;
    return { topic, partition, nextOffset: this.#stored, lag: Math.max(0, this.#highWatermark - this.#stored), faultCount: this.#faultCount, error: this.#error };
  }

  /** Cannot go on by itself. */
  get failure(): string | null {
    return this.#isFailed ? this.#error : null;
  }

  /** Reads on from what the store holds; from the log's start where it holds nothing. */
  async start(stored: number | null): Promise<void> {
    const { log, liveTopic, partition } = this.#options;
    const logStart = await log.logStartOffset({ topic: liveTopic, partition });
    this.#stored = stored ?? logStart;
    this.#subscribe(Math.max(this.#stored, logStart));
  }

  /** A batch under way is applied or dropped whole before it resolves. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#subscription?.close();
    await this.#underWay;
  }

  #subscribe(offset: number): void {
    if (this.#stopped.signal.aborted) return;
    const { reader, liveTopic, partition } = this.#options;
    const subscription = reader.subscribe({ topic: liveTopic, partition, offset }, {
      onBatch: (batch) => {
        this.#underWay = this.#onBatch(subscription, batch);
        return this.#underWay;
      },
      onError: (error) => this.#fail(`${error.code} at ${error.offset}: ${error.message}`),
    });
    this.#subscription = subscription;
  }

  #fail(reason: string): void {
    this.#error = reason;
    this.#isFailed = true;
    this.#subscription?.close();
    const { logger, projection, liveTopic, partition } = this.#options;
    logger.error('a projection stands still', { projection: projection.name, topic: liveTopic, partition, reason });
  }

  async #onBatch(subscription: Subscription, batch: ReadBatch): Promise<void> {
    if (subscription !== this.#subscription || this.#stopped.signal.aborted) return;
    this.#highWatermark = batch.highWatermark;
    if (batch.nextOffset <= this.#stored) return;
    for (let delayMs = RETRY_FIRST_MS; ; delayMs = Math.min(delayMs * 2, RETRY_MAX_MS)) {
      try {
        const outcome = await this.#apply(batch.records, batch.nextOffset);
        this.#error = null;
        this.#follow(outcome, batch);
        if (batch.records.length < SMALL_BATCH_RECORDS) await pause(SMALL_BATCH_INTERVAL_MS, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
        return;
      } catch (thrown) {
        if (this.#stopped.signal.aborted) return;
        if (!isPassing(thrown)) return this.#fail(reasonOf(thrown));
        this.#error = reasonOf(thrown);
        await pause(delayMs, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
        if (this.#stopped.signal.aborted) return;
      }
    }
  }

  async #apply(records: readonly LogRecord[], toOffset: number): Promise<ApplyOutcome> {
    const { projection, generation, codec, topic, partition } = this.#options;
    const fromOffset = this.#stored;
    const decoded = await decodeBatch(projection, { codec, topic }, records.filter((record) => record.offset >= fromOffset));
    if (this.#stopped.signal.aborted) throw new Error('stopped');
    return generation.apply({ topic, partition, fromOffset, toOffset, ...decoded });
  }

  #follow(outcome: ApplyOutcome, batch: ReadBatch): void {
    switch (outcome.status) {
      case 'applied':
        this.#stored = batch.nextOffset;
        this.#faultCount += outcome.faultCount;
        this.#options.onApplied?.(batch.records.length);
        return;
      case 'superseded':
        return this.#options.onSuperseded();
      case 'elsewhere':
        this.#stored = outcome.nextOffset ?? batch.logStartOffset;
        if (this.#stored === batch.nextOffset) return;
        this.#subscription?.close();
        this.#subscribe(Math.max(this.#stored, batch.logStartOffset));
    }
  }
}
