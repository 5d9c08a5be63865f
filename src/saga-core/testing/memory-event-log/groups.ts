import { type Cancel, type Clock, partitionKey, type Position, type TopicPartition } from '#saga-core/ports';
import { assignStickily } from './assigner.ts';

export type JoinRequest = {
  readonly memberId: string | null;
  readonly client: string;
  readonly topics: readonly { readonly topic: string; readonly set: string }[];
  readonly sessionTimeoutMs: number;
};

export type JoinAnswer =
  | { readonly code: 'NONE'; readonly memberId: string; readonly generationId: number; readonly partitions: readonly TopicPartition[] }
  | { readonly code: 'UNKNOWN_MEMBER_ID' };

export type HeartbeatCode = 'NONE' | 'REBALANCE_IN_PROGRESS' | 'ILLEGAL_GENERATION' | 'UNKNOWN_MEMBER_ID';

export type OffsetFetchAnswer = { readonly code: 'NONE'; readonly position: Position | null } | { readonly code: 'UNSTABLE_OFFSET_COMMIT' };

/** Membership and positions of all groups: Kafka's classic protocol, join and sync in one request. */
export type GroupCoordinator = {
  /** Answered when every member known so far has joined again, or its session is over. */
  readonly join: (group: string, request: JoinRequest) => Promise<JoinAnswer>;
  readonly heartbeat: (group: string, memberId: string, generationId: number) => HeartbeatCode;
  readonly leave: (group: string, memberId: string) => void;
  readonly isCurrent: (group: string, memberId: string, generationId: number) => boolean;
  readonly fetchPosition: (group: string, partition: TopicPartition) => OffsetFetchAnswer;
  readonly hold: (group: string, positions: readonly Position[]) => void;
  readonly release: (group: string, positions: readonly Position[], decision: 'commit' | 'abort') => void;
  /** A re-balance without cause, as after a coordinator's move. */
  readonly rebalance: (group: string) => void;
  readonly memberCount: (group: string) => number;
};

type Member = {
  readonly id: string;
  topics: JoinRequest['topics'];
  sessionTimeoutMs: number;
  owned: readonly TopicPartition[];
  joining: ((answer: JoinAnswer) => void) | null;
  cancelSession: Cancel;
};

type Group = {
  generationId: number;
  isRebalancing: boolean;
  readonly members: Map<string, Member>;
  readonly positions: Map<string, Position>;
  /** Positions of transactions that are not yet ended, by partition. */
  readonly heldCounts: Map<string, number>;
};

const noop = (): void => undefined;

export const createGroupCoordinator = (clock: Clock, partitionCount: (topic: string) => number): GroupCoordinator => {
  const groups = new Map<string, Group>();
  let nextMember = 1;
  const groupOf = (name: string): Group => {
    const known = groups.get(name) ?? { generationId: 0, isRebalancing: false, members: new Map(), positions: new Map(), heldCounts: new Map() };
    groups.set(name, known);
    return known;
  };
  const remove = (group: Group, member: Member): void => {
    member.cancelSession();
    group.members.delete(member.id);
    startRebalance(group);
  };
  const armSession = (group: Group, member: Member): void => {
    member.cancelSession();
    member.cancelSession = clock.after(member.sessionTimeoutMs, () => remove(group, member));
  };
  const startRebalance = (group: Group): void => {
    group.isRebalancing = true;
    completeIfAllJoined(group);
  };
  const completeIfAllJoined = (group: Group): void => {
    const members = [...group.members.values()];
    if (members.length === 0 || members.some((member) => member.joining === null)) return;
    group.generationId++;
    group.isRebalancing = false;
    const assignment = assignStickily(members.map((member) => ({ memberId: member.id, topics: member.topics, owned: member.owned })), partitionCount);
    for (const member of members) {
      const answer = member.joining ?? noop;
      member.joining = null;
      member.owned = assignment.get(member.id) ?? [];
      armSession(group, member);
      answer({ code: 'NONE', memberId: member.id, generationId: group.generationId, partitions: member.owned });
    }
  };
  const join = (name: string, request: JoinRequest): Promise<JoinAnswer> =>
    new Promise((resolve) => {
      const group = groupOf(name);
      const known = request.memberId === null ? undefined : group.members.get(request.memberId);
      if (request.memberId !== null && known === undefined) return void resolve({ code: 'UNKNOWN_MEMBER_ID' });
      const member: Member = known ?? { id: `${request.client}-${nextMember++}`, topics: [], sessionTimeoutMs: 0, owned: [], joining: null, cancelSession: noop };
      group.members.set(member.id, member);
      member.topics = request.topics;
      member.sessionTimeoutMs = request.sessionTimeoutMs;
      member.joining = resolve;
      // While it waits for the others its session does not run; it starts with the answer.
      member.cancelSession();
      return startRebalance(group);
    });
  const isCurrent = (name: string, memberId: string, generationId: number): boolean => {
    const group = groupOf(name);
    return group.members.has(memberId) && group.generationId === generationId;
  };
  return {
    join,
    isCurrent,
    heartbeat: (name, memberId, generationId) => {
      const group = groupOf(name);
      const member = group.members.get(memberId);
      if (member === undefined) return 'UNKNOWN_MEMBER_ID';
      if (group.generationId !== generationId) return 'ILLEGAL_GENERATION';
      if (member.joining === null) armSession(group, member);
      return group.isRebalancing ? 'REBALANCE_IN_PROGRESS' : 'NONE';
    },
    leave: (name, memberId) => {
      const group = groupOf(name);
      const member = group.members.get(memberId);
      if (member !== undefined) remove(group, member);
    },
    fetchPosition: (name, partition) => {
      const group = groupOf(name);
      const key = partitionKey(partition);
      if ((group.heldCounts.get(key) ?? 0) > 0) return { code: 'UNSTABLE_OFFSET_COMMIT' };
      return { code: 'NONE', position: group.positions.get(key) ?? null };
    },
    hold: (name, positions) => {
      const { heldCounts } = groupOf(name);
      for (const position of positions) heldCounts.set(partitionKey(position), (heldCounts.get(partitionKey(position)) ?? 0) + 1);
    },
    release: (name, positions, decision) => {
      const group = groupOf(name);
      for (const position of positions) {
        const key = partitionKey(position);
        group.heldCounts.set(key, (group.heldCounts.get(key) ?? 1) - 1);
        if (decision === 'commit') group.positions.set(key, position);
      }
    },
    rebalance: (name) => startRebalance(groupOf(name)),
    memberCount: (name) => groupOf(name).members.size,
  };
};
