import { expect, test } from '@jest/globals';
import type { CommitOutcome, EventLog, LogRecord, RecordToWrite, TransactionalWriter } from '#saga-core/ports';
import { createSimulatedClock, type SimulatedClock } from '../simulated-clock.ts';
import { createSimulatedRandom } from '../simulated-random.ts';
import { createMemoryCluster, type MemoryCluster } from './cluster.ts';
import type { FaultyRequest, Verdict } from './faults.ts';

/* What the conformance suite cannot ask of every log: answers that are lost, requests that come late, zombies, compaction. */

const AT = { topic: 'sagas', partition: 0 };
const START = 1_767_623_400_000;

type World = {
  readonly clock: SimulatedClock;
  readonly cluster: MemoryCluster;
  /** The verdict on the next request of a kind, once. */
  readonly next: (kind: FaultyRequest['kind'], verdict: Verdict) => void;
  readonly run: <Value>(promise: Promise<Value>) => Promise<Value>;
};

const world = (): World => {
  const clock = createSimulatedClock({ nowMillis: START });
  const planned = new Map<string, Verdict>();
  const onRequest = ({ kind }: FaultyRequest): Verdict => {
    const verdict = planned.get(kind) ?? 'deliver';
    planned.delete(kind);
    return verdict;
  };
  const cluster = createMemoryCluster({ clock, random: createSimulatedRandom(1), faults: { onRequest } });
  cluster.createTopic({ name: AT.topic, partitionCount: 1 });
  const run = async <Value>(promise: Promise<Value>): Promise<Value> => {
    let isSettled = false;
    const settled = promise.finally(() => void (isSettled = true));
    settled.catch(() => undefined);
    if (!(await clock.runUntil(() => isSettled, 60_000))) throw new Error('not settled within a minute');
    return settled;
  };
  return { clock, cluster, next: (kind, verdict) => void planned.set(kind, verdict), run };
};

const record = (text: string, key = 'key'): RecordToWrite => ({ ...AT, key, value: new TextEncoder().encode(text), headers: {}, timestampMs: START });
const textOf = ({ value }: LogRecord): string => (value === null ? '(tombstone)' : new TextDecoder().decode(value));

const fencedWriter = async ({ run }: World, log: EventLog, id = 'writer'): Promise<TransactionalWriter> => {
  const writer = log.writer(id);
  expect(await run(writer.fence())).toEqual({ status: 'fenced-others' });
  return writer;
};

const readAll = async ({ clock, cluster }: World, offset = 0): Promise<readonly string[]> => {
  const texts: string[] = [];
  const subscription = cluster.connect('reader').log.reader().subscribe({ ...AT, offset }, { onBatch: (batch) => void texts.push(...batch.records.map(textOf)), onError: (error) => void texts.push(error.code) });
  await clock.advance(3_000);
  subscription.close();
  return texts;
};

const commitWith = async (kind: FaultyRequest['kind'], verdict: Verdict): Promise<{ readonly outcome: CommitOutcome; readonly texts: readonly string[]; readonly later: CommitOutcome }> => {
  const staged = world();
  const writer = await fencedWriter(staged, staged.cluster.connect('a').log);
  staged.next(kind, verdict);
  const outcome = await staged.run(writer.commit({ records: [record('one')], positions: { group: 'g', offsets: [{ ...AT, offset: 1, metadata: '' }] } }));
  const later = await staged.run(writer.commit({ records: [record('two')] }));
  await staged.clock.advance(20_000);
  return { outcome, texts: await readAll(staged), later };
};

test('a lost answer to EndTxn is unknown although the transaction is committed, and the writer is dead', async () => {
  const { outcome, texts, later } = await commitWith('end-txn', 'lose-answer');
  expect(outcome.status).toBe('unknown');
  expect(later.status).not.toBe('committed');
  expect(texts).toEqual(['one']);
});

test('a lost EndTxn is unknown too, and its transaction is aborted when its time is out', async () => {
  const { outcome, texts, later } = await commitWith('end-txn', 'lose-request');
  expect(outcome.status).toBe('unknown');
  expect(later.status).not.toBe('committed');
  expect(texts).toEqual([]);
});

test.each(['produce', 'txn-offset-commit'] as const)('a lost %s, or its answer, is repeated and written once', async (kind) => {
  for (const verdict of ['lose-request', 'lose-answer'] as const) {
    const { outcome, texts, later } = await commitWith(kind, verdict);
    expect(outcome.status).toBe('committed');
    expect(later.status).toBe('committed');
    expect(texts).toEqual(['one', 'two']);
  }
});

test('a commit whose requests stay without answer ends unknown before the transaction time-out', async () => {
  const clock = createSimulatedClock({ nowMillis: START });
  let isMute = false;
  const cluster = createMemoryCluster({ clock, random: createSimulatedRandom(1), faults: { onRequest: () => (isMute ? 'lose-request' : 'deliver') } });
  cluster.createTopic({ name: AT.topic, partitionCount: 1 });
  const writer = cluster.connect('a').log.writer('writer', { transactionTimeoutMs: 5_000 });
  const fencing = writer.fence();
  await clock.advance(100);
  await fencing;
  isMute = true;
  const startedMs = clock.monotonicMillis();
  const answer: { outcome?: CommitOutcome; atMs?: number } = {};
  void writer.commit({ records: [record('one')] }).then((outcome) => Object.assign(answer, { outcome, atMs: clock.monotonicMillis() }));
  await clock.advance(10_000);
  expect(answer.outcome?.status).toBe('unknown');
  expect((answer.atMs ?? 0) - startedMs).toBeLessThan(5_000);
});

