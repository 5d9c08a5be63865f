// The running platform for tests that talk to the real Kafka, registry and PostgreSQL.
import { randomBytes } from 'node:crypto';
import { afterAll } from '@jest/globals';
import { Kafka, logLevel } from 'kafkajs';
import { type Addresses, startLocalPlatform } from '#apps/local-platform';

const DELETE_TIMEOUT_MS = 30_000;
const RANDOM_BYTES = 5;
const HEAP_MB = 512;

let shared: Promise<Addresses> | undefined;

/**
 * The platform that all tests share: the one `npm test` started (named by the environment), else a detached instance
 * `test` that is started once and left running for the next run; `main.ts down --instance test` ends it.
 * Rejects with a LocalPlatformError that names what is missing.
 */
export const sharedPlatform = (): Promise<Addresses> => {
  shared ??= startLocalPlatform({ instance: 'test', lifetime: 'detached', kafka: { heapMb: HEAP_MB } });
  return shared;
};

/** Deletes every topic whose name is the namespace or begins with it and a dot. */
export const deleteNamespace = async (namespace: string): Promise<void> => {
  const { kafka } = await sharedPlatform();
  const admin = new Kafka({ clientId: 'test-clean-up', brokers: [...kafka], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const topics = (await admin.listTopics()).filter((topic) => topic === namespace || topic.startsWith(`${namespace}.`));
    if (topics.length > 0) await admin.deleteTopics({ topics, timeout: DELETE_TIMEOUT_MS });
  } finally {
    await admin.disconnect();
  }
};

/**
 * A topic prefix that no other test uses: 't' and 10 hexadecimal digits. Its topics are deleted after the tests of the
 * file or `describe` that calls it; not to be called inside a test.
 */
export const freshNamespace = (): string => {
  const namespace = `t${randomBytes(RANDOM_BYTES).toString('hex')}`;
  afterAll(() => deleteNamespace(namespace), DELETE_TIMEOUT_MS);
  return namespace;
};
