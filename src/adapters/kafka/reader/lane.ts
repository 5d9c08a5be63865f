import type { ClusterView } from '../cluster.ts';
import type { Connection } from '../net/connection.ts';
import { type FetchAnswer, type FetchLimits, fetchV13, type PartitionToFetch } from '../protocol/fetch-v13.ts';

/** A silent broker is given up after its own waiting time and this. */
const ANSWER_GRACE_MS = 3_000;

/** One connection for fetches to one broker; one request at a time. */
export class Lane {
  readonly #cluster: ClusterView;
  readonly #nodeId: number;
  #connection: Connection | undefined;
  #isClosed = false;

  constructor(cluster: ClusterView, nodeId: number) {
    this.#cluster = cluster;
    this.#nodeId = nodeId;
  }

  async fetch(partitions: readonly PartitionToFetch[], limits: FetchLimits): Promise<FetchAnswer> {
    if (this.#connection?.isOpen !== true) {
      this.#connection?.destroy();
      const connection = await this.#cluster.open(this.#nodeId);
      if (this.#isClosed) connection.destroy('the reader is closed');
      this.#connection = connection;
    }
    return await this.#connection.send(fetchV13(partitions, limits), limits.maxWaitMs + ANSWER_GRACE_MS);
  }

  close(): void {
    this.#isClosed = true;
    this.#connection?.destroy('the reader is closed');
  }
}
