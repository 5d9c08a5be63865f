import { describe, expect, test } from '@jest/globals';
import { type Envelope, eventType } from '#contracts/core';
import { NO_RETRY, none, type SagaShape, type StepDefinition, undo } from '#saga-core';
import type { AuditedRecord } from './audited.ts';
import { verifyRecords } from './invariants.ts';

/* Goal: each invariant is seen when it is broken, and only then. Method: sound histories, and one change to each. */

const started = eventType('test.opened', {});
const effect = (number: number, owner: string, after: StepDefinition['after']): StepDefinition =>
  ({ kind: 'effect', number, owner, after, output: null, timeoutMs: 1_000, retry: NO_RETRY, compensation: undo() });

/** hold → ship, and hold → bill; ship and bill → close. */
const saga: SagaShape = {
  type: 'order', version: 1, context: 'test', initiator: 'desk', start: started, timeoutMs: 0, totalSteps: 4,
  steps: {
    hold: effect(1, 'desk', 'start'),
    ship: effect(2, 'depot', 'hold'),
    bill: effect(3, 'till', 'hold'),
    close: { ...effect(4, 'desk', { all: ['ship', 'bill'] }), compensation: none('a note') },
  },
  completed: { emits: null },
  failed: { emits: null },
};

type Line = { readonly type: string; readonly step?: string; readonly by?: string; readonly payload?: object; readonly id?: string; readonly cause?: string; readonly partition?: number; readonly correlationId?: string };
const owners: Readonly<Record<string, string>> = { hold: 'desk', ship: 'depot', bill: 'till', close: 'desk' };

const completed = (step: string): Line => ({ type: 'chorus.StepCompleted', step, payload: { skipped: false } });
const failed = (step: string, payload: object = {}): Line => ({ type: 'chorus.StepFailed', step, payload: { errorKind: 'Terminal', outcomeUnknown: false, ...payload } });
const undone = (step: string): Line => ({ type: 'chorus.CompensationCompleted', step, payload: { kept: false } });
const notUndone = (step: string): Line => ({ type: 'chorus.CompensationFailed', step });
const operator = (action: string): Line => ({ type: 'ops.operator.action', by: 'api', payload: { action, step: null, stepItem: null } });
const lifecycle = (type: string, payload: object = {}): Line => ({ type: `chorus.${type}`, by: 'desk', payload });
const opened: readonly Line[] = [{ type: 'test.opened', by: 'client' }, lifecycle('SagaStarted', { definitionVersion: 1 })];
const requested = lifecycle('CompensationRequested');

const history = (lines: readonly Line[]): readonly AuditedRecord[] => {
  const sequences = new Map<string, number>();
  return lines.map((line, offset): AuditedRecord => {
    const producer = line.by ?? owners[line.step ?? ''] ?? 'desk';
    const seq = (sequences.get(producer) ?? 0) + 1;
    sequences.set(producer, seq);
    const envelope: Envelope = {
      eventId: line.id ?? `e${offset}`, occurredAt: offset, producer, correlationId: line.correlationId ?? 'saga-1', causationId: line.cause ?? null, parentCorrelationId: null, sagaType: 'order', subSaga: null,
      definitionVersion: 1, stepName: line.step ?? null, stepItem: null, step: null, totalSteps: 4, subStep: null, outcome: line.type === 'chorus.StepCompleted' ? 'completed' : null,
      compensationData: null, attempt: null, startedAt: 0, timeout: 0, idempotencyKey: null, chain: { id: producer, seq, prevHash: null },
    };
    return { topic: 'sagas.test', partition: line.partition ?? 0, offset, type: line.type, envelope, payload: line.payload ?? {} };
  });
};

const verify = (records: readonly AuditedRecord[]) => verifyRecords(records, { definitions: () => saga, isFinished: true });
const seen = (lines: readonly Line[]): readonly string[] => [...new Set(verify(history(lines)).violations.map(({ invariant, message }) => `${invariant} ${message.replace(/\d+/g, '#')}`))];

