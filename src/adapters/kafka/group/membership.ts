import type { Assignment, GroupToJoin, Membership, MembershipListener, TopicPartition } from '#saga-core/ports';
import type { KafkaConfig } from '../config.ts';
import { KafkaError, reasonOf } from '../errors.ts';
import { pauseMs } from '../pause.ts';
import { createAssigner, type OwnSubscription, toOwned, toPartitions } from './assigner-protocol.ts';
import { brokerErrorType, closeGroupSession, type GroupSession, openGroupSession } from './group-session.ts';

export type JoinOptions = {
  readonly config: KafkaConfig;
  readonly group: GroupToJoin;
  readonly listener: MembershipListener;
  /** Looked up fresh; rejects with the topic's name where it does not exist. */
  readonly partitionCount: (topic: string) => Promise<number>;
};

const SESSION_TIMEOUT_MS = 10_000;
const HEARTBEAT_INTERVAL_MS = 1_000;
const REJOIN_PAUSE_MS = 200;
/** Partition counts only grow; a look every minute finds it. */
const COUNT_CHECK_INTERVAL_MS = 60_000;
const LEAVE_TIMEOUT_MS = 2_000;

/** Why the current assignment is over. */
type Ending = 'rebalance' | 'not-a-member' | 'session-over' | 'counts-changed' | 'leaving';

/**
 * A member of a classic consumer group: join, sync, heartbeat, leave, nothing else. The loop: join → assigned → heartbeats
 * until something ends the assignment → drain → join again. A silence longer than the session means "ours no longer" by
 * our own clock, whatever any connection does at that time.
 */
export class KafkaMembership implements Membership {
  readonly #options: JoinOptions;
  readonly #sessionTimeoutMs: number;
  readonly #heartbeatIntervalMs: number;
  #session: GroupSession | null = null;
  #memberId: string | null = null;
  #owned: readonly TopicPartition[] = [];
  #generation = -1;
  #counts: Record<string, number> = {};
  #confirmedAtMs = -Infinity;
  #isAssigned = false;
  #isLeaving = false;
  #interrupt: (() => void) | null = null;
  #loop: Promise<void> | null = null;

  constructor(options: JoinOptions) {
    this.#options = options;
    this.#sessionTimeoutMs = options.group.sessionTimeoutMs ?? SESSION_TIMEOUT_MS;
    this.#heartbeatIntervalMs = options.group.heartbeatIntervalMs ?? HEARTBEAT_INTERVAL_MS;
  }

  /** Rejects when a topic does not exist; a cluster that does not answer is waited for. */
  async start(): Promise<void> {
    await this.#readCounts();
    this.#loop = this.#run();
  }

  readonly confirmedAtMonotonicMs = (): number => this.#confirmedAtMs;

  readonly leave = async (): Promise<void> => {
    this.#isLeaving = true;
    this.#interrupt?.();
    await this.#loop;
  };

