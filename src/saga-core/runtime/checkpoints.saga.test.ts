import { describe, expect, test } from '@jest/globals';
import { instanceCheckpoint, type InstanceCheckpoint, sagaCompleted, sagaFailed, sagaQuarantined, sagaSignalled } from '#contracts/core';
import { completed, defineParticipant, defineSaga, event, implementAwait, implementEffect, initiate, irreversible, none, NO_RETRY, terminal, undo } from '#saga-core';
import { erase } from '#kernel';
import type { EventLog } from '#saga-core/ports';
import { createSimulatedRandom } from '#saga-core/testing';
import { begun, CONTEXT, names, RuntimeStage, told } from '../../../test/support/runtime-stage.ts';

/*
 * Goal: recovered state = full fold of the open instances, however far the watermark has gone (design/model/checkpoints).
 * The saga waits for three signals, so an instance stays open as long as a test wants, and every signal counts.
 */
const SIGNALS = 3;
const GROUP = names.group('alone');
const AT = { topic: names.saga(CONTEXT), partition: 0 };
const CHECKPOINTS = names.checkpoints('alone', CONTEXT);
const LIMITS = { positionIntervalMs: 200, checkpointWindowMs: 1_000, dedupeWindowMs: 60_000 };

const sagaOf = (version: number, retry = 1) => defineSaga({
  type: 'patient', version, context: CONTEXT, initiator: 'alone', start: begun, timeoutMs: 0, totalSteps: 2, completed: { emits: null }, failed: { emits: null },
  steps: {
    first: { kind: 'effect', owner: 'alone', number: 1, after: 'start', output: told, timeoutMs: 1_000, retry: { ...NO_RETRY, maxAttempts: retry, initialDelayMs: 5_000, maxDelayMs: 5_000 }, compensation: undo({ retry: NO_RETRY }) },
    wait: { kind: 'await', owner: 'alone', number: 2, after: 'first', output: told, timeoutMs: 0, onLimit: 'fail', listensTo: [sagaSignalled], compensation: none('only waits') },
  },
});
type Counted = { readonly count: number; readonly failed: boolean };
const participantOf = (...sagas: readonly ReturnType<typeof sagaOf>[]) => defineParticipant({
  name: 'alone',
  initiates: sagas.map((saga) => initiate(saga)),
  steps: sagas.flatMap((saga) => [
    implementEffect(saga, 'first', { execute: async ({ start, attempt, limits }) => (erase<{ readonly text: string }>(start).text === 'refused' ? { status: 'failed', kind: 'transient', reason: `${attempt} of ${limits('first').maxAttempts}` } : completed(event(told, { text: 'first' }))), compensate: async () => irreversible('stays') }),
    implementAwait(saga, 'wait', {
      initial: { count: 0, failed: false },
      fold: (state: Counted, fact): Counted => (erase<{ readonly signal: string }>(fact.payload).signal === 'fail' ? { ...state, failed: true } : { ...state, count: state.count + 1 }),
      verdict: (state, { output }) => (state.failed ? terminal('told to fail') : state.count < SIGNALS ? null : completed(event(told, { text: `${erase<{ readonly text: string } | null>(output('first'))?.text ?? ''} ${state.count}` }))),
    }),
  ]),
});
const saga = sagaOf(1);
const participants = [participantOf(saga)];
const open = () => RuntimeStage.open({ participants });
const watermarkOf = async (stage: RuntimeStage): Promise<number | null> => {
  const position = await stage.settled(stage.cluster.connect('probe').log.committedPosition(GROUP, AT));
  return position === null ? null : Number(/\d+/.exec(position.metadata)?.[0]);
};
const checkpointsOf = (stage: RuntimeStage, id: string): readonly (InstanceCheckpoint | null)[] =>
  stage.raw(CHECKPOINTS).filter(({ key }) => Buffer.from(key ?? []).toString() === id).map(({ value }) => {
    const decoded = value === null ? null : stage.codec.decode(value);
    return decoded?.status === 'decoded' && decoded.type === instanceCheckpoint.name ? erase<InstanceCheckpoint>(decoded.payload()) : null;
  });
