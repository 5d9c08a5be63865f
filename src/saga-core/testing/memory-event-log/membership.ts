import type { GroupToJoin, Membership, MembershipListener } from '#saga-core/ports';
import type { SimulatedProcess } from '../simulated-process.ts';
import type { Broker } from './broker.ts';
import type { HeartbeatCode } from './groups.ts';

const SESSION_TIMEOUT_MS = 10_000;
const HEARTBEAT_INTERVAL_MS = 1_000;
const RETRY_MS = 50;

type Member = { memberId: string | null; generationId: number; confirmedAtMs: number };

type Options = { readonly broker: Broker; readonly process: SimulatedProcess; readonly group: GroupToJoin; readonly listener: MembershipListener };

/** The requests of one member. */
const createRequests = ({ broker, process, group }: Options, member: Member) => {
  const sessionTimeoutMs = group.sessionTimeoutMs ?? SESSION_TIMEOUT_MS;
  const common = { subject: group.group, from: process };
  return {
    join: () =>
      broker.network.request({
        ...common,
        kind: 'join-group',
        // The answer waits for every other member, at most for their sessions.
        timeoutMs: 2 * sessionTimeoutMs,
        serve: () => broker.groups.join(group.group, { memberId: member.memberId, client: process.name, topics: group.topics, sessionTimeoutMs }),
      }),
    heartbeat: (): Promise<HeartbeatCode | 'LOST'> => {
      const { memberId, generationId } = member;
      const serve = (): HeartbeatCode => (memberId === null ? 'UNKNOWN_MEMBER_ID' : broker.groups.heartbeat(group.group, memberId, generationId));
      return broker.network.request({ ...common, kind: 'heartbeat', timeoutMs: broker.requestTimeoutMs, serve })
        .then((reply) => (reply.status === 'answered' ? reply.answer : 'LOST'));
    },
    leave: () => {
      const { memberId } = member;
      const serve = (): null => {
        if (memberId !== null) broker.groups.leave(group.group, memberId);
        return null;
      };
      return broker.network.request({ ...common, kind: 'leave-group', timeoutMs: broker.requestTimeoutMs, serve });
    },
  };
};

/** Joins again and again until it leaves; resolves with the first assignment. */
export const joinMemoryGroup = async (options: Options): Promise<Membership> => {
  const { broker, process, group, listener } = options;
  for (const { topic } of group.topics) broker.topics.get(topic);
  const { clock } = process;
  const sessionTimeoutMs = group.sessionTimeoutMs ?? SESSION_TIMEOUT_MS;
  const member: Member = { memberId: null, generationId: -1, confirmedAtMs: clock.monotonicMillis() };
  const requests = createRequests(options, member);
  let hasLeft = false;
  let wake: () => void = () => undefined;
  const wait = (delayMs: number): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
      clock.after(delayMs, resolve);
    });
  const join = async (): Promise<void> => {
    while (!hasLeft) {
      const askedAtMs = clock.monotonicMillis();
      const reply = await requests.join();
      if (hasLeft) return;
      if (reply.status === 'answered' && reply.answer.code === 'NONE') {
        Object.assign(member, { memberId: reply.answer.memberId, generationId: reply.answer.generationId, confirmedAtMs: askedAtMs });
        return listener.onAssigned({ partitions: reply.answer.partitions, memberId: reply.answer.memberId, generationId: reply.answer.generationId });
      }
      if (reply.status === 'answered') member.memberId = null;
      await wait(RETRY_MS);
    }
  };
  /** Why the assignment ended. */
  const keepAlive = async (): Promise<'rebalance' | 'lost' | 'left'> => {
    while (!hasLeft) {
      await wait(group.heartbeatIntervalMs ?? HEARTBEAT_INTERVAL_MS);
      const sentAtMs = clock.monotonicMillis();
      // A process that stood still finds out by itself that its session is over, before it asks anybody.
      if (sentAtMs - member.confirmedAtMs > sessionTimeoutMs) return 'lost';
      const code = hasLeft ? 'LOST' : await requests.heartbeat();
      if (code === 'NONE') member.confirmedAtMs = sentAtMs;
      if (code === 'REBALANCE_IN_PROGRESS') return 'rebalance';
      if (code === 'UNKNOWN_MEMBER_ID' || code === 'ILLEGAL_GENERATION') return 'lost';
    }
    return 'left';
  };
  const live = async (): Promise<void> => {
    while (!hasLeft) {
      const end = await keepAlive();
      if (end === 'left' || hasLeft) return;
      if (end === 'rebalance') await listener.beforeRejoin();
      else member.memberId = null;
      if (hasLeft) return;
      listener.onLost();
      await join();
    }
  };
  await join();
  void live();
  return {
    confirmedAtMonotonicMs: () => member.confirmedAtMs,
    leave: async () => {
      if (hasLeft) return;
      hasLeft = true;
      wake();
      await listener.beforeRejoin();
      await requests.leave();
    },
  };
};
