import type { Assignment, GroupToJoin, Membership, MembershipListener, TopicPartition } from '#saga-core/ports';
import type { KafkaConfig } from '../config.ts';
import { KafkaError, reasonOf } from '../errors.ts';
import { pauseMs, within } from '../pause.ts';
import { createAssigner, type OwnSubscription, toOwned, toPartitions } from './assigner-protocol.ts';
import { countToAssign } from './count-to-assign.ts';
import { brokerErrorType, closeGroupSession, type GroupSession, type GroupTerm, openGroupSession, sendHeartbeat } from './group-session.ts';

export type JoinOptions = {
  readonly config: KafkaConfig;
  readonly group: GroupToJoin;
  readonly listener: MembershipListener;
  /** Looked up fresh; rejects with KAFKA_UNKNOWN_TOPIC where it does not exist. */
  readonly partitionCount: (topic: string) => Promise<number>;
  /** Rejects with KAFKA_NOT_AUTHORISED where this user may not be a member. */
  readonly checkRights: () => Promise<void>;
  /** Told of what is retried. */
  readonly warn: (message: string) => void;
};

const SESSION_TIMEOUT_MS = 10_000;
const HEARTBEAT_INTERVAL_MS = 1_000;
/** A heartbeat without answer leaves time for two more on new connections. */
const HEARTBEAT_TIMEOUT_SHARE = 1 / 3;
const REJOIN_PAUSE_MS_MIN = 200;
const REJOIN_PAUSE_MS_MAX = 2_000;
/** Partition counts only grow; a look every minute finds it. */
const COUNT_CHECK_INTERVAL_MS = 60_000;
const COUNT_CHECK_TIMEOUT_MS = 20_000;
const LEAVE_TIMEOUT_MS = 2_000;

