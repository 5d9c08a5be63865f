// Goal: K30: the first transaction with positions that a cluster ever sees commits, although its broker creates the internal
// topics only then and refuses meanwhile; and a topic that was created just now is there for its first writer.
// Method: a broker of the test's own that nobody has probed; its list of topics proves that nobody has.
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { chorusHome, type LocalPlatform, startLocalPlatform, stopInstance } from '#apps/local-platform';
import { API } from '../support/kafka-proxy.ts';
import { createKafkaStand, type KafkaStand } from './kafka-stand.ts';

jest.setTimeout(120_000);

const INTERNAL = ['__consumer_offsets', '__transaction_state'];

describe.each(['auto', 'classic'] as const)('on a broker that nobody probed, transaction protocol: %s', (transactionProtocol) => {
  let instance: string;
  let platform: LocalPlatform;
  let admin: Admin;
  let stand: KafkaStand;

  beforeEach(async () => {
    // A folder of an earlier run would hold the internal topics.
    instance = `fresh-${randomBytes(4).toString('hex')}`;
    platform = await startLocalPlatform({ instance, parts: ['kafka'], kafka: { heapMb: 400, isProbed: false }, environment: {} });
    admin = new Kafka({ brokers: [...platform.kafka], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
  });
  afterEach(async () => {
    await admin.disconnect();
    await stopInstance(instance);
    rmSync(join(chorusHome(), instance), { recursive: true, force: true });
  });

  test('K30: the first transaction commits, records and position', async () => {
    stand = await createKafkaStand(platform.kafka, { transactionProtocol });
    try {
      expect(await admin.listTopics()).toEqual([stand.topic]);
      const writer = await stand.fenced(stand.log);
      await stand.mustCommit(writer, 'first');
      // One look-up each of the transaction's coordinator and the group's would do on a broker that has both topics.
      expect(stand.proxy.seen(API.FindCoordinator)).toBeGreaterThan(2);
      expect(await stand.direct.committedPosition(stand.group, { topic: stand.topic, partition: 0 })).toMatchObject({ offset: 1, metadata: 'first' });
      expect(await stand.texts(0)).toEqual(['first']);
      expect(await stand.texts(1)).toEqual(['first']);
      expect((await admin.listTopics()).toSorted()).toEqual([...INTERNAL, stand.topic]);
    } finally {
      await stand.close();
    }
  });
});
