// Goal: on three brokers, while leaders move and brokers are killed, every transaction that was told to be committed is in
// the log once and whole, what was told to be unknown is whole or absent, and a live reader saw exactly what a fresh one sees.
// Method: one writer commits to both partitions without pause, replaced by a successor whenever its end is unknown; a live
// reader follows both partitions; in between the test moves leaders or kills brokers.
import { afterAll, beforeAll, beforeEach, afterEach, expect, jest, test } from '@jest/globals';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { type LocalPlatform, startLocalPlatform } from '#apps/local-platform';
import type { TransactionalWriter } from '#saga-core/ports';
import { createKafkaStand, type KafkaStand, textOf } from './kafka-stand.ts';

jest.setTimeout(180_000);

/** CHORUS_FAULT_KILLS and CHORUS_FAULT_MOVES lengthen the tests: each kill costs the broker's session of 6 s, and its return. */
const KILL_COUNT = Number(process.env['CHORUS_FAULT_KILLS'] ?? 1);
const MOVE_COUNT = Number(process.env['CHORUS_FAULT_MOVES'] ?? 2);
const PARTITIONS = [0, 1];
const BROKER_IDS = [1, 2, 3];

let platform: LocalPlatform;
let admin: Admin;
let stand: KafkaStand;

beforeAll(async () => {
  platform = await startLocalPlatform({ instance: 'faults-cluster', brokers: 3, parts: ['kafka'], kafka: { heapMb: 400 }, environment: {} });
});
afterAll(() => platform.stop());
beforeEach(async () => {
  stand = await createKafkaStand(platform.kafka);
  admin = new Kafka({ brokers: [...platform.kafka], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
});
afterEach(async () => {
  await admin.disconnect();
  await stand.close();
});

const awaitThat = async (condition: () => boolean | Promise<boolean>, what: string, timeoutMs = 60_000): Promise<void> => {
  const untilMs = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > untilMs) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
};

type Told = { readonly text: string; readonly status: 'committed' | 'unknown' };

/** Commits without pause until told to stop; a dead writer is replaced, as a task would be. */
const writeOn = (): { readonly told: readonly Told[]; readonly stop: () => Promise<void> } => {
  const told: Told[] = [];
  let isStopping = false;
  const run = async (): Promise<void> => {
    let writer: TransactionalWriter | null = null;
    for (let round = 0; !isStopping; round++) {
      writer ??= await stand.fenced(stand.log);
      const outcome = await writer.commit(stand.transaction(`${round}`, round));
      if (outcome.status === 'committed' || outcome.status === 'unknown') told.push({ text: `${round}`, status: outcome.status });
      if (outcome.status !== 'committed') {
        await writer.close();
        writer = null;
      }
    }
    await writer?.close();
  };
  const running = run();
  return {
    told,
    stop: async () => {
      isStopping = true;
      await running;
    },
  };
};

const followAll = (): { readonly texts: (partition: number) => readonly string[]; readonly nextOffset: (partition: number) => number; readonly errors: readonly string[]; readonly close: () => void } => {
  const texts = PARTITIONS.map((): string[] => []);
  const next = PARTITIONS.map(() => 0);
  const errors: string[] = [];
  const subscriptions = PARTITIONS.map((partition) => stand.log.reader().subscribe({ topic: stand.topic, partition, offset: 0 }, {
    onBatch: (batch) => {
      texts[partition]?.push(...batch.records.map((record) => textOf(record.value)));
      next[partition] = batch.nextOffset;
    },
    onError: (error) => void errors.push(error.message),
  }));
  return {
    texts: (partition) => texts[partition] ?? [], nextOffset: (partition) => next[partition] ?? 0, errors,
    close: () => {
      for (const subscription of subscriptions) subscription.close();
    },
  };
};

const leaders = async (): Promise<readonly number[]> => {
  const { topics } = await admin.fetchTopicMetadata({ topics: [stand.topic] });
  return (topics[0]?.partitions ?? []).toSorted((left, right) => left.partitionId - right.partitionId).map(({ leader }) => leader);
};

/** The log must hold every committed transaction once on both partitions; the live view equals a fresh read. */
const expectTruth = async (told: readonly Told[], live: ReturnType<typeof followAll>): Promise<void> => {
  const fresh = await stand.texts(0);
  expect(await stand.texts(1)).toEqual(fresh);
  expect(new Set(fresh).size).toBe(fresh.length);
  const present = new Set(fresh);
  expect(told.filter(({ text, status }) => status === 'committed' && !present.has(text))).toEqual([]);
  expect(fresh).toEqual(told.filter(({ text }) => present.has(text)).map(({ text }) => text));
  expect(live.errors).toEqual([]);
  for (const partition of PARTITIONS) {
    const end = await stand.direct.endOffset({ topic: stand.topic, partition });
    await awaitThat(() => live.nextOffset(partition) >= end, `the live reader at ${end}`);
    expect(live.texts(partition)).toEqual(fresh);
  }
  live.close();
};

// A fresh cluster's first transaction is another test (K30): the platform's own probe has made one before it is ready.
test('a transaction on three brokers commits with its position', async () => {
  const writer = await stand.fenced(stand.direct);
  await stand.mustCommit(writer, 'first');
  expect(await stand.direct.committedPosition(stand.group, { topic: stand.topic, partition: 0 })).toMatchObject({ offset: 1, metadata: 'first' });
});

test('K33: leaders move gracefully while transactions are written: none is halved, lost or doubled', async () => {
  const live = followAll();
  const writing = writeOn();
  for (let move = 0; move < MOVE_COUNT; move++) {
    const before = await leaders();
    await awaitThat(() => writing.told.length > (move + 1) * 10, 'transactions between two moves');
    await admin.alterPartitionReassignments({
      topics: [{ topic: stand.topic, partitionAssignment: PARTITIONS.map((partition) => ({ partition, replicas: BROKER_IDS.filter((id) => id !== before[partition]) })) }],
    });
    await awaitThat(async () => (await leaders()).every((leader, partition) => leader > 0 && leader !== before[partition]), 'new leaders');
  }
  const writtenCount = writing.told.length;
  await awaitThat(() => writing.told.length > writtenCount + 20, 'transactions after the last move');
  await writing.stop();
  expect(writing.told.filter(({ status }) => status === 'committed').length).toBeGreaterThan(MOVE_COUNT * 10);
  await expectTruth(writing.told, live);
});

test('a leader is killed while transactions are written: nothing committed is lost, nothing comes twice', async () => {
  const live = followAll();
  const writing = writeOn();
  for (let kill = 0; kill < KILL_COUNT; kill++) {
    const writtenCount = writing.told.length;
    await awaitThat(() => writing.told.length > writtenCount + 20, 'transactions before the kill');
    const [leader = 1] = await leaders();
    await platform.kill(`kafka-${leader}`);
    const killedCount = writing.told.filter(({ status }) => status === 'committed').length;
    await awaitThat(() => writing.told.filter(({ status }) => status === 'committed').length > killedCount + 20, 'transactions without that broker');
    // What `heal` answers would stop only what it started again.
    await platform.heal();
  }
  await writing.stop();
  await expectTruth(writing.told, live);
});
