import { expect, test } from '@jest/globals';
import { CODE } from '../error-codes.ts';
import { KafkaError } from '../errors.ts';
import { exchange, type Exchange } from './exchange.ts';
import { judge, judgeEnd, type Verdict } from './verdict.ts';

const LOST = new KafkaError('KAFKA_CONNECTION_LOST', 'cut');

/** Answers what is given, one after the other; the last one for ever. */
const answering = (...answers: readonly (Verdict | KafkaError)[]): (() => Promise<Verdict>) => {
  let count = 0;
  return () => {
    const answer = answers[Math.min(count++, answers.length - 1)];
    return answer instanceof KafkaError || answer === undefined ? Promise.reject(answer ?? LOST) : Promise.resolve(answer);
  };
};

const endTxn = (attempt: Exchange['attempt'], rest: Partial<Exchange> = {}) => exchange({
  attempt, deadlineMs: performance.now() + 10_000, onMoved: () => undefined, repeatLost: true, mayActBeforeRefusing: true, isOver: () => false, ...rest,
});

/** For what goes on until the deadline. */
const soon = () => ({ deadlineMs: performance.now() + 50 });

test.each([CODE.COORDINATOR_NOT_AVAILABLE, CODE.NOT_COORDINATOR, CODE.REQUEST_TIMED_OUT])('EndTxn answered with %i and then fenced may have been appended', async (code) => {
  expect(await endTxn(answering(judgeEnd(code), judgeEnd(CODE.PRODUCER_FENCED)))).toMatchObject({ kind: 'fenced', afterLoss: true });
});

test('EndTxn answered with "not now" until the deadline leaves doubt', async () => {
  expect(await endTxn(answering(judgeEnd(CODE.NOT_COORDINATOR)), soon())).toMatchObject({ kind: 'doubt' });
});

test('an end whose coordinator was never reached is refused: nothing was sent', async () => {
  const unreached: Verdict = { kind: 'again', moved: true, message: 'no coordinator', isUnsent: true };
  expect(await endTxn(answering(unreached), soon())).toMatchObject({ kind: 'refused', message: 'no coordinator' });
  expect(await endTxn(answering(unreached, judgeEnd(CODE.PRODUCER_FENCED)))).toMatchObject({ kind: 'fenced', afterLoss: false });
});

test('nothing is attempted after the deadline', async () => {
  expect(await endTxn(() => Promise.reject(new Error('sent')), { deadlineMs: performance.now() - 1 })).toMatchObject({ kind: 'refused' });
});

test('a refusal after a lost answer says so: the lost one may have been executed', async () => {
  const refusal = judge(CODE.TOPIC_AUTHORIZATION_FAILED, 'AddPartitionsToTxn');
  expect(await endTxn(answering(LOST, refusal), { mayActBeforeRefusing: false })).toMatchObject({ kind: 'refused', afterLoss: true });
  expect(await endTxn(answering(refusal), { mayActBeforeRefusing: false })).toMatchObject({ kind: 'refused', afterLoss: false });
});
