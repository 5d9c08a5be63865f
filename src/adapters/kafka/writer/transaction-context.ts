import type { ClusterView } from '../cluster.ts';
import type { ProducerIdentity } from '../protocol/producer-identity.ts';
import type { TransactionProtocol } from './protocol-choice.ts';
import type { WriterConnections } from './writer-connections.ts';

/** What the phases of one transaction share. */
export type TransactionContext = {
  readonly cluster: ClusterView;
  /** To the coordinators. */
  readonly connections: WriterConnections;
  /** To the leaders. The same connections under v2, where nothing else is in flight beside a Produce. */
  readonly produceConnections: WriterConnections;
  readonly protocol: TransactionProtocol;
  readonly identity: ProducerIdentity;
  /** Next sequence by partition; moves only with an acknowledgement. */
  readonly sequences: Map<string, number>;
  /** Last offset acknowledged to this writer by partition. */
  readonly lastOffsets: Map<string, number>;
  /** Monotonic; below the transaction time-out. Nothing but an abort is sent after it. */
  readonly deadlineMs: number;
  /** Later than the deadline: what was refused at the deadline can still be aborted. */
  readonly abortDeadlineMs: number;
  /** Of one attempt that must be over by a deadline. */
  readonly attemptTimeoutMs: (deadlineMs: number) => number;
  readonly isOver: () => boolean;
  /** A broker's quota is used up: it reads no more from this connection for that long. */
  readonly onThrottled: (nodeId: number, throttleTimeMs: number) => void;
  /**
   * Monotonic. Since when the broker may have a transaction open, in which case a refusal ends in an abort; and since when its end is
   * asked for. Null: not so.
   */
  readonly broker: { openSinceMs: number | null; endSinceMs: number | null };
};
