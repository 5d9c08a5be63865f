import { partitionKey, type TopicPartition } from '#saga-core/ports';

/** What one member reads: topics that share a set name are assigned together, partition by partition. */
export type MemberInterest = {
  readonly memberId: string;
  readonly topics: readonly { readonly topic: string; readonly set: string }[];
  /** What it owned in the last generation. */
  readonly owned: readonly TopicPartition[];
};

/** One partition number of one set: goes to one member as a whole. */
type Unit = { readonly set: string; readonly partition: number };

const unitsOf = (members: readonly MemberInterest[], partitionCount: (topic: string) => number): Unit[] => {
  const counts = new Map<string, number>();
  for (const { topics } of members) {
    for (const { topic, set } of topics) counts.set(set, Math.max(counts.get(set) ?? 0, partitionCount(topic)));
  }
  return [...counts].sort(([left], [right]) => (left < right ? -1 : 1))
    .flatMap(([set, count]) => Array.from({ length: count }, (_, partition) => ({ set, partition })));
};

/** Members that know most topics of the set: nobody with a narrower view may take a unit away from them. */
const eligibleFor = (set: string, members: readonly MemberInterest[]): MemberInterest[] => {
  const breadth = (member: MemberInterest): number => member.topics.filter((topic) => topic.set === set).length;
  const widest = Math.max(...members.map(breadth));
  return members.filter((member) => breadth(member) === widest);
};

const partitionsOf = (unit: Unit, member: MemberInterest, partitionCount: (topic: string) => number): TopicPartition[] =>
  member.topics
    .filter(({ topic, set }) => set === unit.set && unit.partition < partitionCount(topic))
    .map(({ topic }) => ({ topic, partition: unit.partition }));

/**
 * Sticky by previous owner, even, co-partitioned, and by each member's own subscription: deterministic in the order of
 * `members`. Loads differ by at most one unit where all members read the same sets.
 */
export const assignStickily = (
  members: readonly MemberInterest[],
  partitionCount: (topic: string) => number,
): ReadonlyMap<string, readonly TopicPartition[]> => {
  const units = unitsOf(members, partitionCount);
  const assigned = new Map<string, Unit[]>(members.map(({ memberId }) => [memberId, []]));
  const unitsFor = (memberId: string): Unit[] => assigned.get(memberId) ?? [];
  const least = Math.floor(units.length / Math.max(1, members.length));
  let membersAboveLeast = units.length - least * members.length;
  const free: Unit[] = [];
  for (const unit of units) {
    const owner = eligibleFor(unit.set, members).find((member) =>
      member.owned.some((owned) => partitionsOf(unit, member, partitionCount).some((part) => partitionKey(part) === partitionKey(owned))));
    const load = owner === undefined ? 0 : unitsFor(owner.memberId).length;
    const mayKeep = owner !== undefined && (load < least || (load === least && membersAboveLeast > 0));
    if (!mayKeep) {
      free.push(unit);
      continue;
    }
    if (load === least) membersAboveLeast--;
    unitsFor(owner.memberId).push(unit);
  }
  for (const unit of free) {
    const [first, ...others] = eligibleFor(unit.set, members);
    if (first === undefined) continue;
    const lightest = others.reduce((best, member) => (unitsFor(member.memberId).length < unitsFor(best.memberId).length ? member : best), first);
    unitsFor(lightest.memberId).push(unit);
  }
  return new Map(members.map((member) => [member.memberId, unitsFor(member.memberId).flatMap((unit) => partitionsOf(unit, member, partitionCount))]));
};