/** A saga that passes by, so that positions move. */
const passBy = async (stage: RuntimeStage, client: ReturnType<RuntimeStage['client']>): Promise<void> => {
  const { correlationId } = await stage.settled(client.start(saga, { text: 'a' }));
  for (let count = 0; count < SIGNALS; count++) await stage.settled(client.signal(saga, correlationId, 'go'));
  await stage.settled(client.handle(saga, correlationId).result());
  await stage.clock.advance(1_000);
};

describe('an instance that stays open', () => {
  test('is checkpointed after the window, and rewritten when the watermark would pass what it does not contain; takeover folds no further back', async () => {
    const stage = await open();
    const { process } = await stage.start({ limits: LIMITS });
    const client = stage.client();
    await stage.settled(client.start(saga, { text: 'a' }, { id: 'long' }));
    await stage.clock.advance(900);
    expect(checkpointsOf(stage, 'long')).toEqual([]);
    await passBy(stage, client);
    await passBy(stage, client);
    const [first] = checkpointsOf(stage, 'long');
    expect(first?.firstOffset).toBe(stage.seen().find(({ envelope }) => envelope.correlationId === 'long')?.offset);
    const passed = await watermarkOf(stage);
    expect(passed).toBeGreaterThan(first?.foldedTo ?? Number.POSITIVE_INFINITY);
    await stage.settled(client.signal(saga, 'long', 'go'));
    await stage.clock.advance(1_000);
    await passBy(stage, client);
    expect(checkpointsOf(stage, 'long')).toHaveLength(2);
    expect(checkpointsOf(stage, 'long')[1]?.foldedTo).toBe(stage.seen().findLast(({ envelope }) => envelope.correlationId === 'long')?.offset);
    process.kill();
    // What lies below the watermark is not needed: retention takes it.
    stage.cluster.deleteRecordsBefore(AT, (await watermarkOf(stage)) ?? 0);
    stage.cluster.compact(CHECKPOINTS);
    await stage.clock.advance(11_000);
    const second = await stage.start({ limits: LIMITS });
    expect(second.worker.status()).toMatchObject([{ openInstances: 1 }]);
    await stage.settled(client.signal(saga, 'long', 'go'));
    await stage.settled(client.signal(saga, 'long', 'go'));
    const [ended] = await stage.until(sagaCompleted, stage.seen().filter(({ type }) => type === sagaCompleted.name).length + 1);
    expect(ended).toBeDefined();
    expect(stage.seen().findLast(({ type, envelope }) => type === told.name && envelope.correlationId === 'long')?.payload).toEqual({ text: 'first 3' });
    const seqs = stage.seen().filter(({ envelope }) => envelope.correlationId === 'long' && envelope.chain.id === 'alone').map(({ envelope }) => envelope.chain.seq);
    expect(seqs).toEqual([3, 4]);
  });

  test('has its tombstone no later than the watermark that passes its end', async () => {
    const stage = await open();
    await stage.start({ limits: LIMITS });
    const client = stage.client();
    await stage.settled(client.start(saga, { text: 'a' }, { id: 'long' }));
    await stage.clock.advance(2_000);
    await passBy(stage, client);
    for (let count = 0; count < SIGNALS; count++) await stage.settled(client.signal(saga, 'long', 'go'));
    const endOffset = (): number => stage.seen().find(({ type, envelope }) => type === sagaCompleted.name && envelope.correlationId === 'long')?.offset ?? Number.POSITIVE_INFINITY;
    let seenTogether = 0;
    for (let step = 0; step < 400 && seenTogether === 0; step++) {
      await stage.clock.advance(3);
      const watermark = (await watermarkOf(stage)) ?? 0;
      if (watermark <= endOffset()) continue;
      await stage.clock.advance(5);
      seenTogether++;
      expect(checkpointsOf(stage, 'long').at(-1)).toBeNull();
    }
    expect(seenTogether).toBe(1);
  });

  test('that waits for a person is checkpointed at once', async () => {
    const stage = await open();
    await stage.start({ limits: { ...LIMITS, checkpointWindowMs: 1_000_000 } });
    const client = stage.client();
    await stage.settled(client.start(saga, { text: 'a' }, { id: 'stuck' }));
    await stage.settled(client.signal(saga, 'stuck', 'fail'));
    await stage.until(sagaQuarantined);
    await stage.clock.advance(1_000);
    expect(checkpointsOf(stage, 'stuck')).toHaveLength(1);
    expect(await watermarkOf(stage)).toBeGreaterThan(stage.seen().find(({ type }) => type === sagaQuarantined.name)?.offset ?? Number.POSITIVE_INFINITY);
  });

  test('keeps the limits that its start pinned, over a checkpoint too', async () => {
    const stage = await open();
    const { process } = await stage.start({ limits: LIMITS, participants: [participantOf(sagaOf(1, 3))] });
    const client = stage.client();
    await stage.settled(client.start(saga, { text: 'refused' }, { id: 'pinned' }));
    await stage.clock.advance(2_500);
    await passBy(stage, client);
    process.kill();
    stage.cluster.deleteRecordsBefore(AT, (await watermarkOf(stage)) ?? 0);
    await stage.clock.advance(11_000);
    // This worker's file says one attempt; three were promised.
    await stage.start({ limits: LIMITS });
    await stage.until(sagaFailed, 1, 200_000).catch(() => undefined);
    const failed = stage.seen().find(({ type, envelope }) => type === 'chorus.StepFailed' && envelope.correlationId === 'pinned');
    expect(failed?.payload).toMatchObject({ errorKind: 'RetriesExhausted', attempts: 3, reason: '3 of 3' });
  });
});

