import type { Transaction } from '#saga-core/ports';
import type { CoordinatorType } from '../protocol/find-coordinator-v3.ts';
import { addOffsetsToTxnV3 } from '../protocol/add-offsets-to-txn-v3.ts';
import { addPartitionsToTxnV3 } from '../protocol/add-partitions-to-txn-v3.ts';
import { endTxn, type EndTxnAnswer } from '../protocol/end-txn-v3-v5.ts';
import type { Request } from '../net/request.ts';
import { txnOffsetCommit } from '../protocol/txn-offset-commit-v3-v5.ts';
import { CODE } from '../error-codes.ts';
import { isLostAnswer, reasonOf } from '../errors.ts';
import type { Connection } from '../net/connection.ts';
import { within } from '../pause.ts';
import type { PartitionChunks } from './chunks.ts';
import { exchange, type ExchangeEnd } from './exchange.ts';
import type { TransactionContext } from './transaction-context.ts';
import { type Again, judge, judgeEnd, type Verdict, worst } from './verdict.ts';

type Positions = NonNullable<Transaction['positions']>;
type Target<Answer> = {
  readonly type: CoordinatorType;
  readonly key: string;
  readonly request: Request<Answer>;
  readonly judge: (answer: Answer) => Verdict;
  readonly repeatLost: boolean;
  readonly mayActBeforeRefusing?: true;
  /** The transaction's when absent. */
  readonly deadlineMs?: number;
};

const askCoordinator = <Answer>(context: TransactionContext, target: Target<Answer>): Promise<ExchangeEnd> => {
  const deadlineMs = target.deadlineMs ?? context.deadlineMs;
  return exchange({
    deadlineMs,
    repeatLost: target.repeatLost,
    mayActBeforeRefusing: target.mayActBeforeRefusing === true,
    isOver: context.isOver,
    onMoved: () => context.cluster.dropCoordinator(target.type, target.key),
    attempt: async () => {
      const reached = await reachCoordinator(context, target, deadlineMs);
      if ('kind' in reached) return reached;
      context.broker.openSinceMs ??= performance.now();
      return target.judge(await reached.connection.send(target.request, context.attemptTimeoutMs(deadlineMs)));
    },
  });
};

/** Looking for the coordinator and connecting to it count against the deadline; nothing is sent after it. */
const reachCoordinator = async (
  context: TransactionContext, { type, key, request }: Pick<Target<unknown>, 'type' | 'key'> & { readonly request: { readonly name: string } }, deadlineMs: number,
): Promise<{ readonly connection: Connection } | Again> => {
  try {
    const nodeId = await within(context.attemptTimeoutMs(deadlineMs), context.cluster.coordinator(type, key));
    const connection = nodeId === null ? null : await within(context.attemptTimeoutMs(deadlineMs), context.connections.to(nodeId));
    if (connection !== null && performance.now() < deadlineMs) return { connection };
    return { kind: 'again', moved: true, isUnsent: true, message: `${request.name}: the coordinator of ${type} ${key} was not reached in time` };
  } catch (thrown) {
    if (!isLostAnswer(thrown)) throw thrown;
    return { kind: 'again', moved: true, isUnsent: true, message: `${request.name}: ${reasonOf(thrown)}` };
  }
};

/** Code 55 only says that another partition of the list was refused: the cause stands beside it. */
const judgeAll = (codes: readonly { readonly topic: string; readonly partition: number; readonly errorCode: number }[], what: string): Verdict =>
  worst(codes.filter(({ errorCode }) => errorCode !== CODE.OPERATION_NOT_ATTEMPTED)
    .map(({ topic, partition, errorCode }) => judge(errorCode, `${what} of ${topic}/${partition}`)));

export const addPartitions = (context: TransactionContext, partitions: readonly PartitionChunks[]): Promise<ExchangeEnd> => {
  const byTopic = new Map<string, number[]>();
  for (const { topic, partition } of partitions) byTopic.set(topic, [...(byTopic.get(topic) ?? []), partition]);
  return askCoordinator(context, {
    type: 'transaction', key: context.identity.transactionalId, repeatLost: true,
    request: addPartitionsToTxnV3(context.identity, byTopic),
    judge: (codes) => judgeAll(codes, 'AddPartitionsToTxn'),
  });
};

export const addOffsets = (context: TransactionContext, group: string): Promise<ExchangeEnd> =>
  askCoordinator(context, {
    type: 'transaction', key: context.identity.transactionalId, repeatLost: true,
    request: addOffsetsToTxnV3(context.identity, group),
    judge: ({ errorCode }) => judge(errorCode, `AddOffsetsToTxn of ${group}`),
  });

export const commitOffsets = (context: TransactionContext, positions: Positions): Promise<ExchangeEnd> =>
  askCoordinator(context, {
    type: 'group', key: positions.group, repeatLost: true,
    request: txnOffsetCommit(context.protocol.txnOffsetCommit, context.identity, {
      group: positions.group,
      memberId: positions.member?.memberId ?? '',
      generationId: positions.member?.generationId ?? -1,
      offsets: positions.offsets,
    }),
    judge: (codes) => judgeAll(codes, 'TxnOffsetCommit'),
  });

/** Refused only when nothing was sent. Under the classic protocol a lost answer is doubt: a late copy of the request would end the *next* transaction. */
export const end = (
  context: TransactionContext, verdict: 'commit' | 'abort', onNext: (next: NonNullable<EndTxnAnswer['next']>) => void,
): Promise<ExchangeEnd> =>
  askCoordinator(context, {
    type: 'transaction', key: context.identity.transactionalId, repeatLost: context.protocol.isV2, mayActBeforeRefusing: true,
    deadlineMs: verdict === 'abort' ? context.abortDeadlineMs : context.deadlineMs,
    request: endTxn(context.protocol.endTxn, context.identity, verdict),
    judge: (answer) => {
      const judged = judgeEnd(answer.errorCode);
      if (judged.kind === 'done' && answer.next !== null) onNext(answer.next);
      return judged;
    },
  });
