import { expect, test } from '@jest/globals';
import { sagaFailed, sagaQuarantined } from '#contracts/core';
import { erase } from '#kernel';
import {
  ambiguous, command, compensated, type CompensationResult, completed, defineEntity, defineParticipant, defineSaga, implementEffect, implementEntityStep, initiate, irreversible, NO_RETRY, on, type SagaDefinition, terminal, undo,
} from '#saga-core';
import { asked, begun, CONTEXT, RuntimeStage, withdrawn } from '../../../test/support/runtime-stage.ts';

// However a step is undone, by a call or by an entity, what came of it is a warning that names saga and step, and a count. Two steps
// of either kind work, the last fails; the outcome of both undos is the case's.

const stepOf = { owner: 'alone', output: null, compensation: undo({ retry: NO_RETRY, timeoutMs: 1_000 }) } as const;
const effect = { ...stepOf, kind: 'effect', timeoutMs: 1_000, retry: NO_RETRY } as const;
const saga: SagaDefinition = defineSaga({
  type: 'undone', version: 1, context: CONTEXT, initiator: 'alone', start: begun, timeoutMs: 0, totalSteps: 3, completed: { emits: null }, failed: { emits: null },
  steps: { call: { ...effect, number: 1, after: 'start' }, keep: { ...stepOf, kind: 'entity', entity: 'boxes', number: 2, after: 'start' }, last: { ...effect, number: 3, after: { all: ['call', 'keep'] } } },
});

const run = async (outcome: CompensationResult) => {
  const box = defineEntity<{ readonly text: string }>({
    name: 'boxes', owner: 'alone', state: { kind: 'data', name: 'stage.Box', schema: { type: 'record', name: 'Box', namespace: 'stage', fields: [{ name: 'text', type: 'string' }] } }, initial: () => ({ text: '' }), emits: [],
    commands: [on(asked, (state) => ({ state, outcome: completed(null) })), on(withdrawn, (state) => ({ state, outcome }))],
  });
  const alone = defineParticipant({
    name: 'alone', initiates: [initiate(saga)], entities: [box],
    steps: [
      implementEffect(saga, erase('call'), { execute: async () => completed(null), compensate: async () => outcome }),
      implementEntityStep(saga, erase('keep'), { command: ({ start }) => command({ entity: 'boxes', key: 'k' }, asked, erase(start)), undo: () => command({ entity: 'boxes', key: 'k' }, withdrawn, { text: '' }) }),
      implementEffect(saga, erase('last'), { execute: async () => terminal('the last fails'), compensate: async () => compensated() }),
    ],
  });
  const stage = await RuntimeStage.open({ participants: [alone], types: [box.state] });
  const { worker } = await stage.start();
  await stage.settled(stage.client().start(saga, { text: 'a' }, { id: 's-1' }));
  await stage.until(outcome.status === 'compensated' ? sagaFailed : sagaQuarantined);
  await stage.clock.advance(3_000);
  return { told: told(stage), counters: worker.status()[0]?.counters };
};
const told = ({ warnings }: RuntimeStage): readonly unknown[] => warnings.filter(({ message }) => /compensated/.test(message)).toSorted((left, right) => left.message.localeCompare(right.message));

test('what is undone is told and counted', async () => {
  const { told: warnings, counters } = await run(compensated());
  expect(warnings).toEqual(['call', 'keep'].map((step) => ({ message: `compensated ${step}`, fields: { sagaId: 's-1', step, item: null } })));
  expect(counters).toMatchObject({ compensated: 2, quarantined: 0 });
});

test.each([['refused', irreversible, 'it is gone'], ['of unknown outcome', ambiguous, 'nobody knows']] as const)('an undo that is %s is told with its reason and counted', async (_name, outcome, reason) => {
  const { told: warnings, counters } = await run(outcome(reason));
  expect(warnings).toEqual(['call', 'keep'].map((step) => ({ message: `not compensated ${step}`, fields: { sagaId: 's-1', step, item: null, reason } })));
  expect(counters).toMatchObject({ compensated: 0, quarantined: 2 });
});
