import { invariant } from '#kernel';
import type { CommitOutcome, FenceOutcome, Transaction, TransactionalWriter, WriterOptions } from '#saga-core/ports';
import type { ClusterView } from '../cluster.ts';
import { CODE, codeName } from '../error-codes.ts';
import { isLostAnswer, reasonOf } from '../errors.ts';
import { pauseMs } from '../pause.ts';
import { initProducerId } from '../protocol/init-producer-id-v4-v5.ts';
import { chunksByPartition, type PartitionChunks } from './chunks.ts';
import { addOffsets, addPartitions, commitOffsets, end } from './coordinator-phases.ts';
import type { ExchangeEnd } from './exchange.ts';
import { CONCURRENT_PAUSE_MS, MOVED_PAUSE_MS } from './exchange.ts';
import { producePhase } from './produce-phase.ts';
import { chooseProtocol, type TransactionProtocol } from './protocol-choice.ts';
import type { TransactionContext } from './transaction-context.ts';
import { judge } from './verdict.ts';
import { WriterConnections } from './writer-connections.ts';

export type KafkaWriterOptions = {
  readonly transactionalId: string;
  readonly transactionTimeoutMs: number;
  readonly commitTimeoutMs: number | undefined;
  readonly longOpen: WriterOptions['longOpen'] | undefined;
  readonly protocol: 'auto' | 'classic';
  readonly onClosed: () => void;
};

/** A commit gives up before the coordinator would: after that the end of the transaction is no longer ours. */
const DEADLINE_SHARE = 0.8;
/** What was refused at the deadline still has so much of the transaction time-out for its abort. */
const ABORT_SHARE = 0.15;
/** Of the commit's time: three attempts fit below the deadline. */
const ATTEMPT_SHARE = 0.325;
const FENCE_DEADLINE_MS = 30_000;
const FENCE_ATTEMPT_TIMEOUT_MS = 2_000;
/** Brokers ask for seconds; a longer wish is not honoured. */
const THROTTLE_MS_MAX = 60_000;
const THROTTLE_STEP_MS = 100;

type Dead = Extract<CommitOutcome, { readonly status: 'fenced' | 'unknown' }>;
type Refusal = Extract<CommitOutcome, { readonly status: 'not-committed' }>;
type State =
  | { readonly status: 'new' }
  | { readonly status: 'fencing' }
  | { readonly status: 'ready' }
  | { readonly status: 'committing'; readonly done: Promise<unknown> }
  | { readonly status: 'dead'; readonly outcome: Dead };

/**
 * One transactional id, one transaction at a time. States: new → fencing → ready ⇄ committing; from each of them → dead,
 * which is final. See DESIGN.md for the order of requests and for what a lost answer means in each phase.
 */
export class KafkaTransactionalWriter implements TransactionalWriter {
  readonly #cluster: ClusterView;
  readonly #options: KafkaWriterOptions;
  readonly #connections: WriterConnections;
  /** Classic transactions send offsets beside a Produce: a connection that a quota mutes must not delay them past their end. */
  readonly #produceConnections: WriterConnections;
  readonly #sequences = new Map<string, number>();
  readonly #lastOffsets = new Map<string, number>();
  #protocol: TransactionProtocol | undefined;
  #producer = { producerId: -1, epoch: -1 };
  #state: State = { status: 'new' };
  #isClosing = false;
  #throttledUntilMs = 0;

  constructor(cluster: ClusterView, options: KafkaWriterOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#connections = new WriterConnections(cluster);
    this.#produceConnections = new WriterConnections(cluster);
  }

