import type { KafkaAdmin, TopicDescription } from '#adapters/kafka';
import { type TopicDeclaration, topicDeclarations } from '#contracts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const COMPACTED = {
  'cleanup.policy': 'compact',
  'min.compaction.lag.ms': String(HOUR_MS),
  'delete.retention.ms': String(7 * DAY_MS),
} as const;

/** One declared topic as a cluster must have it. */
export type WantedTopic = { readonly topic: string; readonly partitions: number; readonly config: Readonly<Record<string, string>> };

export type TopicDifference =
  | { readonly kind: 'create'; readonly topic: string; readonly partitions: number; readonly config: Readonly<Record<string, string>> }
  | { readonly kind: 'change'; readonly topic: string; readonly config: Readonly<Record<string, string>>; readonly was: Readonly<Record<string, string>> }
  /** Not cured by `apply`: keys would move away from their open instances. */
  | { readonly kind: 'partitions-differ'; readonly topic: string; readonly declared: number; readonly actual: number };

export type TopicPlan = { readonly differences: readonly TopicDifference[]; readonly unchanged: number };

export type TopicOptions = {
  readonly namespace: string;
  /** In place of the declared number, for topics of more than one partition; a live topic keeps what it has. */
  readonly partitions?: number;
  readonly replicationFactor?: number;
};

const configOf = ({ cleanup, retentionMs }: TopicDeclaration): Readonly<Record<string, string>> => ({
  'message.timestamp.type': 'CreateTime',
  ...(cleanup === 'compact' ? COMPACTED : { 'cleanup.policy': 'delete', 'retention.ms': String(retentionMs ?? -1) }),
});

/** What this build declares, with names as they are on the cluster. */
export const wantedTopics = ({ namespace, partitions }: TopicOptions): readonly WantedTopic[] =>
  topicDeclarations.map((declaration) => ({
    topic: `${namespace}.${declaration.name}`,
    partitions: declaration.partitions > 1 ? (partitions ?? declaration.partitions) : declaration.partitions,
    config: configOf(declaration),
  }));

const differenceOf = (wanted: WantedTopic, actual: TopicDescription | undefined): readonly TopicDifference[] => {
  if (actual === undefined) return [{ kind: 'create', ...wanted }];
  const changed = Object.keys(wanted.config).filter((name) => actual.config[name] !== wanted.config[name]);
  const settings: readonly TopicDifference[] = changed.length === 0 ? [] : [{
    kind: 'change', topic: wanted.topic,
    config: Object.fromEntries(changed.map((name) => [name, wanted.config[name] ?? ''])),
    was: Object.fromEntries(changed.map((name) => [name, actual.config[name] ?? ''])),
  }];
  const count: readonly TopicDifference[] = actual.partitions === wanted.partitions ? [] : [{ kind: 'partitions-differ', topic: wanted.topic, declared: wanted.partitions, actual: actual.partitions }];
  return [...settings, ...count];
};

/** Compares the declared topics with the cluster, changing nothing. Rejects with KafkaError. */
export const planTopics = async (admin: KafkaAdmin, options: TopicOptions): Promise<TopicPlan> => {
  const wanted = wantedTopics(options);
  const actual = new Map((await admin.describeTopics(wanted.map(({ topic }) => topic))).map((topic) => [topic.topic, topic]));
  const differences = wanted.flatMap((topic) => differenceOf(topic, actual.get(topic.topic)));
  return { differences, unchanged: wanted.length - new Set(differences.map(({ topic }) => topic)).size };
};

/** Creates what is missing and sets what differs; a number of partitions is never changed. Resolves with the plan that was carried out. */
export const applyTopics = async (admin: KafkaAdmin, options: TopicOptions): Promise<TopicPlan> => {
  const plan = await planTopics(admin, options);
  const create = plan.differences.flatMap((difference) => (difference.kind === 'create' ? [difference] : []));
  const { replicationFactor } = options;
  await admin.createTopics(create.map(({ topic, partitions, config }) => ({ topic, partitions, config, ...(replicationFactor === undefined ? {} : { replicationFactor }) })));
  const changes = plan.differences.flatMap((difference) => (difference.kind === 'change' ? [difference] : []));
  const own = new Map((await admin.describeTopics(changes.map(({ topic }) => topic))).map((topic) => [topic.topic, topic.ownConfig]));
  // The cluster replaces all settings of a topic at once: those that are not ours are kept.
  for (const { topic, config } of changes) await admin.setTopicConfig(topic, { ...own.get(topic), ...config });
  return plan;
};
