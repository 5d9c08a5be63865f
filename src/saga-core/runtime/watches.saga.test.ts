import { describe, expect, test } from '@jest/globals';
import { compensationRequested, instanceParked, opsPartitionClaimed, sagaCompleted, sagaFailed, sagaSignalled, type SagaSignalled, stepFailed } from '#contracts/core';
import { completed, compensated, defineParticipant, defineSaga, event, type Fact, type Heard, implementEffect, implementWatch, initiate, none, NO_RETRY, terminal, undo } from '#saga-core';
import { erase } from '#kernel';
import { verifyRecords } from '#saga-core/testing';
import { asked, begun, CONTEXT, names, RuntimeStage, told, withdrawn } from '../../../test/support/runtime-stage.ts';

/*
 * Goal: what a watch emits is on the log exactly once per cause, in order and before its outcome, whatever dies when; and when the
 * waiting ends, every watch is answered once. Two owners: of `counter`, the watch `fills` counts every `fill` signal and tells the
 * count, until `done`, or `refuse`, which fails it; of the other, `guard` ends the waiting at `stop`, and `late` at `target`.
 */
const signalOf = (payload: unknown): string => erase<SagaSignalled>(payload).signal;
const LIMIT_MS = 60_000;

const saga = defineSaga({
  type: 'watched', version: 1, context: CONTEXT, initiator: 'counter', start: begun, timeoutMs: 0, totalSteps: 5, completed: { emits: null }, failed: { emits: null },
  steps: {
    first: { kind: 'effect', owner: 'counter', number: 1, after: 'start', output: told, timeoutMs: 20_000, retry: NO_RETRY, compensation: undo({ retry: NO_RETRY }) },
    fills: { kind: 'await', owner: 'counter', number: 2, after: 'first', output: told, emits: [asked, withdrawn], timeoutMs: LIMIT_MS, onLimit: 'complete', listensTo: [sagaSignalled], watch: { endsWaiting: false }, compensation: none('only watches') },
    guard: { kind: 'await', owner: 'guard', number: 3, after: 'first', output: null, timeoutMs: 0, onLimit: 'fail', listensTo: [sagaSignalled], watch: { endsWaiting: true }, compensation: none('only watches') },
    late: { kind: 'await', owner: 'guard', number: 4, after: 'slow', output: null, timeoutMs: 0, onLimit: 'fail', listensTo: [sagaSignalled], watch: { endsWaiting: true }, compensation: none('only watches') },
    slow: { kind: 'effect', owner: 'guard', number: 4, after: 'start', output: null, timeoutMs: 20_000, retry: NO_RETRY, compensation: none('reads') },
    last: { kind: 'effect', owner: 'counter', number: 5, after: { all: ['fills', 'guard', 'late'] }, output: told, timeoutMs: 1_000, retry: NO_RETRY, compensation: none('reads') },
  },
});
type Counted = { readonly count: number; readonly end: 'done' | 'refuse' | null };
/** How long the effects before the watches take. */
type Ways = { readonly firstMs?: number; readonly slowMs?: number; readonly stage: () => RuntimeStage };

const participantsOf = ({ firstMs = 0, slowMs = 0, stage }: Ways) => {
  const after = async (waitMs: number): Promise<void> => (waitMs === 0 ? undefined : new Promise<void>((resolve) => void stage().clock.after(waitMs, resolve)));
  const counter = defineParticipant({
    name: 'counter',
    initiates: [initiate(saga)],
    steps: [
      implementEffect(saga, 'first', { execute: async () => { await after(firstMs); return completed(event(told, { text: 'first' })); }, compensate: async () => compensated() }),
      implementWatch(saga, 'fills', {
        initial: { count: 0, end: null },
        fold: (state: Counted, fact): Heard<Counted, { readonly count: number }> => {
          const heard = signalOf(fact.payload);
          if (heard === 'fill') return { state: { ...state, count: state.count + 1 }, note: { count: state.count + 1 } };
          if (heard === 'break') return { state, note: { count: -1 } };
          return { state: heard === 'done' || heard === 'refuse' ? { ...state, end: heard } : state };
        },
        emit: ({ count }, { start }) => {
          if (count < 0) return [event(asked, { text: 'once' }), event(asked, { text: 'twice' })];
          return [event(asked, { text: `${start.text} ${count}` }), ...(count === 2 ? [event(withdrawn, { text: 'second' })] : [])];
        },
        verdict: ({ count, end }) => (end === 'done' ? completed(event(told, { text: `counted ${count}` })) : end === 'refuse' ? terminal('refused') : null),
        atLimit: ({ count }) => completed(event(told, { text: `time_limit ${count}` })),
        whenEnded: ({ count }, { nowMillis }) => completed(event(told, { text: nowMillis > 0 ? `ended ${count}` : '' })),
      }),
      implementEffect(saga, 'last', { execute: async () => completed(event(told, { text: 'last' })) }),
    ],
  });
  const exits = { initial: null, fold: (state: string | null, { payload }: Fact) => ({ state: state ?? (signalOf(payload) === 'stop' || signalOf(payload) === 'target' ? signalOf(payload) : null) }) };
  const guard = defineParticipant({
    name: 'guard',
    steps: [
      implementWatch(saga, 'guard', { ...exits, verdict: (exit) => (exit === 'stop' ? completed(null) : null) }),
      implementWatch(saga, 'late', { ...exits, verdict: (exit) => (exit === 'target' ? completed(null) : null) }),
      implementEffect(saga, 'slow', { execute: async () => { await after(slowMs); return completed(null); } }),
    ],
  });
  return { counter, guard };
};

