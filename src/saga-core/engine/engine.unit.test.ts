import { describe, expect, test } from '@jest/globals';
import {
  type Envelope, type EventType, childSagaEnded, compensationCompleted, compensationFailed, compensationRequested, opsOperatorAction, sagaCompleted, sagaFailed, sagaQuarantined, sagaRefused, sagaStarted, stepAttemptFailed,
  stepCompleted, stepFailed, stepStarted,
} from '#contracts/core';
import { completed, defineEvent, defineSaga, none, NO_RETRY, type SagaDefinition, type SagaShape, type StepDefinition, undo } from '#saga-core';
import { erase, ok } from '#kernel';
import { type Action, begin, childSagaId, compileSaga, decide, type DecisionWorld, evolve, type FoldedRecord, type Instance, limitsInForce, type Refusal, withPinnedLimits } from './index.ts';

/* The engine alone: records in, states and due actions out. Every step is owned by `o`, which also initiates. */
const begun = defineEvent('e.begun', { text: 'string' });
const told = defineEvent('e.told', { text: 'string' });
const arrived = defineEvent('e.arrived', { text: 'string' });

const effect = (after: StepDefinition['after'], more: Partial<StepDefinition> = {}): StepDefinition =>
  erase({ kind: 'effect', owner: 'o', number: 1, after, output: told, timeoutMs: 1_000, retry: { maxAttempts: 2, initialDelayMs: 100, maxDelayMs: 100, multiplier: 1 }, compensation: undo({ retry: NO_RETRY }), ...more });
const sagaOf = (steps: Readonly<Record<string, StepDefinition>>, more: Partial<SagaShape> = {}): SagaDefinition =>
  defineSaga({ type: 'engine', version: 1, context: 'c', initiator: 'o', start: begun, timeoutMs: 0, totalSteps: 9, steps, completed: { emits: null }, failed: { emits: null }, ...more });

type Extra = Partial<Envelope>;
/** A fold of one instance, with the names of what it refuses. */
class Fold {
  instance: Instance;
  readonly refused: (Refusal | null)[] = [];
  nowMs = 1_000;
  readonly #world: Partial<DecisionWorld>;
  #offset = 0;

  constructor(saga: SagaDefinition, options: { readonly world?: Partial<DecisionWorld>; readonly deadlineAt?: number | null; readonly isPending?: boolean; readonly limits?: ReturnType<typeof limitsInForce> } = {}) {
    this.#world = options.world ?? {};
    const handlers = new Map(Object.entries(saga.steps).map(([name, step]) => [name, erase<never>({ kind: step.kind, initial: 0, fold: (state: number) => state + 1, verdict: () => null })]));
    const compiled = compileSaga(saga, { participant: 'o', handlers, endings: {} });
    this.instance = begin(options.limits === undefined ? compiled : withPinnedLimits(compiled, options.limits), this.#record(begun, { text: 'a' }, { eventId: 'trigger' }));
    if (options.isPending !== true) this.add(sagaStarted, { sagaType: saga.type, initiator: 'o', definitionVersion: 1, deadlineAt: options.deadlineAt ?? null, limits: [], payload: null, triggerEventId: null, repeatOf: null });
  }

  #record(type: EventType<never> | EventType<unknown>, payload: unknown, envelope: Extra): FoldedRecord {
    const offset = this.#offset++;
    const whole = { eventId: `e${offset}`, occurredAt: this.nowMs, correlationId: 'i', sagaType: 'engine', subSaga: null, stepName: null, stepItem: null, outcome: null, compensationData: null, ...envelope };
    return { offset, type: type.name, envelope: erase(whole), value: new Uint8Array(), payload: () => payload, keep: () => new Uint8Array([1]) };
  }

