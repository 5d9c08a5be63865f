import { expect } from '@jest/globals';
import type { ReadBatch } from '#saga-core/ports';
import type { Behaviour } from './behaviour.ts';
import { collect, decode, fencedWriter, mustCommit, readToEnd, recordOf } from './stage.ts';

export const reading: readonly Behaviour[] = [
  ['records of an aborted transaction are never delivered', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const open = await stage.openTransaction(stage.unique('stranger'), { records: [recordOf(stage, at, 'aborted')] });
    await open.abort();
    await mustCommit(await fencedWriter(log, stage.unique('writer')), { records: [recordOf(stage, at, 'committed')] });
    expect((await readToEnd(stage, log, at)).texts()).toEqual(['committed']);
  }],
  ['overlapping aborted transactions of several producers leak nothing, whatever the order of their ends', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const open = async (text: string) => stage.openTransaction(stage.unique(text), { records: [recordOf(stage, at, `${text} 1`), recordOf(stage, at, `${text} 2`)] });
    const [a, b, c, d] = [await open('a'), await open('b'), await open('c'), await open('d')];
    const writer = await fencedWriter(log, stage.unique('writer'));
    await mustCommit(writer, { records: [recordOf(stage, at, 'between')] });
    await c.abort();
    await b.commit();
    await mustCommit(writer, { records: [recordOf(stage, at, 'still between')] });
    await d.abort();
    await a.abort();
    await mustCommit(writer, { records: [recordOf(stage, at, 'end')] });
    expect((await readToEnd(stage, log, at)).texts()).toEqual(['b 1', 'b 2', 'between', 'still between', 'end']);
  }],
  ['a reader that starts inside two aborted transactions gets nothing of either', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const record = (text: string) => recordOf(stage, at, text);
    const a = await stage.openTransaction(stage.unique('a'), { records: [record('a 0'), record('a 1'), record('a 2')] });
    const b = await stage.openTransaction(stage.unique('b'), { records: [record('b 3'), record('b 4'), record('b 5')] });
    const writer = await fencedWriter(log, stage.unique('writer'));
    await mustCommit(writer, { records: [record('kept')] });
    await b.abort();
    await a.abort();
    await mustCommit(writer, { records: [record('end')] });
    for (const offset of [1, 2, 3, 4, 5, 6]) expect((await readToEnd(stage, log, { ...at, offset: offset })).texts()).toEqual(['kept', 'end']);
  }],
  ['a stranger\'s open transaction holds back what lies behind it, and its end lets it go', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const writer = await fencedWriter(log, stage.unique('writer'));
    await mustCommit(writer, { records: [recordOf(stage, at, 'before')] });
    const live = collect(log, { ...at, offset: 0 });
    await stage.eventually(() => live.texts().length === 1, 'the first record');
    const open = await stage.openTransaction(stage.unique('stranger'), { records: [recordOf(stage, at, 'open')] });
    const behind = await mustCommit(writer, { records: [recordOf(stage, at, 'behind')] }, at);
    const other = { topic: await stage.createTopic(), partition: 0 };
    const witness = collect(log, { ...other, offset: 0 });
    await mustCommit(writer, { records: [recordOf(stage, other, 'witness')] });
    await stage.eventually(() => witness.texts().length === 1, 'a record of another partition, committed later');
    expect(live.texts()).toEqual(['before']);
    expect(await log.endOffset(at)).toBeGreaterThan(behind);
    await open.commit();
    await stage.eventually(() => live.texts().length === 3, 'release of what was held back');
    expect(live.texts()).toEqual(['before', 'open', 'behind']);
    live.close();
    witness.close();
  }],
  ['the next offset passes control markers and aborted records up to the very end', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const writer = await fencedWriter(log, stage.unique('writer'));
    await mustCommit(writer, { records: [recordOf(stage, at, 'one')] });
    await (await stage.openTransaction(stage.unique('stranger'), { records: [recordOf(stage, at, 'aborted'), recordOf(stage, at, 'aborted')] })).abort();
    const live = collect(log, { ...at, offset: 0 });
    // One record, its marker, two aborted records, their marker.
    await stage.eventually(() => live.nextOffset() === 5, 'the position after the last marker');
    live.close();
    expect(await log.endOffset(at)).toBe(5);
    expect(live.texts()).toEqual(['one']);
  }],
  ['batches follow each other without gap, and tell the offsets of the partition', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const writer = await fencedWriter(log, stage.unique('writer'));
    for (let round = 0; round < 10; round++) await mustCommit(writer, { records: [recordOf(stage, at, String(round))] });
    const { batches } = await readToEnd(stage, log, at);
    let expected = 0;
    for (const batch of batches) {
      expect(batch.nextOffset).toBeGreaterThanOrEqual(expected);
      for (const record of batch.records) {
        expect(record.offset).toBeGreaterThanOrEqual(expected);
        expect(record.offset).toBeLessThan(batch.nextOffset);
      }
      expect(batch.logStartOffset).toBe(0);
      expect(batch.lastStableOffset).toBeLessThanOrEqual(batch.highWatermark);
      expect(batch.nextOffset).toBeLessThanOrEqual(batch.lastStableOffset);
      expected = batch.nextOffset;
    }
    expect(expected).toBe(20);
  }],
  ['reading starts at the offset asked for', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const writer = await fencedWriter(log, stage.unique('writer'));
    await mustCommit(writer, { records: ['a', 'b', 'c', 'd'].map((text) => recordOf(stage, at, text)) });
    expect((await readToEnd(stage, log, { ...at, offset: 2 })).texts()).toEqual(['c', 'd']);
  }],
  ['a reader at the end waits, and gets only what comes', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const writer = await fencedWriter(log, stage.unique('writer'));
    await mustCommit(writer, { records: [recordOf(stage, at, 'old')] });
    await readToEnd(stage, log, at);
    const live = collect(log, { ...at, offset: await log.endOffset(at) });
    await mustCommit(writer, { records: [recordOf(stage, at, 'new')] });
    await stage.eventually(() => live.texts().length > 0, 'the new record');
    live.close();
    expect(live.texts()).toEqual(['new']);
  }],
  ['a busy handler is left alone until it is done, and nothing is lost', async (stage) => {
    const log = stage.connect();
    const topic = await stage.createTopic({ partitionCount: 2 });
    const [slow, quick] = [{ topic, partition: 0 }, { topic, partition: 1 }];
    const writer = await fencedWriter(log, stage.unique('writer'));
    let release: () => void = () => undefined;
    const busy = new Promise<void>((resolve) => void (release = resolve));
    const batches: ReadBatch[] = [];
    let underWay = 0;
    let mostAtOnce = 0;
    const reader = log.reader();
    const slowSubscription = reader.subscribe({ ...slow, offset: 0 }, {
      onBatch: async (batch) => {
        batches.push(batch);
        mostAtOnce = Math.max(mostAtOnce, ++underWay);
        if (batch.records.length > 0) await busy;
        underWay--;
      },
      onError: () => undefined,
    });
    const others: string[] = [];
    const quickSubscription = reader.subscribe({ ...quick, offset: 0 }, {
      onBatch: (batch) => void others.push(...batch.records.map((record) => decode(record.value) ?? '')),
      onError: () => undefined,
    });
    await mustCommit(writer, { records: [recordOf(stage, slow, 'first')] });
    const texts = (): readonly (string | null)[] => batches.flatMap((batch) => batch.records.map((record) => decode(record.value)));
    await stage.eventually(() => texts().length === 1, 'the first record');
    for (let round = 0; round < 3; round++) await mustCommit(writer, { records: [recordOf(stage, slow, `later ${round}`), recordOf(stage, quick, `quick ${round}`)] });
    await stage.eventually(() => others.length === 3, 'the other partition, which is not held up');
    expect(texts()).toEqual(['first']);
    release();
    await stage.eventually(() => texts().length === 4, 'what had to wait');
    expect(texts()).toEqual(['first', 'later 0', 'later 1', 'later 2']);
    expect(mostAtOnce).toBe(1);
    slowSubscription.close();
    quickSubscription.close();
  }],
  ['a closed subscription hears nothing more, others of its reader go on', async (stage) => {
    const log = stage.connect();
    const topic = await stage.createTopic({ partitionCount: 2 });
    const [first, second] = [{ topic, partition: 0 }, { topic, partition: 1 }];
    const writer = await fencedWriter(log, stage.unique('writer'));
    const [closed, open] = [collect(log, { ...first, offset: 0 }), collect(log, { ...second, offset: 0 })];
    await mustCommit(writer, { records: [recordOf(stage, first, 'a'), recordOf(stage, second, 'b')] });
    await stage.eventually(() => closed.texts().length === 1 && open.texts().length === 1, 'both first records');
    closed.close();
    closed.close();
    await mustCommit(writer, { records: [recordOf(stage, first, 'c'), recordOf(stage, second, 'd')] });
    await stage.eventually(() => open.texts().length === 2, 'the open subscription');
    expect(closed.texts()).toEqual(['a']);
    open.close();
  }],
  ['two clients read the same partition independently', async (stage) => {
    const [mine, theirs] = [stage.connect(), stage.connect()];
    const at = { topic: await stage.createTopic(), partition: 0 };
    const writer = await fencedWriter(mine, stage.unique('writer'));
    await mustCommit(writer, { records: ['a', 'b'].map((text) => recordOf(stage, at, text)) });
    expect((await readToEnd(stage, mine, at)).texts()).toEqual(['a', 'b']);
    expect((await readToEnd(stage, theirs, { ...at, offset: 1 })).texts()).toEqual(['b']);
  }],
  ['an offset beyond the end is OFFSET_OUT_OF_RANGE, never a silent jump', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    await mustCommit(await fencedWriter(log, stage.unique('writer')), { records: [recordOf(stage, at, 'only')] });
    const read = collect(log, { ...at, offset: 1_000 });
    await stage.eventually(() => read.errors.length > 0, 'the error');
    expect(read.errors).toMatchObject([{ code: 'OFFSET_OUT_OF_RANGE', topic: at.topic, partition: 0, offset: 1_000 }]);
    expect(read.records).toEqual([]);
  }],
  ['an offset below the log start is OFFSET_OUT_OF_RANGE, and the log start tells where to begin', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const writer = await fencedWriter(log, stage.unique('writer'));
    await mustCommit(writer, { records: ['a', 'b', 'c'].map((text) => recordOf(stage, at, text)) });
    await readToEnd(stage, log, at);
    await stage.deleteRecordsBefore(at, 2);
    expect(await log.logStartOffset(at)).toBe(2);
    const read = collect(log, { ...at, offset: 0 });
    await stage.eventually(() => read.errors.length > 0, 'the error');
    expect(read.errors).toMatchObject([{ code: 'OFFSET_OUT_OF_RANGE', offset: 0 }]);
    expect((await readToEnd(stage, log, { ...at, offset: 2 })).texts()).toEqual(['c']);
  }],
  ['a topic deleted under a reader is TOPIC_DELETED', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    await mustCommit(await fencedWriter(log, stage.unique('writer')), { records: [recordOf(stage, at, 'gone')] });
    const read = collect(log, { ...at, offset: 0 });
    await stage.eventually(() => read.texts().length === 1, 'the first record');
    await stage.deleteTopic(at.topic);
    await stage.eventually(() => read.errors.length > 0, 'the error');
    expect(read.errors).toMatchObject([{ code: 'TOPIC_DELETED', topic: at.topic }]);
  }],
  ['a topic created again under its name is TOPIC_RECREATED, or TOPIC_DELETED where that was seen first', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    await mustCommit(await fencedWriter(log, stage.unique('writer')), { records: [recordOf(stage, at, 'old')] });
    const read = collect(log, { ...at, offset: 0 });
    await stage.eventually(() => read.texts().length === 1, 'the first record');
    await stage.deleteTopic(at.topic);
    await stage.recreateTopic(at.topic);
    const fresh = stage.connect();
    await mustCommit(await fencedWriter(fresh, stage.unique('writer')), { records: ['new 0', 'new 1', 'new 2', 'new 3'].map((text) => recordOf(stage, at, text)) });
    await stage.eventually(() => read.errors.length > 0, 'the error');
    expect(['TOPIC_RECREATED', 'TOPIC_DELETED']).toContain(read.errors[0]?.code);
    expect(read.errors.length).toBe(1);
    expect(read.texts()).toEqual(['old']);
  }],
  ['partition counts are known, and an unknown topic is named in the refusal', async (stage) => {
    const log = stage.connect();
    const topic = await stage.createTopic({ partitionCount: 3 });
    expect(await log.partitionCount(topic)).toBe(3);
    const nowhere = stage.unique('nowhere');
    await expect(log.partitionCount(nowhere)).rejects.toThrow(nowhere);
  }],
  ['a closed log delivers nothing more', async (stage) => {
    const [mine, theirs] = [stage.connect(), stage.connect()];
    const at = { topic: await stage.createTopic(), partition: 0 };
    const writer = await fencedWriter(theirs, stage.unique('writer'));
    const read = collect(mine, { ...at, offset: 0 });
    const witness = collect(theirs, { ...at, offset: 0 });
    await mustCommit(writer, { records: [recordOf(stage, at, 'before')] });
    await stage.eventually(() => read.texts().length === 1 && witness.texts().length === 1, 'the first record');
    await mine.close();
    await mustCommit(writer, { records: [recordOf(stage, at, 'after')] });
    await stage.eventually(() => witness.texts().length === 2, 'the second record, elsewhere');
    expect(read.texts()).toEqual(['before']);
    expect(read.errors).toEqual([]);
  }],
];
