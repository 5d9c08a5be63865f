import type { ParticipantDefinition, ResultOf, SagaShape, StartOf } from '#saga-core';
import { catalogueOf, createObserver, type ObservedInstance, type OperatorOrder, type SagaClient, type SagaHandle, type SagaResult, type SignalPayload } from '#saga-core/runtime';
import type { AuditedRecord, Violation } from '../invariants/audited.ts';
import { verifyRecords } from '../invariants/invariants.ts';
import type { SimulatedClock } from '../simulated-clock.ts';
import { lineOf, type LogLine, MemoryStage, type MemoryStageOptions, type StageWorker } from './memory-stage.ts';

/** Virtual time that `until` and `ended` let pass at most, unless told otherwise: milliseconds. */
const LIMIT_MS = 600_000;

/** One instance, as its records tell. */
export type SagaUnderTest<Definition extends SagaShape = SagaShape> = {
  readonly correlationId: string;
  /** As every participant's fold sees it now; null while nothing of it is on the log. */
  readonly status: ObservedInstance['status'] | null;
  /** The value of the step that the definition names as its result, once `ended` has told it; null before, and where there is none. */
  readonly result: ResultOf<Definition> | null;
  /**
   * What happened, in the order of the log: the event's name (those of the runtime without `chorus.`), its step and item where it
   * has them, and the sub-saga in brackets: `hello.seat.booked book_seat`, `SagaCompleted (order_execution)`.
   */
  readonly events: () => readonly string[];
  /** The same with envelopes and payloads. */
  readonly records: () => readonly AuditedRecord[];
  /** Somebody tells the instance something: resolves when that is committed. */
  readonly signalled: (signal: string, payload?: SignalPayload) => Promise<void>;
  /** A person orders something: resolves when that is committed. */
  readonly ordered: (order: OperatorOrder) => Promise<void>;
  /** Lets time pass until `events` has this line; rejects, telling what happened instead, where `limitMs` (10 minutes) pass without it. */
  readonly until: (event: string, limitMs?: number) => Promise<void>;
  /** Lets time pass until the instance has ended; rejects, telling what happened instead, where `limitMs` (10 minutes) pass without that. */
  readonly ended: (limitMs?: number) => Promise<SagaResult<ResultOf<Definition>>>;
};

/** Participants at work, each in a process of its own, in time that passes only when the test lets it. */
export type SagaWorld = {
  /** A client starts an instance: resolves when its start can be read, before its initiator has answered it. */
  readonly start: <Definition extends SagaShape>(definition: Definition, input: StartOf<Definition>, options?: { readonly id?: string }) => Promise<SagaUnderTest<Definition>>;
  /** An instance that something else starts, or has started. */
  readonly saga: <Definition extends SagaShape>(definition: Definition, correlationId: string) => SagaUnderTest<Definition>;
  /** Lets so much time pass. */
  readonly after: (durationMs: number) => Promise<void>;
  /** Lets time pass until the condition holds; rejects where `limitMs` (10 minutes) pass without that. */
  readonly until: (condition: () => boolean, limitMs?: number) => Promise<void>;
  /** The participant's process is gone, as by kill -9. */
  readonly crash: (participant: string) => void;
  /** The participant in a new process; resolves when it has taken over what the old one left, which takes the group's session. */
  readonly restart: (participant: string) => Promise<void>;
  /** The participant's worker, and its process, which can also be paused and go on as a zombie. */
  readonly workerOf: (participant: string) => StageWorker;
  /** Every record of every saga topic, in the order of the log. */
  readonly records: () => readonly AuditedRecord[];
  /** What the records break of the runtime's invariants: I1 to I4, I6, I8 and I10, chains and writers. Instances may still be open. */
  readonly violations: () => readonly Violation[];
  /** What participants' workers have said, oldest first. */
  readonly lines: readonly LogLine[];
  readonly clock: SimulatedClock;
  /** Topics, processes and codecs, for what is not told here. */
  readonly stage: MemoryStage;
};

/**
 * Given these participants, on a log in memory with Kafka's semantics: resolves when all are live. Handlers must wait for nothing but
 * promises and the clock of the options. Rejects, with every fault, where a participant is not well defined.
 */
export const givenSaga = async (options: MemoryStageOptions): Promise<SagaWorld> => {
  const world = new World(options.participants, await MemoryStage.open(options));
  for (const { name } of options.participants) await world.restart(name);
  return world;
};

class World implements SagaWorld {
  readonly stage: MemoryStage;
  readonly #participants: readonly ParticipantDefinition[];
  readonly #definitions: readonly SagaShape[];
  readonly #workers = new Map<string, StageWorker>();
  readonly #client: SagaClient;

  constructor(participants: readonly ParticipantDefinition[], stage: MemoryStage) {
    this.stage = stage;
    this.#participants = participants;
    this.#definitions = participants.flatMap((participant) => catalogueOf(participant).all.map(({ definition }) => definition));
    this.#client = stage.client();
    this.start = this.start.bind(this);
  }

  get clock(): SimulatedClock {
    return this.stage.clock;
  }

  get lines(): readonly LogLine[] {
    return this.stage.lines;
  }

