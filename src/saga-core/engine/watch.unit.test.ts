import { expect, test } from '@jest/globals';
import { compensationRequested, type Envelope, type EventType, sagaSignalled, sagaStarted } from '#contracts/core';
import { completed, defineEvent, defineSaga, none, type StepDefinition, terminal } from '#saga-core';
import { erase, ok } from '#kernel';
import { awaitStateOf, begin, compileSaga, decide, type DecisionWorld, emissionsDue, evolve, type FoldedRecord, type Instance, keyOfAction } from './index.ts';

/* Goal: what a watch owes is a function of the log alone. Every `go` is noted under its count; `w` and `v` are watches, `v` ends the waiting. */
const begun = defineEvent('w.begun', { text: 'string' });
const noted = defineEvent('w.noted', { text: 'string' });
const stepped = defineEvent('w.stepped', { text: 'string' });
const watch = (endsWaiting: boolean, timeoutMs = 0, after = 'a'): StepDefinition =>
  erase({ kind: 'await', owner: 'o', number: 1, after, output: null, emits: [noted], timeoutMs, onLimit: 'complete', listensTo: [sagaSignalled], watch: { endsWaiting }, compensation: none('watches') });
const saga = (timeoutMs = 0) => defineSaga({
  type: 'watching', version: 1, context: 'c', initiator: 'other', start: begun, timeoutMs: 0, totalSteps: 1, completed: { emits: null }, failed: { emits: null },
  steps: { a: erase<StepDefinition>({ kind: 'effect', owner: 'other', number: 1, after: 'start', output: stepped, timeoutMs: 1, retry: { maxAttempts: 1, initialDelayMs: 0, maxDelayMs: 0, multiplier: 1 }, compensation: none('n') }), w: watch(false, timeoutMs), v: watch(true), behind: watch(true, 0, 'v') },
});
const handler = erase<never>({ kind: 'watch', initial: 0, fold: (count: number, { payload }: { readonly payload: { readonly signal: string } }) => (payload.signal === 'go' ? { state: count + 1, note: count + 1 } : { state: count }), verdict: () => null });

