import type { ClusterView } from '../cluster.ts';

/** The versions of one transaction protocol. */
export type TransactionProtocol = {
  /** True under KIP-890 part 2: partitions are added implicitly, every EndTxn gives the next epoch, EndTxn may be repeated. */
  readonly isV2: boolean;
  readonly initProducerId: 4 | 5;
  readonly produce: number;
  readonly txnOffsetCommit: number;
  readonly endTxn: number;
};

const V2_LEVEL = 2;
const API_PRODUCE = 0;
const API_END_TXN = 26;
const API_TXN_OFFSET_COMMIT = 28;

const V2: TransactionProtocol = { isV2: true, initProducerId: 5, produce: 12, txnOffsetCommit: 5, endTxn: 5 };

/** Transactions v2 where the cluster has finalised them; classic ones otherwise. Chosen once a fence. */
export const chooseProtocol = (cluster: ClusterView, coordinator: number, wish: 'auto' | 'classic'): TransactionProtocol => {
  if (wish === 'auto' && cluster.transactionVersion >= V2_LEVEL) return V2;
  return {
    isV2: false,
    initProducerId: 4,
    produce: cluster.version(coordinator, API_PRODUCE, 11),
    txnOffsetCommit: cluster.version(coordinator, API_TXN_OFFSET_COMMIT, 4),
    endTxn: cluster.version(coordinator, API_END_TXN, 4),
  };
};
