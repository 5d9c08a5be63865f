import { expect, test } from '@jest/globals';
import type { ReadRecord } from '#apps/saga-reader';
import { EMPTY_ENVELOPE } from '#saga-core/runtime';
import { instancesOf, renderInstance } from './instance-view.ts';
import { SAGAS } from './sagas.ts';

type Said = { readonly type: string; readonly step?: string; readonly isOutcome?: boolean; readonly subSaga?: string; readonly sagaType?: string };

const history = (...said: readonly Said[]): readonly ReadRecord[] =>
  said.map(({ type, step, isOutcome, subSaga, sagaType }, offset) => ({
    partition: 0, offset, timestampMs: offset, type, payload: {},
    envelope: {
      ...EMPTY_ENVELOPE, eventId: `e${offset}`, occurredAt: offset, producer: 'p', chain: { id: 'p', seq: offset + 1, prevHash: null }, correlationId: 'c', sagaType: sagaType ?? 'order_execution',
      subSaga: subSaga ?? null, stepName: step ?? null, outcome: isOutcome === true ? 'completed' : null,
    },
  }));
const done = (step: string): Said => ({ type: 'chorus.StepCompleted', step, isOutcome: true });
const STARTED: Said = { type: 'chorus.SagaStarted' };

test('a running instance has the steps without an outcome left to do', () => {
  const [view] = instancesOf(history(STARTED, done('link_decision'), done('validate_order'), { type: 'chorus.StepStarted', step: 'submit_order' }), SAGAS);
  expect(view).toEqual({ type: 'order_execution', subSaga: null, status: 'RUNNING', leftToDo: ['submit_order', 'watch_for_stop', 'await_acknowledgment', 'monitor_fills', 'cancel_rest', 'update_position', 'watch_for_bust', 'calculate_pnl'], leftToUndo: [] });
});

test('one that compensates has the completed steps left to undo that declare an undo, less those undone', () => {
  const before = [STARTED, done('link_decision'), done('validate_order'), done('submit_order'), { type: 'chorus.StepFailed', step: 'await_acknowledgment' }, { type: 'chorus.CompensationRequested' }];
  const [view] = instancesOf(history(...before, { type: 'chorus.CompensationCompleted', step: 'submit_order' }), SAGAS);
  expect(view).toMatchObject({ status: 'COMPENSATING', leftToDo: [], leftToUndo: ['link_decision', 'validate_order'] });
  const [waiting] = instancesOf(history(...before, { type: 'chorus.CompensationFailed', step: 'submit_order' }, { type: 'chorus.SagaQuarantined', step: 'submit_order' }), SAGAS);
  expect(waiting).toMatchObject({ status: 'MANUAL_REQUIRED', leftToUndo: ['link_decision', 'validate_order', 'submit_order'] });
});

test('once it has ended nothing is left, whatever comes after', () => {
  for (const [type, status] of [['chorus.SagaCompleted', 'COMPLETED'], ['chorus.SagaFailed', 'FAILED'], ['chorus.SagaRefused', 'REFUSED']] as const) {
    const [view] = instancesOf(history(STARTED, { type }, { type: 'ops.operator.action' }, { type: 'chorus.CompensationRequested' }), SAGAS);
    expect(view).toMatchObject({ status, leftToDo: [], leftToUndo: [] });
  }
});

test('sub-sagas are told apart, each with its own steps', () => {
  const cycle = { sagaType: 'signal_to_execution' };
  const views = instancesOf(history({ ...STARTED, ...cycle }, { ...done('request_analysis'), ...cycle }, { ...STARTED, ...cycle, subSaga: 'ai_decision' }, { ...done('fuse_data'), ...cycle, subSaga: 'ai_decision' }), SAGAS);
  expect(views.map(({ type, leftToDo }) => [type, leftToDo[0]])).toEqual([['signal_to_execution', 'generate_decision'], ['ai_decision', 'ask_primary']]);
  expect(views.map(renderInstance)).toEqual([
    'signal_to_execution  RUNNING  left to do: generate_decision, validate_risk, trade, confirm', '  ai_decision  RUNNING  left to do: ask_primary, ask_fallback, parse_and_validate, publish',
  ]);
});
