import { partitionKey, type PartitionReader, type ReadHandler, type Subscription, type TopicPartition } from '#saga-core/ports';
import type { ClusterView, TopicView } from '../cluster.ts';
import { CODE, codeName, LEADER_MOVED, NOT_AUTHORISED, TRY_AGAIN } from '../error-codes.ts';
import { isLostAnswer, reasonOf } from '../errors.ts';
import { pauseMs } from '../pause.ts';
import type { FetchedPartition } from '../protocol/fetch-v13.ts';
import { EARLIEST, LATEST } from '../protocol/list-offsets-v7.ts';
import { listOffset } from '../list-offset.ts';
import { decodeBatches, type DecodedBatches } from '../records/batch-decoder.ts';
import { ReadFault } from '../records/read-fault.ts';
import { createFeed, deliver, failSubscribers, type Feed, type Subscriber } from './feed.ts';
import { NodeFetcher } from './node-fetcher.ts';

const LOCATE_PAUSE_MS_MIN = 10;
const LOCATE_PAUSE_MS_MAX = 250;
/** A leader that refuses every fetch is not asked faster than this. */
const LOCATE_INTERVAL_MS_MIN = 50;
const WARN_INTERVAL_MS = 10_000;
/** Metadata of one broker may lag behind a topic's creation; a topic unknown for longer is deleted. */
const UNKNOWN_TOPIC_GRACE_MS = 2_000;

/**
 * Reads committed records for subscriptions that own their positions. Subscriptions of one partition at the same place
 * share one fetch and one decoding; those behind catch up in the express lane until they meet the head.
 */
export class KafkaPartitionReader implements PartitionReader {
  readonly #cluster: ClusterView;
  readonly #feeds = new Map<string, Feed>();
  readonly #fetchers = new Map<number, NodeFetcher>();
  readonly #warn: (message: string) => void;
  #warnedAtMs = -Infinity;
  #isClosed = false;

  /** `warn` is told of what is neither a lost connection nor the end of a subscription: refused credentials, for example. */
  constructor(cluster: ClusterView, warn: (message: string) => void = () => undefined) {
    this.#cluster = cluster;
    this.#warn = warn;
  }

