import type { ClusterView } from '../cluster.ts';
import type { ProducerIdentity } from '../protocol/producer-identity.ts';
import type { TransactionProtocol } from './protocol-choice.ts';
import type { WriterConnections } from './writer-connections.ts';

/** What the phases of one transaction share. */
export type TransactionContext = {
  readonly cluster: ClusterView;
  readonly connections: WriterConnections;
  readonly protocol: TransactionProtocol;
  readonly identity: ProducerIdentity;
  /** Next sequence by partition; moves only with an acknowledgement. */
  readonly sequences: Map<string, number>;
  /** Last offset acknowledged to this writer by partition. */
  readonly lastOffsets: Map<string, number>;
  /** Monotonic; below the transaction time-out. */
  readonly deadlineMs: number;
  readonly attemptTimeoutMs: () => number;
  readonly isOver: () => boolean;
  /** Whether the broker may have a transaction open: then a refusal ends in an abort. */
  readonly broker: { mayHaveOpen: boolean };
};
