import type { ClusterView } from '../cluster.ts';
import type { FetchAnswer, FetchedPartition, PartitionToFetch } from '../protocol/fetch-v13.ts';
import { CODE, codeName } from '../error-codes.ts';
import { KafkaError } from '../errors.ts';
import { pauseMs } from '../pause.ts';
import { type Feed, headPosition, longestWaiting } from './feed.ts';
import { Lane } from './lane.ts';

/** The broker answers as soon as the last stable offset moves, so waiting long costs no latency, only idle CPU. */
const LONG_POLL_MS = 250;
const EXPRESS_MS = 5;
const LOST_PAUSE_MS = 50;
const FETCH_BYTES_MAX = 16 * 1024 * 1024;
const PARTITION_BYTES_MAX = 1024 * 1024;

export type NodeFetcherHooks = {
  /** The feeds led by this broker that can be fetched now. */
  readonly feeds: () => Iterable<Feed>;
  readonly onAnswer: (feed: Feed, fetchedFrom: number, answer: FetchedPartition) => void;
  /** The connection is gone, or the broker does not answer, or refuses. */
  readonly onNodeLost: (reason: unknown) => void;
};

type Want = PartitionToFetch & { readonly feed: Feed };

/**
 * Fetches everything that one broker leads: a long poll over all partitions at their heads, and an express lane for what
 * cannot wait for the long poll under way: new subscriptions, subscribers behind the head, handlers that became ready.
 * The long poll waits for the express lane before it starts again; otherwise the two would never merge.
 */
export class NodeFetcher {
  readonly #hooks: NodeFetcherHooks;
  readonly #longPoll: Lane;
  readonly #express: Lane;
  #longPollAt: Map<Feed, number> | null = null;
  #expressDone: Promise<void> | null = null;
  #isLongPollDue = false;
  #wakeUp: (() => void) | null = null;
  #isClosed = false;
  #turn = 0;

  constructor(cluster: ClusterView, nodeId: number, hooks: NodeFetcherHooks) {
    this.#hooks = hooks;
    this.#longPoll = new Lane(cluster, nodeId);
    this.#express = new Lane(cluster, nodeId);
    void this.#runLongPoll();
  }

  /** Something may be wanted that nobody fetches: a subscription, a ready handler, a new leader. */
  wake(): void {
    this.#wakeUp?.();
    this.#wakeUp = null;
    if (this.#longPollAt !== null && this.#expressDone === null && !this.#isLongPollDue) this.#expressDone = this.#runExpress();
  }

  close(): void {
    this.#isClosed = true;
    this.#longPoll.close();
    this.#express.close();
    this.wake();
  }

  async #runLongPoll(): Promise<void> {
    while (!this.#isClosed) {
      this.#isLongPollDue = true;
      if (this.#expressDone !== null) await this.#expressDone;
      // Handlers that finish within this turn of the event loop are ready for the next request.
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      const wants = this.#wants((feed) => headPosition(feed));
      this.#isLongPollDue = false;
      if (wants.length === 0) {
        await this.#sleep();
        continue;
      }
      this.#longPollAt = new Map(wants.map((want) => [want.feed, want.offset]));
      if (this.#wantsExpress().length > 0) this.wake();
      await this.#fetch(this.#longPoll, wants, LONG_POLL_MS);
      this.#longPollAt = null;
    }
  }

  async #runExpress(): Promise<void> {
    await Promise.resolve();
    while (!this.#isClosed && this.#longPollAt !== null && !this.#isLongPollDue) {
      const wants = this.#wantsExpress();
      if (wants.length === 0) break;
      await this.#fetch(this.#express, wants, EXPRESS_MS);
    }
    this.#expressDone = null;
  }

  #wantsExpress(): Want[] {
    return this.#wants((feed) => longestWaiting(feed, this.#longPollAt?.get(feed)));
  }

  /** In the order of who was served longest ago: the first partition with data gets a whole batch above all limits. */
  #wants(positionOf: (feed: Feed) => number | null): Want[] {
    const wants: Want[] = [];
    for (const feed of this.#hooks.feeds()) {
      const offset = positionOf(feed);
      if (offset !== null && feed.topicId !== null) wants.push({ feed, offset, topicId: feed.topicId, partition: feed.partition, leaderEpoch: feed.leaderEpoch });
    }
    return wants.sort((left, right) => left.feed.lastServed - right.feed.lastServed);
  }

  async #fetch(lane: Lane, wants: readonly Want[], maxWaitMs: number): Promise<void> {
    let answer: FetchAnswer;
    try {
      answer = await lane.fetch(wants, { maxWaitMs, maxBytes: FETCH_BYTES_MAX, partitionMaxBytes: PARTITION_BYTES_MAX });
      if (answer.errorCode !== CODE.NONE) throw new KafkaError('KAFKA_REFUSED', `Fetch was answered with ${codeName(answer.errorCode)}`, { brokerCode: answer.errorCode });
    } catch (thrown) {
      // Whatever it was, the leaders are looked for again; what stays wrong shows there as a typed error.
      if (this.#isClosed) return;
      this.#hooks.onNodeLost(thrown);
      // Metadata may name a dead broker for seconds: not faster than this.
      await pauseMs(LOST_PAUSE_MS);
      return;
    }
    if (this.#isClosed) return;
    for (const [index, partition] of answer.partitions.entries()) {
      const isSame = (wanted: Want | undefined): boolean => wanted?.partition === partition.partition && wanted.topicId === partition.topicId;
      // The broker answers in the order asked; searched for only if it does not.
      const want = isSame(wants[index]) ? wants[index] : wants.find(isSame);
      if (want === undefined) continue;
      if (partition.records.length > 0) this.#markServed(want);
      this.#hooks.onAnswer(want.feed, want.offset, partition);
    }
    if (answer.throttleTimeMs > 0) await pauseMs(answer.throttleTimeMs);
  }

  #markServed({ feed, offset }: Want): void {
    const turn = ++this.#turn;
    feed.lastServed = turn;
    for (const subscriber of feed.subscribers) if (subscriber.position === offset) subscriber.lastServed = turn;
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeUp = resolve;
      if (this.#isClosed || this.#wants((feed) => headPosition(feed)).length > 0) resolve();
    });
  }
}
