/** Topic → co-partition set. */
export type Subscriptions = Readonly<Record<string, string>>;

export type AssignerMember = {
  readonly memberId: string;
  /** Topic → name of its co-partition set, for every topic that the member asked for. */
  readonly topics: Subscriptions;
  /** What the member owned last, by topic. */
  readonly owned: Readonly<Record<string, readonly number[]>>;
  /** The generation in which it owned that; of two claims the younger counts. */
  readonly generation: number;
};

export type MemberAssignment = Readonly<Record<string, readonly number[]>>;

/** All topics of one set at one partition number: they go to one owner. */
type Unit = { readonly set: string; readonly partition: number; readonly topics: readonly string[]; readonly eligible: readonly AssignerMember[]; owner: AssignerMember | null };

const byId = (left: AssignerMember, right: AssignerMember): number => (left.memberId < right.memberId ? -1 : 1);

/**
 * Assigns every partition of every topic that some member asked for, to a member that asked for it:
 * - topics of one set go together, by partition number, to members that asked for all of them where there are such;
 * - a partition stays with its previous owner as far as balance allows;
 * - owners of equal choice differ by at most one in their number of units, of each set and of all.
 * Pure; the order of the input does not matter.
 */
export const assignPartitions = (
  members: readonly AssignerMember[], partitionCounts: ReadonlyMap<string, number>,
): ReadonlyMap<string, MemberAssignment> => {
  const sorted = members.toSorted(byId);
  const units = buildUnits(sorted, partitionCounts);
  const loads = createLoads();
  for (const unit of units) place(unit, previousOwner(unit), loads);
  for (const unit of units) if (unit.owner === null) place(unit, leastLoaded(unit, loads), loads);
  balance(units, loads);
  return toAssignments(sorted, units);
};

type Loads = {
  readonly total: (member: AssignerMember) => number;
  readonly ofSet: (member: AssignerMember, set: string) => number;
  readonly add: (member: AssignerMember, set: string, unitCount: number) => void;
};

const createLoads = (): Loads => {
  const counts = new Map<string, number>();
  const count = (key: string): number => counts.get(key) ?? 0;
  return {
    total: (member) => count(member.memberId),
    ofSet: (member, set) => count(`${member.memberId} ${set}`),
    add: (member, set, unitCount) => {
      for (const key of [member.memberId, `${member.memberId} ${set}`]) counts.set(key, count(key) + unitCount);
    },
  };
};

const place = (unit: Unit, owner: AssignerMember | null, loads: Loads): void => {
  if (unit.owner !== null) loads.add(unit.owner, unit.set, -1);
  unit.owner = owner;
  if (owner !== null) loads.add(owner, unit.set, 1);
};

const buildUnits = (members: readonly AssignerMember[], partitionCounts: ReadonlyMap<string, number>): Unit[] => {
  const units: Unit[] = [];
  for (const [set, topics] of topicsBySet(members)) {
    for (const group of groupsOfOneChoice(topics, members)) {
      const partitionCount = Math.max(0, ...group.topics.map((topic) => partitionCounts.get(topic) ?? 0));
      for (let partition = 0; partition < partitionCount; partition++) {
        const present = group.topics.filter((topic) => partition < (partitionCounts.get(topic) ?? 0));
        units.push({ set, partition, topics: present, eligible: group.eligible, owner: null });
      }
    }
  }
  return units;
};

/** Members of different versions may name different sets for a topic: the first name in order stands for all. */
const topicsBySet = (members: readonly AssignerMember[]): readonly (readonly [string, readonly string[]])[] => {
  const setOf = new Map<string, string>();
  for (const member of members) {
    for (const [topic, set] of Object.entries(member.topics)) {
      const known = setOf.get(topic);
      if (known === undefined || set < known) setOf.set(topic, set);
    }
  }
  const sets = Map.groupBy([...setOf.keys()].sort(), (topic) => setOf.get(topic) ?? topic);
  return [...sets].sort(([left], [right]) => (left < right ? -1 : 1));
};

const asksFor = (member: AssignerMember, topic: string): boolean => Object.hasOwn(member.topics, topic);

/**
 * A set goes whole to the members that asked for all of it. Where there is none (two versions that each know a topic the
 * other does not), it is divided: the largest part that one member asked for, then the largest of the rest.
 */
const groupsOfOneChoice = (topics: readonly string[], members: readonly AssignerMember[]): { readonly topics: readonly string[]; readonly eligible: readonly AssignerMember[] }[] => {
  const groups: { readonly topics: readonly string[]; readonly eligible: readonly AssignerMember[] }[] = [];
  let rest = topics;
  while (rest.length > 0) {
    const parts = members.map((member) => rest.filter((topic) => asksFor(member, topic)));
    const largest = parts.reduce((left, right) => (right.length > left.length ? right : left), []);
    if (largest.length === 0) break;
    groups.push({ topics: largest, eligible: members.filter((member) => largest.every((topic) => asksFor(member, topic))) });
    rest = rest.filter((topic) => !largest.includes(topic));
  }
  return groups;
};

const owns = (member: AssignerMember, unit: Unit): boolean =>
  unit.topics.some((topic) => member.owned[topic]?.includes(unit.partition) ?? false);

const previousOwner = (unit: Unit): AssignerMember | null => {
  let found: AssignerMember | null = null;
  for (const member of unit.eligible) {
    if (owns(member, unit) && (found === null || member.generation > found.generation)) found = member;
  }
  return found;
};

/** Units of one set first, then units in all: every topic's work spreads, and so does the sum. */
const leastLoaded = (unit: Unit, loads: Loads): AssignerMember | null => {
  let best: AssignerMember | null = null;
  for (const member of unit.eligible) {
    if (best === null || (loads.ofSet(member, unit.set) - loads.ofSet(best, unit.set) || loads.total(member) - loads.total(best)) < 0) best = member;
  }
  return best;
};

/**
 * Moves units from fuller to emptier members that may have them. A move either lowers the difference within its set, or
 * leaves that as it is and lowers the difference in all: so it ends, with both differences at most one.
 */
const balance = (units: readonly Unit[], loads: Loads): void => {
  for (let move = nextMove(units, loads); move !== null; move = nextMove(units, loads)) place(move.unit, move.to, loads);
};

const nextMove = (units: readonly Unit[], loads: Loads): { readonly unit: Unit; readonly to: AssignerMember } | null => {
  let best: { readonly unit: Unit; readonly to: AssignerMember; readonly gain: number } | null = null;
  for (const unit of units) {
    const from = unit.owner;
    if (from === null) continue;
    for (const to of unit.eligible) {
      const setGain = loads.ofSet(from, unit.set) - loads.ofSet(to, unit.set);
      const totalGain = loads.total(from) - loads.total(to);
      if (setGain < 1 || (setGain === 1 && totalGain < 2)) continue;
      const gain = setGain * units.length + totalGain;
      if (best === null || gain > best.gain) best = { unit, to, gain };
    }
  }
  return best;
};

const toAssignments = (members: readonly AssignerMember[], units: readonly Unit[]): ReadonlyMap<string, MemberAssignment> =>
  new Map(members.map((member) => {
    const assignment: Record<string, number[]> = {};
    for (const unit of units) {
      if (unit.owner !== member) continue;
      for (const topic of unit.topics) (assignment[topic] ??= []).push(unit.partition);
    }
    return [member.memberId, assignment];
  }));
