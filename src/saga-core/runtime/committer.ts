import type { CommitOutcome, Position, RecordToWrite, TransactionalWriter } from '../ports/index.ts';

/** Records that belong together: they commit in one transaction or not at all. */
export type OutboxItem = {
  readonly records: readonly RecordToWrite[];
  /** For parking: what is concerned if the item can never be committed. */
  readonly concerns: string | null;
  /** After the commit: offset of the item's first record on its partition is `baseOffset`. */
  /** Travels with the records: a source's position, which must not run ahead of them. */
  readonly position?: Position;
  readonly onCommitted?: (offsetOf: (record: RecordToWrite) => number) => void;
};

export type Carried = { readonly offsets: readonly Position[]; readonly records: readonly RecordToWrite[] };

export type CommitterOptions = {
  readonly writer: TransactionalWriter;
  readonly group: string;
  /** Asked before each transaction: the positions to carry, with the records they rely on, or null. */
  readonly positions: () => Carried | null;
  /** The task is over: fenced, in doubt, or refused. Called once. */
  readonly onDead: (reason: { readonly code: 'FENCED' | 'UNKNOWN' | 'REFUSED'; readonly message: string }) => void;
  /** An item that neither a retry nor a fence cures; returns what to write instead (dead letters, a parking record). */
  readonly onPoison: (item: OutboxItem, message: string) => readonly RecordToWrite[];
  /** Most records of one transaction; more wait for the next. */
  readonly recordsMax?: number;
};

const RECORDS_MAX_DEFAULT = 4_000;

/**
 * Group commit: whatever gathered while the last transaction was in flight goes into the next one; idle means at once.
 * A transaction in doubt, or refused, ends the committer; nothing is repaired and nothing is repeated.
 */
export class Committer {
  readonly #options: CommitterOptions;
  readonly #recordsMax: number;
  #queue: OutboxItem[] = [];
  #isRunning = false;
  #isScheduled = false;
  #isDead = false;
  #idle: Promise<void> = Promise.resolve();

  constructor(options: CommitterOptions) {
    this.#options = options;
    this.#recordsMax = options.recordsMax ?? RECORDS_MAX_DEFAULT;
  }

  /** Queues an item. The transaction starts in the same turn of the event loop's microtasks, so that one fold's output travels together. */
  submit(item: OutboxItem): void {
    if (this.#isDead) return;
    this.#queue.push(item);
    this.kick();
  }

  /** Looks for something to commit: queued items, or positions that are due. */
  kick(): void {
    if (this.#isDead || this.#isRunning || this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      if (!this.#isDead && !this.#isRunning) this.#idle = this.#run();
    });
  }

  /** Ends the committer after the transaction under way; what is queued is dropped. */
  async close(): Promise<void> {
    this.#isDead = true;
    this.#queue = [];
    await this.#idle;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      while (!this.#isDead) {
        const items = this.#take();
        // A position must not run ahead of what waits for the next transaction.
        const carried = this.#queue.length === 0 ? this.#options.positions() : null;
        if (items.length === 0 && carried === null) return;
        await this.#commit(items, carried);
      }
    } finally {
      this.#isRunning = false;
    }
  }

  #take(): readonly OutboxItem[] {
    let records = 0;
    let count = 0;
    for (const item of this.#queue) {
      if (count > 0 && records + item.records.length > this.#recordsMax) break;
      records += item.records.length;
      count++;
    }
    if (count === this.#queue.length) {
      const all = this.#queue;
      this.#queue = [];
      return all;
    }
    return this.#queue.splice(0, count);
  }

  async #commit(items: readonly OutboxItem[], carried: Carried | null): Promise<void> {
    const records = recordsOf(items, carried);
    const offsets = carried?.offsets ?? lastPosition(items);
    const outcome = await this.#options.writer.commit(offsets.length === 0 ? { records } : { records, positions: { group: this.#options.group, offsets } });
    switch (outcome.status) {
      case 'committed': return confirm(items, outcome);
      case 'fenced': return this.#die('FENCED', outcome.message);
      case 'unknown': return this.#die('UNKNOWN', outcome.message);
      case 'not-committed': return this.#refused(items, outcome);
    }
  }

  async #refused(items: readonly OutboxItem[], outcome: CommitOutcome & { readonly status: 'not-committed' }): Promise<void> {
    const isPoison = outcome.code === 'RECORD_TOO_LARGE' || outcome.code === 'INVALID_RECORD' || outcome.code === 'NOT_AUTHORISED';
    if (!isPoison) return this.#die('REFUSED', `${outcome.code}: ${outcome.message}`);
    const [only] = items;
    if (items.length === 1 && only !== undefined) {
      // Alone and refused again: this is the one.
      const substitute = this.#options.onPoison(only, `${outcome.code}: ${outcome.message}`);
      if (substitute.length === 0) return this.#die('REFUSED', `${outcome.code}: ${outcome.message}`);
      return this.#commit([{ records: substitute, concerns: null }], null);
    }
    for (const item of items) if (!this.#isDead) await this.#commit([item], null);
  }

  #die(code: 'FENCED' | 'UNKNOWN' | 'REFUSED', message: string): void {
    if (this.#isDead) return;
    this.#isDead = true;
    this.#queue = [];
    this.#options.onDead({ code, message });
  }
}

const lastPosition = (items: readonly OutboxItem[]): readonly Position[] => {
  const last = items.findLast((item) => item.position !== undefined)?.position;
  return last === undefined ? [] : [last];
};

const recordsOf = (items: readonly OutboxItem[], carried: Carried | null): readonly RecordToWrite[] => {
  const [first] = items;
  if (items.length === 1 && first !== undefined && carried === null) return first.records;
  const records = items.flatMap((item) => item.records);
  return carried === null ? records : [...records, ...carried.records];
};

const confirm = (items: readonly OutboxItem[], outcome: CommitOutcome & { readonly status: 'committed' }): void => {
  if (!items.some((item) => item.onCommitted !== undefined)) return;
  const offsets = new Map<RecordToWrite, number>();
  const next = new Map(outcome.baseOffsets);
  for (const item of items) {
    for (const record of item.records) {
      const key = `${record.topic}/${record.partition}`;
      const offset = next.get(key) ?? -1;
      offsets.set(record, offset);
      next.set(key, offset + 1);
    }
  }
  for (const item of items) item.onCommitted?.((record) => offsets.get(record) ?? -1);
};