/** Why the current assignment is over. */
type Ending = 'rebalance' | 'not-a-member' | 'session-over' | 'counts-changed' | 'leaving';
type Beat = 'ok' | 'rebalance' | 'not-a-member' | 'lost';

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
  /** What heartbeats confirm; null when we know that it is over. A heartbeat of an older term changes nothing. */
  #term: GroupTerm | null = null;
  #owned: readonly TopicPartition[] = [];
  #generation = -1;
  #counts: Record<string, number> = {};
  #countsCheckedAtMs = -Infinity;
  #haveCountsChanged = false;
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

  /** Rejects when a topic does not exist or the group is forbidden; a coordinator that does not answer is waited for. */
  async start(): Promise<void> {
    this.#counts = await this.#readCounts();
    this.#countsCheckedAtMs = performance.now();
    await this.#options.checkRights();
    this.#loop = this.#run();
  }

  readonly confirmedAtMonotonicMs = (): number => this.#confirmedAtMs;

  readonly leave = async (): Promise<void> => {
    this.#isLeaving = true;
    this.#interrupt?.();
    await this.#loop;
  };

  async #run(): Promise<void> {
    for (let pause = REJOIN_PAUSE_MS_MIN; !this.#isLeaving;) {
      if (!(await this.#join())) {
        await this.#sleep(pause);
        pause = Math.min(pause * 2, REJOIN_PAUSE_MS_MAX);
        continue;
      }
      pause = REJOIN_PAUSE_MS_MIN;
      const ending = await this.#heartbeatUntilEnd();
      if (ending === 'not-a-member' || ending === 'session-over') {
        this.#options.warn(`group ${this.#options.group.group}: ${ending === 'session-over' ? `no heartbeat was confirmed for ${this.#sessionTimeoutMs} ms` : 'the coordinator no longer knows this member'}; joining again`);
        this.#term = null;
        this.#dropSession();
        this.#lose();
      }
      await this.#drain();
      this.#term = null;
      this.#lose();
    }
    await this.#leaveGroup();
  }

  async #join(): Promise<boolean> {
    const startedAtMs = performance.now();
    this.#haveCountsChanged = false;
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
      this.#term = null;
      // A cluster that moved leaves kafkajs with stale brokers: start from the bootstrap list again.
      this.#dropSession();
      this.#options.warn(`group ${this.#options.group.group} was not joined, and is tried again: ${joinProblem(thrown)}`);
      return false;
    }
    if (this.#isLeaving) return true;
    this.#term = { groupId: this.#options.group.group, memberId: this.#memberId ?? '', generationId: this.#generation };
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
      assigner: createAssigner(() => this.#subscription(), (topic) => countToAssign(topic, partitionCount)),
    });
  }

  #subscription(): OwnSubscription {
    return {
      topics: Object.fromEntries(this.#options.group.topics.map(({ topic, set }) => [topic, set])),
      owned: toOwned(this.#owned), generation: this.#generation, counts: this.#counts,
    };
  }

  async #heartbeatUntilEnd(): Promise<Ending> {
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
      if (this.#haveCountsChanged) return 'counts-changed';
      if (performance.now() - this.#countsCheckedAtMs >= COUNT_CHECK_INTERVAL_MS) void this.#checkCounts();
    }
    return 'leaving';
  }

  /** Changes nothing once its term is over: an abandoned heartbeat may fail long after the member joined again. */
  async #heartbeat(): Promise<Beat> {
    const term = this.#term;
    if (term === null) return 'lost';
    let session = this.#session;
    try {
      session ??= await this.#reopened(term);
      // kafkajs would wait as long as the session: then one lost answer ends it.
      if (await within(this.#sessionTimeoutMs * HEARTBEAT_TIMEOUT_SHARE, sendHeartbeat(session, term)) !== null) return 'ok';
    } catch (thrown) {
      const refusal = refusalOf(thrown);
      if (refusal !== null) {
        if (refusal.forgetMember && this.#term === term) this.#memberId = null;
        return refusal.beat;
      }
    }
    // The coordinator moved, or nobody answers: look for it again from the bootstrap list.
    if (this.#term === term && this.#session === session) this.#dropSession();
    return 'lost';
  }

  /** The same member on new connections, at the coordinator of now. */
  async #reopened(term: GroupTerm): Promise<GroupSession> {
    const session = await this.#open();
    try {
      session.group.coordinator = await session.cluster.findGroupCoordinator({ groupId: term.groupId });
      if (this.#term !== term || this.#session !== null) throw new KafkaError('KAFKA_CLOSED', `group ${term.groupId}: the term of generation ${term.generationId} is over`);
    } catch (thrown) {
      closeGroupSession(session);
      throw thrown;
    }
    session.group.memberId = term.memberId;
    session.group.generationId = term.generationId;
    this.#session = session;
    return session;
  }

  /** Beside the heartbeats, which must not wait for it. */
  async #checkCounts(): Promise<void> {
    this.#countsCheckedAtMs = performance.now();
    const counts = await within(COUNT_CHECK_TIMEOUT_MS, this.#readCounts().catch(() => null));
    if (counts === null || JSON.stringify(counts) === JSON.stringify(this.#counts)) return;
    this.#counts = counts;
    this.#haveCountsChanged = true;
  }

  async #readCounts(): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { topic } of this.#options.group.topics) counts[topic] = await this.#options.partitionCount(topic);
    return counts;
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
      if (!isDrained && this.#term !== null) await Promise.race([draining, this.#heartbeat()]);
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

/** What the coordinator says of a heartbeat; null when it did not answer, or is another one. */
const refusalOf = (thrown: unknown): { readonly beat: 'rebalance' | 'not-a-member'; readonly forgetMember: boolean } | null => {
  switch (brokerErrorType(thrown)) {
    case 'REBALANCE_IN_PROGRESS':
      return { beat: 'rebalance', forgetMember: false };
    case 'UNKNOWN_MEMBER_ID':
      return { beat: 'not-a-member', forgetMember: true };
    case 'ILLEGAL_GENERATION':
    case 'FENCED_INSTANCE_ID':
      return { beat: 'not-a-member', forgetMember: false };
    default:
      return null;
  }
};

const joinProblem = (thrown: unknown): string => {
  const type = brokerErrorType(thrown);
  return type === 'GROUP_AUTHORIZATION_FAILED' ? `${type}: grant READ on the group` : `${type === null ? '' : `${type}: `}${reasonOf(thrown)}`;
};

/** Joins in the background; resolves as soon as the topics are known to exist and the group is known to be allowed. */
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
