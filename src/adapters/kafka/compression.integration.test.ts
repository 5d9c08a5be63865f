// Goal: batches of every codec that a broker or another client may write are read. Method: the topic's own compression.type
// makes the broker compress what we write uncompressed; a long and a random value cross block boundaries.
import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { sharedPlatform } from '../../../test/support/platform.ts';
import { createKafkaAdmin, createKafkaEventLog } from './index.ts';

const { kafka: brokers } = await sharedPlatform();

test.each(['gzip', 'snappy', 'lz4', 'zstd', 'uncompressed'])('a topic compressed by %s is read', async (codec) => {
  const topic = `t${randomBytes(5).toString('hex')}`;
  const admin = createKafkaAdmin({ brokers, clientId: 'compression' });
  const log = createKafkaEventLog({ brokers, clientId: 'compression' });
  try {
    await admin.createTopics([{ topic, partitions: 1, config: { 'compression.type': codec } }]);
    const values = ['', 'x', 'abcd'.repeat(50_000), randomBytes(150_000).toString('base64'), 'ab'.repeat(3), 'tail'.repeat(100)];
    const writer = log.writer(`${topic}/writer`);
    await writer.fence();
    const outcome = await writer.commit({ records: values.map((value) => ({ topic, partition: 0, key: 'key', value: Buffer.from(value), headers: { name: 'header' }, timestampMs: Date.now() })) });
    expect(outcome).toMatchObject({ status: 'committed' });
    const read = await new Promise<readonly string[]>((resolve, reject) => {
      const texts: string[] = [];
      log.reader().subscribe({ topic, partition: 0, offset: 0 }, {
        onBatch: ({ records }) => {
          texts.push(...records.map(({ value }) => Buffer.from(value ?? []).toString()));
          if (texts.length >= values.length) resolve(texts);
        },
        onError: (error) => reject(new Error(`${error.code}: ${error.message}`)),
      });
    });
    expect(read).toEqual(values);
  } finally {
    await log.close();
    await admin.deleteTopics([topic]);
    await admin.close();
  }
});
