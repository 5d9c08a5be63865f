// Goal: a reader delivers every committed record once, in order, from exactly where it was told, whatever connections do;
// what cannot be read is a typed error, never a jump.
import { randomInt } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Kafka, logLevel, Partitioners, type Producer, type Transaction as KafkajsTransaction } from 'kafkajs';
import { createKafkaAdmin } from '#adapters/kafka';
import type { ReadBatch, ReadError, Subscription } from '#saga-core/ports';
import { API } from '../support/kafka-proxy.ts';
import { sharedPlatform } from '../support/platform.ts';
import { createKafkaStand, type KafkaStand, readTexts, textOf } from './kafka-stand.ts';

const { kafka } = await sharedPlatform();
jest.setTimeout(60_000);

/** CHORUS_FAULT_ROUNDS lengthens the randomised tests; CHORUS_SEED repeats a run. */
const ROUND_COUNT = Number(process.env['CHORUS_FAULT_ROUNDS'] ?? 12);
const SEED = Number(process.env['CHORUS_SEED'] ?? randomInt(2 ** 31));

const createRandom = (seed: number): ((below: number) => number) => {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
};

let stand: KafkaStand;
beforeEach(async () => {
  stand = await createKafkaStand(kafka);
});
afterEach(() => stand.close());

type Follower = Subscription & { readonly texts: string[]; readonly batches: ReadBatch[]; readonly errors: ReadError[]; readonly until: (condition: () => boolean) => Promise<void> };