const ID = 'w';
const open = async (ways: Omit<Ways, 'stage'> = {}): Promise<RuntimeStage> => {
  const box: { stage?: RuntimeStage } = {};
  const stage = await RuntimeStage.open({ participants: Object.values(participantsOf({ ...ways, stage: () => erase(box.stage) })) });
  box.stage = stage;
  return stage;
};
const signal = (stage: RuntimeStage, name: string, eventId: string) => stage.written(saga, ID, event(sagaSignalled, { signal: name, payload: null }), { eventId, chain: { id: eventId, seq: 1, prevHash: null } });
const begin = async (stage: RuntimeStage): Promise<void> => {
  await stage.append(stage.written(saga, ID, event(begun, { text: 'n' }), { eventId: 'trigger' }));
  if (!(await stage.clock.runUntil(() => stage.types().includes('told first'), 30_000))) throw new Error('not begun');
  await stage.clock.advance(500);
};
const ofSteps = (stage: RuntimeStage, ...steps: readonly string[]) => stage.seen().filter(({ envelope }) => steps.includes(envelope.stepName ?? ''));
/** What the watch wrote, as `text <cause`. */
const written = (stage: RuntimeStage, step = 'fills'): readonly string[] => ofSteps(stage, step).map(({ type, payload, envelope }) =>
  `${String(payload['text'] ?? payload['reason'] ?? type.replace('chorus.', ''))}${envelope.outcome === null && !type.startsWith('chorus') ? ` <${envelope.causationId ?? ''}` : ''}`);
const audit = (stage: RuntimeStage) => verifyRecords(stage.seen().filter(({ type }) => type !== opsPartitionClaimed.name).map((record) => ({ ...record, topic: names.saga(CONTEXT), partition: 0 })), { definitions: () => saga, isFinished: true }).violations;
const DOWN_MS = 11_000;

