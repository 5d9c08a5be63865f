import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { AuditedRecord } from '#saga-core/testing';
import { freshNamespace } from '../support/platform.ts';
import { idBeside } from '../support/stage/beside.ts';
import { eventually } from '../support/stage/eventually.ts';
import { ProbeStage } from '../support/probe-stage.ts';

// The states of an instance on the real log, as whoever folds its records sees them. The saga has three steps of two owners.

const LIMIT_MS = 120_000;
const namespace = freshNamespace();
let stage: ProbeStage;
beforeAll(async () => { stage = await ProbeStage.open(namespace); }, LIMIT_MS);
afterAll(() => stage.close(), LIMIT_MS);

/** What every scenario asserts beside its own. */
const expectSound = async (id: string, status: string, ignored: readonly AuditedRecord[] = []): Promise<void> => {
  expect(stage.faults(id, ignored)).toEqual([]);
  const { live, rebuilt } = await stage.compareReadModels();
  expect(live.filter((row) => row.startsWith('sagas ') && row.includes(`"saga_id":"${id}"`))).toEqual([expect.stringContaining(`"status":"${status}"`)]);
  expect(rebuilt).toEqual(live);
};

test('SC-A8-1: pending, running, completed', async () => {
  await stage.run('sc-a8-1', {}, 'COMPLETED');
  expect(stage.states('sc-a8-1')).toEqual(['PENDING', 'RUNNING', 'COMPLETED']);
  expect(stage.callsOf('sc-a8-1')).toEqual(['execute first', 'execute second', 'execute third']);
  await expectSound('sc-a8-1', 'COMPLETED');
}, LIMIT_MS);

test('SC-A8-2: a step that fails takes the instance over COMPENSATING to FAILED', async () => {
  await stage.run('sc-a8-2', { failingStep: 2 }, 'FAILED');
  expect(stage.states('sc-a8-2')).toEqual(['PENDING', 'RUNNING', 'COMPENSATING', 'FAILED']);
  expect(stage.compensated('sc-a8-2')).toEqual(['first']);
  await expectSound('sc-a8-2', 'FAILED');
}, LIMIT_MS);

test('SC-A8-3: an undo that is refused waits for a person', async () => {
  await stage.run('sc-a8-3', { failingStep: 3, stuckStep: 1 }, 'MANUAL_REQUIRED');
  expect(stage.states('sc-a8-3')).toEqual(['PENDING', 'RUNNING', 'COMPENSATING', 'MANUAL_REQUIRED']);
  expect(stage.compensated('sc-a8-3')).toEqual(['second']);
  await expectSound('sc-a8-3', 'MANUAL_REQUIRED');
}, LIMIT_MS);

test.each([
  ['FAILED', { failingStep: 3 }, 'third'],
  ['COMPLETED', {}, 'second'],
] as const)('SC-A8-4: a late success in %s is refused, told to the log, and changes nothing', async (status, start, step) => {
  const id = `sc-a8-4-${status.toLowerCase()}`;
  await stage.run(id, start, status);
  const before = { states: stage.states(id), count: stage.of(id).length, calls: stage.callsOf(id) };
  const setAside = stage.setAside();
  const late = await stage.injectSuccess(id, step);
  // Both participants read it and set it aside.
  await eventually(() => stage.setAside() >= setAside + 2, 'the late success is set aside');
  // The initiator alone tells of it, once.
  expect(stage.warnings.filter(({ sagaId, message }) => sagaId === id && String(message).includes('after the end'))).toEqual([expect.objectContaining({ step })]);
  // What another instance of the partition does lies behind whatever the late success could have set off.
  await stage.run(idBeside(id), {}, 'COMPLETED');
  expect(stage.states(id)).toEqual(before.states);
  expect(stage.states(id).at(-1)).toBe(status);
  expect(stage.of(id)).toHaveLength(before.count + 1);
  expect(stage.callsOf(id)).toEqual(before.calls);
  await expectSound(id, status, [late]);
}, LIMIT_MS);

test('SC-A8-5: a first step that fails ends in FAILED by way of COMPENSATING, with nothing to undo', async () => {
  await stage.run('sc-a8-5', { failingStep: 1 }, 'FAILED');
  expect(stage.states('sc-a8-5')).toEqual(['PENDING', 'RUNNING', 'COMPENSATING', 'FAILED']);
  expect(stage.compensated('sc-a8-5')).toEqual([]);
  expect(stage.callsOf('sc-a8-5')).toEqual(['execute first']);
  await expectSound('sc-a8-5', 'FAILED');
}, LIMIT_MS);

test('SC-A8-6: three steps, the third fails: the second is undone, then the first', async () => {
  await stage.run('sc-a8-6', { failingStep: 3 }, 'FAILED');
  expect(stage.states('sc-a8-6')).toEqual(['PENDING', 'RUNNING', 'COMPENSATING', 'FAILED']);
  expect(stage.compensated('sc-a8-6')).toEqual(['second', 'first']);
  expect(stage.callsOf('sc-a8-6')).toEqual(['execute first', 'execute second', 'execute third', 'undo second', 'undo first']);
  await expectSound('sc-a8-6', 'FAILED');
}, LIMIT_MS);
