import { expect, test } from '@jest/globals';
import { sagaSignalled, sagaStarted } from '#contracts/core';
import { defineEvent, defineSaga, none } from '#saga-core';
import { createObserver, type ObservedRecord } from './observed-instances.ts';
import { EMPTY_ENVELOPE } from './records.ts';

const begun = defineEvent('o.begun', { text: 'string' });
const listen = { kind: 'await', owner: 'o', number: 1, after: 'start', output: null, timeoutMs: 0, onLimit: 'fail', listensTo: [sagaSignalled], compensation: none('waits') } as const;
const saga = defineSaga({
  type: 'seen', version: 1, context: 'c', initiator: 'o', start: begun, timeoutMs: 0, totalSteps: 1, completed: { emits: null }, failed: { emits: null },
  steps: { fills: { ...listen, watch: { endsWaiting: false } }, exits: { ...listen, watch: { endsWaiting: true } }, approval: listen },
});
const record = (offset: number, type: string, { envelope = {}, payload = {} }: { readonly envelope?: object; readonly payload?: object } = {}): ObservedRecord =>
  ({ offset, type, payload, envelope: { ...EMPTY_ENVELOPE, eventId: `e${offset}`, occurredAt: offset, producer: 'o', correlationId: 'i', sagaType: 'seen', definitionVersion: 1, chain: { id: 'o', seq: offset, prevHash: null }, ...envelope } });

test('waits are open until they are answered, watches until the waiting has ended', () => {
  const openOf = (records: readonly ObservedRecord[]) => createObserver([saga])(records)[0]?.openWatches;
  const start = [record(0, begun.name), record(1, sagaStarted.name, { payload: { definitionVersion: 1, deadlineAt: null, limits: [], payload: null } })];
  expect(openOf(start)).toEqual(['fills', 'exits', 'approval']);
  // What lives by nothing but a watch that its owner should have answered is not alive.
  expect(openOf([...start, record(2, 'chorus.StepCompleted', { envelope: { stepName: 'exits', outcome: 'completed' }, payload: { output: null, skipped: false, skipReason: null } })])).toEqual(['approval']);
});