class Log {
  instance: Instance;
  nowMs = 1_000;
  #offset = 0;
  constructor(timeoutMs = 0, owned: readonly string[] = ['w']) {
    const compiled = compileSaga(saga(timeoutMs), { participant: 'o', handlers: new Map(owned.map((name) => [name, handler])), endings: null });
    this.instance = begin(compiled, this.#record(begun, {}, {}));
    this.add(sagaStarted, { definitionVersion: 1, deadlineAt: null, limits: [], payload: null });
  }
  #record(type: EventType<never> | EventType<unknown>, payload: unknown, envelope: Partial<Envelope>): FoldedRecord {
    const offset = this.#offset++;
    const whole = { eventId: `e${offset}`, occurredAt: this.nowMs, correlationId: 'i', causationId: null, sagaType: 'watching', subSaga: null, stepName: null, stepItem: null, outcome: null, compensationData: null, ...envelope };
    return { offset, type: type.name, envelope: erase(whole), value: new Uint8Array(), payload: () => payload, keep: () => new Uint8Array() };
  }
  add(type: EventType<never> | EventType<unknown>, payload: unknown, envelope: Partial<Envelope> = {}): this {
    this.instance = evolve(this.instance, this.#record(type, payload, envelope)).instance;
    return this;
  }
  done(step: string): this { return this.add(stepped, {}, { stepName: step, outcome: 'completed', eventId: `${step} done` }); }
  goes(...causes: readonly string[]): this { return causes.reduce<this>((log, eventId) => log.add(sagaSignalled, { signal: 'go' }, { eventId }), this); }
  emitted(causationId: string, stepName = 'w'): this { return this.add(noted, {}, { stepName, causationId }); }
  decide(busy: readonly string[] = [], world: Partial<DecisionWorld> = {}) {
    return decide(this.instance, { nowMs: this.nowMs, isBusy: (key) => busy.includes(key), outputsOf: () => erase({}), ask: (question) => ok(question()), verdictOf: () => null, mustUndo: () => false, endedChild: () => null, ...world });
  }
  /** Causes and notes of what is to be written. */
  due(busy: readonly string[] = [], world: Partial<DecisionWorld> = {}): readonly string[] {
    return this.decide(busy, world).actions.flatMap((action) => (action.do === 'emit' ? action.emissions.map(({ cause, note }) => `${cause}=${String(note)}`) : [action.do]));
  }
  get state(): unknown {
    const step = this.instance.saga.steps[1];
    return step === undefined ? null : awaitStateOf(this.instance, step);
  }
}

test('notes are due in the order of their facts, from the trigger on, those from before it too', () => {
  const log = new Log().goes('x');
  expect(log.due()).toEqual([]);
  expect(log.done('a').goes('y').due()).toEqual(['x=1', 'y=2']);
});

test('what is on its way is not due again, though it is read back in parts; what came meanwhile is', () => {
  const log = new Log().done('a').goes('x', 'y');
  const [action] = log.decide().actions;
  const busy = action === undefined ? '' : keyOfAction(action);
  expect(busy).toBe('e:w/y');
  expect(log.due([busy])).toEqual([]);
  expect(log.emitted('x').due([busy])).toEqual([]);
  expect(log.goes('z').due([busy])).toEqual(['z=3']);
  // A second event of the cause changes nothing.
  expect(log.emitted('y').emitted('y').due()).toEqual(['z=3']);
  expect(log.due(['f:w'])).toEqual([]);
});

test('after a standstill a hundred causes are answered at a time, and the outcome waits for the last hundred', () => {
  const log = new Log().done('a').goes(...Array.from({ length: 150 }, (_, index) => `c${index + 1}`));
  const answered = { verdictOf: () => completed(null) };
  const due = log.due([], answered);
  expect([due.length, due[0], due.at(-1)]).toEqual([100, 'c1=1', 'c100=100']);
  expect(log.due(['e:w/c100'], answered)).toEqual(['answer']);
});

test('a record of another step, or of a cause that nothing is due of, answers nothing', () => {
  expect(new Log().done('a').goes('x').emitted('x', 'v').emitted('strange').add(noted, {}, { stepName: 'w' }).due()).toEqual(['x=1']);
});

test('a repeated record is heard once: while it is due, and for 64 answers after it', () => {
  const log = new Log().done('a').goes('x', 'x');
  expect([log.due(), log.state]).toEqual([['x=1'], 1]);
  for (let count = 0; count < 64; count++) log.emitted(count === 0 ? 'x' : `x${count}`).goes(`x${count + 1}`);
  log.emitted('x64');
  expect(log.goes('x1').due()).toEqual([]);
  expect(log.goes('x').due()).toEqual(['x=66']);
});

test('the end of the waiting closes the ears; what was due stays due until the answer', () => {
  const log = new Log().done('a').goes('x').done('v').goes('y');
  expect(log.state).toBe(1);
  expect(log.decide().actions).toMatchObject([{ do: 'answer-ended', cause: 'v done' }]);
  expect(new Log(0, ['v', 'w']).done('a').done('w').due()).toEqual([]);
});

test('a verdict comes before the end of the waiting, that before a limit which passed after it, a limit before one that it preceded', () => {
  const ended = (doneAtMs: number): Log => {
    const log = new Log(5_000).done('a');
    log.nowMs = doneAtMs;
    return log.done('v');
  };
  expect(ended(2_000).decide([], { verdictOf: () => terminal('no') }).actions).toMatchObject([{ do: 'answer', result: { status: 'failed' } }]);
  expect(ended(6_000).due()).toEqual(['answer-ended']);
  expect(ended(6_001).decide().actions).toMatchObject([{ do: 'answer', result: null }]);
});

test('a compensating instance owes nothing: neither what was due, nor what it hears', () => {
  const log = new Log().done('a').goes('x').add(compensationRequested, { failedStep: null, failedItem: null, reason: 'r' }).goes('y');
  const step = log.instance.saga.owned[0];
  expect([log.instance.status, log.state, step === undefined ? null : emissionsDue(log.instance, step, () => false)]).toEqual(['COMPENSATING', 2, []]);
});

test('a watch that comes after the one that ended the waiting goes on; one that is skipped or open ends nothing', () => {
  expect(new Log(0, ['behind']).done('a').done('v').due()).toEqual([]);
  expect(new Log(0, ['v']).done('a').done('v').done('behind').due()).toEqual([]);
  const skipped = new Log().done('a').add({ ...stepped, name: 'chorus.StepCompleted' }, { skipped: true, skipReason: '' }, { stepName: 'v', outcome: 'completed' });
  expect(skipped.due()).toEqual([]);
});
