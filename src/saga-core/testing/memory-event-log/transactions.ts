import type { Cancel, Clock, Position, RecordToWrite } from '#saga-core/ports';
import type { Latency } from './network.ts';
import type { PartitionLog, PartitionTransaction } from './partition-log.ts';
import type { SimulatedRandom } from '../simulated-random.ts';

/** Who sends: a request of an older epoch than the coordinator's comes from a fenced writer. */
export type ProducerSession = { readonly producerId: number; readonly epoch: number };

export type CoordinatorAnswer<Value> =
  | { readonly code: 'NONE'; readonly value: Value }
  /** The last transaction of this id is still being ended: ask again in a moment. */
  | { readonly code: 'CONCURRENT_TRANSACTIONS' }
  | { readonly code: 'FENCED' }
  | { readonly code: 'INVALID_TXN_STATE' };

/** What a transaction's positions become when its markers are written. */
export type PositionStore = {
  readonly hold: (group: string, positions: readonly Position[]) => void;
  readonly release: (group: string, positions: readonly Position[], decision: 'commit' | 'abort') => void;
};

export type TransactionCoordinator = {
  /** Fences older writers of the id and ends their open transaction; must be asked again while that lasts. */
  readonly initProducerId: (transactionalId: string, transactionTimeoutMs: number) => CoordinatorAnswer<ProducerSession>;
  /** Adds the partition to the transaction; the same request sent twice is written once. Answers the base offset. */
  readonly produce: (transactionalId: string, session: ProducerSession, batch: Batch) => CoordinatorAnswer<number>;
  readonly addPositions: (transactionalId: string, session: ProducerSession, positions: GroupPositions) => CoordinatorAnswer<null>;
  /** Decided when it answers; the markers follow one by one. Every end of a transaction starts a new epoch (KIP-890). */
  readonly endTransaction: (transactionalId: string, session: ProducerSession, decision: 'commit' | 'abort') => CoordinatorAnswer<ProducerSession>;
};

export type Batch = { readonly log: PartitionLog; readonly records: readonly RecordToWrite[] };
export type GroupPositions = { readonly group: string; readonly positions: readonly Position[] };

/** Planted faults, for proving that the checkers see them. Never set them elsewhere. */
export type BrokerMutants = {
  /** Older writers of a transactional id go on writing. */
  readonly withoutFencing?: boolean;
  /** Readers get aborted records too. */
  readonly withoutAbortFilter?: boolean;
};

type OngoingTransaction = {
  readonly parts: Map<PartitionLog, { readonly transaction: PartitionTransaction; readonly baseOffset: number }>;
  readonly positions: GroupPositions[];
  readonly cancelTimeout: Cancel;
};

type Producer = {
  readonly producerId: number;
  epoch: number;
  timeoutMs: number;
  ongoing: OngoingTransaction | null;
  /** Markers not yet written. */
  markersLeftCount: number;
};

export type CoordinatorOptions = {
  readonly clock: Clock;
  readonly random: SimulatedRandom;
  /** From the decision to the marker in a partition; every partition draws its own. */
  readonly markerLatency: Latency;
  readonly positions: PositionStore;
  readonly mutants: BrokerMutants;
};

/** Default of `transactionTimeoutMs` in a writer's options. */
export const TRANSACTION_TIMEOUT_MS = 5_000;

const concurrent = { code: 'CONCURRENT_TRANSACTIONS' } as const;
const fenced = { code: 'FENCED' } as const;

export const createTransactionCoordinator = (options: CoordinatorOptions): TransactionCoordinator => {
  const { clock, random, markerLatency, positions, mutants } = options;
  const producers = new Map<string, Producer>();
  let nextProducerId = 1000;

  /** From here on the decision stands, whatever becomes of the writer. */
  const decide = (producer: Producer, decision: 'commit' | 'abort'): void => {
    const ending = producer.ongoing;
    producer.epoch++;
    producer.ongoing = null;
    if (ending === null) return;
    ending.cancelTimeout();
    const later = (act: () => void): void => {
      producer.markersLeftCount++;
      clock.after(random.between(markerLatency.minMs, markerLatency.maxMs), () => {
        act();
        producer.markersLeftCount--;
      });
    };
    for (const [log, { transaction }] of ending.parts) later(() => log.mark(transaction, decision));
    for (const held of ending.positions) later(() => positions.release(held.group, held.positions, decision));
  };
  const begin = (producer: Producer): OngoingTransaction => {
    producer.ongoing ??= {
      parts: new Map(),
      positions: [],
      cancelTimeout: clock.after(producer.timeoutMs, () => decide(producer, 'abort')),
    };
    return producer.ongoing;
  };
  /** The producer, if the session may act for it now. */
  const admit = (transactionalId: string, session: ProducerSession): CoordinatorAnswer<Producer> => {
    const producer = producers.get(transactionalId);
    if (producer === undefined) return fenced;
    const isOld = producer.producerId !== session.producerId || producer.epoch !== session.epoch;
    if (isOld && mutants.withoutFencing !== true) return fenced;
    return producer.markersLeftCount > 0 ? concurrent : { code: 'NONE', value: producer };
  };
  return {
    initProducerId: (transactionalId, transactionTimeoutMs) => {
      const producer = producers.get(transactionalId) ?? { producerId: nextProducerId++, epoch: -1, timeoutMs: 0, ongoing: null, markersLeftCount: 0 };
      producers.set(transactionalId, producer);
      if (producer.ongoing !== null && mutants.withoutFencing !== true) decide(producer, 'abort');
      if (producer.markersLeftCount > 0) return concurrent;
      producer.epoch++;
      producer.timeoutMs = transactionTimeoutMs;
      return { code: 'NONE', value: { producerId: producer.producerId, epoch: producer.epoch } };
    },
    produce: (transactionalId, session, batch) => {
      const admitted = admit(transactionalId, session);
      if (admitted.code !== 'NONE') return admitted;
      const ongoing = begin(admitted.value);
      const repeated = ongoing.parts.get(batch.log);
      if (repeated !== undefined) return { code: 'NONE', value: repeated.baseOffset };
      const transaction: PartitionTransaction = { transactionalId, producerId: session.producerId, status: 'open' };
      // Entered before the append: a listener of the append must see a transaction that is already known.
      const part = { transaction, baseOffset: batch.log.highWatermark() };
      ongoing.parts.set(batch.log, part);
      batch.log.append(batch.records, transaction);
      return { code: 'NONE', value: part.baseOffset };
    },
    addPositions: (transactionalId, session, held) => {
      const admitted = admit(transactionalId, session);
      if (admitted.code !== 'NONE') return admitted;
      const ongoing = begin(admitted.value);
      if (!ongoing.positions.some((known) => known.group === held.group)) {
        ongoing.positions.push(held);
        positions.hold(held.group, held.positions);
      }
      return { code: 'NONE', value: null };
    },
    endTransaction: (transactionalId, session, decision) => {
      const admitted = admit(transactionalId, session);
      if (admitted.code !== 'NONE') return admitted;
      const producer = admitted.value;
      if (producer.ongoing === null) return { code: 'INVALID_TXN_STATE' };
      decide(producer, decision);
      return { code: 'NONE', value: { producerId: producer.producerId, epoch: producer.epoch } };
    },
  };
};

