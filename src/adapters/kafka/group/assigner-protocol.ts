import type { TopicPartition } from '#saga-core/ports';
import type { Assigner } from '../kafkajs-types.ts';
import { WireReader } from '../wire/wire-reader.ts';
import { WireWriter } from '../wire/wire-writer.ts';
import { assignPartitions, type AssignerMember, type MemberAssignment } from './assigner.ts';

/*
 * Kafka's consumer protocol, so that every group tool can read it:
 * Subscription => version INT16 [topics] user_data BYTES
 * Assignment => version INT16 [topic [partitions]] user_data BYTES
 * Our user data is JSON: { topics: topic → set, owned: topic → partitions, generation, counts: topic → partition count }.
 * The counts are there for the broker: a member whose metadata changed starts a rebalance, one that says the same does not.
 */
const NAME = 'chorus-sticky';
const VERSION = 0;

export type OwnSubscription = {
  readonly topics: Readonly<Record<string, string>>;
  readonly owned: Readonly<Record<string, readonly number[]>>;
  readonly generation: number;
  readonly counts: Readonly<Record<string, number>>;
};

const encodeSubscription = (own: OwnSubscription): Buffer => new WireWriter()
  .int16(VERSION)
  .int32(Object.keys(own.topics).length)
  .raw(Buffer.concat(Object.keys(own.topics).map((topic) => new WireWriter().string(topic).finish())))
  .bytes(Buffer.from(JSON.stringify(own)))
  .finish();

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A stranger's member of the same group (or a later version of ours) is still given what it asked for by name. */
export const decodeMember = (memberId: string, metadata: Buffer): AssignerMember => {
  const reader = new WireReader(metadata);
  reader.int16();
  const names = reader.array(() => reader.string());
  const userData = parseJson(reader.remaining >= 4 ? reader.bytes() : Buffer.alloc(0));
  const sets = isRecord(userData['topics']) ? userData['topics'] : {};
  const owned: Record<string, readonly number[]> = {};
  if (isRecord(userData['owned'])) {
    for (const [topic, partitions] of Object.entries(userData['owned'])) {
      if (Array.isArray(partitions)) owned[topic] = partitions.filter((partition): partition is number => typeof partition === 'number');
    }
  }
  return {
    memberId, owned,
    topics: Object.fromEntries(names.map((topic) => [topic, typeof sets[topic] === 'string' ? sets[topic] : topic])),
    generation: typeof userData['generation'] === 'number' ? userData['generation'] : -1,
  };
};

const parseJson = (bytes: Buffer): Record<string, unknown> => {
  try {
    const parsed: unknown = JSON.parse(bytes.toString('utf8'));
    return isRecord(parsed) ? parsed : {};
  } catch {
    return {};
  }
};

const encodeAssignment = (assignment: MemberAssignment): Buffer => {
  const writer = new WireWriter().int16(VERSION);
  writer.array(Object.entries(assignment), ([topic, partitions]) => {
    writer.string(topic).array(partitions, (partition) => writer.int32(partition));
  });
  return writer.bytes(Buffer.alloc(0)).finish();
};

/** kafkajs' assigner interface around the pure one. `own` is asked at every join, `countOf` by the member that leads. */
export const createAssigner = (own: () => OwnSubscription, countOf: (topic: string) => Promise<number>): Assigner => ({
  name: NAME,
  version: VERSION,
  protocol: () => ({ name: NAME, metadata: encodeSubscription(own()) }),
  assign: async ({ members }) => {
    const decoded = members.map(({ memberId, memberMetadata }) => decodeMember(memberId, memberMetadata));
    const topics = [...new Set(decoded.flatMap((member) => Object.keys(member.topics)))];
    const counts = new Map(await Promise.all(topics.map(async (topic): Promise<[string, number]> => [topic, await countOf(topic)])));
    return [...assignPartitions(decoded, counts)].map(([memberId, assignment]) => ({ memberId, memberAssignment: encodeAssignment(assignment) }));
  },
});

export const toPartitions = (assigned: readonly { readonly topic: string; readonly partitions: readonly number[] }[]): TopicPartition[] =>
  assigned.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));

export const toOwned = (partitions: readonly TopicPartition[]): Record<string, number[]> => {
  const owned: Record<string, number[]> = {};
  for (const { topic, partition } of partitions) (owned[topic] ??= []).push(partition);
  return owned;
};
