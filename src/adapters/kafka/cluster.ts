import { type KafkaConfig, parseBroker } from './config.ts';
import { CODE, codeName, COORDINATOR_MOVED, TRY_AGAIN } from './error-codes.ts';
import { isLostAnswer, KafkaError } from './errors.ts';
import { type BrokerAddress, openConnection } from './net/connect.ts';
import type { Connection } from './net/connection.ts';
import type { Request } from './net/request.ts';
import { pauseMs } from './pause.ts';
import { type ApiVersions, apiVersionsV3 } from './protocol/api-versions-v3.ts';
import { type CoordinatorType, findCoordinatorV3 } from './protocol/find-coordinator-v3.ts';
import { type Metadata, type MetadataPartition, type MetadataTopic, metadataV12 } from './protocol/metadata-v12.ts';

export const CONNECT_TIMEOUT_MS = 5_000;
/** For requests that the broker answers at once; two fit below the deadline of a commit. */
export const REQUEST_TIMEOUT_MS = 1_500;
const RETRY_PAUSE_MS = 20;
/** A broker that did not answer is left out for this long, where another one may be asked. */
const AVOID_MS = 10_000;
const BOOTSTRAP = -1;

export type TopicView = {
  readonly topicId: string;
  readonly errorCode: number;
  readonly partitions: ReadonlyMap<number, MetadataPartition>;
  readonly fetchedAtMs: number;
};

/**
 * What one process knows of a cluster: brokers, leaders, coordinators, versions. It owns one control connection a broker,
 * for short requests only; writers and readers open connections of their own.
 */
export class ClusterView {
  readonly config: KafkaConfig;
  readonly #addresses = new Map<number, BrokerAddress>();
  readonly #controls = new Map<number, Promise<Connection>>();
  readonly #versions = new Map<number, ApiVersions>();
  readonly #topics = new Map<string, TopicView>();
  readonly #coordinators = new Map<string, number>();
  #refresh: { readonly topics: Set<string>; readonly done: Promise<void> } | undefined;
  readonly #silentSinceMs = new Map<number, number>();
  #bootstrapIndex = 0;
  #turn = 0;
  #controllerId = BOOTSTRAP;
  #isClosed = false;