const forward = [...opened, completed('hold'), completed('ship'), completed('bill'), completed('close')];
const backward = [...opened, completed('hold'), completed('ship'), failed('bill'), requested, undone('ship'), undone('hold'), lifecycle('SagaFailed')];

test.each<readonly [string, readonly Line[]]>([
  ['all steps complete', [...forward, lifecycle('SagaCompleted')]],
  ['a failed step, undone in reverse order', backward],
  ['a refused trigger', [opened[0] ?? requested, lifecycle('SagaRefused')]],
  ['a failure before anything was done', [...opened, failed('hold'), requested, lifecycle('SagaFailed')]],
  ['a request that came when all was done is void', [...forward, requested, lifecycle('SagaCompleted')]],
  ['an uncertain outcome is undone too', [...opened, failed('hold', { outcomeUnknown: true }), requested, undone('hold'), lifecycle('SagaFailed')]],
  ['a triggered step that was cancelled', [...opened, completed('hold'), failed('bill'), requested, failed('ship', { errorKind: 'Cancelled' }), undone('hold'), lifecycle('SagaFailed')]],
  ['a quarantined step that a person closes', [...opened, completed('hold'), completed('ship'), failed('bill'), requested, notUndone('ship'), lifecycle('SagaQuarantined'), operator('resolve'), undone('hold'), lifecycle('SagaFailed')]],
  ['a quarantined step that is retried', [...opened, completed('hold'), failed('ship'), failed('bill'), requested, notUndone('hold'), lifecycle('SagaQuarantined'), operator('retry'), undone('hold'), lifecycle('SagaFailed')]],
  ['observations and operators after the end', [...forward, lifecycle('SagaCompleted'), operator('compensate'), { type: 'chorus.BrokerObservationRecorded', by: 'broker' }]],
  ['an instance that is parked', [...opened, completed('hold'), lifecycle('InstanceParked')]],
])('sound: %s', (_name, lines) => {
  expect(seen(lines)).toEqual([]);
});

