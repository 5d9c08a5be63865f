import type { ReadBatch, ReadError, ReadErrorCode, ReadHandler, TopicPartition } from '#saga-core/ports';
import { reasonOf } from '../errors.ts';

/** One subscription: a position that only delivery moves. */
export type Subscriber = {
  readonly handler: ReadHandler;
  position: number;
  isBusy: boolean;
  isClosed: boolean;
  /** Turn counter of the last fetch that served it; the smallest is served first. */
  lastServed: number;
};

/** A partition that somebody reads, with where it is to be fetched. */
export type Feed = TopicPartition & {
  readonly key: string;
  readonly subscribers: Set<Subscriber>;
  /** Null until metadata named it: a topic that comes back under another id is another topic. */
  topicId: string | null;
  leader: number | null;
  leaderEpoch: number;
  isLocating: boolean;
  /** Monotonic; looked for again not sooner than LOCATE_INTERVAL_MS_MIN after. */
  locatedAtMs: number;
  lastServed: number;
};

export const createFeed = (key: string, at: TopicPartition): Feed => ({
  key, topic: at.topic, partition: at.partition, subscribers: new Set(), topicId: null, leader: null, leaderEpoch: -1,
  isLocating: false, locatedAtMs: -Infinity, lastServed: 0,
});

export const isReady = (subscriber: Subscriber): boolean => !subscriber.isBusy && !subscriber.isClosed;

/** The furthest position that somebody waits at; null when all are busy. */
export const headPosition = (feed: Feed): number | null => {
  let head: number | null = null;
  for (const subscriber of feed.subscribers) {
    if (isReady(subscriber) && (head === null || subscriber.position > head)) head = subscriber.position;
  }
  return head;
};

/** Who waits longest at a position other than `covered`. */
export const longestWaiting = (feed: Feed, covered: number | undefined): number | null => {
  let oldest: Subscriber | null = null;
  for (const subscriber of feed.subscribers) {
    if (!isReady(subscriber) || subscriber.position === covered) continue;
    if (oldest === null || subscriber.lastServed < oldest.lastServed) oldest = subscriber;
  }
  return oldest?.position ?? null;
};

type Failure = { readonly code: ReadErrorCode; readonly message: string };

/**
 * Hands a batch to everyone who waits inside it: those at its start get it as it is, those further on its rest. A handler
 * that throws or rejects broke its word; its own subscription ends there, and the others go on.
 */
export const deliver = (feed: Feed, fetchedFrom: number, batch: ReadBatch, onReady: () => void): void => {
  for (const subscriber of [...feed.subscribers]) {
    if (!isReady(subscriber) || subscriber.position < fetchedFrom || subscriber.position >= batch.nextOffset) continue;
    const from = subscriber.position;
    const own = from === fetchedFrom ? batch : { ...batch, records: batch.records.filter((record) => record.offset >= from) };
    const onFailure = (thrown: unknown): void => {
      subscriber.position = from;
      failSubscriber(feed, subscriber, { code: 'CORRUPT_BATCH', message: `${feed.key} at ${from}: the handler failed: ${reasonOf(thrown)}` });
      onReady();
    };
    subscriber.position = batch.nextOffset;
    try {
      const pending = subscriber.handler.onBatch(own);
      if (pending === undefined) continue;
      subscriber.isBusy = true;
      void pending.then(() => {
        subscriber.isBusy = false;
        if (!subscriber.isClosed) onReady();
      }, onFailure);
    } catch (thrown) {
      onFailure(thrown);
    }
  }
};

const failSubscriber = (feed: Feed, subscriber: Subscriber, error: Failure): void => {
  if (subscriber.isClosed) return;
  subscriber.isClosed = true;
  feed.subscribers.delete(subscriber);
  const readError: ReadError = { topic: feed.topic, partition: feed.partition, code: error.code, message: error.message, offset: subscriber.position };
  try {
    subscriber.handler.onError(readError);
  } catch {
    // There is nobody left to tell, and the other subscriptions must not end with this one.
  }
};

/** Ends subscriptions with a typed error: all of the feed, or those that wait at `position`. */
export const failSubscribers = (feed: Feed, error: Failure, position?: number): void => {
  for (const subscriber of [...feed.subscribers]) {
    if (position === undefined || subscriber.position === position) failSubscriber(feed, subscriber, error);
  }
};
