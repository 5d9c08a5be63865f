import type { ReadBatch, ReadError, ReadErrorCode, ReadHandler, TopicPartition } from '#saga-core/ports';

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
  lastServed: number;
};

export const createFeed = (key: string, at: TopicPartition): Feed => ({
  key, topic: at.topic, partition: at.partition, subscribers: new Set(), topicId: null, leader: null, leaderEpoch: -1,
  isLocating: false, lastServed: 0,
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

/** Hands a batch to everyone who waits inside it: those at its start get it as it is, those further on its rest. */
export const deliver = (feed: Feed, fetchedFrom: number, batch: ReadBatch, onReady: () => void): void => {
  for (const subscriber of [...feed.subscribers]) {
    if (!isReady(subscriber) || subscriber.position < fetchedFrom || subscriber.position >= batch.nextOffset) continue;
    const from = subscriber.position;
    const own = from === fetchedFrom ? batch : { ...batch, records: batch.records.filter((record) => record.offset >= from) };
    subscriber.position = batch.nextOffset;
    const pending = subscriber.handler.onBatch(own);
    if (pending === undefined) continue;
    subscriber.isBusy = true;
    void pending.then(() => {
      subscriber.isBusy = false;
      if (!subscriber.isClosed) onReady();
    });
  }
};

/** Ends subscriptions with a typed error: all of the feed, or those that wait at `position`. */
export const failSubscribers = (feed: Feed, error: { readonly code: ReadErrorCode; readonly message: string }, position?: number): void => {
  for (const subscriber of [...feed.subscribers]) {
    if (subscriber.isClosed || (position !== undefined && subscriber.position !== position)) continue;
    subscriber.isClosed = true;
    feed.subscribers.delete(subscriber);
    const readError: ReadError = { topic: feed.topic, partition: feed.partition, code: error.code, message: error.message, offset: subscriber.position };
    subscriber.handler.onError(readError);
  }
};
