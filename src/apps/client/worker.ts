import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { createKafkaAdmin, createKafkaEventLog } from '#adapters/kafka';
import { createSchemaCodec } from '#adapters/schema-registry';
import { createMetrics, logOn } from '#apps/worker';
import type { DataType, EventType } from '#contracts/core';
import type { ParticipantDefinition } from '#saga-core';
import type { EventLog } from '#saga-core/ports';
import { createWorker as createRuntimeWorker, Needs, type ParticipantStatus, SILENT_LOG, systemClock, systemRandom, type TaskLimits, topicNames, type Worker as RuntimeWorker } from '#saga-core/runtime';
import type { KafkaOptions } from './connect.ts';

export type EmbeddedWorkerOptions = {
  readonly participants: readonly ParticipantDefinition[];
  readonly kafka: KafkaOptions;
  readonly registry: { readonly url: string; /** `user:password`. */ readonly auth?: string };
  /** Topic prefix. */
  readonly namespace: string;
  /** Your own pino logger; default silence. */
  readonly logger?: Logger;
  /** Your own prom-client registry: the worker's figures are added to it. */
  readonly metrics?: Registry;
  /** Types that handlers write beyond what definitions name: compensation data. */
  readonly types?: readonly (EventType<unknown> | DataType<unknown>)[];
  /**
   * Creates missing topics, with so many partitions, and registers missing schemas at start; otherwise both must be there. A live saga
   * topic keeps its number of partitions for ever.
   */
  readonly provision?: { readonly partitions: number };
  readonly limits?: Partial<TaskLimits>;
};

export type EmbeddedWorker = {
  /** Resolves when every participant is live. Rejects, with nothing left open, when it cannot be. */
  readonly start: () => Promise<void>;
  /** Begins nothing new, waits for calls under way (`limits.drainTimeoutMs`, 10 s unless given), commits their answers, leaves. Idempotent. */
  readonly stop: () => Promise<void>;
  readonly status: () => readonly ParticipantStatus[];
};

const HOUR_MS = 3_600_000;
const COMPACTED = { 'cleanup.policy': 'compact', 'min.compaction.lag.ms': String(HOUR_MS), 'message.timestamp.type': 'CreateTime' };
const KEPT = { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'message.timestamp.type': 'CreateTime' };

const createTopics = async (options: EmbeddedWorkerOptions, needs: Needs, partitions: number): Promise<void> => {
  const admin = createKafkaAdmin({ clientId: 'chorus-worker', ...options.kafka });
  try {
    await admin.createTopics(needs.topics.map(({ topic, isCompacted }) => ({ topic, partitions, config: isCompacted ? COMPACTED : KEPT })));
  } finally {
    await admin.close();
  }
};

class Embedded implements EmbeddedWorker {
  readonly #options: EmbeddedWorkerOptions;
  #log: EventLog | null = null;
  #worker: RuntimeWorker | null = null;

  constructor(options: EmbeddedWorkerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { participants, namespace, registry, provision, kafka, types = [], limits, metrics } = this.#options;
    const names = topicNames(namespace);
    const needs = participants.reduce((sum, participant) => sum.addParticipant(participant), new Needs(names)).addTypes(types);
    const codec = createSchemaCodec({
      registryUrl: registry.url, autoRegister: provision !== undefined, topicsOf: needs.topicsOf, ...(registry.auth === undefined ? {} : { auth: registry.auth }),
    });
    if (provision !== undefined) await createTopics(this.#options, needs, provision.partitions);
    await codec.prepare(needs.types);
    const logger = this.#options.logger === undefined ? SILENT_LOG : logOn(this.#options.logger);
    const log = createKafkaEventLog({ clientId: 'chorus-worker', ...kafka, logger });
    this.#log = log;
    const common = { log, codec, clock: systemClock, random: systemRandom, namespace, logger };
    const worker = createRuntimeWorker({ ...common, participants, ...(limits === undefined ? {} : { limits }) });
    this.#worker = worker;
    if (metrics !== undefined) {
      createMetrics({ connection: { ...common, kafka: { clientId: 'chorus-worker', ...kafka }, names, close: () => log.close() }, worker, participants, circuits: () => [], registry: metrics });
    }
    try {
      await worker.start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.#worker?.stop();
    await this.#log?.close();
    this.#log = null;
  }

  status(): readonly ParticipantStatus[] {
    return this.#worker?.status() ?? [];
  }
}

/** A worker inside a program of one's own: participants on Kafka, with the program's logger and metrics. Throws nothing before `start`. */
export const createWorker = (options: EmbeddedWorkerOptions): EmbeddedWorker => new Embedded(options);
