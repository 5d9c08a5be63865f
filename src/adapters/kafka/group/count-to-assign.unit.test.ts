import { expect, test } from '@jest/globals';
import { KafkaError } from '../errors.ts';
import { countToAssign } from './count-to-assign.ts';

const UNKNOWN = new KafkaError('KAFKA_UNKNOWN_TOPIC', 'topic t: UNKNOWN_TOPIC_OR_PARTITION (3)');

test('a partition count that cannot be looked up is not none: the assignment fails', async () => {
  const lost = new KafkaError('KAFKA_CONNECTION_LOST', 'cut');
  await expect(countToAssign('t', () => Promise.reject(lost))).rejects.toBe(lost);
});

test('a topic that one broker does not know yet is counted as soon as it is known', async () => {
  let askedCount = 0;
  expect(await countToAssign('t', () => (++askedCount < 3 ? Promise.reject(UNKNOWN) : Promise.resolve(4)))).toBe(4);
});

test('a topic that does not exist has no partitions to share out', async () => {
  expect(await countToAssign('t', () => Promise.reject(UNKNOWN))).toBe(0);
});