describe('many instances that stay open', () => {
  type Carried = { readonly ids: readonly string[]; readonly watermark: number | null };
  /** What every transaction of the worker says about checkpoints and watermark. */
  const watched = (into: Carried[]) => (log: EventLog): EventLog => ({
    ...log,
    writer: (id, options) => {
      const writer = log.writer(id, options);
      return {
        ...writer,
        commit: (transaction) => {
          const ids = transaction.records.flatMap(({ topic, key }) => (topic === CHECKPOINTS && key?.startsWith('long') === true ? [key] : []));
          const metadata = transaction.positions?.offsets[0]?.metadata;
          into.push({ ids, watermark: metadata === undefined ? null : Number(/\d+/.exec(metadata)?.[0]) });
          return writer.commit(transaction);
        },
      };
    },
  });

  test('are checkpointed so many a transaction, one after another, and the watermark waits for the last; a takeover in between loses none', async () => {
    const ids = ['long0', 'long1', 'long2', 'long3', 'long4'];
    const stage = await open();
    const carried: Carried[] = [];
    const { process } = await stage.start({ limits: { ...LIMITS, checkpointsMax: 2 }, wrap: watched(carried) });
    const client = stage.client();
    for (const id of ids) await stage.settled(client.start(saga, { text: 'a' }, { id }));
    await stage.clock.advance(2_000);
    const written = (): readonly Carried[] => carried.filter((transaction) => transaction.ids.length > 0);
    expect(written()).toEqual([]);
    await stage.settled(client.signal(saga, 'long4', 'go'));
    expect(await stage.clock.runUntil(() => written().length === 2, 2_000)).toBe(true);
    expect(written().map((transaction) => transaction.ids)).toEqual([['long0', 'long1'], ['long2', 'long3']]);
    const firstOf = (id: string): number => stage.seen().find(({ envelope }) => envelope.correlationId === id)?.offset ?? -1;
    expect(written().map(({ watermark }) => watermark)).toEqual([firstOf('long2'), firstOf('long4')]);
    process.kill();
    await stage.clock.advance(11_000);
    stage.cluster.deleteRecordsBefore(AT, (await watermarkOf(stage)) ?? 0);
    const second = await stage.start({ limits: { ...LIMITS, checkpointsMax: 2 }, wrap: watched(carried) });
    expect(second.worker.status()).toMatchObject([{ openInstances: 5 }]);
    await stage.clock.advance(1_000);
    expect(carried.at(-1)?.ids).toEqual(['long4']);
    expect(carried.at(-1)?.watermark).toBeGreaterThan(firstOf('long4'));
  });
});

