// The saga of trip.ts without Kafka, in virtual time: node --test test.ts
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { givenSaga } from 'chorus/saga-core/testing';
import { travel, trip } from './trip.ts';

test('a trip is booked, charged and sent', async () => {
  const world = await givenSaga({ participants: [travel] });
  const saga = await world.start(trip, { traveller: 'Ada', seats: 2 });
  assert.equal((await saga.ended()).status, 'COMPLETED');
  assert.deepEqual(saga.events(), [
    'hello.trip.asked', 'SagaStarted', 'hello.seat.booked book_seat', 'hello.card.charged charge_card', 'hello.ticket.sent send_ticket', 'SagaCompleted',
  ]);
  assert.deepEqual(world.violations(), []);
});

test('without a traveller what was taken is given back, last step first', async () => {
  const world = await givenSaga({ participants: [travel] });
  const saga = await world.start(trip, { traveller: '', seats: 2 });
  const { status, reason } = await saga.ended();
  assert.deepEqual([status, reason], ['FAILED', 'no traveller']);
  assert.deepEqual(saga.events().filter((event) => event.startsWith('CompensationCompleted')), ['CompensationCompleted charge_card', 'CompensationCompleted book_seat']);
  assert.deepEqual(world.violations(), []);
});

test('a trip outlives the process that was at it', async () => {
  const world = await givenSaga({ participants: [travel] });
  const saga = await world.start(trip, { traveller: 'Ada', seats: 2 });
  await saga.until('hello.seat.booked book_seat');
  world.crash('travel');
  await world.restart('travel');
  assert.equal((await saga.ended()).status, 'COMPLETED');
  assert.deepEqual(world.violations(), []);
});
