import type { ParticipantDefinition } from '../definition/participant.ts';
import type { Assignment, Cancel, Clock, Codec, EventLog, GroupToJoin, Log, Membership, RandomSource } from '../ports/index.ts';
import { partitionKey } from '../ports/index.ts';
import { messageOf } from './caught.ts';
import { catalogueOf } from './catalogue.ts';
import { type Care, EntityTask } from './entity-task.ts';
import { loadPartitionCounts, topicsOf } from './participant-topics.ts';
import { SagaTask } from './saga-task.ts';
import type { SharedDecoding } from './shared-decoding.ts';
import { SourceTask } from './source-task.ts';
import { isRefusal, type TaskEnd } from './takeover.ts';
import { type Counters, DEFAULT_LIMITS, newCounters, SILENT_LOG, type TaskEnvironment, type TaskLimits } from './task-environment.ts';
import { taskWriters } from './task-writer.ts';
import { topicNames } from './topics.ts';

/** What a participant runs on in a process: the ports and its limits; times in milliseconds. */
export type HostOptions = {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Topic prefix. */
  readonly namespace: string;
  /** Name of this process in claims; default random. */
  readonly name?: string;
  readonly logger?: Log;
  readonly limits?: Partial<TaskLimits>;
  readonly membership?: Pick<GroupToJoin, 'sessionTimeoutMs' | 'heartbeatIntervalMs'>;
};

/** A partition that was refused for good, and why. */
export type Refusal = { readonly partition: string; readonly code: TaskEnd['code']; readonly message: string };

/** What one participant of a worker is doing, for health and metrics. */
export type ParticipantStatus = {
  readonly participant: string;
  readonly counters: Readonly<Counters>;
  readonly tasks: number;
  readonly liveTasks: number;
  /** Tasks that begin nothing new and wait for the answers of calls under way, before they end. */
  readonly drainingTasks: number;
  /** Partitions that wait for a person: what they need was deleted. No takeover is tried until they are assigned anew, or by `recover`. */
  readonly refusals: readonly Refusal[];
  /** Assigned, and live on every partition of the assignment: false before the first one, while the group rebalances, while a task is taken over again, and from the moment that it is to stop. */
  readonly isReady: boolean;
  readonly openInstances: number;
};

type Task = {
  readonly start: () => Promise<void>;
  /** Where calls may be under way. */
  readonly drain?: (withinMs: number) => Promise<void>;
  readonly stop: () => Promise<void>;
  readonly isLive: boolean;
  readonly isDraining?: boolean;
  /** Why it is over, unless it was asked to stop. */
  readonly ending: TaskEnd | null;
  readonly openCount?: number;
  readonly openIds?: readonly string[];
};

/** Of a group member, unless configured. */
const SESSION_TIMEOUT_MS = 10_000;
const RESTART_FIRST_MS = 20;
const RESTART_MAX_MS = 5_000;
/** Instances that a refusal names. */
const NAMED_MAX = 20;

/** One participant: a member of its group and the tasks of what it is assigned. */
export class ParticipantHost {
  readonly #participant: ParticipantDefinition;
  readonly #options: HostOptions;
  readonly #limits: TaskLimits;
  readonly #counters = newCounters();
  readonly #tasks = new Map<string, Task>();
  readonly #restarts = new Map<string, Cancel>();
  readonly #attempts = new Map<string, number>();
  readonly #refusals = new Map<string, TaskEnd>();
  readonly #care = new Map<string, Care>();
  #assigned = new Set<string>();
  /** The group has said what is ours, even where that is nothing. */
  #hasAssignment = false;
  #membership: Membership | null = null;
  /** When the first join was asked for. */
  #joinedAtMs = 0;
  #environment: TaskEnvironment | null = null;
  #stopping: Promise<void> | null = null;
  readonly #catalogue: ReturnType<typeof catalogueOf>;
  readonly #decoding: SharedDecoding;

  constructor(participant: ParticipantDefinition, options: HostOptions, decoding: SharedDecoding) {
    this.#participant = participant;
    this.#decoding = decoding;
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#catalogue = catalogueOf(participant);
  }

  get name(): string {
    return this.#participant.name;
  }