describe('what a watch emits', () => {
  test('is caused by its fact, in order, in the owner\'s chain, before the outcome, and only where a note calls for it', async () => {
    const stage = await open();
    await stage.start();
    await begin(stage);
    await stage.append(signal(stage, 'fill', 'f1'), signal(stage, 'look', 'no note'), signal(stage, 'fill', 'f2'));
    await stage.until(asked, 2);
    await stage.append(signal(stage, 'fill', 'f3'), signal(stage, 'done', 'd'));
    await stage.until(asked, 3);
    await stage.clock.advance(1_000);
    expect(written(stage)).toEqual(['n 1 <f1', 'n 2 <f2', 'second <f2', 'n 3 <f3', 'counted 3']);
    expect(ofSteps(stage, 'fills').map(({ envelope: { producer, chain, step } }) => [producer, chain.id, step])).toEqual(Array.from({ length: 5 }, () => ['counter', 'counter', 2]));
    await stage.append(signal(stage, 'stop', 's'));
    await stage.until(sagaCompleted);
    expect(audit(stage)).toEqual([]);
  });

  test('waits for the trigger: a fact that came before it is answered at it', async () => {
    const stage = await open({ firstMs: 3_000 });
    await stage.start();
    await stage.append(stage.written(saga, ID, event(begun, { text: 'n' }), { eventId: 'trigger' }), signal(stage, 'fill', 'early'));
    await stage.clock.advance(2_000);
    expect(written(stage)).toEqual([]);
    await stage.until(asked);
    expect(written(stage)).toEqual(['n 1 <early']);
  });

  test('is written once where its fact is repeated, before and after it was answered', async () => {
    const stage = await open();
    await stage.start();
    await begin(stage);
    await stage.append(signal(stage, 'fill', 'f1'), signal(stage, 'fill', 'f1'));
    await stage.until(asked);
    await stage.append(signal(stage, 'fill', 'f1'), signal(stage, 'fill', 'f2'));
    await stage.until(asked, 2);
    await stage.clock.advance(1_000);
    expect(written(stage)).toEqual(['n 1 <f1', 'n 2 <f2', 'second <f2']);
  });

  test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30])('is written once where its owner dies %i ms after the fact', async (afterMs) => {
    const stage = await open();
    const { process } = await stage.start();
    await begin(stage);
    await stage.append(signal(stage, 'fill', 'f1'), signal(stage, 'fill', 'f2'));
    if (afterMs > 0) await stage.clock.advance(afterMs);
    process.kill();
    await stage.clock.advance(DOWN_MS);
    await stage.append(signal(stage, 'fill', 'f3'));
    await stage.start();
    await stage.until(asked, 3);
    await stage.append(signal(stage, 'stop', 's'));
    await stage.until(sagaCompleted);
    expect(written(stage)).toEqual(['n 1 <f1', 'n 2 <f2', 'second <f2', 'n 3 <f3', 'ended 3']);
    expect(audit(stage)).toEqual([]);
  });

  test('lies in one transaction with the outcome where both are due at once, after a takeover', async () => {
    const stage = await open();
    const { process } = await stage.start();
    await begin(stage);
    process.kill();
    await stage.clock.advance(DOWN_MS);
    await stage.append(signal(stage, 'fill', 'f1'), signal(stage, 'done', 'd'));
    await stage.start();
    await stage.clock.advance(1_000);
    expect(written(stage)).toEqual(['n 1 <f1', 'counted 1']);
    const [emitted, outcome] = stage.cluster.entries({ topic: names.saga(CONTEXT), partition: 0 }).flatMap((entry) => (entry.kind === 'record' && ofSteps(stage, 'fills').some(({ offset }) => offset === entry.record.offset) ? [entry.transaction] : []));
    expect(emitted).toBeDefined();
    expect(emitted).toBe(outcome);
  });

  test('survives in a checkpoint: what is due, what was answered, and the state', async () => {
    const limits = { positionIntervalMs: 200, checkpointWindowMs: 1_000, dedupeWindowMs: 60_000 };
    const at = { topic: names.saga(CONTEXT), partition: 0 };
    const stage = await open({ firstMs: 8_000 });
    const { process } = await stage.start({ limits });
    await stage.append(stage.written(saga, ID, event(begun, { text: 'n' }), { eventId: 'trigger' }), signal(stage, 'fill', 'f1'));
    await stage.clock.advance(2_000);
    await stage.append(signal(stage, 'look', 'l1'));
    await stage.clock.advance(2_000);
    // Due, not yet written: the step is not triggered. The checkpoint is all that is left of the fact.
    process.kill();
    const positions = await stage.settled(Promise.all(['counter', 'guard'].map((group) => stage.cluster.connect(`probe-${group}`).log.committedPosition(names.group(group), at))));
    const watermark = Math.min(...positions.map((position) => Number(/\d+/.exec(position?.metadata ?? '0')?.[0])));
    expect(watermark).toBeGreaterThan(stage.seen().find(({ envelope }) => envelope.eventId === 'f1')?.offset ?? Number.POSITIVE_INFINITY);
    await stage.clock.advance(DOWN_MS);
    stage.cluster.deleteRecordsBefore(at, watermark);
    const second = await stage.start({ limits });
    await stage.until(asked);
    await stage.clock.advance(3_000);
    second.process.kill();
    await stage.clock.advance(DOWN_MS);
    await stage.start({ limits });
    await stage.append(signal(stage, 'fill', 'f1'), signal(stage, 'fill', 'f2'), signal(stage, 'stop', 's'));
    await stage.until(sagaCompleted);
    expect(written(stage)).toEqual(['n 1 <f1', 'n 2 <f2', 'second <f2', 'ended 2']);
  });

  test.each([0, 1, 2, 3, 4, 6, 8])('that is not what was declared fails the step, and nothing is written behind its outcome: the next fact comes after %i ms', async (afterMs) => {
    const stage = await open();
    await stage.start();
    await begin(stage);
    await stage.append(signal(stage, 'break', 'b'));
    if (afterMs > 0) await stage.clock.advance(afterMs);
    await stage.append(signal(stage, 'fill', 'f1'));
    await stage.until(sagaFailed);
    expect(written(stage)).toEqual(['emit: stage.asked twice for one note']);
    expect(ofSteps(stage, 'guard', 'late').map(({ type }) => type)).toEqual([stepFailed.name, stepFailed.name]);
    expect(stage.seen().filter(({ type }) => type === instanceParked.name)).toEqual([]);
    expect(audit(stage)).toEqual([]);
  });
});

