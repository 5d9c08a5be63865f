import type { ApplyOutcome, Folded, Generation, ProjectionDefinition } from '#projections';
import type { Cancel, Clock, Codec, EventLog, Log, LogRecord, PartitionReader, ReadBatch, Subscription } from '#saga-core/ports';
import { type Decoded, decodeBatch } from './decode.ts';
import { createFoldedCount } from './folded-count.ts';
import { lostInput } from './lost-input.ts';
import { pause } from './pause.ts';

export type LaneOptions = {
  readonly projection: ProjectionDefinition;
  readonly generation: Generation;
  readonly log: EventLog;
  readonly reader: PartitionReader;
  readonly codec: Codec;
  readonly clock: Clock;
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

export type LaneStatus = {
  readonly topic: string;
  readonly partition: number;
  /** What is stored; what was read since and changed nothing is stored a little later. */
  readonly nextOffset: number;
  readonly lag: number;
  readonly faultCount: number;
  /** Why it does not go on; null while it does. */
  readonly error: string | null;
  /** How often in a row it has failed: it is tried again, later each time. */
  readonly failureCount: number;
  /** Records were deleted from the log unread: only a rebuild cures that. */
  readonly isInputLost: boolean;
};

const RETRY_FIRST_MS = 20;
const RETRY_MAX_MS = 5_000;
const RESTART_FIRST_MS = 500;
const RESTART_MAX_MS = 60_000;
/** So many failures in a row are no accident: whoever waits for the read model is told. */
const FAILURES_TOLD = 3;
/**
 * People read what it writes, and a transaction costs the same for one record as for hundreds: small batches are this far apart,
 * and what arrives meanwhile comes as one.
 */
const SMALL_BATCH_INTERVAL_MS = 100;
const SMALL_BATCH_RECORDS = 500;
/** A position with no row to go with is written this late, or after so many offsets: a restart reads no more than that again. */
const POSITION_INTERVAL_MS = 5_000;
const POSITION_OFFSETS_MAX = 10_000;

const isPassing = (thrown: unknown): boolean => typeof thrown === 'object' && thrown !== null && 'action' in thrown && thrown.action === 'retry';
const reasonOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

/**
 * One partition of one projection. What was applied is what the store says, and nothing else: a batch that somebody else has
 * applied, or whose commit's answer was lost, is found by the position that the store has moved to. Whatever stops it, it begins
 * again from there, with back-off.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #folded = createFoldedCount();
  #subscription: Subscription | null = null;
  /** What the store holds for the partition, or begins with. */
  #stored = 0;
  #isStored = false;
  /** Everything before it was looked at; from `#stored` on it was of no interest. Null before the first look. */
  #read: number | null = null;
  #highWatermark = 0;
  #faultCount = 0;
  #error: string | null = null;
  #failureCount = 0;
  #isInputLost = false;
  #restart: Cancel | null = null;
  #positionDue: Cancel | null = null;
  /** Batches, positions and beginnings, one after another. Never rejects. */
  #underWay: Promise<void> = Promise.resolve();
  readonly #stopped = new AbortController();

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  status(): LaneStatus {
    const { topic, partition } = this.#options;
    return {
      topic, partition, nextOffset: this.#stored, lag: Math.max(0, this.#highWatermark - Math.max(this.#stored, this.#read ?? 0)), faultCount: this.#faultCount,
      error: this.#error, failureCount: this.#failureCount, isInputLost: this.#isInputLost,
    };
  }

  /** Why nobody should wait for it: its input is lost, or it fails again and again. */
  get failure(): string | null {
    return this.#isInputLost || this.#failureCount >= FAILURES_TOLD ? this.#error : null;
  }

  /** What it knows to be stored, and of how many records. */
  get folded(): Folded {
    return { nextOffset: this.#stored, count: this.#folded.applied() };
  }

  /** Reads on from what the store holds; from the log's start where it holds nothing. Where that fails, it is tried again later. */
  start(): Promise<void> {
    return this.#inTurn(() => this.#begin());
  }

  /** A batch under way is applied or dropped whole before it resolves, and the position written. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#subscription?.close();
    this.#restart?.();
    await this.#underWay;
    this.#forgetDue();
    // Without it the next one reads a little more.
    if (this.#subscription !== null) await this.#storePosition().catch(() => undefined);
    this.#subscription = null;
  }

  /** Everything that was looked at is stored. `isFirst`: even the position of a partition where nothing lies. */
  flush({ isFirst = false }: { readonly isFirst?: boolean } = {}): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#subscription === null || this.#stopped.signal.aborted) return;
      await this.#insisting(() => this.#storePosition(isFirst));
    });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#underWay = this.#underWay.then(work).catch((thrown: unknown) => this.#fail(reasonOf(thrown)));
    return this.#underWay;
  }

  async #begin(): Promise<void> {
    const { projection, log, generation, topic, liveTopic, partition } = this.#options;
    if (this.#stopped.signal.aborted) return;
    const stored = (await generation.positions()).get(`${topic}/${partition}`) ?? null;
    const [logStart, logEnd] = [await log.logStartOffset({ topic: liveTopic, partition }), await log.endOffset({ topic: liveTopic, partition })];
    if (stored === null && this.#isStored) {
      this.#options.onSuperseded();
      return this.#fail('the tables that it writes are gone');
    }
    this.#isStored = stored !== null;
    const lost = lostInput({ projection: projection.name, partition: `${topic}/${partition}`, known: stored ?? this.#read, logStart, logEnd });
    this.#isInputLost = lost !== null;
    if (lost !== null) return this.#fail(lost);
    this.#stored = stored ?? logStart;
    this.#read = this.#stored;
    this.#subscribe(this.#stored);
  }

  #subscribe(offset: number): void {
    if (this.#stopped.signal.aborted) return;
    const { reader, liveTopic, partition } = this.#options;
    const subscription = reader.subscribe({ topic: liveTopic, partition, offset }, {
      onBatch: async (batch) => {
        await this.#inTurn(() => this.#onBatch(subscription, batch));
        if (batch.records.length < SMALL_BATCH_RECORDS) await pause(this.#options.clock, SMALL_BATCH_INTERVAL_MS, this.#stopped.signal);
      },
      onError: (error) => { void this.#inTurn(() => Promise.reject(new Error(`${error.code} at ${error.offset}: ${error.message}`))); },
    });
    this.#subscription = subscription;
  }

  /** Stands still, aloud, and begins again later: every time later, but never not at all. */
  #fail(reason: string): void {
    if (this.#stopped.signal.aborted) return;
    this.#error = reason;
    this.#failureCount++;
    const retryInMs = this.#beginLater();
    const { logger, projection, liveTopic, partition } = this.#options;
    logger.error('a projection stands still', { projection: projection.name, topic: liveTopic, partition, reason, failureCount: this.#failureCount, retryInMs });
  }

  #beginLater(): number {
    this.#subscription?.close();
    this.#subscription = null;
    this.#forgetDue();
    this.#restart?.();
    const delayMs = Math.min(RESTART_MAX_MS, RESTART_FIRST_MS * 2 ** Math.min(Math.max(0, this.#failureCount - 1), 10));
    if (!this.#stopped.signal.aborted) this.#restart = this.#options.clock.after(delayMs, () => { void this.start(); });
    return delayMs;
  }

  async #onBatch(subscription: Subscription, batch: ReadBatch): Promise<void> {
    if (subscription !== this.#subscription || this.#stopped.signal.aborted) return;
    this.#highWatermark = batch.highWatermark;
    if (batch.nextOffset > (this.#read ?? 0)) await this.#insisting(() => this.#take(batch));
  }

  /** What passes by itself is waited for. Rejects with the rest. */
  async #insisting(work: () => Promise<void>): Promise<void> {
    for (let delayMs = RETRY_FIRST_MS; ; delayMs = Math.min(delayMs * 2, RETRY_MAX_MS)) {
      try {
        await work();
        if (this.#subscription === null) return;
        this.#error = null;
        this.#failureCount = 0;
        return;
      } catch (thrown) {
        if (this.#stopped.signal.aborted) return;
        if (!isPassing(thrown)) throw thrown;
        this.#error = reasonOf(thrown);
        await pause(this.#options.clock, delayMs, this.#stopped.signal);
        if (this.#stopped.signal.aborted) return;
      }
    }
  }

  async #take(batch: ReadBatch): Promise<void> {
    const { projection, codec, topic } = this.#options;
    const from = this.#read ?? this.#stored;
    const decoded = await decodeBatch(projection, { codec, topic }, batch.records.filter((record: LogRecord) => record.offset >= from));
    if (this.#stopped.signal.aborted) return;
    this.#folded.saw(decoded);
    const isOfNone = decoded.records.length === 0 && decoded.faults.length === 0;
    if (isOfNone && batch.nextOffset - this.#stored < POSITION_OFFSETS_MAX) return this.#passOver(batch);
    await this.#apply(decoded, batch.nextOffset);
    if (this.#stored === batch.nextOffset) this.#options.onApplied?.(batch.records.length);
  }

  /** Nothing to write but the position: that goes with the next rows, or alone after a while. */
  #passOver(batch: ReadBatch): void {
    this.#read = batch.nextOffset;
    this.#options.onApplied?.(batch.records.length);
    this.#positionDue ??= this.#options.clock.after(POSITION_INTERVAL_MS, () => { void this.flush(); });
  }

  async #storePosition(isFirst = false): Promise<void> {
    if (this.#read === null || (this.#read <= this.#stored && !(isFirst && !this.#isStored))) return;
    await this.#apply({ records: [], faults: [] }, this.#read);
  }

  async #apply(decoded: Decoded, toOffset: number): Promise<void> {
    const { generation, topic, partition } = this.#options;
    return this.#follow(await generation.apply({ topic, partition, fromOffset: this.#stored, toOffset, ...decoded }), toOffset);
  }

  async #follow(outcome: ApplyOutcome, toOffset: number): Promise<void> {
    switch (outcome.status) {
      case 'applied':
        this.#faultCount += outcome.faultCount;
        return this.#reached(toOffset);
      case 'superseded':
        // Until the other generation is opened this one has nothing to write.
        this.#beginLater();
        return this.#options.onSuperseded();
      case 'elsewhere':
        if (outcome.nextOffset === toOffset) return this.#reached(toOffset);
        this.#subscription?.close();
        this.#isStored = true;
        return this.#begin();
    }
  }

  #reached(toOffset: number): void {
    this.#stored = toOffset;
    this.#read = toOffset;
    this.#isStored = true;
    this.#folded.allApplied();
    this.#forgetDue();
  }

  #forgetDue(): void {
    this.#positionDue?.();
    this.#positionDue = null;
  }
}
