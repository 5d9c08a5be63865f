import { type CommitOutcome, type FenceOutcome, partitionKey, type RecordToWrite, type Transaction, type TransactionalWriter, type WriterOptions as PortOptions } from '#saga-core/ports';
import { refusalOf, type Refusal } from './admission.ts';
import type { Broker } from './broker.ts';
import type { RequestKind } from './faults.ts';
import type { CoordinatorAnswer, ProducerSession } from './transactions.ts';
import type { SimulatedProcess } from '../simulated-process.ts';

export type WriterOptions = {
  readonly broker: Broker;
  readonly process: SimulatedProcess;
  readonly transactionalId: string;
  readonly transactionTimeoutMs: number;
  readonly commitTimeoutMs?: number | undefined;
  readonly longOpen?: PortOptions['longOpen'] | undefined;
};

type Refused = { readonly code: 'REFUSED'; readonly refusal: Refusal };
type Answered<Value> = CoordinatorAnswer<Value> | Refused | { readonly code: 'LOST' };
type Ask<Value> = { readonly kind: RequestKind; readonly serve: () => CoordinatorAnswer<Value> | Refused };

/** CONCURRENT_TRANSACTIONS: markers are written within a few milliseconds. */
const CONCURRENT_RETRY_MS = 1;
/** Of the transaction time-out: past it the coordinator may end the transaction any moment. */
const DEADLINE_SHARE = 0.8;

const METADATA_BYTES_MAX = 4_096;

const byPartition = (records: readonly RecordToWrite[]): RecordToWrite[][] => {
  const batches = new Map<string, RecordToWrite[]>();
  for (const record of records) {
    const batch = batches.get(partitionKey(record)) ?? [];
    batches.set(partitionKey(record), batch);
    batch.push(record);
  }
  return [...batches.values()];
};

/** A transaction's requests under one session. */
const createRequests = (options: WriterOptions) => {
  const { broker, process, transactionalId } = options;
  const wait = (delayMs: number): Promise<void> => new Promise((resolve) => void process.clock.after(delayMs, resolve));
  /** Repeats what was lost or came too early until the deadline; a repeated produce is written once. */
  const ask = async <Value>(request: Ask<Value>, deadlineMs: number): Promise<Answered<Value>> => {
    while (process.clock.monotonicMillis() < deadlineMs) {
      const reply = await broker.network.request({ ...request, subject: transactionalId, from: process, timeoutMs: broker.requestTimeoutMs });
      if (reply.status === 'answered' && reply.answer.code !== 'CONCURRENT_TRANSACTIONS') return reply.answer;
      if (reply.status === 'lost' && request.kind === 'end-txn') return { code: 'LOST' };
      await wait(CONCURRENT_RETRY_MS);
    }
    return { code: 'LOST' };
  };
  const { transactions, topics, groups } = broker;
  return {
    initialise: (deadlineMs: number) =>
      ask({ kind: 'init-producer-id', serve: () => transactions.initProducerId(transactionalId, options.transactionTimeoutMs) }, deadlineMs),
    produce: (session: ProducerSession, records: readonly RecordToWrite[], deadlineMs: number) =>
      ask<number>({
        kind: 'produce',
        serve: () => {
          const [first] = records;
          const log = first === undefined ? null : topics.partition(first);
          const refusal = refusalOf(first === undefined ? null : topics.find(first.topic), records, broker.clock.nowMillis());
          if (refusal !== null || log === null) return { code: 'REFUSED', refusal: refusal ?? { code: 'UNKNOWN_TOPIC', message: 'no partition' } };
          return transactions.produce(transactionalId, session, { log, records });
        },
      }, deadlineMs),
    addPositions: (session: ProducerSession, held: NonNullable<Transaction['positions']>, deadlineMs: number) =>
      ask<null>({
        kind: 'txn-offset-commit',
        serve: () => {
          if (held.member !== undefined && !groups.isCurrent(held.group, held.member.memberId, held.member.generationId)) {
            return { code: 'REFUSED', refusal: { code: 'ILLEGAL_GENERATION', message: `member ${held.member.memberId} is not of the current generation of group ${held.group}` } };
          }
          const tooLong = held.offsets.find((position) => Buffer.byteLength(position.metadata) > METADATA_BYTES_MAX);
          if (tooLong !== undefined) return { code: 'REFUSED', refusal: { code: 'REFUSED', message: `metadata of ${partitionKey(tooLong)} is longer than ${METADATA_BYTES_MAX} bytes` } };
          return transactions.addPositions(transactionalId, session, { group: held.group, positions: held.offsets });
        },
      }, deadlineMs),
    end: (session: ProducerSession, decision: 'commit' | 'abort', deadlineMs: number) =>
      ask({ kind: 'end-txn', serve: () => transactions.endTransaction(transactionalId, session, decision) }, deadlineMs),
  };
};

const fencedOutcome = (transactionalId: string): CommitOutcome => ({ status: 'fenced', message: `a newer writer of ${transactionalId} exists` });

