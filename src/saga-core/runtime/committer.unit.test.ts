import { expect, test } from '@jest/globals';
import type { CommitOutcome, RecordToWrite, Transaction, TransactionalWriter } from '../ports/index.ts';
import { type Carried, Committer } from './committer.ts';

const record = (key: string): RecordToWrite => ({ topic: 't', partition: 0, key, value: new Uint8Array(), headers: {}, timestampMs: 0 });

/** A writer whose commits are answered by hand. */
const heldWriter = () => {
  const commits: { readonly keys: readonly (string | null)[]; readonly answer: (outcome: CommitOutcome) => void }[] = [];
  const writer: TransactionalWriter = {
    fence: () => Promise.resolve({ status: 'fenced-others' }),
    commit: ({ records }: Transaction) => new Promise((answer) => commits.push({ keys: records.map(({ key }) => key), answer })),
    close: () => Promise.resolve(),
  };
  return { writer, commits };
};
const committed: CommitOutcome = { status: 'committed', baseOffsets: new Map() };
const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve); });
const committerOf = (writer: TransactionalWriter, died: string[] = []): Committer =>
  new Committer({ writer, group: 'g', positions: () => null, onDead: ({ code }) => void died.push(code), onPoison: () => null });

test('closing commits what is queued behind the transaction under way, and takes nothing more', async () => {
  const { writer, commits } = heldWriter();
  const committer = committerOf(writer);
  committer.submit({ records: [record('a')], concerns: null });
  await turn();
  committer.submit({ records: [record('b')], concerns: null });
  committer.submit({ records: [record('c')], concerns: null });
  const closed = committer.close();
  expect(committer.submit({ records: [record('d')], concerns: null })).toBe(false);
  commits[0]?.answer(committed);
  await turn();
  commits[1]?.answer(committed);
  await closed;
  expect(commits.map(({ keys }) => keys)).toEqual([['a'], ['b', 'c']]);
});

test('closing in the turn of a submission commits it', async () => {
  const { writer, commits } = heldWriter();
  const committer = committerOf(writer);
  committer.submit({ records: [record('a')], concerns: null });
  const closed = committer.close();
  await turn();
  commits[0]?.answer(committed);
  await closed;
  expect(commits.map(({ keys }) => keys)).toEqual([['a']]);
});

test('after a commit in doubt closing writes nothing more', async () => {
  const { writer, commits } = heldWriter();
  const died: string[] = [];
  const committer = committerOf(writer, died);
  committer.submit({ records: [record('a')], concerns: null });
  await turn();
  committer.submit({ records: [record('b')], concerns: null });
  const closed = committer.close();
  commits[0]?.answer({ status: 'unknown', message: 'no answer' });
  await closed;
  expect(commits).toHaveLength(1);
  expect(died).toEqual(['UNKNOWN']);
});

test.each([
  { what: 'records', waitingMax: { records: 2, bytes: 1_000 }, sizes: [0, 0, 0] },
  { what: 'bytes', waitingMax: { records: 10, bytes: 100 }, sizes: [60, 60] },
])('whoever fills the queue waits while it holds too many $what, until a transaction has taken them', async ({ waitingMax, sizes }) => {
  const { writer, commits } = heldWriter();
  const committer = new Committer({ writer, group: 'g', positions: () => null, onDead: () => undefined, onPoison: () => null, waitingMax });
  committer.submit({ records: [record('under way')], concerns: null });
  await turn();
  const [last = 0, ...first] = sizes;
  for (const bytes of first) committer.submit({ records: [{ ...record('a'), value: new Uint8Array(bytes) }], concerns: null });
  expect(committer.room()).toBeUndefined();
  committer.submit({ records: [{ ...record('b'), value: new Uint8Array(last) }], concerns: null });
  let hasRoom = false;
  void committer.room()?.then(() => { hasRoom = true; });
  await turn();
  expect(hasRoom).toBe(false);
  commits[0]?.answer(committed);
  await turn();
  expect(hasRoom).toBe(true);
});

test('nobody waits for room in a committer that is over', async () => {
  const { writer, commits } = heldWriter();
  const committer = new Committer({ writer, group: 'g', positions: () => null, onDead: () => undefined, onPoison: () => null, waitingMax: { records: 0, bytes: 0 } });
  committer.submit({ records: [record('a')], concerns: null });
  await turn();
  committer.submit({ records: [record('b')], concerns: null });
  const waiting = committer.room();
  expect(waiting).toBeDefined();
  commits[0]?.answer({ status: 'fenced', message: 'a newer writer' });
  await waiting;
  expect(committer.room()).toBeUndefined();
});

const tooLarge: CommitOutcome = { status: 'not-committed', code: 'RECORD_TOO_LARGE', message: 'too large' };

test('what takes the place of a refused item says less each time that it is refused itself; after the third the task is over', async () => {
  const { writer, commits } = heldWriter();
  const died: string[] = [];
  const committer = new Committer({ writer, group: 'g', positions: () => null, onDead: ({ code }) => void died.push(code), onPoison: (_item, _message, refusedCount) => [record(`instead ${refusedCount}`)] });
  committer.submit({ records: [record('a')], concerns: 'a' });
  for (let index = 0; index < 5; index++) {
    await turn();
    commits[index]?.answer(tooLarge);
  }
  await turn();
  expect(commits.map(({ keys }) => keys)).toEqual([['a'], ['a'], ['instead 0'], ['instead 1'], ['instead 2']]);
  expect(died).toEqual(['REFUSED']);
});

test.each([
  { items: 1, wereAlone: false },
  { items: 0, wereAlone: true },
])('positions that were refused with $items items are handed back, once what they rely on is written', async ({ items, wereAlone }) => {
  const { writer, commits } = heldWriter();
  const handedBack: boolean[] = [];
  let carried: Carried | null = { offsets: [{ topic: 't', partition: 0, offset: 7, metadata: '' }], records: [record('relied on')] };
  const positions = (): Carried | null => {
    const given = carried;
    carried = null;
    return given;
  };
  const committer = new Committer({ writer, group: 'g', positions, onPositionsRefused: (alone) => void handedBack.push(alone), onDead: () => undefined, onPoison: () => null });
  for (let index = 0; index < items; index++) committer.submit({ records: [record('a')], concerns: null });
  committer.kick();
  await turn();
  commits[0]?.answer(tooLarge);
  for (let index = 1; index <= items + 1; index++) {
    await turn();
    expect(handedBack).toEqual([]);
    commits[index]?.answer(committed);
  }
  await turn();
  expect(commits.slice(1).map(({ keys }) => keys)).toEqual([...Array.from({ length: items }, () => ['a']), ['relied on']]);
  expect(handedBack).toEqual([wereAlone]);
});
