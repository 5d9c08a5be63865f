import { expect, test } from '@jest/globals';
import { instanceParked, sagaCompleted, sagaRefused } from '#contracts/core';
import { erase } from '#kernel';
import {
  command, completed, dataType, defineEntity, defineParticipant, defineSaga, type Endings, event, implementEffect, initiate, none, NO_RETRY, on, type SagaDefinition, type SagaRef, type SagaShape,
} from '#saga-core';
import { asked, begun, CONTEXT, names, RuntimeStage, told, withdrawn } from '../../../test/support/runtime-stage.ts';

/*
 * A gate lets one instance in at a time: it starts the instance itself and is told when it is over. A start that is refused
 * is over at once, and whoever comes next is let in.
 */
type Gate = { readonly inside: string };
const gateType = dataType<Gate>('stage.Gate', { type: 'record', name: 'Gate', namespace: 'stage', fields: [{ name: 'inside', type: 'string' }] });
const KEY = 'north';

const boom = (): never => {
  throw new Error('the author erred');
};
const shape: SagaShape = {
  type: 'visit', version: 1, context: CONTEXT, initiator: 'keeper', start: begun, timeoutMs: 0, totalSteps: 1, completed: { emits: null }, failed: { emits: null },
  steps: { stroll: { kind: 'effect', owner: 'keeper', number: 1, after: 'start', output: told, timeoutMs: 1_000, retry: NO_RETRY, compensation: none('nothing') } },
  validate: erase((start: { readonly text: string }) => (start.text.startsWith('bad') ? [`${start.text} may not`, 'nobody may'] : start.text === 'odd' ? boom() : [])),
};
const visit: SagaDefinition = defineSaga(shape);
const visitOf = (correlationId: string): SagaRef => ({
  context: CONTEXT, correlationId, sagaType: 'visit', subSaga: null, parentCorrelationId: null, definitionVersion: 1, startedAt: 1, timeout: 0, totalSteps: 1, stepName: null, stepItem: null, step: 0, subStep: null, causationId: null,
});
const gate = defineEntity<Gate>({
  name: 'gates', owner: 'keeper', state: gateType, initial: () => ({ inside: '' }), emits: [begun],
  commands: [
    on(asked, (state, { text }) => (state.inside === '' ? { state: { inside: text }, events: [{ to: visitOf(text), event: event(begun, { text }) }] } : { state })),
    on(withdrawn, (state, { text }) => ({ state: state.inside === text ? { inside: '' } : state })),
  ],
});
const leave = (text: string) => ({ commands: [command({ entity: 'gates', key: KEY }, withdrawn, { text })] });
const LEAVING: Endings<SagaShape> = { refused: ({ sagaId }) => leave(sagaId), completed: ({ sagaId }) => leave(sagaId) };

const stroll = implementEffect(visit, erase('stroll'), { execute: async () => completed(event(told, { text: 'strolled' })) });
const open = (endings: Endings<SagaShape> = LEAVING): Promise<RuntimeStage> =>
  RuntimeStage.open({ participants: [defineParticipant({ name: 'keeper', initiates: [initiate(visit, endings)], entities: [gate], steps: [stroll] })], types: [gateType] });
/** Whoever wants in, with no saga of its own. */
const knock = (stage: RuntimeStage, text: string): Promise<void> => stage.append({ ...stage.written(visit, text, event(asked, { text })), topic: names.commands('gates'), key: KEY });
const insideOf = (stage: RuntimeStage): string | undefined => {
  const last = stage.seen(names.state('gates')).findLast(({ type }) => type === 'chorus.EntityState');
  return last === undefined ? undefined : erase<Gate>(stage.codec.decodeData(erase(last.payload['state'])).value).inside;
};

test.each([['bad-1', ['bad-1 may not', 'nobody may']], ['odd', ['the author erred']]] as const)('the start of %s is refused, and the entity that raised it is free in the same transaction', async (id, faults) => {
  const stage = await open();
  await stage.start();
  await knock(stage, id);
  const [refused] = await stage.until(sagaRefused);
  expect(refused?.payload).toMatchObject({ sagaType: 'visit', faults });
  const commands = stage.seen(names.commands('gates'));
  expect(commands.filter(({ type }) => type === withdrawn.name)).toMatchObject([{ payload: { text: id }, envelope: { correlationId: id, causationId: refused?.envelope.eventId, idempotencyKey: null } }]);
  await stage.clock.advance(1_000);
  expect(insideOf(stage)).toBe('');
  await knock(stage, 'good');
  expect((await stage.until(sagaCompleted)).map(({ envelope }) => envelope.correlationId)).toEqual(['good']);
  expect(stage.types(id)).toEqual(['begun', 'SagaRefused']);
});

test('a release that cannot be written parks the refused start: a person sees that the entity is not free', async () => {
  const stage = await open({ ...LEAVING, refused: boom });
  await stage.start();
  await knock(stage, 'bad-1');
  const [parked] = await stage.until(instanceParked);
  expect(parked).toMatchObject({ payload: { reason: 'the author erred' }, envelope: { correlationId: 'bad-1' } });
  expect([stage.types('bad-1'), insideOf(stage)]).toEqual([['begun', 'InstanceParked'], 'bad-1']);
});

test('a killed worker\'s successor refuses once, and releases once', async () => {
  for (let killAfterMs = 0; killAfterMs < 40; killAfterMs += 4) {
    const stage = await open();
    const { process } = await stage.start();
    await knock(stage, 'bad-1');
    await stage.clock.advance(killAfterMs);
    process.kill();
    await stage.clock.advance(11_000);
    await stage.start();
    await stage.clock.advance(2_000);
    const releases = stage.seen(names.commands('gates')).filter(({ type }) => type === withdrawn.name);
    expect({ killAfterMs, types: stage.types('bad-1'), releases: releases.length, inside: insideOf(stage) }).toEqual({ killAfterMs, types: ['begun', 'SagaRefused'], releases: 1, inside: '' });
  }
}, 60_000);