  async recover(): Promise<readonly string[]> {
    const keys = [...[...this.#tasks].filter(([, task]) => task instanceof SagaTask).map(([key]) => key), ...this.#refusals.keys()];
    await Promise.all(keys.map(async (key) => {
      await this.#tasks.get(key)?.drain?.(this.#limits.drainTimeoutMs);
      await this.#stopTask(key);
      const at = key.lastIndexOf('/');
      await this.#startTask(key, key.slice(0, at), Number(key.slice(at + 1)));
    }));
    return [...new Set(keys.flatMap((key) => this.#tasks.get(key)?.openIds ?? []))];
  }

  status(): ParticipantStatus {
    const tasks = [...this.#tasks.values()];
    return {
      participant: this.#participant.name,
      counters: this.#counters,
      tasks: tasks.length,
      liveTasks: tasks.filter((task) => task.isLive).length,
      drainingTasks: tasks.filter((task) => task.isDraining === true).length,
      refusals: [...this.#refusals].map(([partition, { code, message }]) => ({ partition, code, message })),
      isReady: this.#isReady(),
      openInstances: tasks.reduce((sum, task) => sum + (task.openCount ?? 0), 0),
    };
  }

  #isReady(): boolean {
    const isServing = (task: Task | undefined): boolean => task?.isLive === true && task.isDraining !== true;
    return !this.#isStopped && this.#hasAssignment && [...this.#assigned].every((key) => isServing(this.#tasks.get(key)));
  }

  get #isStopped(): boolean {
    return this.#stopping !== null;
  }

  async start(): Promise<void> {
    const options = this.#options;
    const names = topicNames(options.namespace);
    const topics = this.#topics();
    const { log, clock, logger = SILENT_LOG } = options;
    this.#environment = {
      log,
      writer: taskWriters({ log, clock, logger, counters: this.#counters, limits: this.#limits }),
      reader: log.reader(),
      codec: options.codec,
      decoding: this.#decoding,
      clock,
      random: options.random,
      names,
      worker: options.name ?? options.random.id(),
      logger,
      partitionsOf: await loadPartitionCounts(log, topicsOf(this.#participant, this.#catalogue.contexts, names)),
      counters: this.#counters,
      limits: this.#limits,
      isConfirmedOwner: () => this.#isConfirmedOwner(),
    };
    // A participant that neither owns a step nor keeps an entity has nothing to be assigned.
    if (topics.length === 0) {
      this.#hasAssignment = true;
      return;
    }
    this.#joinedAtMs = clock.monotonicMillis();
    await new Promise<void>((resolve, reject) => {
      log.join({ group: names.group(this.#participant.name), topics, ...options.membership }, {
        onAssigned: (assignment) => { void this.#onAssigned(assignment).then(resolve, reject); },
        onLost: () => { void this.#onLost(); },
        beforeRejoin: () => this.#onRevoked(),
      }).then((membership) => {
        this.#membership = membership;
        if (this.#isStopped) void membership.leave();
      }, reject);
    });
    await this.#refuseLostInput();
    await this.#refuseRemovedVersions();
  }

  /** At the start somebody looks; later the log and health tell. */
  async #refuseLostInput(): Promise<void> {
    const refused = [...this.#refusals.values()];
    if (refused.length === 0) return;
    await this.stop();
    throw new Error(`participant ${this.name} is refused ${refused.length === 1 ? 'a partition' : `${refused.length} partitions`}: ${refused.slice(0, NAMED_MAX).map(({ code, message }) => `${code}: ${message}`).join('; ')}`);
  }

  /** Whoever runs an instance to its end must know how it began. */
  async #refuseRemovedVersions(): Promise<void> {
    const open = [...this.#tasks.values()].flatMap((task) => (task instanceof SagaTask ? task.orphanedByRemoval : []));
    if (open.length === 0) return;
    await this.stop();
    throw new Error(`participant ${this.name} lacks definition versions that still have open instances: ${open.slice(0, NAMED_MAX).join(', ')}${open.length > NAMED_MAX ? ` and ${open.length - NAMED_MAX} more` : ''}; register these versions beside the new ones until their instances have ended`);
  }

  /** Until the first join has answered there is no task that could ask. */
  #isConfirmedOwner(): boolean {
    const { clock, membership } = this.#options;
    const confirmedAtMs = this.#membership?.confirmedAtMonotonicMs() ?? this.#joinedAtMs;
    return clock.monotonicMillis() - confirmedAtMs < (membership?.sessionTimeoutMs ?? SESSION_TIMEOUT_MS);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#leave();
    return this.#stopping;
  }

  async #leave(): Promise<void> {
    for (const cancel of this.#restarts.values()) cancel();
    await this.#endTasks(this.#limits.drainTimeoutMs);
    await this.#membership?.leave();
  }

  /** Entities and sources, which call nobody, serve on while the saga tasks drain. */
  async #endTasks(drainMs: number): Promise<void> {
    await Promise.all([...this.#tasks.values()].map(async (task) => task.drain?.(drainMs)));
    await this.#stopTasks();
  }

  async #stopTasks(): Promise<void> {
    await Promise.all([...this.#tasks.keys(), ...this.#refusals.keys()].map((key) => this.#stopTask(key)));
  }

  /** One set for all: a partition's saga, checkpoint, command and state topics belong together. */
  #topics(): GroupToJoin['topics'] {
    const names = topicNames(this.#options.namespace);
    const topics = [
      ...this.#catalogue.contexts.map((context) => names.saga(context)),
      ...this.#participant.entities.map((entity) => names.commands(entity.name)),
      ...this.#participant.sources.map((source) => names.facts(source.topic)),
    ];
    return topics.map((topic) => ({ topic, set: topic }));
  }

  async #onAssigned(assignment: Assignment): Promise<void> {
    if (this.#isStopped) return;
    const assigned = new Map(assignment.partitions.map((partition) => [partitionKey(partition), partition]));
    this.#assigned = new Set(assigned.keys());
    this.#hasAssignment = true;
    const lost = [...this.#tasks.keys(), ...this.#refusals.keys()].filter((key) => !assigned.has(key));
    await Promise.all(lost.map((key) => this.#stopTask(key)));
    await Promise.all([...assigned].filter(([key]) => !this.#tasks.has(key)).map(([key, { topic, partition }]) => this.#startTask(key, topic, partition)));
  }

  /** The group waits for this member, whose heartbeats go on: until it joins again, nobody else is given its partitions. A stop that drains already is cut short. */
  #onRevoked(): Promise<void> {
    this.#assigned = new Set();
    this.#hasAssignment = false;
    return this.#endTasks(this.#limits.revokeDrainTimeoutMs);
  }

  /** After a revocation nothing is left to end. Without one the partitions may have another owner already: nothing is waited for. */
  async #onLost(): Promise<void> {
    this.#assigned = new Set();
    this.#hasAssignment = false;
    await this.#stopTasks();
  }

  async #stopTask(key: string): Promise<void> {
    const task = this.#tasks.get(key);
    this.#tasks.delete(key);
    this.#refusals.delete(key);
    this.#restarts.get(key)?.();
    this.#restarts.delete(key);
    await task?.stop();
  }

  async #startTask(key: string, topic: string, partition: number): Promise<void> {
    if (this.#isStopped || !this.#assigned.has(key) || this.#environment === null) return;
    const at = { key, topic, partition };
    const task: Task | null = this.#createTask(this.#environment, topic, partition, (end) => { if (task !== null) this.#onEnd(at, task, end); });
    if (task === null) return;
    this.#tasks.set(key, task);
    try {
      await task.start();
    } catch (error) {
      // A question to the log that stays without answer ends the takeover, never the process.
      if (this.#tasks.get(key) !== task) return;
      await task.stop().catch(() => undefined);
      return this.#onEnd(at, task, { code: 'READ_ERROR', message: messageOf(error) });
    }
    if (task.isLive) this.#attempts.delete(key);
    // Known as soon as the start is: the task's own end tells of it a little later.
    if (task.ending !== null && isRefusal(task.ending)) this.#refusals.set(key, task.ending);
  }

  #createTask(environment: TaskEnvironment, topic: string, partition: number, onEnd: (end: TaskEnd) => void): Task | null {
    const { names } = environment;
    const common = { environment, participant: this.#participant.name, partition, onEnd };
    const context = this.#catalogue.contexts.find((candidate) => names.saga(candidate) === topic);
    if (context !== undefined) return new SagaTask({ ...common, context, catalogue: this.#catalogue, observer: this.#participant.observer ?? {} });
    const entity = this.#participant.entities.find((candidate) => names.commands(candidate.name) === topic);
    if (entity !== undefined) return new EntityTask({ ...common, definition: entity, care: this.#careOf(topic, partition) });
    const source = this.#participant.sources.find((candidate) => names.facts(candidate.topic) === topic);
    return source === undefined ? null : new SourceTask({ ...common, definition: source });
  }

  /** What one task of the partition found out, the next one heeds. */
  #careOf(topic: string, partition: number): Care {
    const key = partitionKey({ topic, partition });
    const care = this.#care.get(key) ?? { untilOffset: 0, ticksNotBeforeMs: new Map() };
    this.#care.set(key, care);
    return care;
  }

  /** A new takeover, with back-off, if the group has confirmed since that the partition is still ours. */
  #onEnd({ key, topic, partition }: { readonly key: string; readonly topic: string; readonly partition: number }, task: Task, end: TaskEnd): void {
    // Stopped meanwhile, or replaced by a later one: its end is nobody's any more.
    if (this.#tasks.get(key) !== task) return;
    this.#tasks.delete(key);
    const { logger } = this.#options;
    logger?.warn('task ended', { participant: this.#participant.name, partition: key, code: end.code, message: end.message });
    if (isRefusal(end)) {
      this.#refusals.set(key, end);
      logger?.error(end.message, { participant: this.#participant.name, partition: key, code: end.code });
    }
    if (this.#isStopped || isRefusal(end)) return;
    const attempts = (this.#attempts.get(key) ?? 0) + 1;
    this.#attempts.set(key, attempts);
    this.#restartLater({ key, topic, partition, endedAtMs: this.#options.clock.monotonicMillis(), isFenced: end.code === 'FENCED' || end.code === 'SUPERSEDED', attempts });
  }

  #restartLater(ended: { readonly key: string; readonly topic: string; readonly partition: number; readonly endedAtMs: number; readonly isFenced: boolean; readonly attempts: number }): void {
    const delayMs = Math.min(RESTART_MAX_MS, RESTART_FIRST_MS * 2 ** Math.min(ended.attempts - 1, 10));
    this.#restarts.set(ended.key, this.#options.clock.after(delayMs, () => {
      this.#restarts.delete(ended.key);
      if (this.#isStopped || !this.#assigned.has(ended.key) || this.#tasks.has(ended.key)) return;
      const isConfirmed = !ended.isFenced || (this.#membership?.confirmedAtMonotonicMs() ?? 0) > ended.endedAtMs;
      if (isConfirmed) void this.#startTask(ended.key, ended.topic, ended.partition);
      else this.#restartLater(ended);
    }));
  }
}
