// A saga of three steps: book a seat, charge for it, send the ticket. If a later step fails, the seat and the charge are given back.
import { compensated, completed, defineEvent, defineParticipant, defineSaga, event, implementEffect, initiate, none, R3, requireCompensation, undo } from 'chorus/saga-core';

const asked = defineEvent('hello.trip.asked', { traveller: 'string', seats: 'int' });
const booked = defineEvent('hello.seat.booked', { seat: 'string' });
const charged = defineEvent('hello.card.charged', { amount: 'decimal' });
const sent = defineEvent('hello.ticket.sent', { text: 'string' });
const step = { kind: 'effect', owner: 'travel', timeoutMs: 5_000, retry: R3 } as const;

export const trip = defineSaga({
  type: 'hello_trip', version: 1, context: 'hello', initiator: 'travel', start: asked, timeoutMs: 60_000, totalSteps: 3, completed: { emits: null }, failed: { emits: null },
  steps: {
    book_seat: { ...step, number: 1, after: 'start', output: booked, compensation: undo() },
    charge_card: { ...step, number: 2, after: 'book_seat', output: charged, compensation: undo() },
    send_ticket: { ...step, number: 3, after: 'charge_card', reads: ['book_seat'], output: sent, compensation: none('a ticket cannot be unsent') },
  },
});

const say = async (line: string) => (console.log(line), compensated());
export const travel = defineParticipant({
  name: 'travel', initiates: [initiate(trip)], steps: [
    implementEffect(trip, 'book_seat', { execute: async () => completed(event(booked, { seat: '12A' })), compensate: () => say('seat 12A is free again') }),
    implementEffect(trip, 'charge_card', { execute: async ({ start }) => completed(event(charged, { amount: `${start.seats * 30}.00` })), compensate: () => say('the charge is given back') }),
    implementEffect(trip, 'send_ticket', { execute: async ({ start, output }) => start.traveller === '' ? requireCompensation('no traveller') : completed(event(sent, { text: `${start.traveller}: seat ${output('book_seat')?.seat}, ${output('charge_card')?.amount}` })) }),
  ],
});
