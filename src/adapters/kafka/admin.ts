import { type Admin, Kafka, logLevel } from 'kafkajs';
import { ClusterView } from './cluster.ts';
import type { KafkaConfig } from './config.ts';
import { CODE, codeName } from './error-codes.ts';
import { KafkaError, reasonOf } from './errors.ts';
import { kafkajsOptions } from './kafkajs-client.ts';
import { listOffset } from './list-offset.ts';
import { pauseMs } from './pause.ts';
import { EARLIEST, LATEST } from './protocol/list-offsets-v7.ts';

export type TopicToCreate = {
  readonly topic: string;
  readonly partitions: number;
  /** Absent: the cluster's default. */
  readonly replicationFactor?: number;
  /** Absent names keep the cluster's defaults. */
  readonly config?: Readonly<Record<string, string>>;
};

export type TopicDescription = {
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  /** Every setting in force. */
  readonly config: Readonly<Record<string, string>>;
  /** Those set on the topic itself. */
  readonly ownConfig: Readonly<Record<string, string>>;
};

/** Topics of a cluster, as `topics plan` and `topics apply` need them. Every method rejects with KafkaError. */
export type KafkaAdmin = {
  /** Creates what does not exist; resolves when every partition has a leader. Existing topics are left as they are. */
  readonly createTopics: (topics: readonly TopicToCreate[]) => Promise<{ readonly created: readonly string[]; readonly existing: readonly string[] }>;
  /** Unknown names are ignored. */
  readonly deleteTopics: (topics: readonly string[]) => Promise<void>;
  /** Sorted, internal ones left out. */
  readonly listTopics: () => Promise<readonly string[]>;
  /** Without the names that do not exist. */
  readonly describeTopics: (topics: readonly string[]) => Promise<readonly TopicDescription[]>;
  /** Replaces the topic's own settings by these. */
  readonly setTopicConfig: (topic: string, config: Readonly<Record<string, string>>) => Promise<void>;
  /** Log start and high watermark of every partition, in the order of the partitions. */
  readonly topicOffsets: (topic: string) => Promise<readonly { readonly partition: number; readonly logStart: number; readonly end: number }[]>;
  readonly close: () => Promise<void>;
};

const OPERATION_TIMEOUT_MS = 30_000;
const LEADER_POLL_MS = 20;
const OWN_SETTING = 1;
/** ConfigResourceTypes.TOPIC; kafkajs' CommonJS front door hides the name from static imports. */
const TOPIC_RESOURCE = 2;

const refused = (what: string, thrown: unknown): KafkaError =>
  thrown instanceof KafkaError ? thrown : new KafkaError('KAFKA_REFUSED', `${what}: ${reasonOf(thrown)}`, { cause: thrown });

const brokerErrorType = (thrown: unknown): string | undefined =>
  typeof thrown === 'object' && thrown !== null && 'type' in thrown && typeof thrown.type === 'string' ? thrown.type : undefined;

/** Why every topic of a CreateTopics answer that failed did so. */
const topicErrors = (thrown: unknown): readonly { readonly topic: string; readonly type: string }[] => {
  if (typeof thrown !== 'object' || thrown === null || !('errors' in thrown) || !Array.isArray(thrown.errors)) return [];
  return thrown.errors.map((error: unknown) => ({
    topic: typeof error === 'object' && error !== null && 'topic' in error ? String(error.topic) : '',
    type: brokerErrorType(error) ?? reasonOf(error),
  }));
};

const awaitLeaders = async (cluster: ClusterView, topics: readonly string[]): Promise<void> => {
  const deadlineMs = performance.now() + OPERATION_TIMEOUT_MS;
  for (;;) {
    await cluster.refreshTopics(topics);
    const waiting = topics.filter((topic) => {
      const view = cluster.knownTopic(topic);
      return view === undefined || view.errorCode !== CODE.NONE || [...view.partitions.values()].some(({ leader }) => leader < 0);
    });
    if (waiting.length === 0) return;
    if (performance.now() > deadlineMs) {
      throw new KafkaError('KAFKA_REFUSED', `topics without a leader after ${OPERATION_TIMEOUT_MS} ms: ${waiting.join(', ')} (${waiting.map((topic) => codeName(cluster.knownTopic(topic)?.errorCode ?? 3)).join(', ')})`);
    }
    await pauseMs(LEADER_POLL_MS);
  }
};

