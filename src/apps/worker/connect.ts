import { createKafkaEventLog, type KafkaConfig } from '#adapters/kafka';
import { createSchemaCodec } from '#adapters/schema-registry';
import { allDataTypes, allEventTypes, topicsOf } from '#contracts';
import type { Clock, Codec, EventLog, Log, RandomSource } from '#saga-core/ports';
import { systemClock, systemRandom, topicNames, type TopicNames } from '#saga-core/runtime';

/** What every program of Chorus needs to take part: the log, the codec, time, randomness and the names of one namespace. */
export type Connection = {
  readonly kafka: KafkaConfig;
  readonly log: EventLog;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly namespace: string;
  readonly names: TopicNames;
  readonly logger: Log;
  readonly close: () => Promise<void>;
};

export type ConnectOptions = {
  readonly kafka: KafkaConfig;
  readonly registryUrl: string;
  /** `user:password`; never logged. */
  readonly registryAuth?: string | undefined;
  readonly namespace: string;
  /** Whether schemas that the registry lacks are registered; in production `chorus schemas register` does that. */
  readonly autoRegister: boolean;
  readonly logger: Log;
};

/** Live topics, prefix included, that carry a type. */
export const liveTopicsOf = (namespace: string) => (typeName: string): readonly string[] => topicsOf(typeName).map((topic) => `${namespace}.${topic}`);

/** Every type that some declared topic carries, and every typed datum. */
export const carriedTypes = () => [...allEventTypes.filter((type) => topicsOf(type.name).length > 0), ...allDataTypes];

/**
 * Opens the log and makes every schema known. Rejects with KafkaError or CodecError, whose message says what to do. Nothing of it
 * stays open then.
 */
export const connect = async (options: ConnectOptions): Promise<Connection> => {
  const { kafka, namespace, logger } = options;
  const codec = createSchemaCodec({
    registryUrl: options.registryUrl,
    autoRegister: options.autoRegister,
    topicsOf: liveTopicsOf(namespace),
    ...(options.registryAuth === undefined ? {} : { auth: options.registryAuth }),
  });
  await codec.prepare(carriedTypes());
  const log = createKafkaEventLog({ ...kafka, logger });
  return { kafka, log, codec, clock: systemClock, random: systemRandom, namespace, names: topicNames(namespace), logger, close: () => log.close() };
};
