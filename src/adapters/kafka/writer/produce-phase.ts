import type { RefusalCode } from '#saga-core/ports';
import { CODE } from '../error-codes.ts';
import { isLostAnswer, reasonOf } from '../errors.ts';
import type { Connection } from '../net/connection.ts';
import { pauseMs, within } from '../pause.ts';
import { produce, type ProduceAnswer, type ProducedPartition } from '../protocol/produce-v9-v12.ts';
import { encodeBatch } from '../records/batch-encoder.ts';
import { type PartitionChunks, splitFirstChunk } from './chunks.ts';
import { CONCURRENT_PAUSE_MS, type ExchangeEnd, MOVED_PAUSE_MS, UNKNOWN_TOPIC_GRACE_MS } from './exchange.ts';
import { advanceSequence } from './sequences.ts';
import type { TransactionContext } from './transaction-context.ts';
import { judge, type Verdict } from './verdict.ts';

type PartitionWork = PartitionChunks & {
  /** An attempt of the first chunk went without answer: it may be in the log, or still on its way. */
  isInDoubt: boolean;
  /** As above, and never acknowledged since: a refusal of a later copy says nothing about that one. */
  isAppendPossible: boolean;
  baseOffset: number | null;
  unknownSinceMs: number | null;
};
type Stop = Extract<ExchangeEnd, { readonly kind: 'refused' | 'fenced' | 'doubt' }>;
type Round = { readonly verdicts: Verdict[]; isMoved: boolean };

/**
 * Writes every partition's batches, those of one leader in one request, in rounds of one batch a partition.
 * After a refusal the round ends, and what is in doubt is repeated until it has an answer: an abort with a Produce still
 * in flight would leave a transaction open that nobody ends.
 */
export const producePhase = async (
  context: TransactionContext, partitions: readonly PartitionChunks[], baseOffsets: Map<string, number>,
): Promise<ExchangeEnd> => {
  const all = partitions.map((partition): PartitionWork => ({ ...partition, isInDoubt: false, isAppendPossible: false, baseOffset: null, unknownSinceMs: null }));
  let work: readonly PartitionWork[] = all;
  let stop: Stop | null = null;
  for (;;) {
    work = work.filter((partition) => partition.chunks.length > 0 && (stop === null || partition.isInDoubt));
    if (work.length === 0) return stop === null ? { kind: 'done' } : usable(context, all, stop);
    if (performance.now() >= context.deadlineMs || context.isOver()) return usable(context, all, atDeadline(work, stop));
    const round: Round = { verdicts: [], isMoved: false };
    await sendRound(context, work, round);
    for (const verdict of round.verdicts) stop = graver(stop, verdict);
    if (stop?.kind === 'fenced' || stop?.kind === 'doubt') return stop;
    for (const partition of work) if (partition.baseOffset !== null && !baseOffsets.has(partition.key)) baseOffsets.set(partition.key, partition.baseOffset);
    const again = round.verdicts.filter((verdict) => verdict.kind === 'again');
    if (again.length === 0 && !round.isMoved) continue;
    if (round.isMoved) await refreshLeaders(context, work);
    await pauseMs(!round.isMoved && again.every(({ isBrief }) => isBrief === true) ? CONCURRENT_PAUSE_MS : MOVED_PAUSE_MS);
  }
};

/**
 * Under the classic protocol sequences go on after an abort: if a lost copy was appended, the broker's next sequence is not
 * ours, and it would take the next batch of the same size for a duplicate. Such a writer must not live on.
 */
const usable = (context: TransactionContext, all: readonly PartitionWork[], end: Stop): Stop => {
  const lost = context.protocol.isV2 || end.kind !== 'refused' ? undefined : all.find((partition) => partition.isAppendPossible);
  return lost === undefined ? end : { kind: 'doubt', message: `${end.kind === 'refused' ? end.message : ''}; and a lost batch to ${lost.key} may have moved its sequence` };
};

