import { expect } from '@jest/globals';
import type { EventLog, GroupToJoin, Membership } from '#saga-core/ports';
import type { Behaviour } from './behaviour.ts';
import { type EventLogStage, type MemberLog, memberLog, owned } from './stage.ts';

type Joined = MemberLog & { readonly membership: Membership };

const join = async (log: EventLog, group: GroupToJoin): Promise<Joined> => {
  const member = memberLog();
  return { ...member, membership: await log.join(group, member.listener) };
};

const groupOf = (stage: EventLogStage, topics: GroupToJoin['topics']): GroupToJoin => ({ group: stage.unique('group'), topics, sessionTimeoutMs: 6_000, heartbeatIntervalMs: 300 });

const partitions = (topic: string, count: number): readonly string[] => Array.from({ length: count }, (_, partition) => `${topic}/${partition}`);

/** Every partition has exactly one owner among the members, and all of them are of one generation. */
const isShared = (members: readonly MemberLog[], all: readonly string[]): boolean => {
  const generations = new Set(members.map((member) => member.assignments.at(-1)?.generationId));
  return generations.size === 1 && JSON.stringify(members.flatMap((member) => owned(member)).sort()) === JSON.stringify([...all].sort());
};

export const groups: readonly Behaviour[] = [
  ['a single member owns every partition', async (stage) => {
    const topic = await stage.createTopic({ partitionCount: 3 });
    const member = await join(stage.connect(), groupOf(stage, [{ topic, set: 'sagas' }]));
    await stage.eventually(() => owned(member).length === 3, 'the assignment');
    expect(owned(member)).toEqual(partitions(topic, 3));
    expect(member.calls).toEqual(['assigned']);
    await member.membership.leave();
  }],
  ['joining a group on an unknown topic is refused by its name', async (stage) => {
    const nowhere = stage.unique('nowhere');
    await expect(join(stage.connect(), groupOf(stage, [{ topic: nowhere, set: 'sagas' }]))).rejects.toThrow(nowhere);
  }],
  ['a second member takes half, after the first has drained', async (stage) => {
    const topic = await stage.createTopic({ partitionCount: 4 });
    const group = groupOf(stage, [{ topic, set: 'sagas' }]);
    const first = await join(stage.connect(), group);
    await stage.eventually(() => owned(first).length === 4, 'the first assignment');
    const before = first.assignments[0]?.generationId ?? -1;
    const second = await join(stage.connect(), group);
    await stage.eventually(() => isShared([first, second], partitions(topic, 4)), 'the shared assignment');
    expect(owned(first).length).toBe(2);
    expect(first.calls.slice(0, 4)).toEqual(['assigned', 'before-rejoin', 'lost', 'assigned']);
    expect(first.assignments.at(-1)?.generationId).toBeGreaterThan(before);
    await Promise.all([first.membership.leave(), second.membership.leave()]);
  }],
  ['draining is awaited before anybody else gets the partitions', async (stage) => {
    const topic = await stage.createTopic({ partitionCount: 2 });
    const group = groupOf(stage, [{ topic, set: 'sagas' }]);
    let release: () => void = () => undefined;
    const drained = new Promise<void>((resolve) => void (release = resolve));
    const first = memberLog();
    const membership = await stage.connect().join(group, { ...first.listener, beforeRejoin: async () => {
      first.calls.push('draining');
      await drained;
    } });
    await stage.eventually(() => owned(first).length === 2, 'the first assignment');
    const second = memberLog();
    const joining = stage.connect().join(group, second.listener);
    await stage.eventually(() => first.calls.includes('draining'), 'the draining');
    expect(second.assignments).toEqual([]);
    release();
    await stage.eventually(() => isShared([first, second], partitions(topic, 2)), 'the shared assignment');
    await Promise.all([membership.leave(), joining.then((other) => other.leave())]);
  }],
  ['what a leaving member owned goes to the others, and it drains before it leaves', async (stage) => {
    const topic = await stage.createTopic({ partitionCount: 4 });
    const group = groupOf(stage, [{ topic, set: 'sagas' }]);
    const [first, second] = [await join(stage.connect(), group), await join(stage.connect(), group)];
    await stage.eventually(() => isShared([first, second], partitions(topic, 4)), 'the shared assignment');
    await second.membership.leave();
    await second.membership.leave();
    expect(second.calls).toContain('before-rejoin');
    await stage.eventually(() => owned(first).length === 4, 'the take-over');
    await first.membership.leave();
  }],
  ['what a killed member owned goes to the others after its session', async (stage) => {
    const topic = await stage.createTopic({ partitionCount: 2 });
    const group = groupOf(stage, [{ topic, set: 'sagas' }]);
    const victim = await stage.joinVictim(group);
    await stage.eventually(() => victim.assignment()?.partitions.length === 2, 'the victim\'s assignment');
    await victim.kill();
    const heir = await join(stage.connect(), group);
    await stage.eventually(() => owned(heir).length === 2, 'the take-over');
    expect(owned(heir)).toEqual(partitions(topic, 2));
    await heir.membership.leave();
  }],
  ['members keep what they own as far as balance allows', async (stage) => {
    const topic = await stage.createTopic({ partitionCount: 6 });
    const group = groupOf(stage, [{ topic, set: 'sagas' }]);
    const [first, second] = [await join(stage.connect(), group), await join(stage.connect(), group)];
    await stage.eventually(() => isShared([first, second], partitions(topic, 6)) && owned(first).length === 3, 'two owners of three');
    const before = [owned(first), owned(second)];
    const third = await join(stage.connect(), group);
    await stage.eventually(() => isShared([first, second, third], partitions(topic, 6)), 'three owners');
    for (const [index, member] of [first, second].entries()) {
      expect(owned(member).length).toBe(2);
      expect(before[index]).toEqual(expect.arrayContaining([...owned(member)]));
    }
    const kept = [owned(first), owned(second)];
    await third.membership.leave();
    await stage.eventually(() => isShared([first, second], partitions(topic, 6)), 'two owners again');
    expect(owned(first)).toEqual(expect.arrayContaining([...(kept[0] ?? [])]));
    expect(owned(second)).toEqual(expect.arrayContaining([...(kept[1] ?? [])]));
    await Promise.all([first.membership.leave(), second.membership.leave()]);
  }],
  ['topics of one set are assigned together by partition number', async (stage) => {
    const [sagas, checkpoints, market] = [await stage.createTopic({ partitionCount: 4 }), await stage.createTopic({ partitionCount: 4 }), await stage.createTopic({ partitionCount: 3 })];
    const group = groupOf(stage, [{ topic: sagas, set: 'trading' }, { topic: checkpoints, set: 'trading' }, { topic: market, set: 'market' }]);
    const [first, second] = [await join(stage.connect(), group), await join(stage.connect(), group)];
    const all = [...partitions(sagas, 4), ...partitions(checkpoints, 4), ...partitions(market, 3)];
    await stage.eventually(() => isShared([first, second], all), 'the shared assignment');
    for (const member of [first, second]) {
      const numbers = (topic: string): readonly number[] => (member.assignments.at(-1)?.partitions ?? []).filter((part) => part.topic === topic).map((part) => part.partition).sort();
      expect(numbers(sagas)).toEqual(numbers(checkpoints));
      expect(numbers(sagas).length).toBeGreaterThan(0);
    }
    await Promise.all([first.membership.leave(), second.membership.leave()]);
  }],
  ['nobody is given a topic that it did not ask for, and a topic that only one knows has an owner', async (stage) => {
    const [old, added] = [await stage.createTopic({ partitionCount: 4 }), await stage.createTopic({ partitionCount: 2 })];
    const group = groupOf(stage, [{ topic: old, set: 'old' }]);
    const yesterday = await join(stage.connect(), group);
    const today = await join(stage.connect(), { ...group, topics: [...group.topics, { topic: added, set: 'added' }] });
    await stage.eventually(() => isShared([yesterday, today], [...partitions(old, 4), ...partitions(added, 2)]), 'the shared assignment');
    expect(owned(yesterday).some((name) => name.startsWith(`${added}/`))).toBe(false);
    expect(owned(today)).toEqual(expect.arrayContaining([...partitions(added, 2)]));
    await Promise.all([yesterday.membership.leave(), today.membership.leave()]);
  }],
  ['heartbeats confirm the assignment again and again', async (stage) => {
    const topic = await stage.createTopic();
    const member = await join(stage.connect(), groupOf(stage, [{ topic, set: 'sagas' }]));
    await stage.eventually(() => owned(member).length === 1, 'the assignment');
    const joined = member.membership.confirmedAtMonotonicMs();
    await stage.eventually(() => member.membership.confirmedAtMonotonicMs() > joined, 'a heartbeat');
    const once = member.membership.confirmedAtMonotonicMs();
    await stage.eventually(() => member.membership.confirmedAtMonotonicMs() > once, 'another heartbeat');
    expect(member.calls).toEqual(['assigned']);
    await member.membership.leave();
  }],
  ['closing the log leaves the group', async (stage) => {
    const topic = await stage.createTopic({ partitionCount: 2 });
    const group = groupOf(stage, [{ topic, set: 'sagas' }]);
    const log = stage.connect();
    const first = await join(log, group);
    await stage.eventually(() => owned(first).length === 2, 'the first assignment');
    await log.close();
    const heir = await join(stage.connect(), group);
    await stage.eventually(() => owned(heir).length === 2, 'the take-over');
    expect(first.assignments.length).toBe(1);
    await heir.membership.leave();
  }],
];
