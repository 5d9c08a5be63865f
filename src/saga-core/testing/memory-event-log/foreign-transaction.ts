import { partitionKey, type RecordToWrite, type Transaction } from '#saga-core/ports';
import type { Broker } from './broker.ts';
import { type CoordinatorAnswer, TRANSACTION_TIMEOUT_MS } from './transactions.ts';

/** Somebody else's open transaction, to be ended by the test. */
export type ForeignTransaction = { readonly commit: () => Promise<void>; readonly abort: () => Promise<void> };

const RETRY_MS = 1;

/** Opens a transaction as any other Kafka client would, and leaves it open. */
export const openForeignTransaction = async (broker: Broker, transactionalId: string, transaction: Transaction): Promise<ForeignTransaction> => {
  const { clock, transactions } = broker;
  const insist = async <Value>(what: string, ask: () => CoordinatorAnswer<Value>): Promise<Value> => {
    for (;;) {
      const answer = ask();
      if (answer.code === 'NONE') return answer.value;
      if (answer.code !== 'CONCURRENT_TRANSACTIONS') throw new Error(`${transactionalId}: ${what}: ${answer.code}`);
      await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve));
    }
  };
  const session = await insist('InitProducerId', () => transactions.initProducerId(transactionalId, TRANSACTION_TIMEOUT_MS));
  const batches = new Map<string, RecordToWrite[]>();
  for (const record of transaction.records) {
    const batch = batches.get(partitionKey(record)) ?? [];
    batches.set(partitionKey(record), [...batch, record]);
  }
  for (const [name, records] of batches) {
    const [first] = records;
    const log = first === undefined ? null : broker.topics.partition(first);
    if (log === null) throw new Error(`${name} does not exist`);
    await insist('Produce', () => transactions.produce(transactionalId, session, { log, records }));
  }
  const { positions } = transaction;
  if (positions !== undefined) {
    await insist('TxnOffsetCommit', () => transactions.addPositions(transactionalId, session, { group: positions.group, positions: positions.offsets }));
  }
  const end = (decision: 'commit' | 'abort') => async (): Promise<void> => {
    await insist('EndTxn', () => transactions.endTransaction(transactionalId, session, decision));
  };
  return { commit: end('commit'), abort: end('abort') };
};