const follow = (offset: number, options: { readonly log?: KafkaStand['log']; readonly delay?: () => Promise<void> } = {}): Follower => {
  const [texts, batches, errors]: [string[], ReadBatch[], ReadError[]] = [[], [], []];
  const waiting: (() => void)[] = [];
  const changed = (): void => {
    for (const wake of waiting.splice(0)) wake();
  };
  const subscription = (options.log ?? stand.log).reader().subscribe({ topic: stand.topic, partition: 0, offset }, {
    onBatch: (batch) => {
      batches.push(batch);
      for (const record of batch.records) texts.push(textOf(record.value));
      changed();
      return options.delay?.();
    },
    onError: (error) => {
      errors.push(error);
      changed();
    },
  });
  return {
    close: subscription.close, texts, batches, errors,
    until: async (condition) => {
      while (!condition()) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
};

const numbers = (count: number, from = 0): string[] => Array.from({ length: count }, (_, index) => `${from + index}`);

const expectContiguous = (batches: readonly ReadBatch[], from: number): void => {
  let next = from;
  for (const batch of batches) {
    for (const record of batch.records) {
      expect(record.offset).toBeGreaterThanOrEqual(next);
      next = record.offset + 1;
    }
    expect(batch.nextOffset).toBeGreaterThanOrEqual(next);
    next = batch.nextOffset;
  }
};

describe('lost exchanges', () => {
  test.each((['Fetch', 'Metadata'] as const).flatMap((request) => (['reset-request', 'reset-answer', 'drop-request', 'drop-answer'] as const).map((fault) => ({ request, fault }))))(
    '$request, $fault: nothing is lost, nothing comes twice', async ({ request, fault }) => {
      const writer = await stand.fenced(stand.direct);
      for (const text of numbers(5)) await stand.mustCommit(writer, text);
      const metadata = request === 'Metadata' ? stand.proxy.on(API.Metadata, fault) : null;
      const follower = follow(0);
      const fetches = request === 'Fetch' ? stand.proxy.on(API.Fetch, fault, 2) : null;
      for (const text of numbers(5, 5)) await stand.mustCommit(writer, text);
      await follower.until(() => follower.texts.length >= 10);
      expect((metadata ?? fetches)?.hitCount()).toBeGreaterThan(0);
      expect(follower.texts).toEqual(numbers(10));
      expectContiguous(follower.batches, 0);
    });

  test('every connection is cut again and again while transactions are written', async () => {
    const writer = await stand.fenced(stand.direct);
    const follower = follow(0);
    for (const text of numbers(60)) {
      await stand.mustCommit(writer, text);
      if (Number(text) % 10 === 5) stand.proxy.resetAll();
    }
    await follower.until(() => follower.texts.length >= 60);
    expect(follower.texts).toEqual(numbers(60));
    expectContiguous(follower.batches, 0);
  });

  test.each(['OffsetFetch', 'ListOffsets', 'FindCoordinator'] as const)('%s: a lost answer is asked for again', async (request) => {
    const writer = await stand.fenced(stand.direct);
    await stand.mustCommit(writer, 'kept');
    const rule = stand.proxy.on(API[request], 'reset-answer');
    expect(await stand.log.committedPosition(stand.group, { topic: stand.topic, partition: 0 })).toMatchObject({ offset: 1, metadata: 'kept' });
    expect(await stand.log.logStartOffset({ topic: stand.topic, partition: 0 })).toBe(0);
    expect(rule.hitCount()).toBe(1);
  });
});

describe('positions', () => {
  test('K4: the position read after a fence is never older than the last commit, and never that of an open transaction', async () => {
    for (let round = 1; round <= 20; round++) {
      const writer = await stand.fenced(stand.log);
      expect((await writer.commit(stand.transaction(`committed ${round}`, round))).status).toBe('committed');
      const rule = stand.proxy.on(API.EndTxn, 'hold-request');
      const open = writer.commit(stand.transaction(`open ${round}`, 1_000 + round));
      await rule.hit;
      await stand.fenced(stand.direct);
      expect(await stand.direct.committedPosition(stand.group, { topic: stand.topic, partition: 0 })).toMatchObject({ offset: round, metadata: `committed ${round}` });
      rule.release();
      await open;
    }
  });

  test('K28: an offset below the log start is an error, and moves no position of the group', async () => {
    const writer = await stand.fenced(stand.direct);
    for (const text of numbers(5)) await stand.mustCommit(writer, text);
    const admin = new Kafka({ brokers: [...kafka], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.fetchTopicOffsets(stand.topic);
    await admin.deleteTopicRecords({ topic: stand.topic, partitions: [{ partition: 0, offset: '4' }] });
    await admin.disconnect();
    const follower = follow(0);
    await follower.until(() => follower.errors.length > 0);
    expect(follower.errors).toMatchObject([{ code: 'OFFSET_OUT_OF_RANGE', offset: 0 }]);
    expect(follower.texts).toEqual([]);
    expect(await stand.direct.committedPosition(stand.group, { topic: stand.topic, partition: 0 })).toMatchObject({ offset: 1, metadata: '4' });
  });

  test('K29: a new subscription starts exactly at its own offset, whatever others of the partition do', async () => {
    const writer = await stand.fenced(stand.direct);
    for (const text of numbers(20)) await stand.mustCommit(writer, text);
    const all = follow(0);
    await all.until(() => all.texts.length === 20);
    for (const start of [3, 17, 0, 30]) {
      const late = follow(start);
      await late.until(() => late.texts.at(-1) === '19');
      late.close();
      expectContiguous(late.batches, start);
      expect(late.texts).toEqual(await readTexts(stand.direct, { topic: stand.topic, partition: 0 }, start));
    }
    expect(all.texts).toEqual(numbers(20));
  });

  test('a slow subscriber holds back nobody, and misses nothing', async () => {
    const writer = await stand.fenced(stand.direct);
    const slow = follow(0, { delay: () => new Promise((resolve) => {
      setTimeout(resolve, 30);
    }) });
    const quick = follow(0);
    for (const text of numbers(40)) await stand.mustCommit(writer, text);
    await quick.until(() => quick.texts.length >= 40);
    await slow.until(() => slow.texts.length >= 40);
    expect(quick.texts).toEqual(numbers(40));
    expect(slow.texts).toEqual(numbers(40));
    expectContiguous(slow.batches, 0);
  });
});

test('a topic created again under its name, while nobody fetched it, is TOPIC_RECREATED or TOPIC_DELETED', async () => {
  const admin = createKafkaAdmin({ brokers: kafka, clientId: 'faults' });
  const writer = await stand.fenced(stand.direct);
  await stand.mustCommit(writer, 'old');
  const busy = Promise.withResolvers<void>();
  const follower = follow(0, { delay: () => busy.promise });
  await follower.until(() => follower.texts.length === 1);
  await admin.deleteTopics([stand.topic]);
  await admin.createTopics([{ topic: stand.topic, partitions: 2 }]);
  const successor = await stand.fenced(stand.log);
  for (const text of numbers(5)) await stand.mustCommit(successor, text);
  busy.resolve();
  await follower.until(() => follower.errors.length > 0);
  expect(['TOPIC_RECREATED', 'TOPIC_DELETED']).toContain(follower.errors[0]?.code);
  expect(follower.texts).toEqual(['old']);
  await admin.close();
});

describe('K22', () => {
  const PRODUCER_COUNT = 6;
  const producers: Producer[] = [];
  afterEach(async () => {
    await Promise.all(producers.splice(0).map((producer) => producer.disconnect()));
  });

  test(`overlapping aborted transactions of six producers leak nothing, from wherever it is read (CHORUS_SEED=${SEED})`, async () => {
    const random = createRandom(SEED);
    const client = new Kafka({ brokers: [...kafka], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 2, multiplier: 1, retries: 200 } });
    for (let index = 0; index < PRODUCER_COUNT; index++) {
      const producer = client.producer({ transactionalId: `${stand.topic}/p${index}`, maxInFlightRequests: 1, idempotent: true, createPartitioner: Partitioners.DefaultPartitioner });
      await producer.connect();
      producers.push(producer);
    }
    const committed: { readonly offset: number; readonly text: string }[] = [];
    const open = new Map<number, { readonly transaction: KafkajsTransaction; readonly written: { readonly offset: number; readonly text: string }[] }>();
    const end = async (index: number, verdict: 'commit' | 'abort'): Promise<void> => {
      const ending = open.get(index);
      if (ending === undefined) return;
      open.delete(index);
      await ending.transaction[verdict]();
      if (verdict === 'commit') committed.push(...ending.written);
    };
    for (let step = 0; step < ROUND_COUNT * 12; step++) {
      const index = random(PRODUCER_COUNT);
      const action = random(5);
      if (action >= 3) {
        await end(index, action === 3 ? 'abort' : 'commit');
        continue;
      }
      const producer = producers[index];
      if (producer === undefined) continue;
      const ongoing = open.get(index) ?? { transaction: await producer.transaction(), written: [] };
      open.set(index, ongoing);
      const [answer] = await ongoing.transaction.send({ topic: stand.topic, messages: [{ partition: 0, value: `${step}` }] });
      ongoing.written.push({ offset: Number(answer?.baseOffset), text: `${step}` });
    }
    for (let index = 0; index < PRODUCER_COUNT; index++) await end(index, random(2) === 0 ? 'abort' : 'commit');
    committed.sort((left, right) => left.offset - right.offset);
    const endOffset = await stand.direct.endOffset({ topic: stand.topic, partition: 0 });
    for (let from = 0; from < endOffset; from += 1 + random(Math.ceil(endOffset / 40))) {
      expect(await readTexts(stand.direct, { topic: stand.topic, partition: 0 }, from)).toEqual(committed.filter(({ offset }) => offset >= from).map(({ text }) => text));
    }
  });
});
