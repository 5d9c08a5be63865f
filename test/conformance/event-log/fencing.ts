import { expect } from '@jest/globals';
import type { Behaviour } from './behaviour.ts';
import { fencedWriter, mustCommit, readToEnd, recordOf } from './stage.ts';

const RACE_ROUND_COUNT = 20;

export const fencing: readonly Behaviour[] = [
  ['a newer writer fences an older one that is idle', async (stage) => {
    const [mine, theirs] = [stage.connect(), stage.connect()];
    const at = { topic: await stage.createTopic(), partition: 0 };
    const id = stage.unique('writer');
    const zombie = await fencedWriter(mine, id);
    await mustCommit(zombie, { records: [recordOf(stage, at, 'of the old owner')] });
    const owner = await fencedWriter(theirs, id);
    expect((await zombie.commit({ records: [recordOf(stage, at, 'of the zombie')] })).status).toBe('fenced');
    await mustCommit(owner, { records: [recordOf(stage, at, 'of the new owner')] });
    expect((await readToEnd(stage, theirs, at)).texts()).toEqual(['of the old owner', 'of the new owner']);
  }],
  ['a newer writer fences an older one that has never written', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const id = stage.unique('writer');
    const zombie = await fencedWriter(log, id);
    const owner = await fencedWriter(log, id);
    expect((await zombie.commit({ records: [recordOf(stage, at, 'of the zombie')] })).status).toBe('fenced');
    await mustCommit(owner, { records: [recordOf(stage, at, 'of the owner')] });
    expect((await readToEnd(stage, log, at)).texts()).toEqual(['of the owner']);
  }],
  ['a fenced writer is dead for good and never hurts its successor', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const id = stage.unique('writer');
    const zombie = await fencedWriter(log, id);
    const owner = await fencedWriter(log, id);
    for (let attempt = 0; attempt < 3; attempt++) {
      const status = await zombie.commit({ records: [recordOf(stage, at, 'of the zombie')] }).then((outcome) => outcome.status, () => 'rejected');
      expect(status).not.toBe('committed');
      await mustCommit(owner, { records: [recordOf(stage, at, `owner ${attempt}`)] });
    }
    await zombie.close();
    await mustCommit(owner, { records: [recordOf(stage, at, 'owner 3')] });
    expect((await readToEnd(stage, log, at)).texts()).toEqual(['owner 0', 'owner 1', 'owner 2', 'owner 3']);
  }],
  ['of three generations only the last one writes', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const id = stage.unique('writer');
    const generations = [await fencedWriter(log, id), await fencedWriter(log, id), await fencedWriter(log, id)];
    const statuses: string[] = [];
    for (const writer of generations) statuses.push((await writer.commit({ records: [recordOf(stage, at, 'x')] })).status);
    expect(statuses).toEqual(['fenced', 'fenced', 'committed']);
  }],
  ['writers of different transactional ids leave each other alone', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const [one, two] = [await fencedWriter(log, stage.unique('one')), await fencedWriter(log, stage.unique('two'))];
    await mustCommit(one, { records: [recordOf(stage, at, 'one')] });
    await mustCommit(two, { records: [recordOf(stage, at, 'two')] });
    await mustCommit(one, { records: [recordOf(stage, at, 'three')] });
    expect((await readToEnd(stage, log, at)).texts()).toEqual(['one', 'two', 'three']);
  }],
  ['a fence ends the predecessor\'s open transaction: aborted, and its end comes too late', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const id = stage.unique('writer');
    const open = await stage.openTransaction(id, { records: [recordOf(stage, at, 'half done')] });
    const owner = await fencedWriter(log, id);
    await mustCommit(owner, { records: [recordOf(stage, at, 'claim')] });
    await expect(open.commit()).rejects.toThrow();
    await mustCommit(owner, { records: [recordOf(stage, at, 'after')] });
    expect((await readToEnd(stage, log, at)).texts()).toEqual(['claim', 'after']);
  }],
  ['a fence is answered after the open transaction is settled: the claim is not held back by it', async (stage) => {
    const log = stage.connect();
    const at = { topic: await stage.createTopic(), partition: 0 };
    const id = stage.unique('writer');
    await stage.openTransaction(id, { records: [recordOf(stage, at, 'half done')] });
    const owner = await fencedWriter(log, id);
    const claim = await mustCommit(owner, { records: [recordOf(stage, at, 'claim')] }, at);
    const read = await readToEnd(stage, log, at);
    expect(read.records.map((record) => record.offset)).toEqual([claim]);
    // The aborted record and its marker lie before the claim.
    expect(claim).toBe(2);
  }],
  ['a commit that races a fence tells the truth, and nothing of the old writer lies behind the new one\'s claim', async (stage) => {
    const [mine, theirs] = [stage.connect(), stage.connect()];
    const at = { topic: await stage.createTopic(), partition: 0 };
    const id = stage.unique('writer');
    const told: { readonly text: string; readonly status: string }[] = [];
    for (let round = 0; round < RACE_ROUND_COUNT; round++) {
      const old = await fencedWriter(mine, id);
      const successor = theirs.writer(id);
      const [outcome, fence] = await Promise.all([old.commit({ records: [recordOf(stage, at, `old ${round}`)] }), successor.fence()]);
      expect(fence.status).toBe('fenced-others');
      told.push({ text: `old ${round}`, status: outcome.status });
      await mustCommit(successor, { records: [recordOf(stage, at, `claim ${round}`)] });
      await successor.close();
      await old.close();
    }
    const texts = (await readToEnd(stage, mine, at)).texts();
    for (const [round, { text, status }] of told.entries()) {
      expect(['committed', 'fenced', 'unknown']).toContain(status);
      const place = texts.indexOf(text);
      if (status === 'committed') expect(place).toBeGreaterThanOrEqual(0);
      if (status === 'fenced') expect(place).toBe(-1);
      expect(place).toBeLessThan(texts.indexOf(`claim ${round}`));
      expect(texts.lastIndexOf(text)).toBe(place);
    }
  }],
];