const graver = (stop: Stop | null, verdict: Verdict): Stop | null => {
  if (verdict.kind === 'fenced') return { ...verdict, afterLoss: false };
  if (verdict.kind === 'doubt') return stop?.kind === 'fenced' ? stop : verdict;
  if (verdict.kind === 'refused') return stop ?? verdict;
  return stop;
};

const atDeadline = (work: readonly PartitionWork[], stop: Stop | null): Stop => {
  const doubtful = work.find((partition) => partition.isInDoubt);
  if (doubtful !== undefined) return { kind: 'doubt', message: `Produce to ${doubtful.key}: no definite answer in time` };
  return stop ?? { kind: 'refused', code: 'REFUSED', message: `Produce to ${work.map(({ key }) => key).join(', ')} was not accepted in time` };
};

const refreshLeaders = async (context: TransactionContext, work: readonly PartitionWork[]): Promise<void> => {
  try {
    await within(context.attemptTimeoutMs(context.deadlineMs), context.cluster.refreshTopics([...new Set(work.map(({ topic }) => topic))]));
  } catch (thrown) {
    if (!isLostAnswer(thrown)) throw thrown;
    // No broker answers now: the next round asks again, up to the deadline.
  }
};

const sendRound = async (context: TransactionContext, work: readonly PartitionWork[], round: Round): Promise<void> => {
  const byLeader = new Map<number, PartitionWork[]>();
  for (const partition of work) {
    const leader = await leaderOf(context, partition);
    if (leader === null) {
      round.isMoved = true;
      round.verdicts.push(unknownLeader(partition));
    } else {
      const group = byLeader.get(leader);
      if (group === undefined) byLeader.set(leader, [partition]);
      else group.push(partition);
    }
  }
  await Promise.all([...byLeader].map(([leader, group]) => sendToLeader(context, { leader, group }, round)));
};

const leaderOf = async (context: TransactionContext, partition: PartitionWork): Promise<number | null> => {
  const known = context.cluster.knownTopic(partition.topic)?.partitions.get(partition.partition);
  if (known !== undefined && known.leader >= 0) return known.leader;
  try {
    const leader = await within(context.attemptTimeoutMs(context.deadlineMs), context.cluster.leader(partition.topic, partition.partition));
    return leader?.leader ?? null;
  } catch (thrown) {
    if (isLostAnswer(thrown)) return null;
    throw thrown;
  }
};

const unknownLeader = (partition: PartitionWork): Verdict =>
  againOrUnknown(partition, { kind: 'again', moved: true, message: `${partition.key} has no leader` }, true);

const againOrUnknown = (partition: PartitionWork, verdict: Verdict, isUnknown: boolean): Verdict => {
  if (!isUnknown) {
    partition.unknownSinceMs = null;
    return verdict;
  }
  const now = performance.now();
  partition.unknownSinceMs ??= now;
  if (now - partition.unknownSinceMs < UNKNOWN_TOPIC_GRACE_MS) return verdict;
  const code: RefusalCode = 'UNKNOWN_TOPIC';
  return { kind: 'refused', code, message: `${partition.key} does not exist, or has no leader` };
};

/** Null: not connected by now. Nothing was sent, so nothing is in doubt that was not before. */
const reachLeader = async (context: TransactionContext, leader: number): Promise<Connection | null> => {
  try {
    return await within(context.attemptTimeoutMs(context.deadlineMs), context.produceConnections.to(leader));
  } catch (thrown) {
    if (isLostAnswer(thrown)) return null;
    throw thrown;
  }
};

type Target = { readonly leader: number; readonly group: readonly PartitionWork[] };

