// Goal: a member that hears nothing for its session knows that its partitions are ours no longer, one that merely lost a
// connection keeps them, and in both cases it comes back by itself. Method: a proxy loses the group's exchanges.
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import type { Assignment, Membership } from '#saga-core/ports';
import { API, type Fault } from '../support/kafka-proxy.ts';
import { sharedPlatform } from '../support/platform.ts';
import { createKafkaStand, type KafkaStand } from './kafka-stand.ts';

const { kafka } = await sharedPlatform();
jest.setTimeout(60_000);

const SESSION_TIMEOUT_MS = 2_500;
const HEARTBEAT_INTERVAL_MS = 200;

let stand: KafkaStand;
beforeEach(async () => {
  stand = await createKafkaStand(kafka);
});
afterEach(() => stand.close());

type Member = { readonly membership: Membership; readonly calls: { readonly name: string; readonly atMs: number }[]; readonly assignments: Assignment[]; readonly until: (condition: () => boolean) => Promise<void> };

const join = async (log: KafkaStand['log']): Promise<Member> => {
  const calls: { readonly name: string; readonly atMs: number }[] = [];
  const assignments: Assignment[] = [];
  const waiting: (() => void)[] = [];
  const called = (name: string): void => {
    calls.push({ name, atMs: performance.now() });
    for (const wake of waiting.splice(0)) wake();
  };
  const membership = await log.join({
    group: stand.group, topics: [{ topic: stand.topic, set: 'set' }], sessionTimeoutMs: SESSION_TIMEOUT_MS, heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
  }, {
    onAssigned: (assignment) => {
      assignments.push(assignment);
      called('assigned');
    },
    onLost: () => called('lost'),
    beforeRejoin: () => {
      called('before-rejoin');
      return Promise.resolve();
    },
  });
  return {
    membership, calls, assignments,
    until: async (condition) => {
      while (!condition()) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
};

const names = (member: Member): string[] => member.calls.map(({ name }) => name);

/** Heartbeats go on after this: the condition is a fact of the membership, which calls nobody. */
const confirmedAfter = async (member: Member, atMs: number): Promise<void> => {
  while (member.membership.confirmedAtMonotonicMs() <= atMs) {
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
};

test('a silence longer than the session ends the assignment by the member\'s own clock, and it comes back', async () => {
  const member = await join(stand.log);
  await member.until(() => member.assignments.length === 1);
  const silence = stand.proxy.on(API.Heartbeat, 'drop-answer', 1_000);
  await silence.hit;
  const silentSinceMs = performance.now();
  await member.until(() => names(member).includes('lost'));
  const lostAtMs = member.calls.find(({ name }) => name === 'lost')?.atMs ?? 0;
  expect(lostAtMs - silentSinceMs).toBeLessThan(SESSION_TIMEOUT_MS + 1_000);
  expect(lostAtMs - member.membership.confirmedAtMonotonicMs()).toBeGreaterThanOrEqual(SESSION_TIMEOUT_MS);
  silence.release();
  await member.until(() => member.assignments.length === 2);
  expect(member.assignments[1]?.partitions).toHaveLength(2);
  expect(names(member)).toEqual(['assigned', 'lost', 'before-rejoin', 'assigned']);
  await member.membership.leave();
});

test.each(['reset-request', 'reset-answer'] as const)('Heartbeat, %s: the member keeps what it owns', async (fault) => {
  const member = await join(stand.log);
  await member.until(() => member.assignments.length === 1);
  await stand.proxy.on(API.Heartbeat, fault).hit;
  await confirmedAfter(member, performance.now());
  expect(names(member)).toEqual(['assigned']);
  await member.membership.leave();
});

/** A silent JoinGroup is left out: kafkajs waits for its answer as long as a rebalance may take, 35 s. */
const JOIN_FAULTS: readonly { readonly request: 'JoinGroup' | 'SyncGroup'; readonly fault: Fault }[] = [
  { request: 'JoinGroup', fault: 'reset-request' }, { request: 'JoinGroup', fault: 'reset-answer' },
  { request: 'SyncGroup', fault: 'reset-request' }, { request: 'SyncGroup', fault: 'reset-answer' }, { request: 'SyncGroup', fault: 'drop-answer' },
];
test.each(JOIN_FAULTS)(
  '$request, $fault: the member joins all the same', async ({ request, fault }) => {
    const rule = stand.proxy.on(API[request], fault);
    const member = await join(stand.log);
    await member.until(() => member.assignments.length > 0);
    await confirmedAfter(member, performance.now());
    expect(member.assignments.at(-1)?.partitions).toHaveLength(2);
    expect(rule.hitCount()).toBe(1);
    await member.membership.leave();
  });

test.each(['reset-request', 'reset-answer', 'drop-request', 'drop-answer'] as const)('ApiVersions, %s: the member joins all the same', async (fault) => {
  // The log's own connections are open: the next one to ask for versions is the member's.
  await stand.log.committedPosition(stand.group, { topic: stand.topic, partition: 0 });
  const rule = stand.proxy.on(API.ApiVersions, fault);
  const member = await join(stand.log);
  await member.until(() => member.assignments.length > 0);
  expect(member.assignments.at(-1)?.partitions).toHaveLength(2);
  expect(rule.hitCount()).toBe(1);
  await member.membership.leave();
});

test('a member that was silent has lost its partitions to the other one before it learns so', async () => {
  const first = await join(stand.log);
  await first.until(() => first.assignments.length === 1);
  const silence = stand.proxy.on(API.Heartbeat, 'drop-request', 1_000);
  await silence.hit;
  const heir = await join(stand.direct);
  await heir.until(() => heir.assignments.some(({ partitions }) => partitions.length === 2));
  await first.until(() => names(first).includes('lost'));
  silence.release();
  await first.until(() => (first.assignments.at(-1)?.generationId ?? 0) > (heir.assignments[0]?.generationId ?? 0));
  await heir.until(() => heir.assignments.at(-1)?.partitions.length === 1);
  expect(first.assignments.at(-1)?.partitions).toHaveLength(1);
  await Promise.all([first.membership.leave(), heir.membership.leave()]);
});

test.each(['drop-answer', 'reset-answer'] as const)('Heartbeat, %s, once: the member keeps what it owns, well within its session', async (fault) => {
  const member = await join(stand.log);
  await member.until(() => member.assignments.length === 1);
  const lost = stand.proxy.on(API.Heartbeat, fault);
  await lost.hit;
  await confirmedAfter(member, performance.now());
  expect(names(member)).toEqual(['assigned']);
  await member.membership.leave();
});

test.each(['drop-answer', 'reset-answer'] as const)('LeaveGroup, %s: leaving ends all the same', async (fault) => {
  const member = await join(stand.log);
  await member.until(() => member.assignments.length === 1);
  const rule = stand.proxy.on(API.LeaveGroup, fault);
  await member.membership.leave();
  expect(rule.hitCount()).toBe(1);
});