  readonly subscribe = (from: TopicPartition & { readonly offset: number }, handler: ReadHandler): Subscription => {
    const key = partitionKey(from);
    let feed = this.#feeds.get(key);
    if (feed === undefined) {
      feed = createFeed(key, { topic: from.topic, partition: from.partition });
      this.#feeds.set(key, feed);
    }
    const joined = feed;
    const subscriber: Subscriber = { handler, position: from.offset, isBusy: false, isClosed: this.#isClosed, lastServed: 0 };
    joined.subscribers.add(subscriber);
    if (joined.leader === null) this.#locate(joined);
    else this.#becameReady(joined);
    return {
      close: () => {
        subscriber.isClosed = true;
        joined.subscribers.delete(subscriber);
        this.#forgetIfUnused(joined);
      },
    };
  };

  /** Ends every subscription without a word and destroys the connections. */
  close(): void {
    this.#isClosed = true;
    for (const feed of this.#feeds.values()) for (const subscriber of feed.subscribers) subscriber.isClosed = true;
    this.#feeds.clear();
    for (const fetcher of this.#fetchers.values()) fetcher.close();
    this.#fetchers.clear();
  }

  #forgetIfUnused(feed: Feed): void {
    if (feed.subscribers.size === 0 && this.#feeds.get(feed.key) === feed) this.#feeds.delete(feed.key);
  }

  #becameReady(feed: Feed): void {
    if (this.#isClosed || feed.leader === null || feed.isLocating) return;
    this.#wake(feed.leader);
  }

  #wake(nodeId: number): void {
    const known = this.#fetchers.get(nodeId);
    if (known !== undefined) return known.wake();
    const fetcher = new NodeFetcher(this.#cluster, nodeId, {
      feeds: () => this.#feedsOf(nodeId),
      onAnswer: (feed, fetchedFrom, answer) => this.#onAnswer(feed, fetchedFrom, answer),
      onNodeLost: (reason) => this.#onNodeLost(nodeId, reason),
    });
    this.#fetchers.set(nodeId, fetcher);
  }

  *#feedsOf(nodeId: number): Iterable<Feed> {
    for (const feed of this.#feeds.values()) if (feed.leader === nodeId && !feed.isLocating) yield feed;
  }

  #onNodeLost(nodeId: number, reason: unknown): void {
    this.#warnOf(reason);
    for (const feed of this.#feedsOf(nodeId)) this.#locate(feed);
  }

  #warnOf(reason: unknown): void {
    if (isLostAnswer(reason) || this.#isClosed || performance.now() - this.#warnedAtMs < WARN_INTERVAL_MS) return;
    this.#warnedAtMs = performance.now();
    this.#warn(`the reader cannot go on, and tries again: ${reasonOf(reason)}`);
  }

  #onAnswer(feed: Feed, fetchedFrom: number, answer: FetchedPartition): void {
    if (answer.errorCode !== CODE.NONE) return this.#onErrorCode(feed, fetchedFrom, answer.errorCode);
    if (feed.isLocating || answer.records.length === 0) return;
    let decoded: DecodedBatches;
    try {
      decoded = decodeBatches(answer.records, { topic: feed.topic, partition: feed.partition, offset: fetchedFrom }, answer.abortedTransactions);
    } catch (thrown) {
      const fault = thrown instanceof ReadFault ? thrown : new ReadFault('CORRUPT_BATCH', reasonOf(thrown));
      failSubscribers(feed, { code: fault.code, message: `${feed.key}: ${fault.message}` }, fetchedFrom);
      return this.#forgetIfUnused(feed);
    }
    if (decoded.nextOffset === fetchedFrom) return;
    deliver(feed, fetchedFrom, {
      records: decoded.records, nextOffset: decoded.nextOffset,
      lastStableOffset: answer.lastStableOffset, highWatermark: answer.highWatermark, logStartOffset: answer.logStartOffset,
    }, () => {
      this.#becameReady(feed);
      this.#forgetIfUnused(feed);
    });
    this.#forgetIfUnused(feed);
  }

