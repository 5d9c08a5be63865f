import { expect, test } from '@jest/globals';
import { opsPartitionClaimed, sagaCompleted } from '#contracts/core';
import { completed, defineParticipant, defineSaga, event, implementEffect, initiate, none, NO_RETRY } from '#saga-core';
import type { FaultyRequest, Verdict } from '#saga-core/testing';
import { begun, CONTEXT, NAMESPACE, names, RuntimeStage, told } from '../../../test/support/runtime-stage.ts';

/* Goal: a transaction that stays open, and so stalls the readers of its partitions, is counted and told of; one without an answer is given up in time. Method: requests of the worker's writers are delayed or lost. */
const saga = defineSaga({
  type: 'plain', version: 1, context: CONTEXT, initiator: 'alone', start: begun, timeoutMs: 0, totalSteps: 1, completed: { emits: null }, failed: { emits: null },
  steps: { work: { kind: 'effect', owner: 'alone', number: 1, after: 'start', output: told, timeoutMs: 1_000, retry: NO_RETRY, compensation: none('nothing') } },
});
const alone = defineParticipant({ name: 'alone', initiates: [initiate(saga)], steps: [implementEffect(saga, 'work', { execute: async () => completed(event(told, { text: 'done' })) })] });
const WRITER = `${NAMESPACE}/alone/${names.saga(CONTEXT)}/0`;
const MESSAGE = 'a transaction was open for long: readers of its partitions waited';

const open = async (limits: { readonly commitTimeoutMs?: number } = {}) => {
  const holder: { onRequest: (request: FaultyRequest) => Verdict } = { onRequest: () => 'deliver' };
  const stage = await RuntimeStage.open({ participants: [alone], faults: { onRequest: (request) => (request.subject === WRITER ? holder.onRequest(request) : 'deliver') } });
  const { worker } = await stage.start({ limits });
  const run = async (id: string): Promise<void> => {
    await stage.settled(stage.client(id).start(saga, { text: id }, { id }));
    await stage.clock.advance(5_000);
  };
  const counted = (): number => worker.status()[0]?.counters.longTransactions ?? -1;
  const alarms = (): readonly Readonly<Record<string, unknown>>[] => stage.warnings.filter(({ message }) => message === MESSAGE).map(({ fields }) => fields);
  return { stage, worker, holder, run, counted, alarms };
};

test('transactions that are open above 100 ms are counted, and one in ten seconds is told of, with the place of the time', async () => {
  const { holder, run, counted, alarms } = await open();
  await run('quick');
  expect([counted(), alarms().length]).toEqual([0, 0]);
  holder.onRequest = ({ kind }) => (kind === 'end-txn' ? { delayMs: 150 } : 'deliver');
  await run('slow');
  const first = counted();
  expect(first).toBeGreaterThan(1);
  expect(alarms()).toMatchObject([{ transactionalId: WRITER, aboveMs: 100, unreportedCount: 0 }]);
  expect(alarms()[0]?.['endMs']).toBeGreaterThanOrEqual(150);
  holder.onRequest = () => 'deliver';
  await run('quick-again');
  await run('and-again');
  expect(counted()).toBe(first);
  holder.onRequest = ({ kind }) => (kind === 'produce' ? { delayMs: 150 } : 'deliver');
  await run('slow-again');
  expect(alarms()).toMatchObject([{}, { unreportedCount: first - 1 }]);
  expect(Number(alarms()[1]?.['openMs']) - Number(alarms()[1]?.['endMs'])).toBeGreaterThanOrEqual(150);
});

test.each([1_000, 4_000])('a commit without an answer is given up after the limit of %d ms, and the partition is taken over', async (commitTimeoutMs) => {
  const { stage, holder, counted } = await open({ commitTimeoutMs });
  const claims = (): number => stage.seen().filter(({ type }) => type === opsPartitionClaimed.name).length;
  let lostSinceMs = 0;
  let goneMs = 0;
  holder.onRequest = ({ kind }) => {
    if (kind === 'init-producer-id') {
      goneMs ||= stage.clock.monotonicMillis() - lostSinceMs;
      holder.onRequest = () => 'deliver';
      return 'deliver';
    }
    if (kind !== 'produce') return 'deliver';
    lostSinceMs ||= stage.clock.monotonicMillis();
    return 'lose-request';
  };
  await stage.settled(stage.client().start(saga, { text: 'a' }, { id: 'a' }));
  await stage.until(sagaCompleted);
  expect(claims()).toBe(2);
  expect(goneMs).toBeGreaterThanOrEqual(commitTimeoutMs - 50);
  expect(goneMs).toBeLessThan(commitTimeoutMs + 500);
  expect(counted()).toBe(1);
});
