import { type OpsPartitionClaimed, opsPartitionClaimed } from '#contracts/core';
import { type CompiledSaga, decide, type DecisionWorld, type FoldedRecord } from '../engine/index.ts';
import { erase, InvariantViolation } from '#kernel';
import type { SagaObserver } from '../definition/participant.ts';
import type { Cancel, LogRecord, ReadBatch, Subscription, TopicPartition, TransactionalWriter } from '../ports/index.ts';
import { partitionKey } from '../ports/index.ts';
import { Answers } from './answers.ts';
import { Checkpoints } from './checkpoints.ts';
import { messageOf } from './caught.ts';
import { OutputReader } from './context.ts';
import { concerns, decisionWorld } from './decision-world.ts';
import { type Catalogue, type Entry, InstanceTable } from './instance-table.ts';
import { loadCheckpoint, PositionKeeper } from './position-keeper.ts';
import { Records } from './records.ts';
import { SagaActions } from './saga-actions.ts';
import { SagaOutbox } from './saga-outbox.ts';
import type { PartitionDecoding } from './shared-decoding.ts';
import { markSuspects } from './suspects.ts';
import { fenceAndClaim, isTaskEnd, readToClaim, type TaskEnd } from './takeover.ts';
import type { TaskEnvironment } from './task-environment.ts';
import { TimerHeap } from './timer-heap.ts';
import { transactionalId } from './topics.ts';
import { reportEntityUndo } from './undo-reports.ts';

export type SagaTaskOptions = {
  readonly environment: TaskEnvironment;
  readonly participant: string;
  readonly context: string;
  readonly partition: number;
  readonly catalogue: Catalogue;
  readonly observer: SagaObserver;
  /** Called once, when the task is over for a reason other than `stop`. */
  readonly onEnd: (end: TaskEnd) => void;
};

/**
 * Owns one partition of one context's saga topic for one participant: fence, claim, fold to the claim,
 * decide, then live. Recovery is nothing but starting a new task.
 */
export class SagaTask {
  readonly #options: SagaTaskOptions;
  readonly #at: TopicPartition;
  readonly #checkpointsAt: TopicPartition;
  readonly #group: string;
  readonly #records: Records;
  readonly #decoding: PartitionDecoding;
  readonly #outputs: OutputReader;
  readonly #answers: Answers;
  readonly #actions: SagaActions;
  readonly #table: InstanceTable;
  readonly #timers: TimerHeap;
  readonly #checkpoints: Checkpoints;
  readonly #writer: TransactionalWriter;
  readonly #positions: PositionKeeper;
  readonly #outbox: SagaOutbox;
  readonly #worldOf: (entry: Entry) => DecisionWorld;
  #subscription: Subscription | null = null;
  #claimOffset = Number.POSITIVE_INFINITY;
  #isLive = false;
  #liveSinceMs = 0;
  #isDraining = false;
  #isOver = false;
  #ending: TaskEnd | null = null;
  #resolveLive: (() => void) | null = null;

