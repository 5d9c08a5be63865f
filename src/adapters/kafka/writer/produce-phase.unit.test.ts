import { expect, test } from '@jest/globals';
import { CODE } from '../error-codes.ts';
import { KafkaError } from '../errors.ts';
import type { ProduceAnswer } from '../protocol/produce-v9-v12.ts';
import { chunksByPartition } from './chunks.ts';
import { producePhase } from './produce-phase.ts';
import type { TransactionContext } from './transaction-context.ts';

// What the writer is told when copies of one batch are answered differently. The broker is a script: an answer a round.

const LOST = new KafkaError('KAFKA_CONNECTION_LOST', 'cut');
type Scripted = KafkaError | readonly (readonly [partition: number, errorCode: number, baseOffset?: number])[];

const answerOf = (scripted: Exclude<Scripted, KafkaError>): ProduceAnswer => ({
  throttleTimeMs: 0, partitions: scripted.map(([partition, errorCode, baseOffset = -1]) => ({ topic: 't', partition, errorCode, baseOffset, message: null })),
});

const run = async (isV2: boolean, script: readonly Scripted[], limitMs = 10_000) => {
  let round = 0;
  const send = (): Promise<ProduceAnswer> => {
    const scripted = script[Math.min(round++, script.length - 1)] ?? LOST;
    return scripted instanceof KafkaError ? Promise.reject(scripted) : Promise.resolve(answerOf(scripted));
  };
  const view = { topicId: '', errorCode: 0, fetchedAtMs: 0, partitions: new Map([0, 1].map((partition) => [partition, { partition, leader: 1, leaderEpoch: 0 }])) };
  const deadlineMs = performance.now() + limitMs;
  const context = {
    cluster: { knownTopic: () => view, refreshTopics: () => Promise.resolve() },
    produceConnections: { to: () => Promise.resolve({ send }) },
    protocol: { isV2, produce: 11 }, identity: { transactionalId: 'id', producerId: 1, epoch: 0 },
    sequences: new Map(), lastOffsets: new Map(), deadlineMs, abortDeadlineMs: deadlineMs,
    attemptTimeoutMs: () => 100, isOver: () => false, onThrottled: () => undefined, broker: { openSinceMs: null, endSinceMs: null },
  } as unknown as TransactionContext;
  const records = [0, 1].map((partition) => ({ topic: 't', partition, key: null, value: Buffer.from('x'), headers: {}, timestampMs: 0 }));
  return { end: await producePhase(context, chunksByPartition(records), new Map()), sequences: context.sequences, sentCount: round };
};

test.each([CODE.NOT_LEADER_OR_FOLLOWER, CODE.LEADER_NOT_AVAILABLE, CODE.UNKNOWN_TOPIC_OR_PARTITION, CODE.NOT_ENOUGH_REPLICAS])(
  'K1: a lost batch stays in doubt when the repeat is answered with %i, and is repeated before the transaction ends', async (code) => {
    const { end, sequences, sentCount } = await run(true, [LOST, [[0, code], [1, CODE.INVALID_RECORD]], [[0, 0, 7]]]);
    expect(end).toMatchObject({ kind: 'refused', code: 'INVALID_RECORD' });
    expect(sentCount).toBe(3);
    expect(sequences.get('t/0')).toBe(1);
  });

test('K1: a classic writer whose lost batch may lie in the log does not live on after a refusal', async () => {
  const script = [LOST, [[0, CODE.TOPIC_AUTHORIZATION_FAILED], [1, CODE.INVALID_RECORD]]] as const;
  expect((await run(false, script)).end).toMatchObject({ kind: 'doubt', message: expect.stringContaining('t/') });
  // Under v2 the abort ends the epoch, and sequences start again.
  expect((await run(true, script)).end).toMatchObject({ kind: 'refused' });
});

test('a classic writer whose lost batch was acknowledged after all is usable after a refusal elsewhere', async () => {
  const { end } = await run(false, [[[0, CODE.REQUEST_TIMED_OUT], [1, CODE.INVALID_RECORD]], [[0, 0, 7]]]);
  expect(end).toMatchObject({ kind: 'refused', code: 'INVALID_RECORD' });
});

test('a batch that was lost and never answered definitely is in doubt at the deadline', async () => {
  expect((await run(true, [LOST, [[0, CODE.NOT_LEADER_OR_FOLLOWER], [1, CODE.NOT_LEADER_OR_FOLLOWER]]], 100)).end).toMatchObject({ kind: 'doubt' });
});

test('batches that were only ever refused for now are refused at the deadline, without doubt', async () => {
  expect((await run(false, [[[0, CODE.NOT_LEADER_OR_FOLLOWER], [1, CODE.NOT_LEADER_OR_FOLLOWER]]], 100)).end).toMatchObject({ kind: 'refused', code: 'REFUSED' });
});