test('a fence that arrives late, after its sender gave up, still fences: nothing of the successor is lost', async () => {
  const staged = world();
  const { cluster, clock, run } = staged;
  staged.next('init-producer-id', { delayMs: 2_000 });
  const late = cluster.connect('late').log.writer('writer');
  const lateFence = late.fence();
  await clock.advance(400);
  const owner = await fencedWriter(staged, cluster.connect('owner').log);
  expect((await run(owner.commit({ records: [record('before')] }))).status).toBe('committed');
  await clock.advance(5_000);
  expect((await lateFence).status).toBe('fenced-others');
  expect((await run(owner.commit({ records: [record('after')] }))).status).toBe('fenced');
  expect(await readAll(staged)).toEqual(['before']);
});

test('a zombie that goes on in the middle of its commit is fenced, and its half is never read', async () => {
  const staged = world();
  const { cluster, clock, run } = staged;
  const { log, process } = cluster.connect('zombie');
  const zombie = await fencedWriter(staged, log);
  const outcomes: string[] = [];
  void zombie.commit({ records: [record('half')] }).then((outcome) => outcomes.push(outcome.status));
  await clock.runUntil(() => cluster.entries(AT).length > 0, 100);
  process.pause();
  const owner = await fencedWriter(staged, cluster.connect('owner').log);
  expect((await run(owner.commit({ records: [record('claim')] }))).status).toBe('committed');
  process.resume();
  await clock.advance(1_000);
  expect(outcomes).toEqual(['fenced']);
  expect(await readAll(staged)).toEqual(['claim']);
});

test('a killed writer\'s open transaction holds readers back until its time-out, not longer', async () => {
  const staged = world();
  const { cluster, clock, run } = staged;
  const { log, process } = cluster.connect('dying');
  const dying = await fencedWriter(staged, log, 'dying');
  void dying.commit({ records: [record('half')] });
  await clock.runUntil(() => cluster.entries(AT).length > 0, 100);
  process.kill();
  const other = await fencedWriter(staged, cluster.connect('other').log, 'other');
  expect((await run(other.commit({ records: [record('behind')] }))).status).toBe('committed');
  const texts: string[] = [];
  cluster.connect('reader').log.reader().subscribe({ ...AT, offset: 0 }, { onBatch: (batch) => void texts.push(...batch.records.map(textOf)), onError: () => undefined });
  await clock.advance(3_000);
  expect(texts).toEqual([]);
  await clock.advance(3_000);
  expect(texts).toEqual(['behind']);
});

test('a member that stands still longer than its session loses its partitions and finds out by itself', async () => {
  const { cluster, clock } = world();
  const calls: string[] = [];
  const { log, process } = cluster.connect('sleeper');
  const group = { group: 'g', topics: [{ topic: AT.topic, set: 's' }], sessionTimeoutMs: 5_000, heartbeatIntervalMs: 500 };
  void log.join(group, { onAssigned: () => void calls.push('assigned'), onLost: () => void calls.push('lost'), beforeRejoin: async () => void calls.push('before-rejoin') });
  await clock.advance(2_000);
  process.pause();
  let heir = 0;
  void cluster.connect('heir').log.join(group, { onAssigned: ({ partitions }) => void (heir = partitions.length), onLost: () => undefined, beforeRejoin: async () => undefined });
  await clock.advance(8_000);
  expect(heir).toBe(1);
  expect(calls).toEqual(['assigned']);
  process.resume();
  await clock.advance(3_000);
  expect(calls.slice(0, 3)).toEqual(['assigned', 'lost', 'assigned']);
});

test('compaction keeps the last committed record of each key and the offsets of all; tombstones go on demand', async () => {
  const staged = world();
  const { cluster, run, clock } = staged;
  const writer = await fencedWriter(staged, cluster.connect('a').log);
  await run(writer.commit({ records: [record('a1', 'a'), record('b1', 'b'), record('a2', 'a')] }));
  await run(writer.commit({ records: [{ ...record('', 'b'), value: null }, record('c1', 'c')] }));
  await clock.advance(50);
  const end = await run(cluster.connect('x').log.endOffset(AT));
  cluster.compact(AT.topic);
  expect(await readAll(staged)).toEqual(['a2', '(tombstone)', 'c1']);
  cluster.compact(AT.topic, { removeTombstones: true });
  expect(await readAll(staged)).toEqual(['a2', 'c1']);
  expect(await readAll(staged, 1)).toEqual(['a2', 'c1']);
  expect(await run(cluster.connect('y').log.endOffset(AT))).toBe(end);
});

test('the same seed gives the same log, marker for marker', async () => {
  const entriesOf = async () => {
    const staged = world();
    const one = await fencedWriter(staged, staged.cluster.connect('a').log, 'one');
    const two = await fencedWriter(staged, staged.cluster.connect('b').log, 'two');
    await staged.run(Promise.all([one.commit({ records: [record('1')] }), two.commit({ records: [record('2')] })]));
    await staged.clock.advance(100);
    return staged.cluster.entries(AT);
  };
  expect(await entriesOf()).toEqual(await entriesOf());
});