const sendToLeader = async (context: TransactionContext, target: Target, round: Round): Promise<void> => {
  const connection = await reachLeader(context, target.leader);
  if (connection === null || performance.now() >= context.deadlineMs) {
    round.isMoved = true;
    return;
  }
  const timeoutMs = context.attemptTimeoutMs(context.deadlineMs);
  const batches = target.group.map(({ key, topic, partition, chunks }) => ({
    topic, partition,
    batch: encodeBatch(chunks[0] ?? [], { producerId: context.identity.producerId, epoch: context.identity.epoch, baseSequence: context.sequences.get(key) ?? 0 }),
  }));
  const request = produce(context.protocol.produce, context.identity.transactionalId, { batches, timeoutMs: Math.ceil(timeoutMs) });
  let answer: ProduceAnswer;
  try {
    context.broker.openSinceMs ??= performance.now();
    answer = await connection.send(request, timeoutMs);
  } catch (thrown) {
    if (!isLostAnswer(thrown)) {
      round.verdicts.push({ kind: 'doubt', message: `Produce: ${reasonOf(thrown)}` });
      return;
    }
    round.isMoved = true;
    for (const partition of target.group) partition.isInDoubt = partition.isAppendPossible = true;
    return;
  }
  if (answer.throttleTimeMs > 0) context.onThrottled(target.leader, answer.throttleTimeMs);
  takeAnswers(context, target, { answers: answer.partitions, round });
};

const takeAnswers = (
  context: TransactionContext, target: Target, { answers, round }: { readonly answers: readonly ProducedPartition[]; readonly round: Round },
): void => {
  for (const partition of target.group) {
    const answer = answers.find((found) => found.partition === partition.partition && found.topic === partition.topic);
    const verdict = answer === undefined
      ? { kind: 'doubt', message: `Produce answer without ${partition.key}` } as const
      : takeAnswer(context, partition, answer);
    if (verdict.kind === 'again' && verdict.moved) round.isMoved = true;
    round.verdicts.push(verdict);
  }
};

/** The broker may append, and answer so all the same: the same sequence makes the repeat harmless, but not yet definite. */
const AFTER_APPEND: ReadonlySet<number> = new Set([CODE.REQUEST_TIMED_OUT, CODE.NOT_ENOUGH_REPLICAS_AFTER_APPEND]);

const takeAnswer = (context: TransactionContext, partition: PartitionWork, answer: ProducedPartition): Verdict => {
  if (answer.errorCode === CODE.MESSAGE_TOO_LARGE && splitFirstChunk(partition)) {
    partition.isInDoubt = false;
    return { kind: 'again', moved: false, isBrief: true, message: `${partition.key}: batch too large, split` };
  }
  const verdict = judge(answer.errorCode, `Produce to ${partition.key}${answer.message === null ? '' : ` (${answer.message})`}`);
  if (AFTER_APPEND.has(answer.errorCode)) partition.isInDoubt = partition.isAppendPossible = true;
  // Any other "not now" only says that this copy was not appended: an earlier one may have been, by the leader before.
  if (verdict.kind === 'again') return againOrUnknown(partition, verdict, answer.errorCode === CODE.UNKNOWN_TOPIC_OR_PARTITION);
  partition.isInDoubt = false;
  if (verdict.kind !== 'done') return verdict;
  if (answer.baseOffset <= (context.lastOffsets.get(partition.key) ?? -1)) {
    return { kind: 'doubt', message: `Produce to ${partition.key} was acknowledged at ${answer.baseOffset}, where this writer wrote before: a duplicate's acknowledgement` };
  }
  takeAcknowledgement(context, partition, answer.baseOffset);
  return verdict;
};

const takeAcknowledgement = (context: TransactionContext, partition: PartitionWork, baseOffset: number): void => {
  partition.isAppendPossible = false;
  const chunk = partition.chunks.shift() ?? [];
  context.lastOffsets.set(partition.key, baseOffset + chunk.length - 1);
  context.sequences.set(partition.key, advanceSequence(context.sequences.get(partition.key) ?? 0, chunk.length));
  partition.baseOffset ??= baseOffset;
};