const committed = (batches: readonly (readonly RecordToWrite[])[], answers: readonly Answered<number>[]): CommitOutcome => {
  const baseOffsets = new Map<string, number>();
  for (const [index, answer] of answers.entries()) {
    const first = batches[index]?.[0];
    if (first !== undefined && answer.code === 'NONE') baseOffsets.set(partitionKey(first), answer.value);
  }
  return { status: 'committed', baseOffsets };
};

type Session = { current: ProducerSession };

/** Sends one whole transaction; the broker's rules decide how it ends. */
const createTransact = (options: WriterOptions) => {
  const requests = createRequests(options);
  const unknown = (what: string): CommitOutcome => ({ status: 'unknown', message: `${options.transactionalId}: no definite answer to ${what}; fence and fold again` });
  const now = (): number => options.process.clock.monotonicMillis();
  return async (session: Session, transaction: Transaction, times: { endSinceMs: number | null }): Promise<CommitOutcome> => {
    const deadlineMs = now() + Math.min(options.commitTimeoutMs ?? Infinity, options.transactionTimeoutMs * DEADLINE_SHARE);
    const batches = byPartition(transaction.records);
    const positions = transaction.positions === undefined ? null : await requests.addPositions(session.current, transaction.positions, deadlineMs);
    // After a refusal nothing more is sent; a produce under way is awaited, since one behind an abort would hang.
    const answers = positions === null || positions.code === 'NONE'
      ? await Promise.all(batches.map((batch) => requests.produce(session.current, batch, deadlineMs)))
      : [];
    const all: readonly Answered<unknown>[] = positions === null ? answers : [positions, ...answers];
    if (all.some((answer) => answer.code === 'FENCED')) return fencedOutcome(options.transactionalId);
    if (all.some((answer) => answer.code === 'LOST' || answer.code === 'INVALID_TXN_STATE')) return unknown('a send');
    const refused = all.find((answer) => answer.code === 'REFUSED');
    const isBegun = all.some((answer) => answer.code === 'NONE');
    if (refused !== undefined && !isBegun) return { status: 'not-committed', ...refused.refusal };
    times.endSinceMs = now();
    const end = await requests.end(session.current, refused === undefined ? 'commit' : 'abort', deadlineMs);
    if (end.code === 'FENCED') return fencedOutcome(options.transactionalId);
    if (end.code !== 'NONE') return unknown('EndTxn');
    session.current = end.value;
    return refused === undefined ? committed(batches, answers) : { status: 'not-committed', ...refused.refusal };
  };
};

const tellIfLong = ({ longOpen, transactionalId, process }: WriterOptions, openSinceMs: number, endSinceMs: number | null): void => {
  const nowMs = process.clock.monotonicMillis();
  if (longOpen === undefined || nowMs - openSinceMs <= longOpen.aboveMs) return;
  longOpen.onLongOpen({ transactionalId, openMs: nowMs - openSinceMs, endMs: endSinceMs === null ? 0 : nowMs - endSinceMs });
};

/** One transactional id on one simulated process. */
export const createMemoryWriter = (options: WriterOptions): TransactionalWriter => {
  const { broker, process, transactionalId } = options;
  const requests = createRequests(options);
  const transact = createTransact(options);
  let session: Session | null = null;
  let grave: CommitOutcome | null = null;
  let underWay: Promise<unknown> = Promise.resolve();
  const fence = async (): Promise<FenceOutcome> => {
    if (session !== null || grave !== null) return { status: 'failed', message: `${transactionalId}: a writer is fenced once; make a new one` };
    const answer = await requests.initialise(process.clock.monotonicMillis() + broker.fenceTimeoutMs);
    if (answer.code !== 'NONE') {
      grave = { status: 'fenced', message: `${transactionalId}: the writer never got its id` };
      return { status: 'failed', message: `${transactionalId}: no answer to InitProducerId (${answer.code})` };
    }
    session = { current: answer.value };
    return { status: 'fenced-others' };
  };
  const commit = async (transaction: Transaction): Promise<CommitOutcome> => {
    if (grave !== null) return grave;
    if (session === null) throw new Error(`${transactionalId}: fence() must come before commit()`);
    if (transaction.records.length === 0 && (transaction.positions?.offsets.length ?? 0) === 0) return { status: 'committed', baseOffsets: new Map() };
    const openSinceMs = process.clock.monotonicMillis();
    const times: { endSinceMs: number | null } = { endSinceMs: null };
    const sending = transact(session, transaction, times);
    underWay = sending;
    const outcome = await sending;
    tellIfLong(options, openSinceMs, times.endSinceMs);
    if (outcome.status === 'fenced' || outcome.status === 'unknown') grave = outcome;
    return outcome;
  };
  return {
    fence,
    commit,
    close: async () => {
      await underWay;
      grave ??= { status: 'fenced', message: `${transactionalId}: the writer is closed` };
    },
  };
};
