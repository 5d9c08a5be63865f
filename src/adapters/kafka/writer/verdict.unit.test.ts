import { expect, test } from '@jest/globals';
import { CODE } from '../error-codes.ts';
import { judge, judgeEnd, worst } from './verdict.ts';

test.each([
  [CODE.MESSAGE_TOO_LARGE, 'RECORD_TOO_LARGE'], [CODE.RECORD_LIST_TOO_LARGE, 'RECORD_TOO_LARGE'],
  [CODE.INVALID_RECORD, 'INVALID_RECORD'], [CODE.INVALID_TIMESTAMP, 'INVALID_RECORD'],
  [CODE.TOPIC_AUTHORIZATION_FAILED, 'NOT_AUTHORISED'], [CODE.GROUP_AUTHORIZATION_FAILED, 'NOT_AUTHORISED'],
  [CODE.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, 'NOT_AUTHORISED'],
  [CODE.ILLEGAL_GENERATION, 'ILLEGAL_GENERATION'], [CODE.UNKNOWN_MEMBER_ID, 'ILLEGAL_GENERATION'],
  [CODE.OFFSET_METADATA_TOO_LARGE, 'REFUSED'], [CODE.OUT_OF_ORDER_SEQUENCE_NUMBER, 'REFUSED'], [12_345, 'REFUSED'],
])('code %i refuses as %s', (code, refusal) => {
  expect(judge(code, 'Produce')).toMatchObject({ kind: 'refused', code: refusal });
});

test.each([CODE.INVALID_PRODUCER_EPOCH, CODE.PRODUCER_FENCED, CODE.INVALID_PRODUCER_ID_MAPPING])('code %i is a newer owner', (code) => {
  expect([judge(code, 'Produce').kind, judgeEnd(code).kind]).toEqual(['fenced', 'fenced']);
});

test.each([CODE.INVALID_TXN_STATE, CODE.UNKNOWN_SERVER_ERROR, CODE.TRANSACTIONAL_ID_AUTHORIZATION_FAILED])('at EndTxn code %i leaves doubt', (code) => {
  expect(judgeEnd(code).kind).toBe('doubt');
});

test('"not now" is repeated, with another look for the leader only where it may have moved', () => {
  expect(judge(CODE.CONCURRENT_TRANSACTIONS, 'x')).toMatchObject({ kind: 'again', moved: false });
  expect(judge(CODE.NOT_LEADER_OR_FOLLOWER, 'x')).toMatchObject({ kind: 'again', moved: true });
  expect(judge(CODE.NOT_COORDINATOR, 'x')).toMatchObject({ kind: 'again', moved: true });
  expect(judge(CODE.UNKNOWN_TOPIC_OR_PARTITION, 'x')).toMatchObject({ kind: 'again', ifItLasts: 'UNKNOWN_TOPIC' });
});

test('of several verdicts the gravest decides', () => {
  const [done, again, refused, fenced] = [judge(0, 'x'), judge(CODE.CONCURRENT_TRANSACTIONS, 'x'), judge(CODE.MESSAGE_TOO_LARGE, 'x'), judge(CODE.PRODUCER_FENCED, 'x')];
  expect(worst([done, again, refused, fenced])).toBe(fenced);
  expect(worst([again, refused, done])).toBe(refused);
  expect(worst([])).toEqual({ kind: 'done' });
});