const spoil = (stage: RuntimeStage, id: string, change: Partial<InstanceCheckpoint>) => {
  const record = stage.raw(CHECKPOINTS).findLast(({ key }) => Buffer.from(key ?? []).toString() === id);
  const decoded = stage.codec.decode(record?.value ?? new Uint8Array());
  if (decoded.status !== 'decoded') throw new Error('no checkpoint to spoil');
  return { topic: CHECKPOINTS, key: id, value: stage.codec.encode(instanceCheckpoint, decoded.envelope, { ...erase<InstanceCheckpoint>(decoded.payload()), ...change }) };
};

describe('a checkpoint that cannot be read', () => {
  const spoilt = async (change: Partial<InstanceCheckpoint> | 'garbage') => {
    const stage = await open();
    const { process } = await stage.start({ limits: LIMITS });
    const client = stage.client();
    await passBy(stage, client);
    await stage.settled(client.start(saga, { text: 'a' }, { id: 'long' }));
    await stage.clock.advance(2_000);
    await passBy(stage, client);
    process.kill();
    await stage.append(change === 'garbage' ? { topic: CHECKPOINTS, key: 'long', value: new Uint8Array([7, 7, 7]) } : spoil(stage, 'long', change));
    await stage.clock.advance(11_000);
    return { stage, client };
  };

  test.each<readonly [string, Partial<InstanceCheckpoint> | 'garbage']>([
    ['not even decoded', 'garbage'],
    ['of another version', { schemaVersion: 99 }],
    ['of broken bytes', { state: new Uint8Array([1, 2, 3]) }],
  ])('%s: the instance is folded from its first record', async (_name, change) => {
    const { stage, client } = await spoilt(change);
    expect((await stage.start({ limits: LIMITS })).worker.status()).toMatchObject([{ openInstances: 1 }]);
    for (let count = 0; count < SIGNALS; count++) await stage.settled(client.signal(saga, 'long', 'go'));
    expect((await stage.settled(client.handle(saga, 'long').result())).status).toBe('COMPLETED');
  });

  test('below the log\'s start: the partition is refused, aloud, rather than the instance lost', async () => {
    const { stage } = await spoilt({ schemaVersion: 99 });
    stage.cluster.deleteRecordsBefore(AT, (await watermarkOf(stage)) ?? 0);
    await expect(stage.start({ limits: LIMITS })).rejects.toThrow(/alone is refused a partition: WATERMARK_LOST: .*whose checkpoint this build cannot read/);
    expect(stage.errors.join()).toContain('whose checkpoint this build cannot read');
  });

  test('nor decoded, when no earlier one is left to tell the first record: the whole log is folded, or the partition refused where it is not whole', async () => {
    const { stage, client } = await spoilt('garbage');
    stage.cluster.compact(CHECKPOINTS);
    const { worker, process } = await stage.start({ limits: LIMITS });
    expect(worker.status()).toMatchObject([{ openInstances: 1 }]);
    await stage.settled(client.signal(saga, 'long', 'go'));
    process.kill();
    await stage.append({ topic: CHECKPOINTS, key: 'long', value: new Uint8Array([7, 7, 7]) });
    stage.cluster.compact(CHECKPOINTS);
    stage.cluster.deleteRecordsBefore(AT, 1);
    await stage.clock.advance(11_000);
    await expect(stage.start({ limits: LIMITS })).rejects.toThrow(/WATERMARK_LOST: .*whose checkpoint this build cannot read/);
    expect(stage.errors.join()).toContain('a checkpoint cannot be decoded');
  });

  test('but was followed by a tombstone: nothing is folded again, and nothing refused', async () => {
    const { stage } = await spoilt({ schemaVersion: 99 });
    await stage.append({ topic: CHECKPOINTS, key: 'long', value: null });
    stage.cluster.deleteRecordsBefore(AT, (await watermarkOf(stage)) ?? 0);
    expect((await stage.start({ limits: LIMITS })).worker.status()).toMatchObject([{ liveTasks: 1, openInstances: 0 }]);
  });
});

