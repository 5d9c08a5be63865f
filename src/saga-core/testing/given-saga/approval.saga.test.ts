import { expect, test } from '@jest/globals';
import { compensated, completed, defineEvent, defineParticipant, defineSaga, event, implementAwait, implementEffect, initiate, none, R3, requireCompensation, sagaSignalled, signalOf, undo } from '#saga-core';
import { givenSaga } from '#saga-core/testing';

// An expense: money is set aside, a manager has an hour to approve, then it is paid.
const asked = defineEvent('expenses.expense.asked', { purpose: 'string', amount: 'decimal' });
const reserved = defineEvent('expenses.amount.reserved', { amount: 'decimal' });
const answered = defineEvent('expenses.manager.answered', { manager: 'string', isGranted: 'boolean' });
const approved = defineEvent('expenses.expense.approved', { by: 'string' });
const paid = defineEvent('expenses.expense.paid', { receipt: 'string' });
const HOUR_MS = 3_600_000;
const call = { kind: 'effect', owner: 'accounts', timeoutMs: 5_000, retry: R3 } as const;

const expense = defineSaga({
  type: 'expense', version: 1, context: 'expenses', initiator: 'accounts', start: asked, timeoutMs: 0, totalSteps: 3, result: 'pay', completed: { emits: null }, failed: { emits: null },
  steps: {
    reserve: { ...call, number: 1, after: 'start', output: reserved, compensation: undo() },
    await_approval: { kind: 'await', owner: 'managers', number: 2, after: 'reserve', output: approved, timeoutMs: HOUR_MS, onLimit: 'fail', listensTo: [sagaSignalled], compensation: none('only waits') },
    pay: { ...call, number: 3, after: 'await_approval', reads: ['reserve'], output: paid, compensation: none('nothing comes after it') },
  },
});

// The bank, and the participants that call it.
const bank = () => ({ reservations: 0, payments: new Set<string>() });

const participantsOf = (at: ReturnType<typeof bank>) => [
  defineParticipant({
    name: 'accounts', initiates: [initiate(expense)], steps: [
      implementEffect(expense, 'reserve', {
        execute: async ({ start: { amount } }) => { at.reservations++; return completed(event(reserved, { amount })); },
        compensate: async () => { at.reservations--; return compensated(); },
      }),
      implementEffect(expense, 'pay', { execute: async ({ idempotencyKey }) => { at.payments.add(idempotencyKey); return completed(event(paid, { receipt: `receipt-${at.payments.size}` })); } }),
    ],
  }),
  defineParticipant({
    name: 'managers', steps: [
      implementAwait(expense, 'await_approval', {
        initial: null,
        fold: (_before: Uint8Array | null, fact) => signalOf(fact)?.payload ?? null,
        verdict: (payload, { read }) => {
          const answer = read(answered, payload);
          if (answer === null) return null;
          return answer.isGranted ? completed(event(approved, { by: answer.manager })) : requireCompensation(`refused by ${answer.manager}`);
        },
      }),
    ],
  }),
];

test('an approved expense is paid', async () => {
  const at = bank();
  const world = await givenSaga({ participants: participantsOf(at) });
  const saga = await world.start(expense, { purpose: 'a desk', amount: '300.00' });
  await saga.until('expenses.amount.reserved reserve');
  await saga.signalled('answer', event(answered, { manager: 'Mia', isGranted: true }));
  expect(await saga.ended()).toMatchObject({ status: 'COMPLETED', result: { receipt: 'receipt-1' } });
  expect(saga.events()).toEqual([
    'expenses.expense.asked', 'SagaStarted', 'expenses.amount.reserved reserve', 'SagaSignalled', 'expenses.expense.approved await_approval', 'expenses.expense.paid pay', 'SagaCompleted',
  ]);
  expect(world.violations()).toEqual([]);
});

test('a refused one gives back what was set aside', async () => {
  const at = bank();
  const world = await givenSaga({ participants: participantsOf(at) });
  const saga = await world.start(expense, { purpose: 'a yacht', amount: '300000.00' });
  await saga.signalled('answer', event(answered, { manager: 'Mia', isGranted: false }));
  expect(await saga.ended()).toMatchObject({ status: 'FAILED', reason: 'refused by Mia', result: null });
  expect(saga.events()).toContain('CompensationCompleted reserve');
  expect(at).toEqual({ reservations: 0, payments: new Set() });
});

test('so does one that nobody answers within the hour', async () => {
  const at = bank();
  const world = await givenSaga({ participants: participantsOf(at) });
  const saga = await world.start(expense, { purpose: 'a desk', amount: '300.00' });
  await world.after(HOUR_MS - 1_000);
  expect([saga.status, at.reservations]).toEqual(['RUNNING', 1]);
  expect(await saga.ended()).toMatchObject({ status: 'FAILED' });
  expect(at).toEqual({ reservations: 0, payments: new Set() });
});

test('an approval that comes while the accounts are down is paid once they are back', async () => {
  const at = bank();
  const world = await givenSaga({ participants: participantsOf(at) });
  const saga = await world.start(expense, { purpose: 'a desk', amount: '300.00' });
  await saga.until('expenses.amount.reserved reserve');
  world.crash('accounts');
  await saga.signalled('answer', event(answered, { manager: 'Mia', isGranted: true }));
  await saga.until('expenses.expense.approved await_approval');
  await world.restart('accounts');
  expect(await saga.ended()).toMatchObject({ status: 'COMPLETED' });
  expect([at.reservations, at.payments.size]).toEqual([1, 1]);
  expect(world.violations()).toEqual([]);
});
