// Goal: every partition that somebody asked for has one owner who asked for it; sets stay together; moves are few.
// Method: random members, subscriptions, sets, counts and previous owners; each law is checked by itself.
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assignPartitions, type AssignerMember, type MemberAssignment } from './assigner.ts';

const TOPICS = ['a.sagas', 'a.checkpoints', 'b.sagas', 'b.checkpoints', 'market'] as const;
const SETS: Readonly<Record<string, string>> = { 'a.sagas': 'a', 'a.checkpoints': 'a', 'b.sagas': 'b', 'b.checkpoints': 'b', 'market': 'market' };

const counts = fc.record({ a: fc.integer({ min: 0, max: 12 }), b: fc.integer({ min: 0, max: 12 }), market: fc.integer({ min: 0, max: 5 }) })
  .map((bySet) => new Map<string, number>(TOPICS.map((topic) => [topic, bySet[(SETS[topic] ?? '') as 'a' | 'b' | 'market']])));

type Spec = { readonly topics: readonly string[]; readonly owned: MemberAssignment; readonly generation: number };
const member = (memberId: string, { topics, owned, generation }: Spec): AssignerMember =>
  ({ memberId, topics: Object.fromEntries(topics.map((topic) => [topic, SETS[topic] ?? topic])), owned, generation });

const someMembers = (topics: fc.Arbitrary<readonly string[]>) => fc.array(
  fc.tuple(topics, fc.dictionary(fc.constantFrom(...TOPICS), fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 8 })), fc.integer({ min: -1, max: 3 })),
  { minLength: 1, maxLength: 6 },
).map((specs) => specs.map(([topics, owned, generation], index) => member(`m${index}`, { topics, owned, generation })));

const anyMembers = someMembers(fc.subarray([...TOPICS]));
const equalMembers = someMembers(fc.constant([...TOPICS]));
/** With several sets the balance of one may cost the stickiness of another; within one set nothing moves without need. */
const ONE_SET = ['a.sagas', 'a.checkpoints'];
const oneSetMembers = someMembers(fc.constant(ONE_SET));

type Owners = ReadonlyMap<string, string>;
const ownersOf = (assignments: ReadonlyMap<string, MemberAssignment>): Owners => {
  const owners = new Map<string, string>();
  for (const [memberId, assignment] of assignments) {
    for (const [topic, partitions] of Object.entries(assignment)) {
      for (const partition of partitions) {
        expect(owners.get(`${topic}/${partition}`)).toBeUndefined();
        owners.set(`${topic}/${partition}`, memberId);
      }
    }
  }
  return owners;
};

const asOwned = (members: readonly AssignerMember[], assignments: ReadonlyMap<string, MemberAssignment>, generation: number): AssignerMember[] =>
  members.map((each) => ({ ...each, owned: assignments.get(each.memberId) ?? {}, generation }));

test('every partition that somebody asked for has exactly one owner, who asked for it', () => {
  fc.assert(fc.property(anyMembers, counts, (members, partitionCounts) => {
    const owners = ownersOf(assignPartitions(members, partitionCounts));
    const askers = (topic: string): string[] => members.filter((each) => topic in each.topics).map((each) => each.memberId);
    for (const topic of TOPICS) {
      for (let partition = 0; partition < (partitionCounts.get(topic) ?? 0); partition++) {
        const owner = owners.get(`${topic}/${partition}`);
        if (askers(topic).length === 0) expect(owner).toBeUndefined();
        else expect(askers(topic)).toContain(owner);
      }
    }
    expect(owners.size).toBe(TOPICS.reduce((sum, topic) => sum + (askers(topic).length === 0 ? 0 : partitionCounts.get(topic) ?? 0), 0));
  }));
});

test('topics of a set go together wherever one member asked for all of them', () => {
  fc.assert(fc.property(anyMembers, counts, (members, partitionCounts) => {
    const owners = ownersOf(assignPartitions(members, partitionCounts));
    for (const set of ['a', 'b']) {
      const [sagas, checkpoints] = [`${set}.sagas`, `${set}.checkpoints`];
      if (!members.some((each) => sagas in each.topics && checkpoints in each.topics)) continue;
      for (let partition = 0; partition < (partitionCounts.get(sagas) ?? 0); partition++) {
        expect(owners.get(`${sagas}/${partition}`)).toBe(owners.get(`${checkpoints}/${partition}`));
      }
    }
  }));
});

test('members with equal subscriptions differ by at most one unit, of each set and of all', () => {
  fc.assert(fc.property(equalMembers, counts, (members, partitionCounts) => {
    const assignments = assignPartitions(members, partitionCounts);
    const units = (assignment: MemberAssignment): number[] => ['a.sagas', 'b.sagas', 'market'].map((topic) => assignment[topic]?.length ?? 0);
    const loads = members.map((each) => units(assignments.get(each.memberId) ?? {}));
    const totals = loads.map((load) => load.reduce((left, right) => left + right, 0));
    for (const column of [totals, ...[0, 1, 2].map((index) => loads.map((load) => load[index] ?? 0))]) {
      expect(Math.max(...column) - Math.min(...column)).toBeLessThanOrEqual(1);
    }
  }));
});

test('nobody moves when nothing changed', () => {
  fc.assert(fc.property(anyMembers, counts, (members, partitionCounts) => {
    const first = assignPartitions(members, partitionCounts);
    expect(assignPartitions(asOwned(members, first, 7), partitionCounts)).toEqual(first);
  }));
});

test('a member that leaves moves its own partitions only, within a set', () => {
  fc.assert(fc.property(oneSetMembers.filter((members) => members.length > 1), counts, (members, partitionCounts) => {
    const first = assignPartitions(members, partitionCounts);
    const [gone, ...rest] = asOwned(members, first, 7);
    const before = ownersOf(first);
    for (const [partition, owner] of ownersOf(assignPartitions(rest, partitionCounts))) {
      if (before.get(partition) !== gone?.memberId) expect(owner).toBe(before.get(partition));
    }
  }));
});

test('a member that joins gets partitions, and no other gains any, within a set', () => {
  fc.assert(fc.property(oneSetMembers, counts, (members, partitionCounts) => {
    const first = assignPartitions(members, partitionCounts);
    const before = ownersOf(first);
    const newcomer = member('n', { topics: ONE_SET, owned: {}, generation: -1 });
    for (const [partition, owner] of ownersOf(assignPartitions([...asOwned(members, first, 7), newcomer], partitionCounts))) {
      if (owner !== 'n') expect(owner).toBe(before.get(partition));
    }
  }));
});

test('the order of the members does not matter', () => {
  fc.assert(fc.property(anyMembers, counts, (members, partitionCounts) => {
    expect(assignPartitions(members.toReversed(), partitionCounts)).toEqual(assignPartitions(members, partitionCounts));
  }));
});

test('of two members that claim a partition, the one of the younger generation keeps it', () => {
  const claim = { market: [0] };
  const partitionCounts = new Map([['market', 1]]);
  const assignments = assignPartitions([member('old', { topics: ['market'], owned: claim, generation: 3 }), member('young', { topics: ['market'], owned: claim, generation: 4 })], partitionCounts);
  expect(ownersOf(assignments)).toEqual(new Map([['market/0', 'young']]));
});
