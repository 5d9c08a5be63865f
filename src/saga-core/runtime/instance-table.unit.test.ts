import { expect, test } from '@jest/globals';
import { sagaCompleted, sagaStarted, stepCompleted, stepStarted } from '#contracts/core';
import { completed, defineEvent, defineParticipant, defineSaga, event, implementChild, implementEffect, initiate, none, NO_RETRY } from '#saga-core';
import { erase } from '#kernel';
import { catalogueOf } from './catalogue.ts';
import { InstanceTable } from './instance-table.ts';

const begun = defineEvent('t.begun', { text: 'string' });
const child = defineSaga({
  type: 'child', version: 1, context: 'c', initiator: 'o', start: begun, timeoutMs: 0, totalSteps: 1, completed: { emits: null }, failed: { emits: null },
  steps: { act: { kind: 'effect', owner: 'o', number: 1, after: 'start', output: null, timeoutMs: 1, retry: NO_RETRY, compensation: none('nothing') } },
});
const parent = defineSaga({
  ...child, type: 'parent',
  steps: { kid: { kind: 'child', owner: 'o', number: 1, after: 'start', saga: 'child', id: 'inherited', output: null, compensation: none('ends') }, last: { ...child.steps.act, after: 'kid' } },
});
const owner = defineParticipant({
  name: 'o', initiates: [initiate(parent), initiate(child)],
  steps: [
    implementChild(parent, 'kid', { trigger: ({ start }) => ({ kind: 'event', event: event(begun, start) }) }),
    implementEffect(parent, 'last', { execute: async () => completed(null) }), implementEffect(child, 'act', { execute: async () => completed(null) }),
  ],
});

const tableWith = () => {
  const table = new InstanceTable('o', catalogueOf(owner), 1_000);
  let offset = 0;
  const add = (type: { readonly name: string }, payload: unknown, envelope: Readonly<Record<string, unknown>> = {}) => {
    const whole = { eventId: `e${offset}`, occurredAt: offset * 100, correlationId: 'i', sagaType: 'parent', subSaga: null, stepName: null, stepItem: null, outcome: null, compensationData: null, chain: { id: '', seq: 1, prevHash: null }, ...envelope };
    return table.fold({ offset: offset++, type: type.name, envelope: erase(whole), value: new Uint8Array(), payload: () => payload, keep: () => new Uint8Array() });
  };
  const start = (subSaga: string | null): void => {
    add(begun, {}, { subSaga });
    add(sagaStarted, { definitionVersion: 1, limits: [], payload: null, deadlineAt: null }, { subSaga });
  };
  return { table, add, start };
};

test('the end of a child holds the watermark until its parent has answered it', () => {
  const { table, add, start } = tableWith();
  start(null);
  add(stepStarted, { phase: 'execute' }, { stepName: 'kid' });
  start('child');
  add(sagaCompleted, {}, { subSaga: 'child' });
  expect(table.openIds).toEqual(['i']);
  expect([...table.heldOffsets()]).toEqual([3]);
  expect(table.endedChild('i/child')?.status).toBe('COMPLETED');
  add(stepCompleted, { stepName: 'kid', output: null, skipped: false, skipReason: null }, { stepName: 'kid', outcome: 'completed' });
  expect([...table.heldOffsets()]).toEqual([]);
});

test('an open instance of an unknown version holds the watermark to its end, and says whether it was removed', () => {
  const { table, add } = tableWith();
  const startOf = (correlationId: string, definitionVersion: number): void => {
    add(begun, {}, { correlationId });
    add(sagaStarted, { definitionVersion, limits: [], payload: null, deadlineAt: null }, { correlationId });
  };
  startOf('later', 2);
  startOf('earlier', 0);
  expect([...table.unknownVersions]).toEqual([['later', { firstOffset: 0, definition: 'parent v2', isRemoved: false }], ['earlier', { firstOffset: 2, definition: 'parent v0', isRemoved: true }]]);
  expect([...table.heldOffsets()]).toEqual([0, 2]);
  add(sagaCompleted, {}, { correlationId: 'later' });
  expect([...table.heldOffsets()]).toEqual([2]);
  expect(add(begun, {}, { correlationId: 'later' })).toMatchObject({ status: 'refused', refusal: 'AFTER_END' });
});

test('ids of ended instances are forgotten by the records\' own times', () => {
  const { table, add, start } = tableWith();
  table.rememberEnded([['i', 0], ['old', -900]]);
  expect(add(begun, {})).toMatchObject({ status: 'refused', refusal: 'AFTER_END' });
  expect(add(begun, {}, { subSaga: 'child' })).toMatchObject({ status: 'refused', refusal: 'AFTER_END' });
  expect(add(begun, {}, { correlationId: 'old' })).toMatchObject({ status: 'touched', isNew: true });
  for (let count = 0; count < 8; count++) add(begun, {}, { correlationId: 'other' });
  start(null);
  expect(table.openIds).toEqual(['old', 'other', 'i']);
});
