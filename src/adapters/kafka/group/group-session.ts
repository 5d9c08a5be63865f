import InstrumentationEmitter from 'kafkajs/src/instrumentation/emitter.js';
import ClusterClass from 'kafkajs/src/cluster/index.js';
import socketFactory from 'kafkajs/src/network/socketFactory.js';
import ConsumerGroupClass from 'kafkajs/src/consumer/consumerGroup.js';
import { kafkajsOptions, silentLogger } from '../kafkajs-client.ts';
import type { KafkaConfig } from '../config.ts';
import type { Assigner, Cluster, ConsumerGroup } from '../kafkajs-types.ts';

const CONNECT_TIMEOUT_MS = 3_000;
const METADATA_MAX_AGE_MS = 300_000;
/** Below any sensible session of the broker's: above it kafkajs would authenticate without end. */
const REAUTHENTICATION_THRESHOLD_MS = 1_000;
/** Time for every member to drain and to join again; who does not is out of the group. */
export const REBALANCE_TIMEOUT_MS = 30_000;
/** Short and few: our own loop decides what to do next. */
const RETRY = { initialRetryTime: 50, retries: 3, factor: 0.2, multiplier: 2, maxRetryTime: 500 };

export type GroupSession = { readonly cluster: Cluster; readonly group: ConsumerGroup };

/** One generation of one member. */
export type GroupTerm = { readonly groupId: string; readonly memberId: string; readonly generationId: number };

export type GroupSessionOptions = {
  readonly config: KafkaConfig;
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly assigner: Assigner;
  readonly sessionTimeoutMs: number;
};

/** kafkajs' group protocol on connections of its own: no Runner, no fetches, no offsets. */
export const openGroupSession = async (options: GroupSessionOptions): Promise<GroupSession> => {
  const { config, groupId, topics, assigner, sessionTimeoutMs } = options;
  const instrumentationEmitter = new InstrumentationEmitter();
  const cluster = new ClusterClass({
    ...kafkajsOptions(config), logger: silentLogger, socketFactory: socketFactory(), instrumentationEmitter,
    connectionTimeout: CONNECT_TIMEOUT_MS, authenticationTimeout: CONNECT_TIMEOUT_MS, reauthenticationThreshold: REAUTHENTICATION_THRESHOLD_MS,
    requestTimeout: sessionTimeoutMs, enforceRequestTimeout: true, metadataMaxAge: METADATA_MAX_AGE_MS,
    allowAutoTopicCreation: false, retry: RETRY,
  });
  const group = new ConsumerGroupClass({
    cluster, groupId, topics, topicConfigurations: {}, logger: silentLogger, instrumentationEmitter, assigners: [assigner],
    sessionTimeout: sessionTimeoutMs, rebalanceTimeout: REBALANCE_TIMEOUT_MS, retry: RETRY, metadataMaxAge: METADATA_MAX_AGE_MS, autoCommit: false,
  });
  try {
    await cluster.connect();
    await cluster.addMultipleTargetTopics(topics);
    await group.connect();
  } catch (thrown) {
    closeGroupSession({ cluster, group });
    throw thrown;
  }
  return { cluster, group };
};

/** Not by kafkajs' own method, which shares one answer between calls and resolves without sending when it has no member id. */
export const sendHeartbeat = async ({ group }: GroupSession, term: GroupTerm): Promise<true> => {
  const { groupId, memberId, generationId } = term;
  if (group.coordinator === null) throw new Error(`group ${groupId} has no coordinator`);
  await group.coordinator.heartbeat({ groupId, memberId, groupGenerationId: generationId });
  return true;
};

/** Not awaited: kafkajs' disconnect waits for answers that may never come. */
export const closeGroupSession = ({ cluster }: GroupSession): void => {
  cluster.disconnect().catch(() => undefined);
};

/** kafkajs' name of a broker's error code, also when it is wrapped by its retries. */
export const brokerErrorType = (thrown: unknown): string | null => {
  for (let error: unknown = thrown, depth = 0; typeof error === 'object' && error !== null && depth < 5; depth++) {
    if ('type' in error && typeof error.type === 'string') return error.type;
    error = 'cause' in error ? error.cause : null;
  }
  return null;
};
