// The smallest saga with something to undo: three steps of two owners, which succeed, fail or refuse their undo as its start tells them.
import { type AvroSchema, envelopeSchema, type EventType, eventType } from '#contracts';
import { compensated, defineParticipant, defineSaga, implementEffect, initiate, irreversible, NO_RETRY, completed, type ParticipantDefinition, terminal, undo } from '#saga-core';

export type ProbeOpened = {
  /** 1, 2 or 3; 0: none. */
  readonly failingStep: number;
  /** The step whose undo is refused for good; 0: none. */
  readonly stuckStep: number;
};

const schema: AvroSchema = {
  type: 'record', name: 'opened', namespace: 'probe', fields: [{ name: 'envelope', type: envelopeSchema }, { name: 'failingStep', type: 'int' }, { name: 'stuckStep', type: 'int' }],
};
export const probeOpened: EventType<ProbeOpened> = eventType('probe.opened', schema);

const step = (owner: 'alpha' | 'beta', number: number, after: string) =>
  ({ kind: 'effect', owner, number, after, timeoutMs: 5_000, retry: NO_RETRY, output: null, compensation: undo({ retry: NO_RETRY, timeoutMs: 5_000 }) }) as const;

export const probeSaga = defineSaga({
  type: 'probe', version: 1, context: 'trading', initiator: 'alpha', start: probeOpened, timeoutMs: 120_000, totalSteps: 3,
  steps: { first: step('alpha', 1, 'start'), second: step('beta', 2, 'first'), third: step('alpha', 3, 'second') },
  completed: { emits: null },
  failed: { emits: null },
});

/** Both owners; `calls` tells what was executed and undone, as `execute first sagaId`. */
export const probeParticipants = (calls: string[]): readonly ParticipantDefinition[] => {
  const behaviour = (name: 'first' | 'second' | 'third', number: number) => implementEffect(probeSaga, name, {
    execute: async ({ start, sagaId }) => {
      calls.push(`execute ${name} ${sagaId}`);
      return start.failingStep === number ? terminal('told to fail') : completed(null);
    },
    compensate: async ({ start, sagaId }) => {
      calls.push(`undo ${name} ${sagaId}`);
      return start.stuckStep === number ? irreversible('told to refuse') : compensated();
    },
  });
  return [
    defineParticipant({ name: 'alpha', initiates: [initiate(probeSaga)], steps: [behaviour('first', 1), behaviour('third', 3)] }),
    defineParticipant({ name: 'beta', steps: [behaviour('second', 2)] }),
  ];
};