test.each<readonly [string, readonly Line[], RegExp]>([
  ['two outcomes of one step', [...opened, completed('hold'), completed('hold')], /^I1 hold has # outcomes/],
  ['completed without a step', [...opened, completed('hold'), completed('ship'), lifecycle('SagaCompleted')], /^I1 SagaCompleted at #, but step bill was not complete/],
  ['two ends', [...forward, lifecycle('SagaCompleted'), lifecycle('SagaFailed')], /^I2 second terminal record chorus.SagaFailed/],
  ['a step after the end', [...backward, undone('ship')], /^I2 chorus.CompensationCompleted of step ship at #, after the end/],
  ['two starts', [...opened, lifecycle('SagaStarted'), ...forward.slice(2), lifecycle('SagaCompleted')], /^I2 # start records/],
  ['a step before its dependency', [...opened, completed('ship')], /^I3 ship acts at #, before its dependencies/],
  ['an "all" step with one dependency open', [...opened, completed('hold'), completed('ship'), completed('close')], /^I3 close acts at #/],
  ['a step that starts after the set froze', [...opened, completed('hold'), completed('ship'), failed('bill'), requested, completed('close')], /^I3 close acts at #/],
  ['a failed instance with a live step', [...opened, completed('hold'), failed('ship'), failed('bill'), requested, lifecycle('SagaFailed')], /^I4 hold is completed but not compensated/],
  ['an undo too many', [...backward.slice(0, -1), undone('hold'), lifecycle('SagaFailed')], /^I4 hold is compensated # times/],
  ['an undo of what failed for certain', [...backward.slice(0, -1), undone('bill'), lifecycle('SagaFailed')], /^I4 bill is compensated although nothing was due/],
  ['the wrong order', [...opened, completed('hold'), completed('ship'), failed('bill'), requested, undone('hold'), undone('ship'), lifecycle('SagaFailed')], /^I4 hold is compensated at #, before its dependant ship/],
  ['an undo before a dependant is answered', [...opened, completed('hold'), failed('bill'), requested, undone('hold'), failed('ship'), lifecycle('SagaFailed')], /^I4 hold is compensated at #, before its dependant ship is answered/],
  ['a triggered step without answer', [...opened, completed('hold'), failed('bill'), requested, undone('hold'), lifecycle('SagaFailed')], /^I4 failed at # although the triggered ship has no outcome/],
  ['an undo without a request', [...opened, completed('hold'), undone('hold')], /^I4 hold is compensated at # without a request/],
  ['kept without a word in the definition', [...opened, completed('hold'), failed('ship'), failed('bill'), requested, { ...undone('hold'), payload: { kept: true } }, lifecycle('SagaFailed')], /^I4 hold is kept/],
  ['completed although compensation was requested', [...opened, completed('hold'), requested, completed('ship'), completed('bill'), completed('close'), lifecycle('SagaCompleted')], /^I4 completed at # although/],
  ['never ended', [...opened, completed('hold')], /^I9 not ended: started; hold completed, ship idle/],
  ['an outcome from a stranger', [...opened, { ...completed('hold'), by: 'depot' }], /^WRITER chorus.StepCompleted of step hold at # is from depot/],
  ['an end from a stranger', [...forward, { ...lifecycle('SagaCompleted'), by: 'till' }], /^WRITER chorus.SagaCompleted at # is from till/],
  ['two partitions', [...opened, { ...completed('hold'), partition: 1 }], /^I8 chorus.StepCompleted at sagas.test\/# offset #/],
  ['a cause that does not exist', [...opened, { ...completed('hold'), cause: 'nowhere' }], /^I8 chorus.StepCompleted at # names nowhere/],
  ['a cause that comes later', [...opened, { ...completed('hold'), cause: 'later' }, { ...completed('ship'), id: 'later' }], /^I8 .* which lies behind it/],
  ['a cause in another saga', [...opened, { ...completed('hold'), cause: 'theirs' }, { type: 'test.opened', correlationId: 'saga-2', id: 'theirs', by: 'client' }], /^I8 .* which belongs to saga-#/],
])('broken: %s', (_name, lines, expected) => {
  expect(seen(lines)).toEqual(expect.arrayContaining([expect.stringMatching(expected)]));
});

const replaced = (records: readonly AuditedRecord[], index: number, change: (record: AuditedRecord) => AuditedRecord): readonly AuditedRecord[] => records.map((record, at) => (at === index ? change(record) : record));

test('a chain with a gap, and one whose link was edited, are reported', () => {
  const sound = history([...forward, lifecycle('SagaCompleted')]);
  const hashed = sound.map((record, index): AuditedRecord => {
    const before = sound.slice(0, index).findLast((other) => other.envelope.producer === record.envelope.producer);
    return { ...record, bodyHash: Uint8Array.from([record.offset]), envelope: { ...record.envelope, chain: { ...record.envelope.chain, prevHash: before === undefined ? null : Uint8Array.from([before.offset]) } } };
  });
  expect(verify(hashed).violations).toEqual([]);
  expect(verify(replaced(hashed, 2, (record) => ({ ...record, bodyHash: Uint8Array.from([99]) }))).violations).toMatchObject([{ invariant: 'CHAIN', message: expect.stringMatching(/hash of number 2 differs/) }]);
  expect(verify(hashed.filter((_record, index) => index !== 5)).violations.map(({ invariant }) => invariant)).toEqual(expect.arrayContaining(['CHAIN', 'I1']));
});

test('vendors are held to the records: executed once, nothing live of what is undone or was never executed', () => {
  const lines = [...opened, completed('hold'), failed('bill'), requested, failed('ship', { errorKind: 'Cancelled' }), undone('hold'), lifecycle('SagaFailed')];
  const check = (key: string, executionCount: number, isLive: boolean): readonly string[] =>
    verifyRecords(history(lines), { definitions: () => saga, vendorEffects: [{ key, executionCount, isLive }] }).violations.map(({ invariant, message }) => `${invariant} ${message}`);
  expect(check('saga-1:hold:execute', 1, false)).toEqual([]);
  expect(check('saga-1:hold:execute', 2, false)).toEqual([expect.stringMatching(/^I5 .*executed 2 times/)]);
  expect(check('saga-1:hold:execute', 1, true)).toEqual([expect.stringMatching(/recorded as compensated/)]);
  expect(check('saga-1:ship:execute', 1, true)).toEqual([expect.stringMatching(/never executed/)]);
  expect(check('saga-1:bill:execute', 1, true)).toEqual([expect.stringMatching(/failed for certain/)]);
  expect(check('saga-9:hold:execute', 1, true)).toEqual([expect.stringMatching(/belongs to no step/)]);
});

test('the order in which records are given does not matter, and unknown definitions are counted, not judged', () => {
  const records = history(backward);
  expect(verify(records.toReversed())).toEqual(verify(records));
  expect(verifyRecords(records, { definitions: () => undefined, isFinished: true })).toMatchObject({ violations: [], instanceCount: 1, unjudgedCount: 1 });
});

const listed: SagaShape = {
  ...saga,
  steps: { hold: effect(1, 'desk', 'start'), ship: { ...effect(2, 'depot', 'hold'), forEach: { listed: 'orders' } }, close: { ...effect(3, 'desk', 'ship'), compensation: none('a note') } },
};

test('items of a forEach step have one outcome each, and the step is done when all of them are', () => {
  const item = (record: AuditedRecord, stepItem: string | null): AuditedRecord => ({ ...record, envelope: { ...record.envelope, stepItem } });
  const lines = [...opened, completed('hold'), { type: 'chorus.StepStarted', step: 'ship' }, { type: 'chorus.StepStarted', step: 'ship' }, { type: 'chorus.StepStarted', step: 'ship' }, completed('ship'), completed('ship'), completed('close'), lifecycle('SagaCompleted')];
  const items: readonly (string | null)[] = [null, null, null, 'a', 'b', null, 'a', 'b', null, null];
  const records = history(lines).map((record, index) => item(record, items[index] ?? null));
  const check = (given: readonly AuditedRecord[]): readonly string[] => verifyRecords(given, { definitions: () => listed, isFinished: true }).violations.map(({ invariant, message }) => `${invariant} ${message}`);
  expect(check(records)).toEqual([]);
  expect(check(replaced(records, 7, (record) => item(record, 'a')))).toEqual(expect.arrayContaining([expect.stringMatching(/^I1 ship\/a has 2 outcomes/), expect.stringMatching(/^I3 close acts/)]));
});

test('a list that was triggered and neither opened nor answered before the end is seen', () => {
  const judged = (lines: readonly Line[]): readonly string[] => verifyRecords(history(lines), { definitions: () => listed, isFinished: true }).violations.map(({ invariant, message }) => `${invariant} ${message}`);
  const begun = [...opened, completed('hold'), requested];
  const ended = [undone('hold'), lifecycle('SagaFailed', {})];
  expect(judged([...begun, ...ended])).toEqual([expect.stringMatching(/^I4 failed at \d+ although the list of the triggered ship was neither opened nor answered/)]);
  expect(judged([...begun, failed('ship', { errorKind: 'Cancelled' }), ...ended])).toEqual([]);
});

test('a step stays ready when an item arrives behind its first act', () => {
  const arriving: SagaShape = {
    ...saga,
    steps: { hold: effect(1, 'desk', 'start'), ship: { ...effect(2, 'depot', 'start'), forEach: { arriving: eventType('test.came', {}), until: ['hold'] } }, close: { ...effect(3, 'desk', 'ship'), compensation: none('a note') } },
  };
  const lines = [...opened, completed('hold'), { type: 'test.came', step: 'ship' }, completed('close'), completed('ship'), lifecycle('SagaCompleted')];
  const records = history(lines).map((record): AuditedRecord => (record.envelope.stepName === 'ship' ? { ...record, envelope: { ...record.envelope, stepItem: 'late' } } : record));
  expect(verifyRecords(records, { definitions: () => arriving, isFinished: true }).violations).toEqual([]);
});

const noted = eventType('test.noted', {});
const watch = (number: number, endsWaiting: boolean): StepDefinition =>
  ({ kind: 'await', number, owner: 'desk', after: 'hold', output: null, emits: [noted], timeoutMs: 0, onLimit: 'fail', listensTo: [eventType('test.came', {})], watch: { endsWaiting }, compensation: none('watches') });
const watched: SagaShape = { ...saga, steps: { hold: effect(1, 'desk', 'start'), fills: watch(2, false), guard: watch(3, true) } };

describe('what a watch emits', () => {
  const owned = { fills: 'desk', guard: 'desk' };
  const judged = (lines: readonly Line[]): readonly string[] =>
    verifyRecords(history(lines.map((line) => (line.step === undefined || line.by !== undefined ? line : { ...line, by: owned[line.step as 'fills'] }))), { definitions: () => watched }).violations.map(({ invariant, message }) => `${invariant} ${message}`);
  const came = (id: string): Line => ({ type: 'test.came', by: 'venue', id });
  const notes = (cause: string, more: Partial<Line> = {}): Line => ({ type: 'test.noted', step: 'fills', cause, ...more });
  const begun = [...opened, { ...completed('hold'), by: 'desk', id: 'held' }];
  const outcome = (step: string, cause = 'held'): Line => ({ ...completed(step), cause });

  test.each<readonly [string, readonly Line[]]>([
    ['each fact once, then the outcome', [...begun, came('a'), came('b'), notes('a'), notes('b'), outcome('guard'), outcome('fills')]],
    ['a fact from before the step was ready', [...opened, came('a'), { ...completed('hold'), by: 'desk', id: 'held' }, notes('a')]],
    ['a fact from before the waiting ended, answered behind it', [...begun, came('a'), outcome('guard'), notes('a'), outcome('fills')]],
    ['events beside the outcome are none of it', [...begun, came('a'), notes('a'), notes('held'), outcome('fills'), notes('held')]],
    ['events of an undo are none of it', [...begun, outcome('fills'), { ...requested, id: 'request' }, notes('request')]],
  ])('sound: %s', (_name, lines) => {
    expect(judged(lines)).toEqual([]);
  });

  test.each<readonly [string, readonly Line[], RegExp]>([
    ['a fact answered twice', [...begun, came('a'), notes('a'), notes('a')], /^I1 fills emits test.noted at 5, a second time for a/],
    ['facts answered out of order', [...begun, came('a'), came('b'), notes('b'), notes('a')], /^I1 fills emits test.noted at 6, for the record at 3, after it answered the one at 4/],
    ['an answer behind the outcome', [...begun, came('a'), outcome('fills'), notes('a')], /^I1 fills emits test.noted at 5, after its outcome at 4/],
    ['a fact from behind the end of the waiting', [...begun, outcome('guard'), came('a'), notes('a')], /^I1 fills emits test.noted at 5, for the record at 4, although the waiting had ended at 3/],
    ['an answer before the step is ready', [...opened, came('a'), notes('a')], /^I3 fills emits test.noted at 3, before its dependencies/],
    ['an answer by a stranger', [...begun, came('a'), notes('a', { by: 'venue' })], /^WRITER test.noted of step fills at 4 is from venue; the owner is desk/],
  ])('broken: %s', (_name, lines, expected) => {
    expect(judged(lines)).toEqual([expect.stringMatching(expected)]);
  });
});