  constructor(options: SagaTaskOptions) {
    this.#options = options;
    const { environment, participant } = options;
    const { names } = environment;
    this.#at = { topic: names.saga(options.context), partition: options.partition };
    this.#checkpointsAt = { topic: names.checkpoints(participant, options.context), partition: options.partition };
    this.#group = names.group(participant);
    this.#decoding = environment.decoding.of(this.#at);
    this.#records = new Records({ participant, codec: environment.codec, clock: environment.clock, names, partitionsOf: environment.partitionsOf, home: this.#at.partition });
    this.#outputs = new OutputReader(environment.codec);
    this.#answers = new Answers(this.#records, environment.codec);
    const { dedupeWindowMs, rememberedMax } = environment.limits;
    this.#table = new InstanceTable({ participant, catalogue: options.catalogue, dedupeWindowMs, rememberedMax, onForgotten: () => { environment.counters.forgotten++; } });
    this.#timers = new TimerHeap(environment.clock, (keys) => this.#onWake(keys));
    this.#checkpoints = new Checkpoints(this.#records, this.#checkpointsAt);
    this.#positions = new PositionKeeper({ at: this.#at, table: this.#table, checkpoints: this.#checkpoints, clock: environment.clock, limits: environment.limits });
    this.#writer = environment.writer(transactionalId(names, participant, this.#at.topic, options.partition));
    this.#outbox = new SagaOutbox({ environment, participant, group: this.#group, writer: this.#writer, answers: this.#answers, table: this.#table, positions: this.#positions, onDead: (end) => this.#end(end) });
    this.#actions = new SagaActions({
      environment,
      participant,
      answers: this.#answers,
      outputs: this.#outputs,
      submit: (entry, records, headBefore) => this.#outbox.submit(entry, records, headBefore),
      park: (entry, reason) => this.#outbox.park(entry, reason),
      decide: (entry) => this.#decide(entry),
      wakeAt: (entry, atMs) => this.#timers.arm(entry.key, atMs),
      sagaOf: (type) => options.catalogue.latest(type)?.definition,
      liveSinceMs: () => this.#liveSinceMs,
    });
    this.#worldOf = decisionWorld({ outputs: this.#outputs, table: this.#table, clock: environment.clock });
  }

  get openCount(): number {
    return this.#table.openCount;
  }

  get openIds(): readonly string[] {
    return this.#table.openIds;
  }

  /** Open instances of versions that this worker's later definitions have replaced, each with its version. */
  get orphanedByRemoval(): readonly string[] {
    return [...this.#table.unknownVersions].flatMap(([key, { definition, isRemoved }]) => (isRemoved ? [`${key} (${definition})`] : []));
  }

  get isLive(): boolean {
    return this.#isLive;
  }

  /** Why it is over; null while it is not, and where it was asked to stop. */
  get ending(): TaskEnd | null {
    return this.#ending;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Resolves when the task is live, or over. */
  async start(): Promise<void> {
    const { environment, participant } = this.#options;
    const claim = await fenceAndClaim({ writer: this.#writer, records: this.#records, random: environment.random, participant, worker: environment.worker, partitions: [this.#at, this.#checkpointsAt] });
    if (isTaskEnd(claim)) return this.#end(claim);
    environment.counters.takeovers++;
    this.#claimOffset = claim.offsets.get(partitionKey(this.#at)) ?? Number.POSITIVE_INFINITY;
    const failed = await readToClaim(environment.log, { partition: this.#checkpointsAt, claimOffset: claim.offsets.get(partitionKey(this.#checkpointsAt)) ?? 0, onRecord: (record) => loadCheckpoint(record, { codec: environment.codec, catalogue: this.#options.catalogue, table: this.#table, positions: this.#positions, logger: environment.logger }) });
    if (failed !== null) return this.#end(failed);
    const from = await this.#positions.load(environment.log, this.#group);
    if (typeof from !== 'number') return this.#end(from);
    if (this.#isOver) return;
    const live = new Promise<void>((resolve) => { this.#resolveLive = resolve; });
    this.#subscription = environment.reader.subscribe({ ...this.#at, offset: from }, {
      onBatch: (batch) => this.#onBatch(batch),
      onError: (error) => this.#end({ code: error.code === 'OFFSET_OUT_OF_RANGE' ? 'WATERMARK_LOST' : 'READ_ERROR', message: `${partitionKey(error)} at ${error.offset}: ${error.code} ${error.message}` }),
    });
    await live;
  }

  /**
   * Begins nothing new, and waits for the answers of calls under way: until all are there, at most so long, and no longer than it
   * is the owner. It reads on: a successor's claim ends it, and a call whose intent is on the log is made. Idempotent.
   */
  async drain(withinMs: number): Promise<void> {
    this.#isDraining = true;
    if (!this.#isLive) return;
    const { clock, logger } = this.#options.environment;
    let cancel: Cancel = () => undefined;
    await Promise.race([this.#actions.drain(), new Promise<void>((resolve) => { cancel = clock.after(withinMs, resolve); })]);
    cancel();
    if (this.#actions.callCount > 0) logger.warn('calls outlast the drain and are aborted: the next owner asks what became of them', { topic: this.#at.topic, partition: this.#at.partition, calls: this.#actions.callCount, withinMs });
  }

  /** Aborts what is under way, commits what has been answered, ends the writer. Idempotent. */
  async stop(): Promise<void> {
    this.#close();
    await this.#outbox.close();
    await this.#writer.close();
  }

  #close(): void {
    this.#isOver = true;
    this.#isLive = false;
    this.#subscription?.close();
    this.#actions.stop();
    this.#timers.close();
    this.#positions.close();
    this.#resolveLive?.();
  }

  #end(end: TaskEnd): void {
    if (this.#isOver) return;
    this.#ending = end;
    this.#close();
    void this.stop().catch(() => undefined).then(() => this.#options.onEnd(end));
  }

  /** Synchronous unless a schema must be learnt first, or the outbox is full: folding is the hot path. */
  #onBatch(batch: ReadBatch): Promise<void> | void {
    if (this.#isOver) return;
    const touched = new Set<Entry>();
    const decoding = this.#decoding;
    for (let at = 0; at < batch.records.length; at++) {
      const record = batch.records[at];
      if (record === undefined || record.value === null) continue;
      const folding = decoding.of(batch.records, at, record.value);
      if (folding.status === 'unknown-schema') return this.#onBatchLearning(batch, at, touched).catch((error: unknown) => this.#end({ code: 'READ_ERROR', message: messageOf(error) }));
      if (folding.status === 'undecodable') this.#outbox.deadLetter(record, folding);
      else this.#fold(record, folding.record, touched);
    }
    return this.#afterBatch(batch, touched);
  }

  async #onBatchLearning(batch: ReadBatch, from: number, touched: Set<Entry>): Promise<void> {
    for (const [at, record] of batch.records.entries()) {
      if (at < from || record.value === null || this.#isOver) continue;
      const folding = await this.#decoding.learning(batch.records, at, record.value);
      if (folding.status === 'undecodable') this.#outbox.deadLetter(record, folding);
      else this.#fold(record, folding.record, touched);
    }
    return this.#afterBatch(batch, touched);
  }

  #afterBatch(batch: ReadBatch, touched: Set<Entry>): Promise<void> | undefined {
    if (this.#isOver) return undefined;
    this.#positions.advance(batch.nextOffset);
    this.#outbox.endBatch();
    if (!this.#isLive && batch.nextOffset > this.#claimOffset) this.#goLive();
    else if (this.#isLive) for (const entry of touched) this.#decide(entry);
    if (this.#isLive) this.#positions.schedule(() => this.#outbox.kick());
    return this.#outbox.room();
  }

  #fold(record: LogRecord, folded: FoldedRecord, touched: Set<Entry>): void {
    const { type, envelope } = folded;
    if (type === opsPartitionClaimed.name) return this.#onClaim(folded);
    if (envelope.correlationId === null) return;
    try {
      const result = this.#table.fold(folded);
      if (result.status === 'touched') this.#onTouched(result.entry, result.hasEnded ? envelope.occurredAt : null, touched);
      if (result.status === 'touched' && this.#isLive) reportEntityUndo(this.#options, result.entry.instance, folded);
      if (type === 'chorus.SagaQuarantined' && result.status === 'touched') this.#onQuarantined(result.entry, envelope.stepName ?? '', folded.payload);
      else if (result.status === 'refused') {
        const saga = this.#options.catalogue.latest(envelope.subSaga ?? envelope.sagaType ?? '');
        this.#onRefused(record, result.refusal, result.entry, saga);
        if (result.refusal === 'AFTER_END' && envelope.outcome === 'completed' && saga?.isInitiator === true) this.#onLate(folded);
      }
    } catch (error) {
      if (error instanceof InvariantViolation) throw error;
      this.#outbox.deadLetter(record, { reason: `${type} cannot be folded: ${messageOf(error)}`, cause: error });
    }
  }

  /** A step's success after the end of its instance changes nothing, but is no everyday matter either. */
  #onLate({ type, envelope, offset }: FoldedRecord): void {
    if (this.#isLive) this.#options.environment.logger.warn('a success after the end of its instance is refused', { sagaId: envelope.correlationId, step: envelope.stepName, type, offset });
  }

  /** A newer claim of the own group: the partition has another owner, and this task is over before it meets a fence. */
  #onClaim({ offset, payload }: FoldedRecord): void {
    const { group } = erase<OpsPartitionClaimed>(payload());
    if (group === this.#options.participant && offset > this.#claimOffset) this.#end({ code: 'SUPERSEDED', message: `claimed anew at offset ${offset}` });
  }

  #onTouched(entry: Entry, endedAtMs: number | null, touched: Set<Entry>): void {
    const { instance } = entry;
    if (endedAtMs === null) {
      touched.add(entry);
      return;
    }
    touched.delete(entry);
    this.#timers.disarm(entry.key);
    this.#positions.ended(entry, endedAtMs);
    const { counters } = this.#options.environment;
    if (instance.saga.isInitiator) {
      if (instance.status === 'COMPLETED') counters.sagasCompleted++;
      else if (instance.status === 'FAILED') counters.sagasFailed++;
    }
    if (instance.status === 'COMPLETED') this.#options.observer.onSagaCompleted?.({ sagaType: instance.saga.definition.type, sagaId: instance.correlationId });
    const parent = instance.subSaga === null ? undefined : this.#table.get(instance.correlationId);
    if (parent !== undefined) touched.add(parent);
  }

  #onQuarantined({ instance }: Entry, stepName: string, payload: () => unknown): void {
    const { reason } = erase<{ readonly reason: string }>(payload());
    this.#options.observer.onQuarantined?.({ sagaType: instance.saga.definition.type, sagaId: instance.correlationId, stepName, reason });
  }

  #onRefused(record: LogRecord, refusal: string, entry: Entry | null, saga: CompiledSaga | undefined): void {
    const { counters } = this.#options.environment;
    if (refusal === 'DUPLICATE' || refusal === 'AFTER_END') counters.duplicates++;
    else counters.refused++;
    if (refusal === 'ILLEGAL_TRANSITION' || refusal === 'UNKNOWN_STEP') {
      // An orphan has no instance: its type's initiator answers for it. Where nobody knows what retention has taken, only what comes from now on is judged.
      const isOurs = entry === null ? (this.#isLive || this.#positions.knowsEveryEnd) && saga?.isInitiator === true : entry.instance.saga.isInitiator;
      if (isOurs) this.#outbox.deadLetter(record, { reason: refusal });
    }
  }

  #goLive(): void {
    this.#isLive = true;
    this.#liveSinceMs = this.#options.environment.clock.monotonicMillis();
    for (const entry of this.#table.entries()) markSuspects(entry);
    for (const entry of [...this.#table.entries()]) this.#decide(entry);
    this.#resolveLive?.();
    for (const [key, { firstOffset, definition }] of this.#table.unknownVersions) this.#options.environment.logger.error('open instance of a definition version that this worker does not know: it holds the watermark', { instance: key, offset: firstOffset, definition });
  }

  #onWake(keys: readonly string[]): void {
    if (!this.#isLive) return;
    for (const key of keys) {
      const entry = this.#table.get(key);
      if (entry !== undefined) this.#decide(entry);
    }
  }

  #decide(entry: Entry): void {
    const { instance } = entry;
    if (entry.isParked || !concerns(instance.saga)) return;
    const { actions, wakeAtMs } = decide(instance, this.#worldOf(entry));
    if (wakeAtMs !== null) this.#timers.arm(entry.key, wakeAtMs);
    for (const action of actions) if (!this.#isDraining || this.#actions.isAnnounced(entry, action)) this.#actions.carryOut(entry, action);
  }
}