  constructor(config: KafkaConfig) {
    this.config = config;
    for (const broker of config.brokers) parseBroker(broker);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Level of the finalised feature transaction.version, as any broker told it last; 0 before the first connection. */
  get transactionVersion(): number {
    let level = 0;
    for (const versions of this.#versions.values()) level = Math.max(level, versions.transactionVersion);
    return level;
  }

  /** The highest version of a request that both sides speak. */
  version(nodeId: number, apiKey: number, ours: number): number {
    const theirs = this.#versions.get(nodeId)?.maxVersions.get(apiKey);
    return theirs === undefined ? ours : Math.min(ours, theirs);
  }

  /** A connection of the caller's own. */
  async open(nodeId: number): Promise<Connection> {
    if (this.#isClosed) throw new KafkaError('KAFKA_CLOSED', 'the event log is closed');
    const connection = await openConnection(this.config, this.#address(nodeId), CONNECT_TIMEOUT_MS);
    try {
      if (!this.#versions.has(nodeId)) await this.#learnVersions(nodeId, connection);
    } catch (thrown) {
      connection.destroy('its versions are not known');
      throw thrown;
    }
    if (this.#isClosed) {
      connection.destroy();
      throw new KafkaError('KAFKA_CLOSED', 'the event log is closed');
    }
    return connection;
  }

  /** A short request on the control connection of a broker; any known one without `nodeId`. */
  async ask<Answer>(request: Request<Answer>, nodeId?: number): Promise<Answer> {
    const node = nodeId ?? this.#anyNode();
    try {
      const connection = await this.#control(node);
      return await connection.send(request, REQUEST_TIMEOUT_MS);
    } catch (thrown) {
      // Not forgotten: its connection of now may be a newer one, opened by somebody else.
      if (isLostAnswer(thrown)) this.#silentSinceMs.set(node, performance.now());
      throw thrown;
    }
  }

  /** The topic as last seen, asked for when unknown or when older than `maxAgeMs`. */
  async topic(name: string, maxAgeMs: number = Infinity): Promise<TopicView> {
    const known = this.#topics.get(name);
    if (known !== undefined && known.errorCode === 0 && performance.now() - known.fetchedAtMs <= maxAgeMs) return known;
    await this.refreshTopics([name]);
    const view = this.#topics.get(name);
    if (view === undefined) throw new KafkaError('KAFKA_PROTOCOL', `metadata answer without topic ${name}`);
    return view;
  }

  knownTopic(name: string): TopicView | undefined {
    return this.#topics.get(name);
  }

  /** Leader and epoch of a partition; null while there is none or the topic is unknown. */
  async leader(topic: string, partition: number): Promise<MetadataPartition | null> {
    const view = await this.topic(topic);
    const found = view.partitions.get(partition);
    return found === undefined || found.leader < 0 ? null : found;
  }

  /** Asks for the topics' metadata now; callers at the same time share one request. */
  async refreshTopics(names: readonly string[]): Promise<void> {
    const waiting = this.#refresh;
    if (waiting !== undefined) {
      for (const name of names) waiting.topics.add(name);
      return await waiting.done;
    }
    const topics = new Set(names);
    const done = Promise.resolve().then(async () => {
      this.#refresh = undefined;
      this.#learn(await this.#retrying(() => this.ask(metadataV12([...topics]))));
    });
    this.#refresh = { topics, done };
    await done;
  }

  async allTopics(): Promise<readonly MetadataTopic[]> {
    const metadata = await this.#retrying(() => this.ask(metadataV12(null)));
    this.#learn(metadata);
    return metadata.topics;
  }

  /** The broker that coordinates a group or transactional id; cached until dropped. */
  async coordinator(type: CoordinatorType, key: string): Promise<number> {
    const cached = this.#coordinators.get(`${type}:${key}`);
    if (cached !== undefined) return cached;
    const answer = await this.ask(findCoordinatorV3(type, key));
    if (answer.errorCode !== CODE.NONE) {
      const retriable = TRY_AGAIN.has(answer.errorCode);
      throw new KafkaError(retriable ? 'KAFKA_CONNECTION_LOST' : 'KAFKA_REFUSED', `no coordinator of ${type} ${key}: ${codeName(answer.errorCode)}`, { brokerCode: answer.errorCode });
    }
    this.#addresses.set(answer.nodeId, { host: answer.host, port: answer.port });
    this.#coordinators.set(`${type}:${key}`, answer.nodeId);
    return answer.nodeId;
  }

  dropCoordinator(type: CoordinatorType, key: string): void {
    this.#coordinators.delete(`${type}:${key}`);
  }

  /** Asks the coordinator until a definite answer: moves, loads and lost connections are repeated until the deadline. */
  async askCoordinator<Answer>(
    target: { readonly type: CoordinatorType; readonly key: string; readonly deadlineMs: number }, request: Request<Answer>,
    codeOf: (answer: Answer) => number,
  ): Promise<Answer> {
    for (;;) {
      let last: unknown;
      try {
        const answer = await this.ask(request, await this.coordinator(target.type, target.key));
        const code = codeOf(answer);
        if (!TRY_AGAIN.has(code)) return answer;
        if (COORDINATOR_MOVED.has(code)) this.dropCoordinator(target.type, target.key);
        last = new KafkaError('KAFKA_REFUSED', `${request.name} of ${target.key}: ${codeName(code)}`, { brokerCode: code });
      } catch (thrown) {
        if (!isLostAnswer(thrown)) throw thrown;
        this.dropCoordinator(target.type, target.key);
        last = thrown;
      }
      if (this.#isClosed || performance.now() >= target.deadlineMs) throw last;
      await pauseMs(RETRY_PAUSE_MS);
    }
  }

  async controller(): Promise<number> {
    if (this.#controllerId === BOOTSTRAP) await this.refreshTopics([]);
    return this.#controllerId;
  }

  close(): void {
    this.#isClosed = true;
    for (const control of this.#controls.values()) control.then((connection) => connection.destroy(), () => undefined);
    this.#controls.clear();
  }

  async #control(nodeId: number): Promise<Connection> {
    const known = this.#controls.get(nodeId);
    if (known !== undefined) {
      const connection = await known;
      if (connection.isOpen) return connection;
      if (this.#controls.get(nodeId) === known) this.#controls.delete(nodeId);
      connection.retire();
      return await this.#control(nodeId);
    }
    const opening = this.open(nodeId).then(async (connection) => {
      try {
        await this.#learnVersions(nodeId, connection);
        return connection;
      } catch (thrown) {
        connection.destroy('its versions are not known');
        throw thrown;
      }
    });
    this.#controls.set(nodeId, opening);
    try {
      return await opening;
    } catch (thrown) {
      if (this.#controls.get(nodeId) === opening) this.#controls.delete(nodeId);
      throw thrown;
    }
  }

  async #learnVersions(nodeId: number, connection: Connection): Promise<void> {
    const versions = await connection.send(apiVersionsV3(), REQUEST_TIMEOUT_MS);
    if (versions.errorCode !== 0) {
      throw new KafkaError('KAFKA_UNSUPPORTED_BROKER', `${connection.address}: ApiVersions 3 refused (${codeName(versions.errorCode)}); Kafka 3.1 or newer is needed`);
    }
    this.#versions.set(nodeId, versions);
  }

  #learn(metadata: Metadata): void {
    for (const { nodeId, host, port } of metadata.brokers) this.#addresses.set(nodeId, { host, port });
    this.#controllerId = metadata.controllerId;
    const fetchedAtMs = performance.now();
    for (const topic of metadata.topics) this.#topics.set(topic.name, this.#merged(topic, fetchedAtMs));
  }

  /** A broker that lags behind may answer with an older leader: the higher epoch of the same topic stands. */
  #merged(topic: MetadataTopic, fetchedAtMs: number): TopicView {
    const before = this.#topics.get(topic.name);
    const isSame = before !== undefined && before.topicId === topic.topicId;
    const partitions = new Map<number, MetadataPartition>();
    for (const seen of topic.partitions) {
      const known = isSame ? before.partitions.get(seen.partition) : undefined;
      partitions.set(seen.partition, known !== undefined && known.leaderEpoch > seen.leaderEpoch ? known : seen);
    }
    return { topicId: topic.topicId, errorCode: topic.errorCode, partitions, fetchedAtMs };
  }

  async #retrying<Answer>(attempt: () => Promise<Answer>): Promise<Answer> {
    const attemptsMax = 2 + this.config.brokers.length + this.#addresses.size;
    for (let attemptCount = 1; ; attemptCount++) {
      try {
        return await attempt();
      } catch (thrown) {
        if (!isLostAnswer(thrown) || this.#isClosed || attemptCount >= attemptsMax) throw thrown;
        await pauseMs(RETRY_PAUSE_MS);
      }
    }
  }

  #address(nodeId: number): BrokerAddress {
    const known = this.#addresses.get(nodeId);
    if (known !== undefined) return known;
    if (nodeId !== BOOTSTRAP) throw new KafkaError('KAFKA_CONNECTION_LOST', `broker ${nodeId} is not known (yet)`);
    const { brokers } = this.config;
    return parseBroker(brokers[this.#bootstrapIndex++ % brokers.length] ?? '');
  }

  /** In turn, so that one broker that lags behind or hangs is not asked alone; the configured ones when none is known to answer. */
  #anyNode(): number {
    const now = performance.now();
    const answering = [...this.#addresses.keys()].filter((nodeId) => now - (this.#silentSinceMs.get(nodeId) ?? -Infinity) > AVOID_MS);
    return answering[this.#turn++ % answering.length] ?? BOOTSTRAP;
  }
}
