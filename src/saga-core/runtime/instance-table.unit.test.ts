import { expect, test } from '@jest/globals';
import { compensationFailed, compensationRequested, opsOperatorAction, sagaCompleted, sagaStarted, stepCompleted, stepFailed, stepStarted } from '#contracts/core';
import { completed, defineEvent, defineParticipant, defineSaga, event, implementAwait, implementChild, implementEffect, implementWatch, initiate, none, NO_RETRY, undo } from '#saga-core';
import { erase } from '#kernel';
import { catalogueOf, participantFaults } from './catalogue.ts';
import { type Catalogue, InstanceTable } from './instance-table.ts';
import { KeyList } from './key-list.ts';

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

const tableOf = (catalogue: Catalogue): InstanceTable => new InstanceTable({ participant: 'o', catalogue, dedupeWindowMs: 1_000, rememberedMax: 3, onForgotten: () => undefined });

const tableWith = () => {
  const table = tableOf(catalogueOf(owner));
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

test.each(['', 'a/child', 'x'.repeat(33), 'ä'])('a start under the id %p, which is none, is refused', (correlationId) => {
  const { table, add } = tableWith();
  expect(add(begun, {}, { correlationId })).toMatchObject({ status: 'refused', refusal: 'ILLEGAL_TRANSITION', entry: null });
  expect(table.openIds).toEqual([]);
});

test('a start record of another version than the latest takes along what was heard before it, by the names of the steps', () => {
  const listen = { kind: 'await', owner: 'o', number: 1, after: 'start', output: null, timeoutMs: 0, onLimit: 'fail', listensTo: [begun], compensation: none('waits') } as const;
  const [one, two] = [defineSaga({ ...child, type: 'heard', version: 1, steps: { hears: listen, act: child.steps.act } }), defineSaga({ ...child, type: 'heard', version: 2, steps: { act: child.steps.act, hears: listen } })];
  const handler = { initial: 0, fold: (count: number) => count + 1, verdict: () => null };
  const participant = defineParticipant({
    name: 'o', initiates: [initiate(one), initiate(two)],
    steps: [implementAwait(one, 'hears', handler), implementAwait(two, 'hears', handler), implementEffect(one, 'act', { execute: async () => completed(null) }), implementEffect(two, 'act', { execute: async () => completed(null) })],
  });
  const table = tableOf(catalogueOf(participant));
  let offset = 0;
  const add = (type: { readonly name: string }, payload: unknown, stepName: string | null) => table.fold({
    offset: offset++, type: type.name, envelope: erase({ eventId: `e${offset}`, occurredAt: 1, correlationId: 'i', sagaType: 'heard', subSaga: null, stepName, stepItem: null, outcome: null, compensationData: null, chain: { id: '', seq: 1, prevHash: null } }),
    value: new Uint8Array(), payload: () => payload, keep: () => new Uint8Array(),
  });
  add(begun, {}, null);
  add(begun, {}, 'hears');
  add(sagaStarted, { definitionVersion: 1, limits: [], payload: null, deadlineAt: null }, null);
  expect(table.get('i')?.instance).toMatchObject({ status: 'RUNNING', saga: { definition: { version: 1 } }, awaits: [1, undefined] });
});

test('a retry that is void leaves what is on its way as it is', () => {
  const { table, add, start } = tableWith();
  start('child');
  add(stepFailed, { errorKind: 'Terminal', outcomeUnknown: true, reason: 'r' }, { subSaga: 'child', stepName: 'act' });
  add(compensationRequested, { failedStep: 'act', failedItem: null, reason: 'r' }, { subSaga: 'child' });
  add(compensationFailed, { reason: 'r' }, { subSaga: 'child', stepName: 'act' });
  const entry = table.get('i/child');
  if (entry === undefined) throw new Error('not open');
  entry.busy = new KeyList(['q:act/', 'c:act']);
  expect(add(opsOperatorAction, { action: 'retry', step: null, stepItem: null, user: 'u', reason: 'r' }, { subSaga: 'child' })).toMatchObject({ status: 'refused', refusal: 'VOID' });
  expect([...entry.busy ?? []]).toEqual(['q:act/', 'c:act']);
});

test('a participant says what it lacks: undos, entities, children, and sagas that others initiate', () => {
  const effect = { ...child.steps.act, compensation: undo() };
  const saga = defineSaga({
    ...child, type: 'lacking', initiator: 'other',
    steps: { a: effect, b: { kind: 'entity', owner: 'o', number: 1, after: 'a', entity: 'nowhere', output: null, compensation: none('n') }, c: { kind: 'child', owner: 'o', number: 1, after: 'a', saga: 'nobody', id: 'own', output: null, compensation: none('n') } },
  });
  const lacking = defineParticipant({
    name: 'o', initiates: [initiate(saga)],
    steps: [implementEffect(saga, 'a', { execute: async () => completed(null) }), { saga: erase(saga), step: 'b', handler: erase({ kind: 'entity' }) }, { saga: erase(saga), step: 'c', handler: erase({ kind: 'child' }) }],
  });
  expect(participantFaults(lacking)).toEqual([
    'lacking.a declares undo(), but its handler has no compensate',
    'lacking.b asks the entity nowhere, which o does not own',
    'lacking.c begins nobody, a saga that o does not know',
    'lacking is initiated by other, not by o',
  ]);
});

const sees = { kind: 'await', owner: 'o', number: 1, after: 'start', output: null, timeoutMs: 0, onLimit: 'fail', listensTo: [begun], watch: { endsWaiting: true }, compensation: none('watches') } as const;

test('a watch is implemented as one, and declares what it emits', () => {
  const [silent, plain] = [defineSaga({ ...child, type: 'silent', steps: { sees } }), defineSaga({ ...child, type: 'plain', steps: { hears: { ...child.steps.act, ...sees, watch: undefined as never } } })];
  const behaviour = { initial: 0, verdict: () => null };
  const wrong = defineParticipant({
    name: 'o', initiates: [initiate(silent), initiate(plain)],
    steps: [
      implementWatch(silent, 'sees', { ...behaviour, fold: (state: number) => ({ state, note: state }), emit: () => [] }),
      { saga: erase(plain), step: 'hears', handler: erase({ kind: 'watch', ...behaviour }) },
    ],
  });
  expect(participantFaults(wrong)).toEqual([
    'silent.sees: its handler emits, but its definition declares no events that it emits',
    'plain.hears is await, its handler watch',
  ]);
});

test('what a watch wrote is on its way until it is read back', () => {
  const seen = defineSaga({ ...child, type: 'parent', steps: { sees } });
  const table = tableOf(catalogueOf(defineParticipant({ name: 'o', initiates: [initiate(seen)], steps: [implementWatch(seen, 'sees', { initial: 0, fold: (state: number) => ({ state }), verdict: () => null })] })));
  const add = (type: { readonly name: string }, offset: number, envelope: object) => table.fold({
    offset, type: type.name, envelope: erase({ eventId: `e${offset}`, occurredAt: 1, correlationId: 'i', causationId: null, sagaType: 'parent', subSaga: null, stepName: null, stepItem: null, outcome: null, compensationData: null, chain: { id: '', seq: 1, prevHash: null }, ...envelope }),
    value: new Uint8Array(), payload: () => ({ definitionVersion: 1, limits: [], payload: null, deadlineAt: null }), keep: () => new Uint8Array(),
  });
  add(begun, 0, {});
  add(sagaStarted, 1, {});
  const entry = table.get('i');
  if (entry === undefined) throw new Error('not open');
  entry.busy = new KeyList(['e:sees/x', 'e:sees/y', 'f:sees']);
  add({ name: 't.noted' }, 2, { stepName: 'sees', causationId: 'x' });
  expect([...entry.busy ?? []]).toEqual(['e:sees/y', 'f:sees']);
});

test('what a step heard as a watch is not taken along to a version where it is none', () => {
  const listen = { ...child.steps.act, ...sees };
  const { watch: _, ...deaf } = listen;
  const [one, two] = [defineSaga({ ...child, type: 'seen', version: 1, steps: { sees: deaf } }), defineSaga({ ...child, type: 'seen', version: 2, steps: { sees: listen } })];
  const behaviour = { initial: 0, verdict: () => null };
  const participant = defineParticipant({
    name: 'o', initiates: [initiate(one), initiate(two)],
    steps: [implementAwait(one, 'sees', { ...behaviour, fold: (count: number) => count + 1 }), implementWatch(two, 'sees', { ...behaviour, fold: (count: number) => ({ state: count + 1 }) })],
  });
  const table = tableOf(catalogueOf(participant));
  let offset = 0;
  const add = (type: { readonly name: string }, payload: unknown, stepName: string | null) => table.fold({
    offset: offset++, type: type.name, envelope: erase({ eventId: `e${offset}`, occurredAt: 1, correlationId: 'i', sagaType: 'seen', subSaga: null, stepName, stepItem: null, outcome: null, compensationData: null, chain: { id: '', seq: 1, prevHash: null } }),
    value: new Uint8Array(), payload: () => payload, keep: () => new Uint8Array(),
  });
  add(begun, {}, null);
  add(begun, {}, 'sees');
  expect(table.get('i')?.instance.awaits).toMatchObject([{ state: 1 }]);
  add(sagaStarted, { definitionVersion: 1, limits: [], payload: null, deadlineAt: null }, null);
  add(begun, {}, 'sees');
  expect(table.get('i')?.instance.awaits).toEqual([1]);
});
