import { entityPosition, type EntityPosition, entityTick } from '#contracts/core';
import { erase } from '#kernel';
import type { EntityContext, EntityDecision, EntityDefinition } from '../definition/entity.ts';
import { type DomainEvent, event } from '../definition/results.ts';
import type { DecodedEvent, LogRecord, ReadBatch, RecordToWrite, Subscription, TopicPartition, TransactionalWriter } from '../ports/index.ts';
import { partitionKey } from '../ports/index.ts';
import { caught, messageOf, tried } from './caught.ts';
import { Committer, type OutboxItem } from './committer.ts';
import { deadLettersOf } from './dead-letters.ts';
import { EntityFollowing } from './entity-following.ts';
import { callerOf } from './entity-outcome.ts';
import { EntityRefusals, keyTextOf, type Request } from './entity-refusals.ts';
import { EntityStates, type Keyed } from './entity-states.ts';
import { EntityTelling } from './entity-telling.ts';
import { IdlePosition } from './idle-position.ts';
import { LazyPosition } from './lazy-position.ts';
import { Records } from './records.ts';
import { decodeLearning, fenceAndClaim, isTaskEnd, readToClaim, resumeAt, type TaskEnd } from './takeover.ts';
import type { TaskEnvironment } from './task-environment.ts';
import { transactionalId } from './topics.ts';

export type EntityTaskOptions = {
  readonly environment: TaskEnvironment;
  readonly participant: string;
  readonly definition: EntityDefinition;
  readonly partition: number;
  readonly care: Care;
  readonly onEnd: (end: TaskEnd) => void;
};

/** Outlives the task. */
export type Care = {
  /** Commands below it get a transaction each, since one among them is refused by the log. */
  untilOffset: number;
  /** Keys whose last tick was refused, and when the next one may be sent. */
  readonly ticksNotBeforeMs: Map<string, number>;
};

/** The one command whose transaction is under way, and how the states that it changed were before it. */
type UnderCare = { readonly request: Request; readonly before: ReadonlyMap<Keyed, Keyed>; readonly offset: number };

/** A command this far ahead of the owner's clock is refused. */
const COMMAND_AHEAD_MAX_MS = 5_000;

/**
 * Owns one partition of one entity: a table of states, each changed by one command after another. Outcome,
 * events, commands, state and the consumed position lie in one transaction; position and state are read back together.
 */
export class EntityTask {
  readonly #options: EntityTaskOptions;
  readonly #commandsAt: TopicPartition;
  readonly #stateAt: TopicPartition;
  readonly #records: Records;
  readonly #telling: EntityTelling;
  readonly #states: EntityStates;
  readonly #following: EntityFollowing;
  readonly #refusals: EntityRefusals;
  readonly #writer: TransactionalWriter;
  /** Keys changed by the batch that is being handled, and what they were before it. */
  readonly #dirty = new Map<Keyed, Keyed>();
  readonly #lag: LazyPosition;
  readonly #idle: IdlePosition;
  #underCare: UnderCare | null = null;
  /** Ends the wait for the command under care. */
  #proceed: () => void = () => undefined;
  #committer: Committer | null = null;
  #subscription: Subscription | null = null;
  /** As the state partition tells it; null where it tells none. */
  #position: number | null = null;
  #nextOffset = 0;
  #sent = 0;
  #claimId = '';
  #isLive = false;
  #isOver = false;
  #ending: TaskEnd | null = null;

