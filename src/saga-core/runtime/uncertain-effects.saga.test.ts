import { expect, test } from '@jest/globals';
import { sagaFailed, stepAttemptFailed, stepFailed, stepStarted } from '#contracts/core';
import {
  absent, compensated, completed, defineParticipant, defineSaga, type EffectHandler, event, implementEffect, initiate, none, NO_RETRY, requireCompensation, type StepResult, terminal, transient, undo, unknown,
} from '#saga-core';
import { begun, CONTEXT, RuntimeStage, told } from '../../../test/support/runtime-stage.ts';

/* Goal: an effect that may be live at the vendor is undone, and one call on the wire never becomes two effects. */
const sagaOf = (options: { readonly limitMs?: number; readonly isIntent?: boolean } = {}) => defineSaga({
  type: 'paying', version: 1, context: CONTEXT, initiator: 'alone', start: begun, timeoutMs: 0, totalSteps: 2, completed: { emits: null }, failed: { emits: null },
  steps: {
    pay: {
      kind: 'effect', owner: 'alone', number: 1, after: 'start', output: told, timeoutMs: options.limitMs ?? 1_000, retry: { maxAttempts: 2, initialDelayMs: 5_000, maxDelayMs: 5_000, multiplier: 1 },
      intent: options.isIntent ?? false, compensation: undo({ retry: NO_RETRY }),
    },
    other: { kind: 'effect', owner: 'alone', number: 2, after: 'start', output: told, timeoutMs: 1_000, retry: { ...NO_RETRY, firstDelayMs: 2_000 }, compensation: none('nothing') },
  },
});
type Saga = ReturnType<typeof sagaOf>;
const paid = completed(event(told, { text: 'paid' }));

const open = async (pay: EffectHandler<Saga>, options: { readonly otherFails?: boolean; readonly limitMs?: number; readonly isIntent?: boolean } = {}) => {
  const saga = sagaOf(options);
  const participant = defineParticipant({
    name: 'alone', initiates: [initiate(saga)],
    steps: [implementEffect(saga, 'pay', pay), implementEffect(saga, 'other', { execute: async () => (options.otherFails === true ? requireCompensation('no') : completed(event(told, { text: 'b' }))) })],
  });
  const stage = await RuntimeStage.open({ participants: [participant] });
  const { process } = await stage.start();
  const handle = await stage.settled(stage.client().start(saga, { text: 'a' }));
  return { stage, process, handle };
};

/** Answers one after another; the first brings the effect about, whatever it says. */
const vendor = (...answers: readonly StepResult[]) => {
  const state = { calls: 0, isLive: false };
  const execute = async (): Promise<StepResult> => {
    if (state.calls === 0) state.isLive = true;
    return answers[state.calls++] ?? paid;
  };
  const compensate = async () => {
    state.isLive = false;
    return compensated();
  };
  return { state, execute, compensate };
};

test('an attempt of unknown outcome is undone when another step fails before the next attempt', async () => {
  const { state, ...handler } = vendor(unknown('answer lost'));
  const { stage, handle } = await open(handler, { otherFails: true });
  expect(await stage.settled(handle.result())).toMatchObject({ status: 'FAILED' });
  expect(state).toEqual({ calls: 1, isLive: false });
  expect((await stage.until(stepAttemptFailed))[0]?.payload).toMatchObject({ stepName: 'pay', outcomeUnknown: true });
});

test.each([transient('503'), terminal('no such account'), requireCompensation('refused')])('an earlier attempt of unknown outcome is undone though the last one failed for certain (%j)', async (last) => {
  const { state, ...handler } = vendor(unknown('answer lost'), last);
  const { stage, handle } = await open(handler);
  expect(await stage.settled(handle.result())).toMatchObject({ status: 'FAILED' });
  expect(state).toEqual({ calls: 2, isLive: false });
  expect((await stage.until(stepFailed))[0]?.payload).toMatchObject({ stepName: 'pay', outcomeUnknown: true });
});

test('a look-up that finds nothing clears an earlier unknown outcome; one that fails for now clears nothing', async () => {
  const found = [unknown('cannot say'), absent];
  const cleared = await open({ execute: async () => (found.length > 1 ? unknown('answer lost') : terminal('no')), reconcile: async () => found.shift() ?? absent, compensate: async () => compensated() });
  expect(await cleared.stage.settled(cleared.handle.result())).toMatchObject({ status: 'FAILED' });
  expect((await cleared.stage.until(stepFailed))[0]?.payload).toMatchObject({ outcomeUnknown: false, errorKind: 'Terminal' });
  const vague = await open({ execute: async () => unknown('answer lost'), reconcile: async () => transient('look-up: 503'), compensate: async () => compensated() });
  expect(await vague.stage.settled(vague.handle.result())).toMatchObject({ status: 'FAILED' });
  expect((await vague.stage.until(stepFailed))[0]?.payload).toMatchObject({ outcomeUnknown: true });
  await vague.stage.until(sagaFailed);
  expect(vague.stage.types()).toContain('CompensationCompleted pay');
});

test.each([[true, 1], [false, 2]] as const)('after a takeover a vendor that tells no repetition (intent: %s) is not called again while a predecessor\'s call may be on the wire', async (isIntent, effectsMax) => {
  let effects = 0;
  let calls = 0;
  const limitMs = 30_000;
  const { stage, process, handle } = await open({
    // The request of the first process arrives long after that process died; its answer never.
    execute: async () => {
      calls++;
      if (calls > 1) {
        effects++;
        return paid;
      }
      stage.clock.after(20_000, () => { effects++; });
      return new Promise(() => undefined);
    },
    reconcile: async () => (effects > 0 ? paid : absent),
    compensate: async () => compensated(),
  }, { limitMs, isIntent });
  await stage.clock.runUntil(() => calls === 1, 1_000);
  process.kill();
  await stage.clock.advance(11_000);
  await stage.start();
  expect(await stage.settled(handle.result(), 2 * limitMs + 5_000)).toMatchObject({ status: 'COMPLETED' });
  await stage.clock.advance(20_000);
  expect(effects).toBe(effectsMax);
});

test('after a takeover, "unknown" waits for two limits of elapsed time: a wall clock that jumps ahead does not end the wait', async () => {
  const limitMs = 5_000;
  const { stage, process, handle } = await open({ execute: () => new Promise(() => undefined), compensate: async () => compensated() }, { limitMs, isIntent: true });
  await stage.until(stepStarted);
  process.kill();
  await stage.clock.advance(11_000);
  await stage.start();
  const liveAtMs = stage.clock.monotonicMillis();
  stage.clock.jumpWallTime(3_600_000);
  // It is decided anew under the new wall time.
  await stage.settled(stage.client('person').order(sagaOf({ limitMs, isIntent: true }), handle.correlationId, { action: 'compensate', user: 'u', reason: 'in doubt' }));
  await stage.clock.advance(2 * limitMs - 500 - (stage.clock.monotonicMillis() - liveAtMs));
  expect(stage.types()).not.toContain('StepFailed pay');
  const [failed] = await stage.until(stepFailed, 1, 2_000);
  expect(failed?.payload).toMatchObject({ stepName: 'pay', outcomeUnknown: true });
});