  #onErrorCode(feed: Feed, fetchedFrom: number, code: number): void {
    if (code === CODE.OFFSET_OUT_OF_RANGE) return void this.#checkRange(feed, fetchedFrom);
    if (NOT_AUTHORISED.has(code)) {
      failSubscribers(feed, { code: 'NOT_AUTHORISED', message: `${feed.key}: ${codeName(code)}: grant READ on the topic` });
      return this.#forgetIfUnused(feed);
    }
    if (code === CODE.CORRUPT_MESSAGE) {
      failSubscribers(feed, { code: 'CORRUPT_BATCH', message: `${feed.key} at ${fetchedFrom}: the broker says ${codeName(code)}` }, fetchedFrom);
      return this.#forgetIfUnused(feed);
    }
    if (LEADER_MOVED.has(code) || TRY_AGAIN.has(code) || code === CODE.UNKNOWN_SERVER_ERROR) return this.#locate(feed);
    failSubscribers(feed, { code: 'CORRUPT_BATCH', message: `${feed.key} at ${fetchedFrom}: fetch was answered with ${codeName(code)}` });
    this.#forgetIfUnused(feed);
  }

  /** Out of range is final only when the same topic says so twice: right after an election a leader may still learn its end. */
  async #checkRange(feed: Feed, position: number): Promise<void> {
    if (feed.isLocating) return;
    feed.isLocating = true;
    try {
      await this.#cluster.refreshTopics([feed.topic]);
      if (!this.#identityError(feed, this.#cluster.knownTopic(feed.topic))) await this.#compareRange(feed, position);
    } catch (thrown) {
      // No answer now: located again below, and asked again by the next fetch.
      this.#warnOf(thrown);
    }
    this.#located(feed);
    if (feed.subscribers.size > 0) this.#locate(feed);
  }

  async #compareRange(feed: Feed, position: number): Promise<void> {
    const [start, end] = [await listOffset(this.#cluster, feed, EARLIEST), await listOffset(this.#cluster, feed, LATEST)];
    if (position >= start && position <= end) return;
    failSubscribers(feed, { code: 'OFFSET_OUT_OF_RANGE', message: `${feed.key}: offset ${position} is outside of the log, which holds ${start} to ${end}` }, position);
  }

  #locate(feed: Feed): void {
    if (feed.isLocating || this.#isClosed) return;
    feed.isLocating = true;
    void this.#runLocate(feed);
  }

  #located(feed: Feed): void {
    feed.isLocating = false;
    feed.locatedAtMs = performance.now();
    this.#forgetIfUnused(feed);
  }

  /** Finds the leader, as often as it takes; ends when the feed is unused or its topic is gone. */
  async #runLocate(feed: Feed): Promise<void> {
    const startedAtMs = performance.now();
    const tooEarlyMs = feed.locatedAtMs + LOCATE_INTERVAL_MS_MIN - startedAtMs;
    if (tooEarlyMs > 0) await pauseMs(tooEarlyMs);
    let leader: number | null = null;
    for (let pause = LOCATE_PAUSE_MS_MIN; !this.#isClosed && feed.subscribers.size > 0; pause = Math.min(pause * 2, LOCATE_PAUSE_MS_MAX)) {
      const view = await this.#view(feed);
      if (view !== null) {
        if (this.#identityError(feed, view) || this.#topicError(feed, view, startedAtMs)) break;
        leader = takeLeader(feed, view);
        if (leader !== null) break;
      }
      await pauseMs(pause);
    }
    this.#located(feed);
    if (leader !== null) return this.#wake(leader);
    // Whoever was told of an error may have subscribed again meanwhile.
    if (feed.subscribers.size > 0) this.#locate(feed);
  }

  async #view(feed: Feed): Promise<TopicView | null> {
    try {
      await this.#cluster.refreshTopics([feed.topic]);
      return this.#cluster.knownTopic(feed.topic) ?? null;
    } catch (thrown) {
      this.#warnOf(thrown);
      return null;
    }
  }

  /** True when the topic of that name is another one than was subscribed to. */
  #identityError(feed: Feed, view: TopicView | undefined): boolean {
    if (view === undefined || view.errorCode !== CODE.NONE || feed.topicId === null || view.topicId === feed.topicId) return false;
    // Whoever subscribes again from here on means the new topic.
    feed.topicId = null;
    feed.leader = null;
    feed.leaderEpoch = -1;
    failSubscribers(feed, { code: 'TOPIC_RECREATED', message: `${feed.topic} was deleted and created again: its offsets mean other records now` });
    return true;
  }

  /** True when waiting is of no use. */
  #topicError(feed: Feed, view: TopicView, sinceMs: number): boolean {
    const code = view.errorCode === CODE.NONE && !view.partitions.has(feed.partition) ? CODE.UNKNOWN_TOPIC_OR_PARTITION : view.errorCode;
    if (NOT_AUTHORISED.has(code)) {
      failSubscribers(feed, { code: 'NOT_AUTHORISED', message: `${feed.topic}: ${codeName(code)}: grant READ and DESCRIBE on the topic` });
      return true;
    }
    if (code !== CODE.UNKNOWN_TOPIC_OR_PARTITION || performance.now() - sinceMs <= UNKNOWN_TOPIC_GRACE_MS) return false;
    failSubscribers(feed, { code: 'TOPIC_DELETED', message: `${feed.key} does not exist (any more)` });
    return true;
  }
}

/** The leader that metadata names; null while there is none, or only one of an older epoch than we know. */
const takeLeader = (feed: Feed, view: TopicView): number | null => {
  const found = view.errorCode === CODE.NONE ? view.partitions.get(feed.partition) : undefined;
  if (found === undefined || found.leader < 0 || found.leaderEpoch < feed.leaderEpoch) return null;
  feed.topicId = view.topicId;
  feed.leader = found.leader;
  feed.leaderEpoch = found.leaderEpoch;
  return found.leader;
};