const createOne = async (admin: Admin, spec: TopicToCreate): Promise<'created' | 'existing'> => {
  const entries = Object.entries(spec.config ?? {}).map(([name, value]) => ({ name, value }));
  try {
    await admin.createTopics({
      waitForLeaders: false, timeout: OPERATION_TIMEOUT_MS,
      topics: [{ topic: spec.topic, numPartitions: spec.partitions, replicationFactor: spec.replicationFactor ?? -1, configEntries: entries }],
    });
    return 'created';
  } catch (thrown) {
    const [error] = topicErrors(thrown);
    if ((error?.type ?? brokerErrorType(thrown)) === 'TOPIC_ALREADY_EXISTS') return 'existing';
    throw refused(`topic ${spec.topic} cannot be created (${error?.type ?? 'see the cause'})`, thrown);
  }
};

const describeOne = async (cluster: ClusterView, admin: Admin, topics: readonly string[]): Promise<TopicDescription[]> => {
  const existing = topics.filter((topic) => cluster.knownTopic(topic)?.errorCode === CODE.NONE);
  if (existing.length === 0) return [];
  const [metadata, configs] = await Promise.all([
    admin.fetchTopicMetadata({ topics: [...existing] }),
    admin.describeConfigs({ includeSynonyms: false, resources: existing.map((name) => ({ type: TOPIC_RESOURCE, name })) }),
  ]);
  return metadata.topics.map(({ name, partitions }) => {
    const entries = configs.resources.find((resource) => resource.resourceName === name)?.configEntries ?? [];
    return {
      topic: name, partitions: partitions.length, replicationFactor: partitions[0]?.replicas.length ?? 0,
      config: Object.fromEntries(entries.map((entry) => [entry.configName, entry.configValue])),
      ownConfig: Object.fromEntries(entries.filter((entry) => Number(entry.configSource) === OWN_SETTING).map((entry) => [entry.configName, entry.configValue])),
    };
  });
};

/** Connects on first use. */
export const createKafkaAdmin = (config: KafkaConfig): KafkaAdmin => {
  const cluster = new ClusterView(config);
  let connecting: Promise<Admin> | undefined;
  const connected = (): Promise<Admin> => {
    connecting ??= (async () => {
      const admin = new Kafka({ ...kafkajsOptions(config), logLevel: logLevel.NOTHING } as ConstructorParameters<typeof Kafka>[0]).admin();
      await admin.connect();
      return admin;
    })();
    return connecting;
  };
  return {
    createTopics: async (topics) => {
      const admin = await connected();
      const results = await Promise.all(topics.map((topic) => createOne(admin, topic)));
      if (topics.length > 0) await awaitLeaders(cluster, topics.map(({ topic }) => topic));
      const named = (wanted: string): string[] => topics.filter((_topic, index) => results[index] === wanted).map(({ topic }) => topic);
      return { created: named('created'), existing: named('existing') };
    },
    deleteTopics: async (topics) => {
      const all = new Set((await cluster.allTopics()).map(({ name }) => name));
      const existing = topics.filter((topic) => all.has(topic));
      if (existing.length === 0) return;
      const admin = await connected();
      await admin.deleteTopics({ topics: existing, timeout: OPERATION_TIMEOUT_MS }).catch((thrown: unknown) => {
        throw refused(`topics cannot be deleted: ${existing.join(', ')}`, thrown);
      });
    },
    listTopics: async () => (await cluster.allTopics()).map(({ name }) => name).filter((name) => !name.startsWith('__')).sort(),
    describeTopics: async (topics) => {
      if (topics.length === 0) return [];
      await cluster.refreshTopics(topics);
      return await describeOne(cluster, await connected(), topics);
    },
    setTopicConfig: async (topic, settings) => {
      const admin = await connected();
      const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
      await admin.alterConfigs({ validateOnly: false, resources: [{ type: TOPIC_RESOURCE, name: topic, configEntries }] }).catch((thrown: unknown) => {
        throw refused(`settings of topic ${topic}`, thrown);
      });
    },
    topicOffsets: async (topic) => {
      const { partitions } = await cluster.topic(topic, 0);
      const indexes = [...partitions.keys()].sort((left, right) => left - right);
      return await Promise.all(indexes.map(async (partition) => ({
        partition, logStart: await listOffset(cluster, { topic, partition }, EARLIEST), end: await listOffset(cluster, { topic, partition }, LATEST),
      })));
    },
    close: async () => {
      cluster.close();
      const admin = await connecting?.catch(() => undefined);
      await admin?.disconnect();
    },
  };
};
