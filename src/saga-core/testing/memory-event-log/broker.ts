import type { Clock } from '#saga-core/ports';
import type { GroupCoordinator } from './groups.ts';
import type { Network } from './network.ts';
import type { TopicTable } from './topics.ts';
import type { TransactionCoordinator } from './transactions.ts';

/** What a client of the in-memory log talks to, through the network only. */
export type Broker = {
  readonly clock: Clock;
  readonly network: Network;
  readonly topics: TopicTable;
  readonly transactions: TransactionCoordinator;
  readonly groups: GroupCoordinator;
  /** An unanswered request is given up after so long. */
  readonly requestTimeoutMs: number;
  /** In all, for a fence. */
  readonly fenceTimeoutMs: number;
  /** Entries a single fetch looks at, at most. */
  readonly fetchEntryCountMax: number;
};
