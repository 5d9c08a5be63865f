import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { LocalPlatformError, messageOf } from './errors.ts';
import { waitFor } from './wait.ts';

const PROBE_TOPIC = 'chorus-platform-probe';
const PROBE_GROUP = 'chorus-platform-probe';
const TRANSACTION_TIMEOUT_MS = 10_000;

const client = (brokers: readonly string[]): Kafka =>
  new Kafka({
    clientId: 'chorus-platform-probe',
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 2_000,
    requestTimeout: 5_000,
    retry: { initialRetryTime: 20, maxRetryTime: 200, retries: 2 },
  });

/** Whether a broker answers a metadata request. */
export const kafkaAnswers = async (brokers: readonly string[]): Promise<boolean> => {
  const admin = client(brokers).admin({ retry: { retries: 0 } });
  try {
    await admin.connect();
    await admin.describeCluster();
    return true;
  } catch {
    return false;
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
};

const probeOnce = async (kafka: Kafka, attempt: number): Promise<void> => {
  const producer = kafka.producer({
    transactionalId: `chorus-platform-probe/${String(attempt)}`,
    transactionTimeout: TRANSACTION_TIMEOUT_MS,
    maxInFlightRequests: 1,
    idempotent: true,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  try {
    await producer.connect();
    const transaction = await producer.transaction();
    try {
      await transaction.send({ topic: PROBE_TOPIC, messages: [{ key: 'probe', value: 'probe' }] });
      await transaction.sendOffsets({
        consumerGroupId: PROBE_GROUP,
        topics: [{ topic: PROBE_TOPIC, partitions: [{ partition: 0, offset: '0' }] }],
      });
      await transaction.commit();
    } catch (error) {
      await transaction.abort().catch(() => undefined);
      throw error;
    }
  } finally {
    await producer.disconnect().catch(() => undefined);
  }
};

const createProbeTopic = async (kafka: Kafka, brokerCount: number): Promise<void> => {
  const admin = kafka.admin();
  try {
    await admin.connect();
    await admin.createTopics({
      topics: [{ topic: PROBE_TOPIC, numPartitions: 1, replicationFactor: Math.min(3, brokerCount) }],
      waitForLeaders: false,
    });
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
};

/**
 * Ready means that one transaction with offsets has been committed. The first one on a fresh broker creates the internal
 * topics and is refused while their coordinators load (NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE), so it is repeated
 * with a new producer until it succeeds.
 */
export const probeTransaction = async (brokers: readonly string[], timeoutMs: number): Promise<void> => {
  const kafka = client(brokers);
  let attempt = 0;
  let last: unknown = 'no attempt was made';
  const committed = await waitFor(
    async () => {
      attempt += 1;
      try {
        await createProbeTopic(kafka, brokers.length);
        await probeOnce(kafka, attempt % 8);
        return true;
      } catch (error) {
        last = error;
        return undefined;
      }
    },
    { timeoutMs, intervalMs: 50 },
  );
  if (committed === undefined) {
    throw new LocalPlatformError(
      'START_TIMED_OUT',
      `Kafka at ${brokers.join(',')} answers but committed no transaction in ${String(timeoutMs / 1000)} s: ${messageOf(last)}.`,
      last,
    );
  }
};
