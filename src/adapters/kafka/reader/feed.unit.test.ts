import { expect, jest, test } from '@jest/globals';
import type { ReadBatch, ReadError, ReadHandler } from '#saga-core/ports';
import { createFeed, deliver, type Feed, type Subscriber } from './feed.ts';

const BATCH: ReadBatch = { records: [], nextOffset: 7, lastStableOffset: 7, highWatermark: 7, logStartOffset: 0 };

const subscribe = (feed: Feed, onBatch: ReadHandler['onBatch']): { readonly subscriber: Subscriber; readonly errors: ReadError[] } => {
  const errors: ReadError[] = [];
  const subscriber: Subscriber = { handler: { onBatch, onError: (error) => void errors.push(error) }, position: 3, isBusy: false, isClosed: false, lastServed: 0 };
  feed.subscribers.add(subscriber);
  return { subscriber, errors };
};

test.each([
  ['throws', () => {
    throw new Error('oops');
  }],
  ['rejects', () => Promise.reject(new Error('oops'))],
] as const)('a handler that %s ends its own subscription, where it stood, and no other', async (_, broken) => {
  const feed = createFeed('t/0', { topic: 't', partition: 0 });
  const failing = subscribe(feed, broken);
  const healthy = subscribe(feed, () => undefined);
  const onReady = jest.fn();
  deliver(feed, 3, BATCH, onReady);
  await Promise.resolve().then(() => undefined).then(() => undefined);
  expect(failing.errors).toMatchObject([{ topic: 't', partition: 0, offset: 3, message: expect.stringContaining('oops') }]);
  expect(feed.subscribers).toEqual(new Set([healthy.subscriber]));
  expect([healthy.subscriber.position, healthy.errors]).toEqual([7, []]);
  expect(onReady).toHaveBeenCalled();
});
