import type { RefusalCode } from '#saga-core/ports';
import { CODE } from '../error-codes.ts';
import { isLostAnswer, reasonOf } from '../errors.ts';
import { pauseMs } from '../pause.ts';
import { produce, type ProducedPartition } from '../protocol/produce-v9-v12.ts';
import { encodeBatch } from '../records/batch-encoder.ts';
import { type PartitionChunks, splitFirstChunk } from './chunks.ts';
import { CONCURRENT_PAUSE_MS, type ExchangeEnd, MOVED_PAUSE_MS, UNKNOWN_TOPIC_GRACE_MS } from './exchange.ts';
import { advanceSequence } from './sequences.ts';
import type { TransactionContext } from './transaction-context.ts';
import { judge, type Verdict } from './verdict.ts';

type PartitionWork = PartitionChunks & {
  /** An attempt of the first chunk went without answer: it may be in the log, or still on its way. */
  isInDoubt: boolean;
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
  let work: PartitionWork[] = partitions.map((partition) => ({ ...partition, isInDoubt: false, baseOffset: null, unknownSinceMs: null }));
  let stop: Stop | null = null;
  for (;;) {
    work = work.filter((partition) => partition.chunks.length > 0 && (stop === null || partition.isInDoubt));
    if (work.length === 0) return stop ?? { kind: 'done' };
    if (performance.now() >= context.deadlineMs || context.isOver()) return atDeadline(work, stop);
    const round: Round = { verdicts: [], isMoved: false };
    await sendRound(context, work, round);
    for (const verdict of round.verdicts) stop = graver(stop, verdict);
    if (stop?.kind === 'fenced' || stop?.kind === 'doubt') return stop;
    for (const partition of work) if (partition.baseOffset !== null && !baseOffsets.has(partition.key)) baseOffsets.set(partition.key, partition.baseOffset);
    const again = round.verdicts.find((verdict) => verdict.kind === 'again');
    if (again?.kind !== 'again' && !round.isMoved) continue;
    if (round.isMoved) await refreshLeaders(context, work);
    await pauseMs(round.isMoved ? MOVED_PAUSE_MS : CONCURRENT_PAUSE_MS);
  }
};

const graver = (stop: Stop | null, verdict: Verdict): Stop | null => {
  if (verdict.kind === 'fenced') return { ...verdict, afterLoss: false };
  if (verdict.kind === 'doubt') return stop?.kind === 'fenced' ? stop : verdict;
  if (verdict.kind === 'refused') return stop ?? verdict;
  return stop;
};

const atDeadline = (work: readonly PartitionWork[], stop: Stop | null): ExchangeEnd => {
  const doubtful = work.find((partition) => partition.isInDoubt);
  if (doubtful !== undefined) return { kind: 'doubt', message: `Produce to ${doubtful.key}: no definite answer in time` };
  return stop ?? { kind: 'refused', code: 'REFUSED', message: `Produce to ${work.map(({ key }) => key).join(', ')} was not accepted in time` };
};

const refreshLeaders = async (context: TransactionContext, work: readonly PartitionWork[]): Promise<void> => {
  try {
    await context.cluster.refreshTopics([...new Set(work.map(({ topic }) => topic))]);
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
    return (await context.cluster.leader(partition.topic, partition.partition))?.leader ?? null;
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

const sendToLeader = async (
  context: TransactionContext, target: { readonly leader: number; readonly group: readonly PartitionWork[] }, round: Round,
): Promise<void> => {
  const timeoutMs = context.attemptTimeoutMs();
  const batches = target.group.map(({ key, topic, partition, chunks }) => ({
    topic, partition,
    batch: encodeBatch(chunks[0] ?? [], { producerId: context.identity.producerId, epoch: context.identity.epoch, baseSequence: context.sequences.get(key) ?? 0 }),
  }));
  const request = produce(context.protocol.produce, context.identity.transactionalId, { batches, timeoutMs: Math.ceil(timeoutMs) });
  let answers: readonly ProducedPartition[];
  try {
    context.broker.mayHaveOpen = true;
    answers = await context.connections.send(target.leader, request, timeoutMs);
  } catch (thrown) {
    if (!isLostAnswer(thrown)) {
      round.verdicts.push({ kind: 'doubt', message: `Produce: ${reasonOf(thrown)}` });
      return;
    }
    round.isMoved = true;
    for (const partition of target.group) partition.isInDoubt = true;
    return;
  }
  for (const partition of target.group) {
    const answer = answers.find((found) => found.partition === partition.partition && found.topic === partition.topic);
    const verdict = answer === undefined
      ? { kind: 'doubt', message: `Produce answer without ${partition.key}` } as const
      : takeAnswer(context, partition, answer);
    if (verdict.kind === 'again' && verdict.moved) round.isMoved = true;
    round.verdicts.push(verdict);
  }
};

const takeAnswer = (context: TransactionContext, partition: PartitionWork, answer: ProducedPartition): Verdict => {
  if (answer.errorCode === CODE.MESSAGE_TOO_LARGE && splitFirstChunk(partition)) {
    partition.isInDoubt = false;
    return { kind: 'again', moved: false, message: `${partition.key}: batch too large, split` };
  }
  const verdict = judge(answer.errorCode, `Produce to ${partition.key}${answer.message === null ? '' : ` (${answer.message})`}`);
  // A time-out on the broker's side may follow an append; the same sequence makes the repeat harmless, but not yet definite.
  partition.isInDoubt = answer.errorCode === CODE.REQUEST_TIMED_OUT || answer.errorCode === CODE.NOT_ENOUGH_REPLICAS_AFTER_APPEND;
  if (verdict.kind === 'again') return againOrUnknown(partition, verdict, answer.errorCode === CODE.UNKNOWN_TOPIC_OR_PARTITION);
  if (verdict.kind !== 'done') return verdict;
  if (answer.baseOffset <= (context.lastOffsets.get(partition.key) ?? -1)) {
    return { kind: 'doubt', message: `Produce to ${partition.key} was acknowledged at ${answer.baseOffset}, where this writer wrote before: a duplicate's acknowledgement` };
  }
  const chunk = partition.chunks.shift() ?? [];
  context.lastOffsets.set(partition.key, answer.baseOffset + chunk.length - 1);
  context.sequences.set(partition.key, advanceSequence(context.sequences.get(partition.key) ?? 0, chunk.length));
  partition.baseOffset ??= answer.baseOffset;
  return verdict;
};