  constructor(options: EntityTaskOptions) {
    this.#options = options;
    const { environment, participant, definition } = options;
    const { names } = environment;
    this.#commandsAt = { topic: names.commands(definition.name), partition: options.partition };
    this.#stateAt = { topic: names.state(definition.name), partition: options.partition };
    this.#records = new Records({ participant, codec: environment.codec, clock: environment.clock, names, partitionsOf: environment.partitionsOf });
    this.#telling = new EntityTelling({ entity: definition.name, records: this.#records, codec: environment.codec, names });
    this.#states = new EntityStates(definition, environment.codec);
    this.#following = new EntityFollowing({ environment, definition, states: this.#states, ticksNotBeforeMs: options.care.ticksNotBeforeMs, isUnderCare: () => this.#isUnderCare(), send: (key, said, onRefused) => this.#send(key, said, onRefused) });
    this.#refusals = new EntityRefusals({
      environment, participant, entity: definition.name, telling: this.#telling, touched: (key) => this.#touched(key), onTickRefused: (key) => this.#following.tickRefused(key),
    });
    this.#idle = new IdlePosition({ clock: environment.clock, intervalMs: environment.limits.positionIntervalMs, tell: (offset) => this.#passMarkers(offset) });
    this.#lag = new LazyPosition({ at: this.#commandsAt, clock: environment.clock, intervalMs: environment.limits.positionIntervalMs });
    this.#writer = environment.writer(transactionalId(names, participant, this.#commandsAt.topic, options.partition));
  }

  get isLive(): boolean {
    return this.#isLive;
  }

  get ending(): TaskEnd | null {
    return this.#ending;
  }

  async start(): Promise<void> {
    const { environment, participant, definition } = this.#options;
    const claim = await fenceAndClaim({ writer: this.#writer, records: this.#records, random: environment.random, participant, worker: environment.worker, partitions: [this.#stateAt] });
    if (isTaskEnd(claim)) return this.#end(claim);
    environment.counters.takeovers++;
    this.#claimId = claim.claimId;
    const failed = await readToClaim(environment.log, { partition: this.#stateAt, claimOffset: claim.offsets.get(partitionKey(this.#stateAt)) ?? 0, onRecord: (record) => this.#loadState(record) });
    if (failed !== null) return this.#end(failed);
    if (this.#isOver) return;
    const from = resumeAt(this.#commandsAt, this.#position, await environment.log.logStartOffset(this.#commandsAt));
    if (isTaskEnd(from)) return this.#end(from);
    this.#nextOffset = from;
    this.#committer = new Committer({
      writer: this.#writer,
      group: environment.names.group(participant),
      waitingMax: environment.limits.waitingMax,
      positions: () => this.#lag.due(),
      onTransaction: () => { environment.counters.transactions++; },
      onDead: ({ code, message }) => this.#end({ code, message }),
      onPositionsRefused: () => this.#lag.retract(() => this.#committer?.kick()),
      onPoison: (item, message, refusedCount) => this.#insteadOf(item, message, refusedCount),
    });
    if (this.#isOver) return;
    this.#isLive = true;
    for (const key of definition.heldKeys ?? []) if (this.#records.partitionFor(this.#commandsAt.topic, key) === this.#commandsAt.partition) this.#states.get(key);
    this.#following.open();
    this.#subscription = environment.reader.subscribe({ ...this.#commandsAt, offset: this.#nextOffset }, {
      onBatch: (batch) => this.#onBatch(batch),
      onError: (error) => this.#end({ code: 'READ_ERROR', message: `${definition.name} ${partitionKey(error)} at ${error.offset}: ${error.code} ${error.message}` }),
    });
  }

  async stop(): Promise<void> {
    if (this.#isLive) this.#idle.flush();
    this.#close();
    await this.#committer?.close();
    await this.#writer.close();
    await this.#following.release();
  }

  #close(): void {
    this.#isOver = true;
    this.#isLive = false;
    this.#proceed();
    this.#subscription?.close();
    this.#following.close();
    this.#lag.close();
    this.#idle.close();
  }

  #end(end: TaskEnd): void {
    if (this.#isOver) return;
    this.#ending = end;
    this.#close();
    void this.stop().catch(() => undefined).then(() => this.#options.onEnd(end));
  }

  async #loadState(record: LogRecord): Promise<void> {
    if (record.key === null) return;
    // Somebody accepts that input was lost.
    if (record.value === null && keyTextOf(record) === this.#positionKey) this.#position = null;
    if (record.value === null) return;
    const decoded = await decodeLearning(this.#options.environment.codec, record.value);
    if (decoded.status !== 'decoded') throw new Error(`state of ${this.#options.definition.name} at offset ${record.offset}: ${decoded.reason}`);
    if (decoded.type === 'chorus.EntityState') this.#states.load(decoded);
    if (decoded.type === entityPosition.name) {
      const { topic, partition, offset } = erase<EntityPosition>(decoded.payload());
      if (topic === this.#commandsAt.topic && partition === this.#commandsAt.partition) this.#position = offset;
    }
  }

  async #onBatch(batch: ReadBatch): Promise<void> {
    const requests: Request[] = [];
    try {
      for (const record of batch.records) if (record.value !== null) requests.push({ record, decoded: await decodeLearning(this.#options.environment.codec, record.value) });
    } catch (error) {
      return this.#end({ code: 'READ_ERROR', message: messageOf(error) });
    }
    if (this.#isOver) return;
    if (this.#isUnderCare()) return this.#oneByOne(requests, batch.nextOffset);
    this.#nextOffset = batch.nextOffset;
    if (batch.records.length > 0) this.#submit(requests);
    else this.#idle.passed(batch.nextOffset);
    await this.#committer?.room();
  }

  #isUnderCare(): boolean {
    return this.#nextOffset < this.#options.care.untilOffset;
  }

  /** The states are never more than one command ahead of the log, so that this one can be taken back. */
  async #oneByOne(requests: readonly Request[], nextOffset: number): Promise<void> {
    for (const request of requests) {
      this.#nextOffset = request === requests.at(-1) ? nextOffset : request.record.offset + 1;
      const settled = new Promise<void>((resolve) => { this.#proceed = resolve; });
      this.#submit([request], request);
      await settled;
      if (this.#isOver) return;
    }
    this.#underCare = null;
    this.#nextOffset = nextOffset;
  }

  /** What is written when the log refuses for good. Null: the states hold what was refused, only a takeover reads what is true. */
  #insteadOf(item: OutboxItem, message: string, refusedCount: number): readonly RecordToWrite[] | null {
    const { environment, participant, care } = this.#options;
    // What a timer or a held resource sends changes no state.
    if (item.onCommitted === undefined) return refusedCount > 1 ? null : deadLettersOf(environment, participant, { records: item.records, message, isBare: refusedCount > 0 });
    if (this.#underCare === null) {
      care.untilOffset = this.#nextOffset;
      return null;
    }
    const { request, before, offset } = this.#underCare;
    for (const [keyed, was] of before) Object.assign(keyed, was);
    this.#dirty.clear();
    const reason = `refused by the log: ${message}`;
    const written = this.#refusals.refuseAgain(request, reason, refusedCount);
    // A step that was told moved the chain of the key.
    written.push(...this.#changedStates(), this.#positionRecord(offset));
    this.#dirty.clear();
    return written;
  }

  #touched(key: string): Keyed {
    const keyed = this.#states.get(key);
    if (!this.#dirty.has(keyed)) this.#dirty.set(keyed, { ...keyed });
    return keyed;
  }

  /** What is said of one command, or why it is refused: a fault of the handler, or a record that cannot be encoded, leaves the state as it was. */
  #handle(request: Request, isEncodingTried: boolean, written: RecordToWrite[]): void {
    const { record, decoded } = request;
    if (decoded.status === 'undecodable') return this.#refusals.refuse(request, decoded, written);
    const key = keyTextOf(record);
    if (decoded.type === entityTick.name) this.#following.ticked(key);
    const touched = tried(() => this.#touched(key));
    if (!touched.ok) return this.#refusals.refuse(request, touched.fault, written);
    const keyed = touched.value;
    const before = { ...keyed };
    const mark = written.length;
    const handled = tried(() => {
      this.#apply(keyed, record, decoded, written);
      if (isEncodingTried) this.#states.record(this.#records, this.#stateAt, keyed);
    });
    if (handled.ok) return;
    Object.assign(keyed, before);
    written.length = mark;
    this.#refusals.refuse(request, handled.fault, written);
  }

  #apply(keyed: Keyed, record: LogRecord, { type, envelope, payload }: DecodedEvent, written: RecordToWrite[]): void {
    const { definition, environment } = this.#options;
    const aheadMs = record.timestampMs - environment.clock.nowMillis();
    if (aheadMs > COMMAND_AHEAD_MAX_MS) throw new Error(`command is ${aheadMs} ms ahead of the entity owner's clock`);
    const isTick = type === entityTick.name;
    const handler = definition.commands.find((candidate) => candidate.type.name === type);
    if (!isTick && handler === undefined) throw new Error(`entity ${definition.name} has no command ${type}`);
    const caller = callerOf(record, envelope);
    const nowMillis = Math.max(keyed.observedAtMs, record.timestampMs);
    // What was due when the tick was sent may have been put off, or done, by a command before it, or by an earlier tick.
    if (isTick && !isDue(definition.wakeAt?.(keyed.state) ?? null, nowMillis)) {
      keyed.observedAtMs = nowMillis;
      return;
    }
    const context: EntityContext = { key: keyed.key, nowMillis, commandId: envelope.eventId, caller: caller.ref, phase: caller.phase };
    const decision: EntityDecision<unknown> = isTick ? (definition.onTick?.(keyed.state, context) ?? { state: keyed.state }) : (handler?.handle(keyed.state, payload(), context) ?? { state: keyed.state });
    keyed.state = decision.state;
    keyed.version++;
    keyed.observedAtMs = context.nowMillis;
    this.#telling.decision({ keyed, caller, commandId: envelope.eventId }, decision, written);
  }

  /** `careFor`: the only request, which can be taken back. */
  #submit(requests: readonly Request[], careFor: Request | null = null): void {
    const offset = this.#nextOffset;
    this.#idle.told(offset);
    const made = caught(() => this.#recordsOf(requests, false));
    // A state cannot be encoded: which command made it so is found out one by one.
    if (!made.ok) for (const [keyed, before] of this.#dirty) Object.assign(keyed, before);
    const records = [...(made.ok ? made.value : this.#recordsOf(requests, true)), this.#positionRecord(offset)];
    const changed = [...this.#dirty.keys()];
    this.#underCare = careFor === null ? null : { request: careFor, before: new Map(this.#dirty), offset };
    this.#dirty.clear();
    this.#committer?.submit({
      records,
      concerns: null,
      onCommitted: () => {
        this.#onCommitted(changed, offset);
        this.#proceed();
      },
      onSubstituted: () => {
        this.#onCommitted([], offset);
        this.#proceed();
      },
    });
  }

  #passMarkers(offset: number): void {
    this.#committer?.submit({ records: [this.#positionRecord(offset)], concerns: null });
    this.#lag.reached(offset, () => this.#committer?.kick());
  }

  get #positionKey(): string {
    return `position:${this.#commandsAt.topic}:${this.#commandsAt.partition}`;
  }

  #positionRecord(offset: number): RecordToWrite {
    const { topic, partition } = this.#commandsAt;
    const key = this.#positionKey;
    return this.#records.plain(this.#stateAt.topic, key, event(entityPosition, { topic, partition, offset }), { eventId: `${key}:${offset}`, partition: this.#stateAt.partition });
  }

  #recordsOf(requests: readonly Request[], isEncodingTried: boolean): readonly RecordToWrite[] {
    const written: RecordToWrite[] = [];
    for (const request of requests) this.#handle(request, isEncodingTried, written);
    return [...written, ...this.#changedStates()];
  }

  #changedStates(): readonly RecordToWrite[] {
    return [...this.#dirty.keys()].map((keyed) => this.#states.record(this.#records, this.#stateAt, keyed));
  }

  #onCommitted(changed: readonly Keyed[], offset: number): void {
    for (const keyed of changed) this.#following.follow(keyed);
    if (!this.#isOver) this.#lag.reached(offset, () => this.#committer?.kick());
  }

  /** A command to itself, by way of its own topic: a replay sees it too. */
  #send(key: string, said: DomainEvent, onRefused: () => void = () => undefined): void {
    if (!this.#isLive) return;
    const eventId = `${this.#options.definition.name}/${key}:${this.#claimId}:${++this.#sent}`;
    this.#committer?.submit({ records: [this.#records.plain(this.#commandsAt.topic, key, said, { eventId, partition: this.#commandsAt.partition })], concerns: null, onSubstituted: onRefused });
  }
}

const isDue = (wakeAtMs: number | null, nowMs: number): boolean => wakeAtMs !== null && wakeAtMs <= nowMs;
