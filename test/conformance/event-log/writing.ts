import { expect } from '@jest/globals';
import { collect, decode, encode, fencedWriter, mustCommit, readToEnd, recordOf } from './stage.ts';
import type { Behaviour } from './behaviour.ts';

const ONE_HOUR_MS = 3_600_000;

export const writing: readonly Behaviour[] = [
  ['a committed record is read back with its key, value, headers, timestamp and offset', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const timestampMs = stage.nowMillis() - 5_000;
    const writer = await fencedWriter(log, stage.unique('writer'));
    const base = await mustCommit(writer, { records: [{ ...at, key: 'saga-1', value: encode('hello'), headers: { 'event-type': 'greeted', traceparent: 'ünïcode' }, timestampMs }] }, at);
    const { records } = await readToEnd(stage, log, at);
    expect(records.map((record) => [record.topic, record.partition, record.offset, record.timestampMs, decode(record.key), decode(record.value)]))
      .toEqual([[at.topic, 0, base, timestampMs, 'saga-1', 'hello']]);
    expect(Object.entries(records[0]?.headers ?? {}).map(([name, bytes]) => [name, decode(bytes)])).toEqual([['event-type', 'greeted'], ['traceparent', 'ünïcode']]);
  }],
  ['records of a partition keep the order in which they were given', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const writer = await fencedWriter(log, stage.unique('writer'));
    const texts = Array.from({ length: 50 }, (_, index) => `record ${index}`);
    const base = await mustCommit(writer, { records: texts.map((text) => recordOf(stage, at, text)) }, at);
    const read = await readToEnd(stage, log, at);
    expect(read.texts()).toEqual(texts);
    expect(read.records.map((record) => record.offset)).toEqual(texts.map((_, index) => base + index));
  }],
  ['a transaction over several partitions answers a base offset for each', async (stage) => {
    const log = stage.connect();
    const topic = await stage.createTopic({ partitionCount: 2 });
    const [first, second] = [{ topic, partition: 0 }, { topic, partition: 1 }];
    const writer = await fencedWriter(log, stage.unique('writer'));
    await mustCommit(writer, { records: [recordOf(stage, first, 'earlier')] });
    const outcome = await writer.commit({ records: [recordOf(stage, first, 'a'), recordOf(stage, second, 'b'), recordOf(stage, first, 'c')] });
    // Offset 1 of partition 0 holds the control marker of the first transaction.
    expect(outcome).toEqual({ status: 'committed', baseOffsets: new Map([[`${topic}/0`, 2], [`${topic}/1`, 0]]) });
    expect((await readToEnd(stage, log, first)).texts()).toEqual(['earlier', 'a', 'c']);
    expect((await readToEnd(stage, log, second)).texts()).toEqual(['b']);
  }],
  ['an empty transaction is committed and writes nothing', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const writer = await fencedWriter(log, stage.unique('writer'));
    expect(await writer.commit({ records: [] })).toEqual({ status: 'committed', baseOffsets: new Map() });
    expect(await log.endOffset(at)).toBe(0);
  }],
  ['null keys, tombstones, empty values and empty keys are kept apart', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const writer = await fencedWriter(log, stage.unique('writer'));
    const base = recordOf(stage, at, '');
    await mustCommit(writer, { records: [{ ...base, key: null }, { ...base, value: null }, base, { ...base, key: '' }] });
    const { records } = await readToEnd(stage, log, at);
    expect(records.map((record) => [decode(record.key), decode(record.value)])).toEqual([[null, ''], ['key', null], ['key', ''], ['', '']]);
  }],
  ['a transaction of five thousand records is written and read whole', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const writer = await fencedWriter(log, stage.unique('writer'));
    await mustCommit(writer, { records: Array.from({ length: 5_000 }, (_, index) => recordOf(stage, at, String(index))) });
    const read = await readToEnd(stage, log, at);
    expect(read.records.length).toBe(5_000);
    expect(read.records.every((record, index) => record.offset === index && decode(record.value) === String(index))).toBe(true);
  }],
  ['a value of half a megabyte survives', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const writer = await fencedWriter(log, stage.unique('writer'));
    const value = new Uint8Array(500_000).map((_, index) => index % 251);
    await mustCommit(writer, { records: [{ ...recordOf(stage, at, ''), value }] });
    const { records } = await readToEnd(stage, log, at);
    expect(Buffer.compare(records[0]?.value ?? new Uint8Array(), value)).toBe(0);
  }],
  ['what is written does not change when the caller changes its bytes afterwards', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const writer = await fencedWriter(log, stage.unique('writer'));
    const value = encode('before');
    await mustCommit(writer, { records: [{ ...recordOf(stage, at, ''), value }] });
    value.fill(0);
    expect((await readToEnd(stage, log, at)).texts()).toEqual(['before']);
  }],
  ['a record above the limit is refused, nothing of its transaction is read, and the writer goes on', async (stage) => {
    const log = stage.connect();
    const topic = await stage.createTopic({ partitionCount: 2 });
    const [first, second] = [{ topic, partition: 0 }, { topic, partition: 1 }];
    const writer = await fencedWriter(log, stage.unique('writer'));
    const outcome = await writer.commit({ records: [recordOf(stage, first, 'half'), { ...recordOf(stage, second, ''), value: new Uint8Array(2_000_000) }] });
    expect(outcome).toMatchObject({ status: 'not-committed', code: 'RECORD_TOO_LARGE' });
    await mustCommit(writer, { records: [recordOf(stage, first, 'whole'), recordOf(stage, second, 'whole')] });
    expect((await readToEnd(stage, log, first)).texts()).toEqual(['whole']);
    expect((await readToEnd(stage, log, second)).texts()).toEqual(['whole']);
  }],
  ['a record for an unknown topic is refused by that name, and the writer goes on', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const writer = await fencedWriter(log, stage.unique('writer'));
    const nowhere = { topic: stage.unique('nowhere'), partition: 0 };
    const outcome = await writer.commit({ records: [recordOf(stage, at, 'half'), recordOf(stage, nowhere, 'lost')] });
    expect(outcome).toMatchObject({ status: 'not-committed', code: 'UNKNOWN_TOPIC', message: expect.stringContaining(nowhere.topic) });
    await mustCommit(writer, { records: [recordOf(stage, at, 'whole')] });
    expect((await readToEnd(stage, log, at)).texts()).toEqual(['whole']);
  }],
  ['a record without a key is refused by a compacted topic', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic({ isCompacted: true }), partition: 0 };
    const writer = await fencedWriter(log, stage.unique('writer'));
    expect(await writer.commit({ records: [{ ...recordOf(stage, at, 'keyless'), key: null }] })).toMatchObject({ status: 'not-committed', code: 'INVALID_RECORD' });
    await mustCommit(writer, { records: [recordOf(stage, at, 'keyed')] });
    expect((await readToEnd(stage, log, at)).texts()).toEqual(['keyed']);
  }],
  ['a record stamped two hours ahead is refused', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const writer = await fencedWriter(log, stage.unique('writer'));
    const outcome = await writer.commit({ records: [{ ...recordOf(stage, at, 'tomorrow'), timestampMs: stage.nowMillis() + 2 * ONE_HOUR_MS }] });
    expect(outcome).toMatchObject({ status: 'not-committed', code: 'INVALID_RECORD' });
  }],
  ['a transaction before the fence is refused by rejecting', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const writer = log.writer(stage.unique('writer'));
    await expect(writer.commit({ records: [recordOf(stage, at, 'early')] })).rejects.toThrow(/fence/);
    expect(await log.endOffset(at)).toBe(0);
  }],
  ['a closed writer writes nothing more', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const writer = await fencedWriter(log, stage.unique('writer'));
    await mustCommit(writer, { records: [recordOf(stage, at, 'before')] });
    await writer.close();
    await writer.close();
    const late = await writer.commit({ records: [recordOf(stage, at, 'after')] }).then((outcome) => outcome.status, () => 'rejected');
    expect(late).not.toBe('committed');
    const other = await fencedWriter(log, stage.unique('writer'));
    await mustCommit(other, { records: [recordOf(stage, at, 'end')] });
    expect((await readToEnd(stage, log, at)).texts()).toEqual(['before', 'end']);
  }],
  ['closing a writer awaits its transaction under way', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const writer = await fencedWriter(log, stage.unique('writer'));
    const order: string[] = [];
    const committing = writer.commit({ records: [recordOf(stage, at, 'last')] }).then((outcome) => order.push(outcome.status));
    const closing = writer.close().then(() => order.push('closed'));
    await Promise.all([committing, closing]);
    expect(order).toEqual(['committed', 'closed']);
  }],
  ['a live subscription sees transactions as they commit', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const writer = await fencedWriter(log, stage.unique('writer'));
    const live = collect(log, { ...at, offset: 0 });
    for (const text of ['one', 'two', 'three']) {
      await mustCommit(writer, { records: [recordOf(stage, at, text)] });
      await stage.eventually(() => live.texts().at(-1) === text, `delivery of ${text}`);
    }
    live.close();
    expect(live.texts()).toEqual(['one', 'two', 'three']);
  }],
];