  async #run(): Promise<void> {
    let lastCountCheckMs = performance.now();
    while (!this.#isLeaving) {
      if (!(await this.#join())) {
        await this.#sleep(REJOIN_PAUSE_MS);
        continue;
      }
      const ending = await this.#heartbeatUntilEnd(() => {
        if (performance.now() - lastCountCheckMs < COUNT_CHECK_INTERVAL_MS) return false;
        lastCountCheckMs = performance.now();
        return true;
      });
      if (ending === 'not-a-member' || ending === 'session-over') this.#lose();
      await this.#drain();
      this.#lose();
    }
    await this.#leaveGroup();
  }

  async #join(): Promise<boolean> {
    const startedAtMs = performance.now();
    try {
      this.#session ??= await this.#open();
      const { group } = this.#session;
      group.memberId = this.#memberId;
      await group.joinAndSync();
      this.#memberId = group.memberId;
      this.#owned = toPartitions(group.assigned());
      this.#generation = group.generationId ?? -1;
    } catch (thrown) {
      if (brokerErrorType(thrown) === 'UNKNOWN_MEMBER_ID') this.#memberId = null;
      else this.#memberId = this.#session?.group.memberId ?? this.#memberId;
      // A cluster that moved leaves kafkajs with stale brokers: start from the bootstrap list again.
      this.#dropSession();
      return false;
    }
    if (this.#isLeaving) return true;
    this.#confirmedAtMs = startedAtMs;
    this.#isAssigned = true;
    const assignment: Assignment = { partitions: this.#owned, memberId: this.#memberId ?? '', generationId: this.#generation };
    this.#options.listener.onAssigned(assignment);
    return true;
  }

  #open(): Promise<GroupSession> {
    const { config, group, partitionCount } = this.#options;
    return openGroupSession({
      config, groupId: group.group, topics: group.topics.map(({ topic }) => topic), sessionTimeoutMs: this.#sessionTimeoutMs,
      assigner: createAssigner(() => this.#subscription(), (topic) => partitionCount(topic).catch(() => 0)),
    });
  }

  #subscription(): OwnSubscription {
    return {
      topics: Object.fromEntries(this.#options.group.topics.map(({ topic, set }) => [topic, set])),
      owned: toOwned(this.#owned), generation: this.#generation, counts: this.#counts,
    };
  }

  async #heartbeatUntilEnd(isCountCheckDue: () => boolean): Promise<Ending> {
    let confirmedAtMs = performance.now();
    while (!this.#isLeaving) {
      await this.#sleep(this.#heartbeatIntervalMs);
      if (this.#isLeaving) break;
      const sentAtMs = performance.now();
      const silentUntilMs = confirmedAtMs + this.#sessionTimeoutMs;
      const beat = await within(silentUntilMs - sentAtMs, this.#heartbeat());
      if (beat === 'ok') {
        confirmedAtMs = sentAtMs;
        this.#confirmedAtMs = sentAtMs;
      } else if (beat === 'rebalance' || beat === 'not-a-member') return beat;
      if (performance.now() >= silentUntilMs) return 'session-over';
      if (beat === 'ok' && isCountCheckDue() && await this.#countsChanged()) return 'counts-changed';
    }
    return 'leaving';
  }

  async #heartbeat(): Promise<'ok' | 'rebalance' | 'not-a-member' | 'lost'> {
    try {
      this.#session ??= await this.#reopened();
      await this.#session.group.heartbeat({ interval: 0 });
      return 'ok';
    } catch (thrown) {
      switch (brokerErrorType(thrown)) {
        case 'REBALANCE_IN_PROGRESS':
          return 'rebalance';
        case 'UNKNOWN_MEMBER_ID':
          this.#memberId = null;
          return 'not-a-member';
        case 'ILLEGAL_GENERATION':
        case 'FENCED_INSTANCE_ID':
          return 'not-a-member';
        default:
          // The coordinator moved, or nobody answers: look for it again from the bootstrap list.
          this.#dropSession();
          return 'lost';
      }
    }
  }

  /** The same member on new connections, at the coordinator of now. */
  async #reopened(): Promise<GroupSession> {
    const session = await this.#open();
    session.group.memberId = this.#memberId;
    session.group.generationId = this.#generation;
    session.group.coordinator = await session.cluster.findGroupCoordinator({ groupId: this.#options.group.group });
    return session;
  }

  async #countsChanged(): Promise<boolean> {
    const before = JSON.stringify(this.#counts);
    await this.#readCounts().catch(() => undefined);
    return JSON.stringify(this.#counts) !== before;
  }

  async #readCounts(): Promise<void> {
    const counts: Record<string, number> = {};
    for (const { topic } of this.#options.group.topics) counts[topic] = await this.#options.partitionCount(topic);
    this.#counts = counts;
  }

  /** Heartbeats go on while the owner drains: a drain may take longer than the session. */
  async #drain(): Promise<void> {
    if (this.#owned.length === 0 && !this.#isAssigned) return;
    let isDrained = false;
    const draining = this.#options.listener.beforeRejoin().catch(() => undefined).then(() => {
      isDrained = true;
    });
    while (!isDrained) {
      await Promise.race([draining, pauseMs(this.#heartbeatIntervalMs)]);
      if (!isDrained && this.#memberId !== null) await Promise.race([draining, this.#heartbeat()]);
    }
  }

  #lose(): void {
    if (!this.#isAssigned) return;
    this.#isAssigned = false;
    this.#options.listener.onLost();
  }

  async #leaveGroup(): Promise<void> {
    const session = this.#session;
    if (session !== null) {
      session.group.memberId = this.#memberId;
      await within(LEAVE_TIMEOUT_MS, session.group.leave().catch(() => undefined));
    }
    this.#dropSession();
  }

  #dropSession(): void {
    if (this.#session !== null) closeGroupSession(this.#session);
    this.#session = null;
  }

  async #sleep(durationMs: number): Promise<void> {
    if (this.#isLeaving) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, durationMs);
    this.#interrupt = resolve;
    await promise;
    clearTimeout(timer);
    this.#interrupt = null;
  }
}

/** The promise's value, or null when it takes longer. */
const within = async <Value>(durationMs: number, promise: Promise<Value>): Promise<Value | null> => {
  const { promise: late, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(() => resolve(null), Math.max(0, durationMs));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
};

/** Joins in the background; resolves as soon as the topics are known to exist. */
export const joinGroup = async (options: JoinOptions): Promise<Membership> => {
  if (options.group.topics.length === 0) throw new KafkaError('KAFKA_CONFIG', `group ${options.group.group} asks for no topic`);
  const membership = new KafkaMembership(options);
  try {
    await membership.start();
  } catch (thrown) {
    throw thrown instanceof KafkaError ? thrown : new KafkaError('KAFKA_REFUSED', `group ${options.group.group}: ${reasonOf(thrown)}`, { cause: thrown });
  }
  return membership;
};