test('a watermark below the log\'s start is an alarm and a refusal; no position at all means from the log\'s start', async () => {
  const stage = await open();
  const { process } = await stage.start({ limits: LIMITS });
  const client = stage.client();
  await stage.settled(client.start(saga, { text: 'a' }, { id: 'long' }));
  await stage.clock.advance(900);
  process.kill();
  const watermark = (await watermarkOf(stage)) ?? 0;
  await stage.clock.advance(11_000);
  stage.cluster.deleteRecordsBefore(AT, watermark + 1);
  await expect(stage.start({ limits: LIMITS })).rejects.toThrow(/WATERMARK_LOST: .* lies below the log's start/);
  expect(stage.errors.join()).toContain('lies below the log\'s start');
  const fresh = await open();
  await fresh.append(fresh.written(saga, 'early', event(begun, { text: 'a' })));
  await fresh.start();
  await fresh.settled(fresh.client().signal(saga, 'early', 'go'));
  await fresh.clock.advance(1_000);
  expect(fresh.types('early')).toEqual(expect.arrayContaining(['begun', 'SagaStarted', 'told first', 'SagaSignalled']));
});

describe('a start that is repeated', () => {
  const end = async (stage: RuntimeStage, client: ReturnType<RuntimeStage['client']>, id: string): Promise<void> => {
    for (let count = 0; count < SIGNALS; count++) await stage.settled(client.signal(saga, id, 'go'));
    await stage.settled(client.handle(saga, id).result());
  };
  const startsOf = (stage: RuntimeStage, id: string): number => stage.types(id).filter((type) => type === 'SagaStarted').length;

  test('is one instance: live, after the end, after a takeover, after the watermark has passed; forgotten after the window', async () => {
    const stage = await open();
    const { process } = await stage.start({ limits: LIMITS });
    const client = stage.client();
    const again = async (): Promise<void> => {
      const handle = await stage.settled(client.start(saga, { text: 'again' }, { id: 'twice' }));
      await stage.clock.advance(1_000);
      expect(handle.correlationId).toBe('twice');
    };
    await again();
    await again();
    await end(stage, client, 'twice');
    await again();
    await passBy(stage, client);
    process.kill();
    await stage.clock.advance(11_000);
    const second = await stage.start({ limits: LIMITS });
    await again();
    await passBy(stage, client);
    second.process.kill();
    stage.cluster.deleteRecordsBefore(AT, (await watermarkOf(stage)) ?? 0);
    await stage.clock.advance(11_000);
    const third = await stage.start({ limits: LIMITS });
    await again();
    expect(startsOf(stage, 'twice')).toBe(0);
    expect(third.worker.status()).toMatchObject([{ openInstances: 0, counters: { duplicates: 1 } }]);
    await stage.clock.advance(LIMITS.dedupeWindowMs);
    await again();
    expect(startsOf(stage, 'twice')).toBe(1);
  });

  test('is a new instance where more ended since than are remembered: the oldest are forgotten first, on the topic too, and counted', async () => {
    const stage = await open();
    const limits = { ...LIMITS, rememberedMax: 3 };
    const { process, worker } = await stage.start({ limits });
    const client = stage.client();
    const ids = ['e0', 'e1', 'e2', 'e3', 'e4', 'e5'];
    for (const id of ids) {
      await stage.settled(client.start(saga, { text: 'a' }, { id }));
      await end(stage, client, id);
      await stage.clock.advance(1_000);
    }
    expect(worker.status()).toMatchObject([{ counters: { forgotten: 3 } }]);
    const kept = new Map(stage.raw(CHECKPOINTS).map(({ key, value }) => [Buffer.from(key ?? []).toString(), value]));
    expect([...kept].filter(([key, value]) => key.startsWith('ended:') && value !== null)).toHaveLength(3);
    process.kill();
    stage.cluster.deleteRecordsBefore(AT, (await watermarkOf(stage)) ?? 0);
    stage.cluster.compact(CHECKPOINTS, { removeTombstones: true });
    await stage.clock.advance(11_000);
    await stage.start({ limits });
    for (const id of ['e2', 'e3']) await stage.settled(client.start(saga, { text: 'a' }, { id }));
    await stage.clock.advance(1_000);
    expect(['e2', 'e3'].map((id) => startsOf(stage, id))).toEqual([1, 0]);
  });

  test('has the end of the one instance as its result, however long ago that was', async () => {
    const stage = await open();
    await stage.start({ limits: LIMITS });
    const client = stage.client();
    await stage.settled(client.start(saga, { text: 'a' }, { id: 'twice' }));
    await end(stage, client, 'twice');
    const handle = await stage.settled(stage.client('other').start(saga, { text: 'a' }, { id: 'twice' }));
    expect(await stage.settled(handle.result())).toMatchObject({ status: 'COMPLETED', correlationId: 'twice' });
  });
});

test.each([1, 2, 3, 4, 5, 6, 7, 8])('random schedule %i: after every takeover the open instances are those of a full fold, with all they have seen', async (seed) => {
  const random = createSimulatedRandom(seed);
  const stage = await open();
  const client = stage.client();
  const signals = new Map<string, number>();
  const ends = new Map<string, unknown>();
  const noteEnds = (): void => {
    for (const { type, envelope, payload } of stage.seen()) if (type === told.name && envelope.stepName === 'wait') ends.set(`${envelope.correlationId ?? ''} ${envelope.eventId}`, payload['text']);
  };
  let { process, worker } = await stage.start({ limits: LIMITS });
  for (let step = 0; step < 80; step++) {
    const id = `s${random.integer(18)}`;
    const seen = signals.get(id);
    if (seen === undefined) await stage.settled(client.start(saga, { text: 'a' }, { id }));
    else if (seen < SIGNALS) await stage.settled(client.signal(saga, id, 'go'));
    signals.set(id, seen === undefined ? 0 : seen + 1);
    await stage.clock.advance(random.between(1, 700));
    if (!random.chance(0.15)) continue;
    process.kill();
    await stage.clock.advance(11_000);
    noteEnds();
    // Whatever is below the watermark may be gone.
    if (random.chance(0.5)) stage.cluster.deleteRecordsBefore(AT, (await watermarkOf(stage)) ?? 0);
    if (random.chance(0.5)) stage.cluster.compact(CHECKPOINTS);
    ({ process, worker } = await stage.start({ limits: LIMITS }));
    await stage.clock.advance(500);
    const stillOpen = [...signals].filter(([, count]) => count < SIGNALS).map(([open_]) => open_).sort();
    expect(worker.status()).toMatchObject([{ openInstances: stillOpen.length }]);
  }
  for (const [id, count] of signals) for (let more = count; more < SIGNALS; more++) await stage.settled(client.signal(saga, id, 'go'));
  await stage.clock.advance(2_000);
  expect(worker.status()).toMatchObject([{ openInstances: 0 }]);
  noteEnds();
  expect([...ends.values()]).toEqual([...signals].map(() => 'first 3'));
});