  async start<Definition extends SagaShape>(definition: Definition, input: StartOf<Definition>, options: { readonly id?: string } = {}): Promise<SagaUnderTest<Definition>> {
    const saga = this.#underTest(definition, await this.stage.settled(this.#client.start(definition, input, options)));
    // A commit is answered before its marker lies in the partition: until then nobody can read the start.
    await this.until(() => saga.records().length > 0);
    return saga;
  }

  saga<Definition extends SagaShape>(definition: Definition, correlationId: string): SagaUnderTest<Definition> {
    return this.#underTest(definition, this.#client.handle(definition, correlationId));
  }

  #underTest<Definition extends SagaShape>(definition: Definition, handle: SagaHandle<ResultOf<Definition>>): SagaUnderTest<Definition> {
    return new Instance({ definition, handle, stage: this.stage, client: this.#client, records: () => this.records(), statusOf: createObserver(this.#definitions) });
  }

  async after(durationMs: number): Promise<void> {
    await this.clock.advance(durationMs);
  }

  async until(condition: () => boolean, limitMs = LIMIT_MS): Promise<void> {
    if (!(await this.clock.runUntil(condition, limitMs))) throw new Error(`the condition does not hold within ${limitMs} ms`);
  }

  workerOf(participant: string): StageWorker {
    const running = this.#workers.get(participant);
    if (running === undefined) throw new Error(`participant ${participant} does not run; there are ${[...this.#workers.keys()].join(', ')}`);
    return running;
  }

  crash(participant: string): void {
    this.workerOf(participant).process.kill();
    this.#workers.delete(participant);
  }

  async restart(participant: string): Promise<void> {
    const given = this.#participants.find(({ name }) => name === participant);
    if (given === undefined) throw new Error(`participant ${participant} is not given; there are ${this.#participants.map(({ name }) => name).join(', ')}`);
    this.#workers.get(participant)?.process.kill();
    this.#workers.set(participant, await this.stage.start({ participants: [given] }));
  }

  violations(): readonly Violation[] {
    const elsewhere = new Set(this.stage.cluster.topicNames().flatMap((topic) => this.stage.audited(topic)).map(({ envelope }) => envelope.eventId));
    return verifyRecords(this.records(), {
      definitions: (type, version) => this.#definitions.find((definition) => definition.type === type && definition.version === version),
      isKnownElsewhere: (eventId) => elsewhere.has(eventId),
    }).violations;
  }

  records(): readonly AuditedRecord[] {
    return [...new Set(this.#definitions.map(({ context }) => this.stage.names.saga(context)))].flatMap((topic) => this.stage.audited(topic));
  }
}

type InstanceOptions<Definition extends SagaShape> = {
  readonly definition: Definition;
  readonly handle: SagaHandle<ResultOf<Definition>>;
  readonly stage: MemoryStage;
  readonly client: SagaClient;
  readonly records: () => readonly AuditedRecord[];
  readonly statusOf: ReturnType<typeof createObserver>;
};

class Instance<Definition extends SagaShape> implements SagaUnderTest<Definition> {
  readonly #options: InstanceOptions<Definition>;
  #end: SagaResult<ResultOf<Definition>> | null = null;

  constructor(options: InstanceOptions<Definition>) {
    this.#options = options;
  }

  get correlationId(): string {
    return this.#options.handle.correlationId;
  }

  get status(): ObservedInstance['status'] | null {
    return this.#options.statusOf(this.records()).find(({ key }) => key === this.correlationId)?.status ?? null;
  }

  get result(): ResultOf<Definition> | null {
    return this.#end?.result ?? null;
  }

  records(): readonly AuditedRecord[] {
    return this.#options.records().filter(({ envelope }) => envelope.correlationId === this.correlationId);
  }

  events(): readonly string[] {
    return this.records().map(lineOf);
  }

  async signalled(signal: string, payload?: SignalPayload): Promise<void> {
    const { client, definition, stage } = this.#options;
    await stage.settled(client.signal(definition, this.correlationId, signal, payload));
  }

  async ordered(order: OperatorOrder): Promise<void> {
    const { client, definition, stage } = this.#options;
    await stage.settled(client.order(definition, this.correlationId, order));
  }

  async until(event: string, limitMs = LIMIT_MS): Promise<void> {
    if (await this.#options.stage.clock.runUntil(() => this.events().includes(event), limitMs)) return;
    throw new Error(`no ${event} within ${limitMs} ms: ${this.#story()}`);
  }

  async ended(limitMs = LIMIT_MS): Promise<SagaResult<ResultOf<Definition>>> {
    const { stage, handle } = this.#options;
    this.#end = await stage.settled(handle.result(), { limitMs, what: () => this.#story() });
    return this.#end;
  }

  /** What a person wants to see where an expectation is not met. */
  #story(): string {
    const said = this.#options.stage.lines.filter(({ level }) => level !== 'info').map(({ level, message, fields }) => `${level} ${message} ${JSON.stringify(fields)}`);
    return [`${this.correlationId} is ${this.status ?? 'not on the log'}`, ...this.events(), ...said].join('\n  ');
  }
}