describe('the end of the waiting', () => {
  /** Begun; then every owner died, and only the guard's came back. */
  const withGuardAlone = async (): Promise<RuntimeStage> => {
    const stage = await open();
    const { process } = await stage.start();
    await begin(stage);
    process.kill();
    await stage.clock.advance(DOWN_MS);
    await stage.start({ participants: [participantsOf({ stage: () => stage }).guard] });
    return stage;
  };
  const guardEnded = async (stage: RuntimeStage): Promise<void> => {
    if (!(await stage.clock.runUntil(() => ofSteps(stage, 'guard').length > 0, 30_000))) throw new Error('guard did not end');
  };

  test('completes every other watch with its result, caused by the record that ended it, and what was due before it is written', async () => {
    const stage = await open();
    await stage.start();
    await begin(stage);
    await stage.append(signal(stage, 'fill', 'f1'), signal(stage, 'stop', 's'));
    await stage.until(sagaCompleted);
    expect(written(stage)).toEqual(['n 1 <f1', 'ended 1']);
    const [end] = ofSteps(stage, 'guard');
    const answers = [...ofSteps(stage, 'fills').slice(-1), ...ofSteps(stage, 'late')];
    expect(answers.map(({ envelope }) => [envelope.outcome, envelope.causationId])).toEqual([['completed', end?.envelope.eventId], ['completed', end?.envelope.eventId]]);
    expect(audit(stage)).toEqual([]);
  });

  test('is the place of a record on the log: a fact behind it is not answered, however late its owner comes', async () => {
    const stage = await withGuardAlone();
    await stage.append(signal(stage, 'fill', 'f1'), signal(stage, 'stop', 's'));
    await guardEnded(stage);
    await stage.append(signal(stage, 'fill', 'f2'), signal(stage, 'done', 'd'));
    await stage.start({ participants: [participantsOf({ stage: () => stage }).counter] });
    await stage.until(sagaCompleted);
    expect(written(stage)).toEqual(['n 1 <f1', 'ended 1']);
    expect(audit(stage)).toEqual([]);
  });

  test('leaves a watch its own answer where that was due before it', async () => {
    const stage = await withGuardAlone();
    await stage.append(signal(stage, 'done', 'd'), signal(stage, 'stop', 's'));
    await guardEnded(stage);
    await stage.start({ participants: [participantsOf({ stage: () => stage }).counter] });
    await stage.until(sagaCompleted);
    expect(written(stage)).toEqual(['counted 0']);
  });

  test('a watch that is triggered after it completes at once', async () => {
    const stage = await open({ slowMs: 5_000 });
    await stage.start();
    await begin(stage);
    await stage.append(signal(stage, 'stop', 's'));
    await stage.clock.advance(2_000);
    expect([ofSteps(stage, 'fills').length, ofSteps(stage, 'late').length]).toEqual([1, 0]);
    await stage.until(sagaCompleted);
    expect(ofSteps(stage, 'late')).toMatchObject([{ envelope: { outcome: 'completed' } }]);
    expect(audit(stage)).toEqual([]);
  });

  test('an answer of a watch that ends nothing, by verdict or limit, leaves the others open', async () => {
    const stage = await open();
    await stage.start();
    await begin(stage);
    await stage.append(signal(stage, 'fill', 'f1'));
    await stage.clock.advance(LIMIT_MS + 1_000);
    expect(written(stage)).toEqual(['n 1 <f1', 'time_limit 1']);
    expect(ofSteps(stage, 'guard', 'late')).toEqual([]);
    await stage.append(signal(stage, 'fill', 'f2'), signal(stage, 'target', 't'));
    await stage.until(sagaCompleted);
    expect(written(stage)).toEqual(['n 1 <f1', 'time_limit 1']);
    expect(ofSteps(stage, 'guard', 'late').map(({ envelope }) => [envelope.stepName, envelope.outcome])).toEqual([['late', 'completed'], ['guard', 'completed']]);
  });
});

describe('a saga that compensates', () => {
  test('cancels its open watches, and emits nothing more', async () => {
    const stage = await open();
    await stage.start();
    await begin(stage);
    await stage.append(signal(stage, 'fill', 'f1'));
    await stage.until(asked);
    await stage.settled(stage.client().order(saga, ID, { action: 'compensate', user: 'u', reason: 'r' }));
    await stage.until(compensationRequested);
    await stage.append(signal(stage, 'fill', 'f2'));
    await stage.until(sagaFailed);
    expect(written(stage)).toEqual(['n 1 <f1', 'never executed']);
    expect(audit(stage)).toEqual([]);
  });

  test('because a watch failed: what was due is written before its failure', async () => {
    const stage = await open();
    await stage.start();
    await begin(stage);
    await stage.append(signal(stage, 'fill', 'f1'), signal(stage, 'refuse', 'r'));
    await stage.until(sagaFailed);
    expect(written(stage)).toEqual(['n 1 <f1', 'refused']);
    expect(audit(stage)).toEqual([]);
  });
});