  add(type: EventType<never> | EventType<unknown>, payload: unknown, envelope: Extra = {}): this {
    const { instance, refused } = evolve(this.instance, this.#record(type, payload, envelope));
    this.instance = instance;
    this.refused.push(refused);
    return this;
  }

  get lastRefusal(): Refusal | null {
    return this.refused.at(-1) ?? null;
  }

  done(step: string, item: string | null = null): this { return this.add(told, { text: '' }, { stepName: step, stepItem: item, outcome: 'completed' }); }
  skipped(step: string): this { return this.add(stepCompleted, { stepName: step, output: null, skipped: true, skipReason: 'why' }, { stepName: step, outcome: 'completed' }); }
  failed(step: string, more: { readonly outcomeUnknown?: boolean; readonly errorKind?: string } = {}, item: string | null = null): this {
    return this.add(stepFailed, { stepName: step, errorKind: 'Terminal', outcomeUnknown: false, reason: 'no', attempts: 1, ...more }, { stepName: step, stepItem: item });
  }
  requested(failedStep: string | null = null): this { return this.add(compensationRequested, { failedStep, failedItem: null, reason: 'r', completedSteps: [], uncertainSteps: [] }); }
  undone(step: string, item: string | null = null): this { return this.add(compensationCompleted, { stepName: step, kept: false, byOperator: null }, { stepName: step, stepItem: item }); }
  undoFailed(step: string): this { return this.add(compensationFailed, { stepName: step, errorKind: 'Ambiguous', reason: 'r' }, { stepName: step }); }
  quarantined(step: string): this { return this.add(sagaQuarantined, { stepName: step, reason: 'r' }, { stepName: step }); }
  order(action: string, step: string | null = null): this { return this.add(opsOperatorAction, { sagaId: 'i', subSaga: null, action, step, stepItem: null, user: 'ann', reason: 'r' }); }

  decide(busy: readonly string[] = []) {
    return decide(this.instance, {
      nowMs: this.nowMs, isBusy: (key) => busy.includes(key), outputsOf: () => erase({}), ask: (question) => ok(question()), verdictOf: () => null, mustUndo: () => false, endedChild: () => null, ...this.#world,
    });
  }

  /** What is due, as `action step/item`. */
  due(busy: readonly string[] = []): readonly string[] {
    return this.decide(busy).actions.map((action: Action) => [action.do, ...('step' in action && action.step !== null ? [`${typeof action.step === 'string' ? action.step : action.step.name}${'item' in action && action.item !== null ? `/${action.item}` : ''}`] : [])].join(' '));
  }
}

const chain = sagaOf({ a: effect('start'), b: effect('a'), c: effect('b') });
const fork = sagaOf({ a: effect('start'), b: effect('start'), all: effect({ all: ['a', 'b'] }), any: effect({ any: ['a', 'b'] }) });

describe('order of states', () => {
  test('pending, running, completed: each record in its turn and none out of it', () => {
    const fold = new Fold(chain, { isPending: true });
    expect(fold.due()).toEqual(['start']);
    expect(fold.add(sagaCompleted, {}).lastRefusal).toBe('ILLEGAL_TRANSITION');
    expect(fold.requested().lastRefusal).toBe('ILLEGAL_TRANSITION');
    expect(fold.order('compensate').lastRefusal).toBe('VOID');
    expect(fold.due()).toEqual(['start']);
    const running = new Fold(chain);
    expect(running.instance.status).toBe('RUNNING');
    expect(running.add(sagaRefused, { faults: [] }).lastRefusal).toBe('ILLEGAL_TRANSITION');
    expect(running.add(sagaStarted, { deadlineAt: 1, payload: null }).lastRefusal).toBe('DUPLICATE');
    expect(running.add(begun, { text: 'again' }).lastRefusal).toBe('DUPLICATE');
    expect(running.due()).toEqual(['execute a']);
    expect(running.done('a').due()).toEqual(['execute b']);
    expect(running.done('b').done('c').due()).toEqual(['complete']);
    expect(running.add(sagaCompleted, {}).instance.status).toBe('COMPLETED');
  });

  test('after the end nothing changes and nothing is due', () => {
    const fold = new Fold(chain).done('a').done('b').done('c').add(sagaCompleted, {});
    const before = fold.instance;
    fold.failed('a').requested().undone('a').order('compensate').add(sagaFailed, {}).done('c');
    expect(fold.refused.slice(-6)).toEqual(Array.from({ length: 6 }, () => 'AFTER_END'));
    expect(fold.instance).toBe(before);
    expect(fold.due()).toEqual([]);
  });

  test('a failure, a deadline and an operator each ask for compensation, which then runs in reverse order', () => {
    expect(new Fold(chain).done('a').failed('b').due()).toEqual(['request-compensation b']);
    const late = new Fold(chain, { deadlineAt: 5_000 });
    expect(late.decide()).toMatchObject({ wakeAtMs: 5_000 });
    late.nowMs = 5_000;
    expect(late.due()).toEqual(['request-compensation', 'execute a']);
    expect(new Fold(chain).order('compensate').due(['f:a'])).toEqual(['request-compensation']);
    const fold = new Fold(chain).done('a').done('b').failed('c').requested('c');
    expect(fold.instance.status).toBe('COMPENSATING');
    expect(fold.due()).toEqual(['compensate b']);
    expect(fold.undone('b').due()).toEqual(['compensate a']);
    expect(fold.undone('a').due()).toEqual(['fail']);
    expect(fold.undone('a').lastRefusal).toBe('DUPLICATE');
    expect(fold.add(sagaFailed, {}).instance.status).toBe('FAILED');
  });

  test('an outcome counts once, whatever repeats it', () => {
    const fold = new Fold(chain).done('a');
    expect(fold.done('a').lastRefusal).toBe('DUPLICATE');
    expect(fold.failed('a').lastRefusal).toBe('DUPLICATE');
    expect(fold.add(stepStarted, { stepName: 'a', phase: 'execute', idempotencyKey: '' }, { stepName: 'a' }).lastRefusal).toBe('DUPLICATE');
    expect(fold.add(told, { text: '' }, { stepName: 'nowhere', outcome: 'completed' }).lastRefusal).toBe('UNKNOWN_STEP');
    expect(fold.due()).toEqual(['execute b']);
  });
});

describe('compensation', () => {
  test('a request that every outcome had overtaken is void, and the instance completes', () => {
    const fold = new Fold(chain).done('a').done('b').done('c').requested();
    expect(fold.lastRefusal).toBe('VOID');
    expect(fold.due()).toEqual(['complete']);
    expect(fold.order('compensate').lastRefusal).toBe('VOID');
  });

  test('the triggered set freezes at the request: nothing else starts, and each triggered step is answered', () => {
    const fold = new Fold(chain).done('a').requested();
    expect(fold.due()).toEqual(['conclude b']);
    // b completes after all, and c, which it would trigger, does not start.
    expect(fold.done('b').due()).toEqual(['compensate b']);
    expect(fold.undone('b').due()).toEqual(['compensate a']);
  });

  test('what may have happened is undone; what failed or never ran is not', () => {
    expect(new Fold(chain).failed('a', { outcomeUnknown: true }).requested().due()).toEqual(['compensate a']);
    expect(new Fold(chain).failed('a').requested().due()).toEqual(['fail']);
    expect(new Fold(chain).requested().failed('a', { errorKind: 'Cancelled' }).due()).toEqual(['fail']);
    expect(new Fold(sagaOf({ a: effect('start', { compensation: none('nothing') }), b: effect('a') })).done('a').failed('b').requested().due()).toEqual(['fail']);
    expect(new Fold(chain).skipped('a').failed('b').requested().due()).toEqual(['fail']);
  });

  test('independent branches are undone side by side, and what joins them first', () => {
    const fold = new Fold(fork).done('a').done('b').done('any').failed('all').requested('all');
    expect(fold.due()).toEqual(['compensate any']);
    expect(fold.undone('any').due()).toEqual(['compensate a', 'compensate b']);
  });

  test('a kept effect is recorded as kept, or undone where its owner says so', () => {
    const kept = sagaOf({ a: effect('start', { compensation: { kind: 'kept', what: 'the fill', retry: NO_RETRY, timeoutMs: 1 } }), b: effect('a') });
    expect(new Fold(kept).done('a').failed('b').requested().due()).toEqual(['keep a']);
    expect(new Fold(kept, { world: { mustUndo: () => true } }).done('a').failed('b').requested().due()).toEqual(['compensate a']);
    expect(new Fold(kept, { world: { ask: () => ({ ok: false, fault: 'odd' }) } }).done('a').failed('b').requested().due()).toEqual(['fail-undo a']);
  });

  test('a failed attempt to undo waits for its instant', () => {
    const fold = new Fold(chain).done('a').failed('b').requested().add(stepAttemptFailed, { stepName: 'a', phase: 'compensate', attempt: 1, cause: '', nextAt: 9_000 }, { stepName: 'a' });
    expect(fold.decide()).toMatchObject({ actions: [], wakeAtMs: 9_000 });
    fold.nowMs = 9_000;
    expect(fold.decide().actions).toMatchObject([{ do: 'compensate', attempt: 2 }]);
  });
});

describe('quarantine', () => {
  const stuck = (): Fold => new Fold(chain).done('a').done('b').failed('c').requested().undoFailed('b');

  test('holds back what follows, and is not terminal', () => {
    const fold = stuck();
    expect(fold.due()).toEqual(['quarantine b']);
    expect(fold.quarantined('b').instance.status).toBe('MANUAL_REQUIRED');
    expect(fold.due()).toEqual([]);
    expect(fold.quarantined('b').lastRefusal).toBe('ILLEGAL_TRANSITION');
  });

  test('retry runs it again; skip excuses the one that it names; resolve all that is left', () => {
    const retried = stuck().quarantined('b').order('retry', 'b');
    expect(retried.instance.status).toBe('COMPENSATING');
    expect(retried.due()).toEqual(['compensate b']);
    const excused = stuck().quarantined('b').order('skip', 'b');
    expect(excused.due()).toEqual(['excuse b']);
    expect(excused.undone('b').due()).toEqual(['compensate a']);
    const resolved = stuck().quarantined('b').order('resolve');
    expect(resolved.due()).toEqual(['excuse b']);
    expect(resolved.undone('b').due()).toEqual(['excuse a']);
    expect(resolved.undone('a').due()).toEqual(['fail']);
  });

  test.each(['retry', 'skip', 'resolve'])('%s is void where nothing that it names is quarantined', (action) => {
    for (const fold of [new Fold(chain), new Fold(chain).done('a'), new Fold(chain).done('a').failed('b').requested()]) {
      const before = fold.due();
      expect(fold.order(action).lastRefusal).toBe('VOID');
      expect(fold.due()).toEqual(before);
    }
    const named = stuck().quarantined('b');
    expect(named.order(action, 'a').lastRefusal).toBe('VOID');
    expect(named.instance.status).toBe('MANUAL_REQUIRED');
  });

  test('an action that nobody knows is void, and so is one before the quarantine is on the log', () => {
    expect(stuck().quarantined('b').order('reopen').lastRefusal).toBe('VOID');
    const fold = stuck().order('retry', 'b');
    expect(fold.lastRefusal).toBe('VOID');
    expect(fold.quarantined('b').lastRefusal).toBeNull();
    expect(fold.order('retry', 'b').due()).toEqual(['compensate b']);
  });

  test('a quarantine that was declared done by hand while its record was on its way is void', () => {
    const fold = new Fold(fork).done('a').done('b').failed('any').requested().failed('all', { errorKind: 'Cancelled' }).undoFailed('a').quarantined('a').undoFailed('b').order('resolve');
    expect(fold.quarantined('b').lastRefusal).toBe('VOID');
    expect(fold.due()).toEqual(['excuse a', 'excuse b']);
  });

  test('compensate is void but while running, and given twice it counts once', () => {
    expect(new Fold(chain).done('a').failed('b').requested().order('compensate').lastRefusal).toBe('VOID');
    expect(stuck().quarantined('b').order('compensate').lastRefusal).toBe('VOID');
    const fold = new Fold(chain).order('compensate');
    expect([fold.lastRefusal, fold.order('compensate').lastRefusal]).toEqual([null, 'VOID']);
  });
});

describe('dependencies', () => {
  test('all waits for all, any for one, and a skipped step counts', () => {
    expect(new Fold(fork).done('a').due(['f:b'])).toEqual(['execute any']);
    expect(new Fold(fork).done('a').skipped('b').due()).toEqual(['execute all', 'execute any']);
    expect(new Fold(fork).failed('a').done('b').due()).toEqual(['request-compensation a', 'execute any']);
  });

  test('a predicate that does not hold skips; one that throws fails its step', () => {
    const saga = (predicate: () => { readonly holds: boolean; readonly why: string }): SagaDefinition => sagaOf({ a: effect('start', { when: 'p' }) }, { predicates: { p: erase(predicate) } });
    expect(new Fold(saga(() => ({ holds: false, why: 'not today' }))).decide().actions).toMatchObject([{ do: 'skip', why: 'not today' }]);
    expect(new Fold(saga(() => ({ holds: true, why: '' }))).due()).toEqual(['execute a']);
    expect(new Fold(saga(() => ({ holds: true, why: '' })), { world: { ask: () => ({ ok: false, fault: 'odd' }) } }).decide().actions).toMatchObject([{ do: 'fail-step', item: null, reason: 'predicate p: odd' }]);
  });

  test('the first attempt waits for its delay, the next for its instant', () => {
    const saga = sagaOf({ a: effect('start', { retry: { maxAttempts: 2, initialDelayMs: 1, maxDelayMs: 1, multiplier: 1, firstDelayMs: 2_000 } }) });
    const fold = new Fold(saga);
    expect(fold.decide()).toMatchObject({ actions: [], wakeAtMs: 3_000 });
    fold.add(stepAttemptFailed, { stepName: 'a', phase: 'execute', attempt: 1, cause: '', nextAt: 8_000 }, { stepName: 'a' });
    expect(fold.decide()).toMatchObject({ actions: [], wakeAtMs: 8_000 });
    fold.nowMs = 8_000;
    expect(fold.decide().actions).toMatchObject([{ do: 'execute', attempt: 2 }]);
  });
});

describe('forEach', () => {
  const arriving = sagaOf({ a: effect('start'), each: effect('start', { forEach: { arriving: arrived, until: ['a'] } }), after: effect('each') });
  const listed = sagaOf({ a: effect('start'), each: effect('a', { forEach: { listed: 'all' } }), after: effect('each') }, { listings: { all: () => ['x', 'y'] } });
  const none_ = sagaOf({ a: effect('start'), each: effect('a', { forEach: { listed: 'all' } }), after: effect('each') }, { listings: { all: () => [] } });
  const comes = (fold: Fold, item: string): Fold => fold.add(arrived, { text: '' }, { stepName: 'each', stepItem: item });
  const opens = (fold: Fold, ...items: readonly (string | null)[]): Fold => items.reduce((sum: Fold, item) => sum.add(stepStarted, { stepName: 'each', phase: 'execute', idempotencyKey: '' }, { stepName: 'each', stepItem: item }), fold);

  test('items that arrive run while more may come; the step is done when none is expected and all are', () => {
    const fold = comes(new Fold(arriving), 'x');
    expect(fold.due(['f:a'])).toEqual(['execute each/x']);
    expect(comes(fold, 'x').lastRefusal).toBe('DUPLICATE');
    expect(comes(fold.done('each', 'x'), 'y').done('a').due()).toEqual(['execute each/y']);
    expect(fold.done('each', 'y').due()).toEqual(['execute after']);
    expect(new Fold(arriving).done('a').due()).toEqual(['execute after']);
  });

  test('listed items are opened once, with the end of their list; zero items are a step that is done', () => {
    const fold = new Fold(listed).done('a');
    expect(fold.decide().actions).toMatchObject([{ do: 'open', items: ['x', 'y'] }]);
    expect(opens(fold, 'x', 'y', null).due()).toEqual(['execute each/x', 'execute each/y']);
    expect(fold.done('each', 'y').done('each', 'x').due()).toEqual(['execute after']);
    expect(new Fold(none_).done('a').decide().actions).toMatchObject([{ do: 'open', items: [] }]);
    expect(opens(new Fold(none_).done('a'), null).due()).toEqual(['execute after']);
  });

  test('a list that was triggered but not opened before the request is answered by its owner before the end', () => {
    const fold = new Fold(listed).done('a').requested();
    expect(fold.due(['f:each'])).toEqual([]);
    expect(fold.due()).toEqual(['cancel each']);
    expect(fold.failed('each', { errorKind: 'Cancelled' }).due()).toEqual(['compensate a']);
  });

  test('items opened by a record behind the request are answered one by one', () => {
    const fold = opens(new Fold(listed).done('a').requested(), 'x', 'y', null);
    expect(fold.due()).toEqual(['conclude each/x', 'conclude each/y']);
    expect(fold.done('each', 'x').failed('each', { errorKind: 'Cancelled' }, 'y').due()).toEqual(['compensate each/x']);
    expect(fold.undone('each', 'x').due()).toEqual(['compensate a']);
  });

  test('a listed item is opened by its first start record and intended, or begun, by its second', () => {
    const fold = opens(new Fold(listed).done('a'), 'x', 'y', null);
    expect(fold.instance.items?.[1]?.get('x')?.isStarted).toBe(false);
    expect(opens(fold, 'x').instance.items?.[1]?.get('x')?.isStarted).toBe(true);
    const entities = sagaOf({ each: erase({ kind: 'entity', owner: 'o', number: 1, after: 'start', entity: 'x', output: null, compensation: none('n'), forEach: { listed: 'all' } }) }, { listings: { all: () => ['x'] } });
    expect(opens(new Fold(entities), 'x', null).due()).toEqual([]);
  });

  test('each item is undone on its own, also where the step as a whole failed', () => {
    const fold = opens(new Fold(listed).done('a'), 'x', 'y', null).done('each', 'x').failed('each', {}, 'y').requested('each');
    expect(fold.due()).toEqual(['compensate each/x']);
    expect(fold.undone('each', 'x').due()).toEqual(['compensate a']);
  });

  test('what arrives while the saga compensates is found out, and undone', () => {
    const fold = comes(new Fold(arriving).failed('a').requested(), 'late');
    expect(fold.due()).toEqual(['conclude each/late']);
    expect(fold.done('each', 'late').due()).toEqual(['compensate each/late']);
  });
});

describe('what stays so, whatever arrives', () => {
  const late = (saga: Partial<SagaShape> = {}) => sagaOf({ a: effect('start'), each: erase({ kind: 'entity', owner: 'o', number: 1, after: 'start', entity: 'x', output: null, compensation: none('n'), forEach: { arriving: arrived, until: ['a'] } }), s: effect('each') }, saga);
  const comes = (fold: Fold, item: string): Fold => fold.add(arrived, { text: '' }, { stepName: 'each', stepItem: item });

  test('a step once triggered stays triggered when an item arrives late: its success after the request is undone', () => {
    const fold = new Fold(late()).done('a');
    expect(fold.due()).toEqual(['execute s']);
    comes(fold, 'x').requested().done('s').done('each', 'x');
    expect(fold.lastRefusal).toBeNull();
    expect(fold.due()).toEqual(['compensate a', 'compensate s']);
    expect(fold.undone('a').undone('s').due()).toEqual(['fail']);
  });

  test('while its own end is on its way, nothing more is begun', () => {
    const fold = new Fold(late()).done('a').done('s');
    expect(fold.due()).toEqual(['complete']);
    expect(comes(fold, 'x').due(['end'])).toEqual([]);
    expect(fold.due()).toEqual(['command each/x']);
  });

  test('an outcome before its dependencies, before the start, or outside the frozen set, changes nothing', () => {
    expect(new Fold(chain).done('b').lastRefusal).toBe('ILLEGAL_TRANSITION');
    expect(new Fold(chain).failed('b').lastRefusal).toBe('ILLEGAL_TRANSITION');
    expect(new Fold(chain, { isPending: true }).done('a').lastRefusal).toBe('ILLEGAL_TRANSITION');
    const fold = new Fold(chain).failed('a').requested().done('b');
    expect(fold.lastRefusal).toBe('ILLEGAL_TRANSITION');
    expect(fold.due()).toEqual(['fail']);
  });

  test('a record that is refused is not heard by those who wait', () => {
    const saga = sagaOf({ each: effect('start', { forEach: { arriving: arrived, until: ['w'] } }), w: erase({ kind: 'await', owner: 'o', number: 1, after: 'start', output: null, timeoutMs: 0, onLimit: 'fail', listensTo: [arrived], compensation: none('waits') }) });
    const fold = comes(comes(new Fold(saga), 'x'), 'x');
    expect(fold.lastRefusal).toBe('DUPLICATE');
    expect(fold.instance.awaits).toEqual([undefined, 1]);
  });
});

describe('await steps', () => {
  const wait = (onLimit: 'complete' | 'fail', timeoutMs = 2_000): SagaDefinition =>
    sagaOf({ a: effect('start'), w: erase({ kind: 'await', owner: 'o', number: 2, after: 'a', output: null, timeoutMs, onLimit, listensTo: [told], compensation: none('waits') }) });
  const counted = (saga: SagaDefinition): Fold => new Fold(saga, { world: { verdictOf: (instance, step) => (Number(instance.awaits?.[step.index] ?? 0) >= 2 ? completed(null) : null) } });

  test('facts from before the trigger count, and the verdict is asked at it', () => {
    const fold = counted(wait('fail')).add(told, { text: '' });
    expect(fold.due(['f:a'])).toEqual([]);
    expect(fold.done('a').due()).toEqual(['answer w']);
  });

  test.each(['complete', 'fail'] as const)('the limit runs from the trigger (%s), and is answered without a verdict', (onLimit) => {
    const fold = counted(wait(onLimit)).done('a');
    expect(fold.decide()).toMatchObject({ actions: [], wakeAtMs: 3_000 });
    fold.nowMs = 3_000;
    expect(fold.decide().actions).toMatchObject([{ do: 'answer', result: null }]);
    expect(counted(wait(onLimit, 0)).done('a').decide()).toEqual({ actions: [], wakeAtMs: null });
  });

  test('the limit runs from the end of a list without items, and from the record that ends the arriving', () => {
    const w: StepDefinition = erase({ kind: 'await', owner: 'o', number: 1, after: 'each', output: null, timeoutMs: 5_000, onLimit: 'fail', listensTo: [told], compensation: none('waits') });
    const empty = new Fold(sagaOf({ a: effect('start'), each: effect('a', { forEach: { listed: 'all' } }), w }, { listings: { all: () => [] } }));
    const closed = new Fold(sagaOf({ a: effect('start'), each: effect('start', { forEach: { arriving: arrived, until: ['a'] } }), w })).add(arrived, { text: '' }, { stepName: 'each', stepItem: 'x' }).done('each', 'x');
    for (const fold of [empty, closed]) fold.nowMs = 60_000;
    empty.done('a').add(stepStarted, { stepName: 'each', phase: 'execute', idempotencyKey: '' }, { stepName: 'each' });
    for (const fold of [empty, closed.done('a')]) expect(fold.decide()).toMatchObject({ actions: [], wakeAtMs: 65_000 });
  });

  test('where any of several is enough, the limit runs from the first that is whole, not from its first item', () => {
    const w: StepDefinition = erase({ kind: 'await', owner: 'o', number: 1, after: { any: ['each', 'b'] }, output: null, timeoutMs: 5_000, onLimit: 'fail', listensTo: [told], compensation: none('waits') });
    const fold = new Fold(sagaOf({ each: effect('start', { forEach: { listed: 'all' } }), b: effect('start'), w }, { listings: { all: () => ['x', 'y'] } }));
    for (const item of ['x', 'y', null]) fold.add(stepStarted, { stepName: 'each', phase: 'execute', idempotencyKey: '' }, { stepName: 'each', stepItem: item });
    fold.done('each', 'x');
    fold.nowMs = 60_000;
    expect(fold.done('each', 'y').decide(['f:b'])).toMatchObject({ actions: [], wakeAtMs: 65_000 });
  });

  test('a request cancels a wait without an answer, and hears one that is there', () => {
    expect(counted(wait('fail')).done('a').requested().due()).toEqual(['cancel w']);
    expect(counted(wait('fail')).done('a').add(told, { text: '' }).requested().due()).toEqual(['answer w']);
  });
});

describe('children', () => {
  const parent = (id: 'inherited' | 'own', more: Partial<StepDefinition> = {}): SagaDefinition => sagaOf({ k: erase({ kind: 'child', owner: 'o', number: 1, after: 'start', saga: 'kid', id, output: null, compensation: none('ends'), ...more }) });
  const spawned = (saga: SagaDefinition, world: Partial<DecisionWorld> = {}): Fold => new Fold(saga, { world }).add(stepStarted, { stepName: 'k', phase: 'execute', idempotencyKey: '' }, { stepName: 'k' });
  const reports = (fold: Fold, outcome: string, id = childSagaId('i', 'k', null)): Fold => fold.add(childSagaEnded, { childSagaType: 'kid', childCorrelationId: id, outcome, reason: 'r', terminalEventId: 't', output: null });

  test('of an own id: what it reports is its step\'s answer, once, and only its own', () => {
    expect(new Fold(parent('own')).due()).toEqual(['spawn k']);
    expect(spawned(parent('own')).due()).toEqual([]);
    const fold = reports(spawned(parent('own')), 'completed');
    expect(fold.decide().actions).toMatchObject([{ do: 'answer-child', child: { isCompleted: true } }]);
    expect(reports(fold, 'failed').lastRefusal).toBe('DUPLICATE');
    expect(reports(spawned(parent('own')), 'completed', 'stranger').lastRefusal).toBe('UNKNOWN_STEP');
    expect(reports(spawned(parent('own')), 'failed').decide().actions).toMatchObject([{ do: 'answer-child', child: { isCompleted: false, reason: 'child failed: r' } }]);
  });

  test('of items, listed or arrived: each is begun once and answered by its own child\'s report', () => {
    const kids = parent('own');
    const listed = new Fold(sagaOf({ k: erase({ ...kids.steps['k'], forEach: { listed: 'all' } }) }, { listings: { all: () => ['x', 'y'] } }));
    for (const item of ['x', 'y', null]) listed.add(stepStarted, { stepName: 'k', phase: 'execute', idempotencyKey: '' }, { stepName: 'k', stepItem: item });
    expect(listed.due()).toEqual(['spawn k/x', 'spawn k/y']);
    const came = new Fold(parent('own', { forEach: { arriving: arrived, until: [] } })).add(arrived, { text: '' }, { stepName: 'k', stepItem: 'x' });
    expect(came.due()).toEqual(['spawn k/x']);
    for (const fold of [listed, came]) {
      fold.add(stepStarted, { stepName: 'k', phase: 'execute', idempotencyKey: '' }, { stepName: 'k', stepItem: 'x' });
      expect(fold.due(['f:k/y'])).toEqual([]);
      expect(reports(fold, 'completed', childSagaId('i', 'k', 'x')).due(['f:k/y'])).toEqual(['answer-child k/x']);
    }
  });

  test('of the parent\'s id: its end is asked of the partition', () => {
    const end = { isCompleted: true, reason: '', output: null, eventId: 'e' };
    expect(spawned(parent('inherited')).due()).toEqual([]);
    expect(spawned(parent('inherited'), { endedChild: () => end }).due()).toEqual(['answer-child k']);
  });

  test('a parent that compensates stops the child, and awaits its end', () => {
    expect(new Fold(parent('own')).requested().due()).toEqual(['cancel k']);
    const fold = spawned(parent('own')).requested();
    expect(fold.due()).toEqual(['stop-child k']);
    fold.add(stepStarted, { stepName: 'k', phase: 'compensate', idempotencyKey: '' }, { stepName: 'k' });
    expect(fold.due()).toEqual([]);
    expect(reports(fold, 'failed').due()).toEqual(['answer-child k']);
  });
});

test('pinned limits are those of the start record, and the very same saga where nothing differs', () => {
  const view = { participant: 'o', handlers: new Map([['a', erase<never>({ kind: 'effect' })]]), endings: null };
  const compiled = compileSaga(chain, view);
  expect(withPinnedLimits(compiled, limitsInForce(chain))).toBe(compiled);
  const pinned = withPinnedLimits(compiled, [{ step: 'a', timeoutMs: 7, maxAttempts: 9 }]);
  expect(pinned.steps[0]?.definition).toMatchObject({ timeoutMs: 7, retry: { maxAttempts: 9, initialDelayMs: 100 } });
  expect(pinned.owned[0]).toBe(pinned.steps[0]);
  expect(compiled.steps[0]?.definition).toMatchObject({ timeoutMs: 1_000 });
});
