import { compensated, completed, defineParticipant, defineSaga, event, type EventType, eventType, implementAwait, implementEffect, initiate, NO_RETRY, none, type ParticipantDefinition, requireCompensation, undo } from '#saga-core';
import { envelopeSchema, sagaSignalled } from '#contracts/core';

type Load = { readonly filler: string; readonly mustFail: boolean };

const schema = (name: string, fields: readonly object[]) => ({ type: 'record', name, namespace: 'bench', fields: [{ name: 'envelope', type: envelopeSchema }, ...fields] });
const loadType = (name: string): EventType<Load> => eventType<Load>(`bench.${name}`, schema(name, [{ name: 'filler', type: 'string' }, { name: 'mustFail', type: 'boolean' }]));

export const requested = loadType('requested');
const outputs = [1, 2, 3, 4, 5].map((number) => loadType(`done${number}`));
const [done1, done2, done3, done4, done5] = outputs as [EventType<Load>, EventType<Load>, EventType<Load>, EventType<Load>, EventType<Load>];

const effect = { kind: 'effect', timeoutMs: 10_000, retry: NO_RETRY } as const;

/** The benchmark: five no-op steps with five owners, step 4 fails on demand, three compensations. */
export const fiveSteps = defineSaga({
  type: 'five_steps',
  version: 1,
  context: 'bench',
  initiator: 'one',
  start: requested,
  timeoutMs: 120_000,
  totalSteps: 5,
  steps: {
    step_1: { ...effect, owner: 'one', number: 1, after: 'start', output: done1, compensation: undo() },
    step_2: { ...effect, owner: 'two', number: 2, after: 'step_1', output: done2, compensation: undo() },
    step_3: { ...effect, owner: 'three', number: 3, after: 'step_2', output: done3, compensation: undo() },
    step_4: { ...effect, owner: 'four', number: 4, after: 'step_3', output: done4, compensation: undo() },
    step_5: { ...effect, owner: 'five', number: 5, after: 'step_4', output: done5, compensation: none('last step: nothing comes after it') },
  },
  completed: { emits: null },
  failed: { emits: null },
});

const noop = (type: EventType<Load>, before: 'step_1' | 'step_2' | 'step_3' | 'step_4' | null) => ({
  execute: async (context: { readonly start: Load; readonly output: (step: 'step_1' | 'step_2' | 'step_3' | 'step_4') => Load | null }) => {
    const input = before === null ? context.start : (context.output(before) ?? context.start);
    if (before === 'step_3' && input.mustFail) return requireCompensation('asked to fail');
    return completed(event(type, { filler: input.filler, mustFail: input.mustFail }));
  },
  compensate: async () => compensated(),
});

export const participants = (): readonly ParticipantDefinition[] => [
  defineParticipant({ name: 'one', initiates: [initiate(fiveSteps)], steps: [implementEffect(fiveSteps, 'step_1', noop(done1, null))] }),
  defineParticipant({ name: 'two', steps: [implementEffect(fiveSteps, 'step_2', noop(done2, 'step_1'))] }),
  defineParticipant({ name: 'three', steps: [implementEffect(fiveSteps, 'step_3', noop(done3, 'step_2'))] }),
  defineParticipant({ name: 'four', steps: [implementEffect(fiveSteps, 'step_4', noop(done4, 'step_3'))] }),
  defineParticipant({ name: 'five', steps: [implementEffect(fiveSteps, 'step_5', noop(done5, 'step_4'))] }),
];

/** Every type the run writes, for the codec. */
export const benchTypes: readonly EventType<unknown>[] = [requested, ...outputs];

/** The same saga, but step 4 waits for a signal that never comes: instances stay open, as they do while somebody is waited for. */
const waitingSteps = defineSaga({
  ...fiveSteps,
  steps: { ...fiveSteps.steps, step_4: { kind: 'await', timeoutMs: 0, onLimit: 'fail', listensTo: [sagaSignalled], owner: 'four', number: 4, after: 'step_3', output: done4, compensation: none('it only waits') } },
});

export const waitingParticipants = (): readonly ParticipantDefinition[] => [
  defineParticipant({ name: 'one', initiates: [initiate(waitingSteps)], steps: [implementEffect(waitingSteps, 'step_1', noop(done1, null))] }),
  defineParticipant({ name: 'two', steps: [implementEffect(waitingSteps, 'step_2', noop(done2, 'step_1'))] }),
  defineParticipant({ name: 'three', steps: [implementEffect(waitingSteps, 'step_3', noop(done3, 'step_2'))] }),
  defineParticipant({ name: 'four', steps: [implementAwait(waitingSteps, 'step_4', { initial: null, fold: (state: null) => state, verdict: () => null })] }),
  defineParticipant({ name: 'five', steps: [implementEffect(waitingSteps, 'step_5', noop(done5, 'step_4'))] }),
];