  readonly fence = async (): Promise<FenceOutcome> => {
    if (this.#state.status === 'dead') return { status: 'failed', message: this.#state.outcome.message };
    invariant(this.#state.status === 'new', `fence() of ${this.#options.transactionalId}: once, and first`);
    this.#state = { status: 'fencing' };
    const outcome = await this.#fence();
    if (outcome.status === 'failed') this.#die({ status: 'fenced', message: outcome.message });
    else if (!this.#isClosing) this.#state = { status: 'ready' };
    return outcome;
  };

  readonly commit = async (transaction: Transaction): Promise<CommitOutcome> => {
    const state = this.#state;
    if (state.status === 'dead') return state.outcome;
    invariant(state.status === 'ready', `commit() of ${this.#options.transactionalId} is ${state.status}: fence() comes first, and commits do not overlap`);
    const offsets = transaction.positions?.offsets ?? [];
    if (transaction.records.length === 0 && offsets.length === 0) return { status: 'committed', baseOffsets: new Map() };
    const running = this.#run(transaction);
    this.#state = { status: 'committing', done: running };
    try {
      const outcome = await running;
      if (outcome.status === 'fenced' || outcome.status === 'unknown') this.#die(outcome);
      else this.#state = { status: 'ready' };
      return outcome;
    } catch (thrown) {
      const outcome: Dead = { status: 'unknown', message: `${this.#options.transactionalId}: ${reasonOf(thrown)}` };
      this.#die(outcome);
      return outcome;
    }
  };

  readonly close = async (): Promise<void> => {
    this.#isClosing = true;
    if (this.#state.status === 'committing') await this.#state.done.catch(() => undefined);
    this.#die({ status: 'fenced', message: `writer ${this.#options.transactionalId} is closed` });
    this.#options.onClosed();
  };

  #die(outcome: Dead): void {
    this.#connections.close();
    this.#produceConnections.close();
    if (this.#state.status !== 'dead') this.#state = { status: 'dead', outcome };
  }

  async #fence(): Promise<FenceOutcome> {
    const { transactionalId, transactionTimeoutMs } = this.#options;
    const deadlineMs = performance.now() + FENCE_DEADLINE_MS;
    let lastMessage = '';
    while (performance.now() < deadlineMs) {
      // A fence that was given up must not live on: it would fence the successor.
      if (this.#isClosing || this.#cluster.isClosed) return { status: 'failed', message: `writer ${transactionalId} was closed while fencing` };
      let pauseNextMs = MOVED_PAUSE_MS;
      try {
        const nodeId = await this.#cluster.coordinator('transaction', transactionalId);
        // Connected first: only then is it known what the coordinator speaks.
        const connection = await this.#connections.to(nodeId);
        const protocol = chooseProtocol(this.#cluster, nodeId, this.#options.protocol);
        const answer = await connection.send(initProducerId(protocol.initProducerId, transactionalId, transactionTimeoutMs), FENCE_ATTEMPT_TIMEOUT_MS);
        const verdict = judge(answer.errorCode, `InitProducerId of ${transactionalId}`);
        if (verdict.kind === 'done') {
          this.#protocol = protocol;
          this.#producer = { producerId: answer.producerId, epoch: answer.epoch };
          return { status: 'fenced-others' };
        }
        if (verdict.kind !== 'again') return { status: 'failed', message: verdict.message };
        if (verdict.moved) this.#cluster.dropCoordinator('transaction', transactionalId);
        if (answer.errorCode === CODE.CONCURRENT_TRANSACTIONS) pauseNextMs = CONCURRENT_PAUSE_MS;
        lastMessage = codeName(answer.errorCode);
      } catch (thrown) {
        if (!isLostAnswer(thrown)) return { status: 'failed', message: `InitProducerId of ${transactionalId}: ${reasonOf(thrown)}` };
        this.#cluster.dropCoordinator('transaction', transactionalId);
        lastMessage = reasonOf(thrown);
      }
      await pauseMs(pauseNextMs);
    }
    return { status: 'failed', message: `InitProducerId of ${transactionalId}: no success within ${FENCE_DEADLINE_MS} ms (${lastMessage})` };
  }

  async #run(transaction: Transaction): Promise<CommitOutcome> {
    const protocol = this.#protocol;
    invariant(protocol !== undefined, 'commit() before fence()');
    if (!(await this.#throttleOver())) return { status: 'not-committed', code: 'REFUSED', message: `writer ${this.#options.transactionalId} was closed while a quota of the broker was waited for` };
    const context = this.#context(protocol);
    try {
      return await this.#transact(context, transaction);
    } finally {
      this.#tellIfLong(context);
    }
  }

  async #transact(context: TransactionContext, transaction: Transaction): Promise<CommitOutcome> {
    const baseOffsets = new Map<string, number>();
    const partitions = chunksByPartition(transaction.records);
    const body = await this.#body(context, { transaction, partitions }, baseOffsets);
    if (body.kind === 'fenced') return { status: 'fenced', message: body.message };
    if (body.kind === 'doubt') return { status: 'unknown', message: body.message };
    if (body.kind === 'refused') {
      const refusal: Refusal = { status: 'not-committed', code: body.code, message: body.message };
      return context.broker.openSinceMs === null ? refusal : await this.#abort(context, refusal);
    }
    const ended = await this.#end(context, 'commit');
    switch (ended.kind) {
      case 'done':
        return { status: 'committed', baseOffsets };
      case 'fenced':
        // After a repeat the first copy may have committed before the newer owner came.
        return ended.afterLoss ? { status: 'unknown', message: ended.message } : { status: 'fenced', message: ended.message };
      case 'refused':
        // The deadline came before EndTxn could be sent.
        return await this.#abort(context, { status: 'not-committed', code: ended.code, message: ended.message });
      default:
        return { status: 'unknown', message: ended.message };
    }
  }

  /** Everything between the beginning and EndTxn; all answers are in when it returns, unless it ends in doubt. */
  async #body(
    context: TransactionContext, work: { readonly transaction: Transaction; readonly partitions: readonly PartitionChunks[] },
    baseOffsets: Map<string, number>,
  ): Promise<ExchangeEnd> {
    const { partitions, transaction: { positions } } = work;
    const hasOffsets = positions !== undefined && positions.offsets.length > 0;
    const writeRecords = (): Promise<ExchangeEnd> => producePhase(context, partitions, baseOffsets);
    if (context.protocol.isV2) {
      // Offsets first: TxnOffsetCommit answers CONCURRENT_TRANSACTIONS at once, Produce waits inside the broker in steps of 20 ms.
      const offsetsEnd = hasOffsets ? await commitOffsets(context, positions) : DONE_END;
      return offsetsEnd.kind === 'done' ? await writeRecords() : offsetsEnd;
    }
    const added = await Promise.all([
      ...(partitions.length > 0 ? [addPartitions(context, partitions)] : []),
      ...(hasOffsets ? [addOffsets(context, positions.group)] : []),
    ]);
    const addEnd = gravest(added);
    // Nothing was added: an abort would be refused with INVALID_TXN_STATE, and leave doubt where there is none.
    if (added.every((each) => each.kind === 'refused' && each.afterLoss !== true)) context.broker.openSinceMs = null;
    if (addEnd.kind !== 'done') return addEnd;
    return gravest(await Promise.all([writeRecords(), hasOffsets ? commitOffsets(context, positions) : DONE_END]));
  }

  async #abort(context: TransactionContext, refusal: Refusal): Promise<CommitOutcome> {
    const ended = await this.#end(context, 'abort');
    if (ended.kind === 'done') return refusal;
    const message = `${refusal.message}; then the abort: ${ended.message}`;
    return ended.kind === 'fenced' ? { status: 'fenced', message } : { status: 'unknown', message };
  }

  async #end(context: TransactionContext, verdict: 'commit' | 'abort'): Promise<ExchangeEnd> {
    context.broker.endSinceMs ??= performance.now();
    return await end(context, verdict, (next) => {
      this.#producer = next;
      this.#sequences.clear();
    });
  }

  /** A transaction in doubt stays open until its successor's fence, which no longer is this writer's to see. */
  #tellIfLong({ broker: { openSinceMs, endSinceMs } }: TransactionContext): void {
    const { longOpen, transactionalId } = this.#options;
    if (longOpen === undefined || openSinceMs === null) return;
    const nowMs = performance.now();
    if (nowMs - openSinceMs > longOpen.aboveMs) longOpen.onLongOpen({ transactionalId, openMs: nowMs - openSinceMs, endMs: endSinceMs === null ? 0 : nowMs - endSinceMs });
  }

  /**
   * A throttled broker reads no more from that connection, for longer than a transaction may last. So the transaction under
   * way ends on a new one, and the next waits before it begins: over time the quota is kept. False: the writer was
   * closed while it waited.
   */
  async #throttleOver(): Promise<boolean> {
    for (;;) {
      const leftMs = this.#throttledUntilMs - performance.now();
      if (leftMs <= 0) return true;
      if (this.#isClosing || this.#cluster.isClosed) return false;
      await pauseMs(Math.min(leftMs, THROTTLE_STEP_MS));
    }
  }

  #context(protocol: TransactionProtocol): TransactionContext {
    const { transactionalId, transactionTimeoutMs, commitTimeoutMs = Infinity } = this.#options;
    const commitMs = Math.min(commitTimeoutMs, transactionTimeoutMs * DEADLINE_SHARE);
    const attemptMs = commitMs * ATTEMPT_SHARE;
    const deadlineMs = performance.now() + commitMs;
    const produceConnections = protocol.isV2 ? this.#connections : this.#produceConnections;
    return {
      cluster: this.#cluster, connections: this.#connections, produceConnections, protocol, broker: { openSinceMs: null, endSinceMs: null },
      deadlineMs, abortDeadlineMs: deadlineMs + transactionTimeoutMs * ABORT_SHARE,
      identity: { transactionalId, ...this.#producer },
      sequences: this.#sequences, lastOffsets: this.#lastOffsets,
      attemptTimeoutMs: (deadlineMs) => Math.max(1, Math.min(attemptMs, deadlineMs - performance.now())),
      onThrottled: (nodeId, throttleTimeMs) => {
        this.#throttledUntilMs = Math.max(this.#throttledUntilMs, performance.now() + Math.min(throttleTimeMs, THROTTLE_MS_MAX));
        produceConnections.drop(nodeId);
      },
      isOver: () => this.#cluster.isClosed,
    };
  }
}

const DONE_END: ExchangeEnd = { kind: 'done' };
const GRAVITY = { done: 0, refused: 1, doubt: 2, fenced: 3 } as const satisfies Record<ExchangeEnd['kind'], number>;
const gravest = (ends: readonly ExchangeEnd[]): ExchangeEnd =>
  ends.reduce((left, right) => (GRAVITY[right.kind] > GRAVITY[left.kind] ? right : left), DONE_END);
