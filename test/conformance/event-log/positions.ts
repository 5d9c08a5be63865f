import { expect } from '@jest/globals';
import type { Behaviour } from './behaviour.ts';
import { fencedWriter, memberLog, mustCommit, readToEnd, recordOf } from './stage.ts';

export const positions: readonly Behaviour[] = [
  ['a group without a position answers null', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    expect(await log.committedPosition(stage.unique('group'), at)).toBeNull();
  }],
  ['a position is committed with its metadata in the transaction of the records', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const group = stage.unique('group');
    const writer = await fencedWriter(log, stage.unique('writer'));
    await mustCommit(writer, { records: [recordOf(stage, at, 'x')], positions: { group, offsets: [{ ...at, offset: 17, metadata: '{"watermark":3}' }] } });
    expect(await log.committedPosition(group, at)).toEqual({ ...at, offset: 17, metadata: '{"watermark":3}' });
    expect(await log.committedPosition(stage.unique('other'), at)).toBeNull();
  }],
  ['a transaction may carry positions alone, and later ones replace earlier ones', async (stage) => {
    const log = stage.connect();
    const topic = await stage.createTopic({ partitionCount: 2 });
    const [first, second] = [{ topic, partition: 0 }, { topic, partition: 1 }];
    const group = stage.unique('group');
    const writer = await fencedWriter(log, stage.unique('writer'));
    await mustCommit(writer, { records: [], positions: { group, offsets: [{ ...first, offset: 1, metadata: '' }, { ...second, offset: 2, metadata: 'b' }] } });
    await mustCommit(writer, { records: [], positions: { group, offsets: [{ ...first, offset: 5, metadata: 'c' }] } });
    expect(await log.committedPosition(group, first)).toEqual({ ...first, offset: 5, metadata: 'c' });
    expect(await log.committedPosition(group, second)).toEqual({ ...second, offset: 2, metadata: 'b' });
  }],
  ['a refused transaction leaves the position where it was', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const group = stage.unique('group');
    const writer = await fencedWriter(log, stage.unique('writer'));
    await mustCommit(writer, { records: [], positions: { group, offsets: [{ ...at, offset: 1, metadata: 'kept' }] } });
    const outcome = await writer.commit({ records: [{ ...recordOf(stage, at, ''), value: new Uint8Array(2_000_000) }], positions: { group, offsets: [{ ...at, offset: 9, metadata: 'refused' }] } });
    expect(outcome.status).toBe('not-committed');
    expect(await log.committedPosition(group, at)).toEqual({ ...at, offset: 1, metadata: 'kept' });
  }],
  ['metadata above 4,096 bytes is refused, and the records with it', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const group = stage.unique('group');
    const writer = await fencedWriter(log, stage.unique('writer'));
    const outcome = await writer.commit({ records: [recordOf(stage, at, 'half')], positions: { group, offsets: [{ ...at, offset: 9, metadata: 'x'.repeat(5_000) }] } });
    expect(outcome.status).toBe('not-committed');
    await mustCommit(writer, { records: [recordOf(stage, at, 'whole')] });
    expect((await readToEnd(stage, log, at)).texts()).toEqual(['whole']);
    expect(await log.committedPosition(group, at)).toBeNull();
  }],
  ['the position of an open transaction is waited for, not guessed', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const group = stage.unique('group');
    const open = await stage.openTransaction(stage.unique('stranger'), { records: [recordOf(stage, at, 'x')], positions: { group, offsets: [{ ...at, offset: 4, metadata: 'm' }] } });
    let answer: unknown = 'waiting';
    const asking = log.committedPosition(group, at).then((position) => void (answer = position));
    const writer = await fencedWriter(log, stage.unique('writer'));
    await mustCommit(writer, { records: [recordOf(stage, at, 'y')] });
    expect(answer).toBe('waiting');
    await open.commit();
    await asking;
    expect(answer).toEqual({ ...at, offset: 4, metadata: 'm' });
  }],
  ['after a fence the position is the last committed one, never that of the transaction it aborted', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const [group, id] = [stage.unique('group'), stage.unique('writer')];
    const first = await fencedWriter(log, id);
    await mustCommit(first, { records: [], positions: { group, offsets: [{ ...at, offset: 1, metadata: 'committed' }] } });
    await stage.openTransaction(id, { records: [recordOf(stage, at, 'x')], positions: { group, offsets: [{ ...at, offset: 4, metadata: 'aborted' }] } });
    await fencedWriter(log, id);
    expect(await log.committedPosition(group, at)).toEqual({ ...at, offset: 1, metadata: 'committed' });
  }],
  ['a position of the current generation is accepted, one of another is ILLEGAL_GENERATION and takes its records with it', async (stage) => {
    const log = stage.connect();
    const topic = await stage.createTopic();
    const at = { topic, partition: 0 };
    const group = stage.unique('group');
    const member = memberLog();
    const membership = await log.join({ group, topics: [{ topic, set: 'sagas' }] }, member.listener);
    await stage.eventually(() => member.assignments.length > 0, 'the assignment');
    const assignment = member.assignments[0];
    if (assignment === undefined) throw new Error('no assignment');
    const { memberId, generationId } = assignment;
    const writer = await fencedWriter(log, stage.unique('writer'));
    await mustCommit(writer, { records: [recordOf(stage, at, 'mine')], positions: { group, member: { memberId, generationId }, offsets: [{ ...at, offset: 1, metadata: '' }] } });
    const late = await writer.commit({ records: [recordOf(stage, at, 'late')], positions: { group, member: { memberId, generationId: generationId - 1 }, offsets: [{ ...at, offset: 2, metadata: '' }] } });
    expect(late).toMatchObject({ status: 'not-committed', code: 'ILLEGAL_GENERATION' });
    await mustCommit(writer, { records: [recordOf(stage, at, 'end')] });
    expect((await readToEnd(stage, log, at)).texts()).toEqual(['mine', 'end']);
    expect(await log.committedPosition(group, at)).toMatchObject({ offset: 1 });
    await membership.leave();
  }],
];
