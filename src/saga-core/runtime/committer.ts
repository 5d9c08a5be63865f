import type { ChainHead } from './chain.ts';
import type { CommitOutcome, Position, RecordToWrite, Transaction, TransactionalWriter } from '../ports/index.ts';

/** Records that belong together: they commit in one transaction or not at all. */
export type OutboxItem = {
  readonly records: readonly RecordToWrite[];
  /** For parking: what is concerned if the item can never be committed. */
  readonly concerns: string | null;
  /** Travels with the records: a source's position, which must not run ahead of them. */
  readonly position?: Position;
  /** Head of the writer's chain before these records: where it goes on when they can never be committed. */
  readonly headBefore?: ChainHead;
  readonly onCommitted?: (offsetOf: (record: RecordToWrite) => number) => void;
  /** What `onPoison` gave in its stead is committed. */
  readonly onSubstituted?: () => void;
};

export type Carried = { readonly offsets: readonly Position[]; readonly records: readonly RecordToWrite[] };

export type CommitterOptions = {
  readonly writer: TransactionalWriter;
  readonly group: string;
  /** Asked before each transaction: the positions to carry, with the records they rely on, or null. */
  readonly positions: () => Carried | null;
  /**
   * The positions given last are not committed, since the log refused something for good; their records are, but for those of what
   * was parked. `wereAlone`: it refused nothing else, so that to give them again at once would be refused again.
   */
  readonly onPositionsRefused?: (wereAlone: boolean) => void;
  /** The task is over: fenced, in doubt, or refused. Called once. */
  readonly onDead: (reason: { readonly code: 'FENCED' | 'UNKNOWN' | 'REFUSED'; readonly message: string }) => void;
  /**
   * An item that neither a retry nor a fence cures; returns what to write instead (dead letters, a parking record). `refusedCount`
   * answers were refused as well: each one says less than the one before. Later items of what it concerns are dropped. Null: the task is over.
   */
  readonly onPoison: (item: OutboxItem, message: string, refusedCount: number) => readonly RecordToWrite[] | null;
  /** Called for every transaction that was committed. */
  readonly onTransaction?: () => void;
  /** Most records of one transaction; more wait for the next. */
  readonly recordsMax?: number;
  /** What waits for a transaction: above it `room` has whoever fills the queue wait. */
  readonly waitingMax?: Load;
};

/** Records and their bytes. */
export type Load = { readonly records: number; readonly bytes: number };

const RECORDS_MAX_DEFAULT = 4_000;
/** The originals, less, and still less. */
const SUBSTITUTES_MAX = 3;
/** Two transactions' worth, and a few fetches' bytes: enough to keep the writer busy while the reader is paused. */
export const WAITING_MAX_DEFAULT: Load = { records: 8_000, bytes: 16 * 1_048_576 };

/**
 * Group commit: whatever gathered while the last transaction was in flight goes into the next one; idle means at once.
 * A transaction in doubt, or refused, ends the committer; nothing is repaired and nothing is repeated.
 */
export class Committer {
  readonly #options: CommitterOptions;
  readonly #recordsMax: number;
  readonly #waitingMax: Load;
  #queue: OutboxItem[] = [];
  readonly #waiting = { records: 0, bytes: 0 };
  #whenRoom: PromiseWithResolvers<void> | null = null;
  #isRunning = false;
  #isScheduled = false;
  #isDead = false;
  #isClosing = false;
  /** What poison concerned: nothing more is written of it. */
  readonly #parked = new Set<string>();
  #idle: Promise<void> = Promise.resolve();

  constructor(options: CommitterOptions) {
    this.#options = options;
    this.#recordsMax = options.recordsMax ?? RECORDS_MAX_DEFAULT;
    this.#waitingMax = options.waitingMax ?? WAITING_MAX_DEFAULT;
  }

  /** Back-pressure: what a reader waits for before it brings more. Undefined: there is room, or it is over. */
  room(): Promise<void> | undefined {
    if (this.#isDead || !this.#isFull()) return undefined;
    this.#whenRoom ??= Promise.withResolvers();
    return this.#whenRoom.promise;
  }

  #isFull(): boolean {
    return this.#waiting.records > this.#waitingMax.records || this.#waiting.bytes > this.#waitingMax.bytes;
  }

  #count(items: readonly OutboxItem[], sign: 1 | -1): void {
    for (const { records } of items) {
      this.#waiting.records += sign * records.length;
      for (const { value } of records) this.#waiting.bytes += sign * (value?.length ?? 0);
    }
    if (this.#whenRoom !== null && (this.#isDead || !this.#isFull())) {
      this.#whenRoom.resolve();
      this.#whenRoom = null;
    }
  }

  /** Nothing more of this is written. */
  #drop(isDropped: (item: OutboxItem) => boolean): void {
    const dropped = this.#queue.filter(isDropped);
    this.#queue = this.#queue.filter((item) => !isDropped(item));
    this.#count(dropped, -1);
  }

  /**
   * Queues an item. The transaction starts in the same turn of the event loop's microtasks, so that one fold's output travels together.
   * False: it is over, and the item is dropped.
   */
  submit(item: OutboxItem): boolean {
    if (this.#isDead || this.#isClosing) return false;
    this.#queue.push(item);
    this.#count([item], 1);
    this.kick();
    return true;
  }

  /** Looks for something to commit: queued items, or positions that are due. */
  kick(): void {
    if (this.#isDead || this.#isRunning || this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      if (!this.#isDead && !this.#isRunning) this.#idle = this.#run().catch((error: unknown) => this.#die('REFUSED', error instanceof Error ? error.message : String(error)));
    });
  }

  /** Takes nothing more, commits what is queued, and ends. Nothing that a vendor has answered already is dropped. */
  async close(): Promise<void> {
    this.#isClosing = true;
    // A run that was asked for in this turn begins first.
    await Promise.resolve();
    await this.#idle;
    if (!this.#isDead && this.#queue.length > 0) await this.#run().catch(() => undefined);
    this.#isDead = true;
    this.#drop(() => true);
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
    const taken = this.#queue.splice(0, count);
    this.#count(taken, -1);
    return taken;
  }

  async #commit(items: readonly OutboxItem[], carried: Carried | null): Promise<void> {
    const records = recordsOf(items, carried);
    const offsets = carried?.offsets ?? lastPosition(items);
    const outcome = await this.#options.writer.commit(transactionOf(this.#options.group, records, offsets));
    switch (outcome.status) {
      case 'committed':
        this.#options.onTransaction?.();
        return confirm(items, outcome);
      case 'fenced':
      case 'unknown': return this.#dieOf(outcome);
      case 'not-committed': return this.#refused(items, carried, outcome);
    }
  }

  async #refused(items: readonly OutboxItem[], carried: Carried | null, outcome: NotCommitted): Promise<void> {
    if (!isPoison(outcome)) return this.#die('REFUSED', messageOf(outcome));
    for (const item of items) await this.#commitAlone(item);
    if (carried === null) return;
    // What the keeper of the positions takes for written must be written; the position itself may rely on what was parked meanwhile, and is asked for anew.
    const records = carried.records.filter((record) => record.key === null || !this.#parked.has(record.key));
    if (records.length > 0) await this.#commitOrDie(records);
    if (!this.#isDead) this.#options.onPositionsRefused?.(items.length === 0);
  }

  /** Refused with others, or for the first time: now it is seen whether this is the one. */
  async #commitAlone(item: OutboxItem): Promise<void> {
    if (this.#isDead || (item.concerns !== null && this.#parked.has(item.concerns))) return;
    const outcome = await this.#options.writer.commit(transactionOf(this.#options.group, item.records, lastPosition([item])));
    if (outcome.status === 'committed') return confirm([item], outcome);
    if (outcome.status !== 'not-committed' || !isPoison(outcome)) return this.#dieOf(outcome);
    if (item.concerns !== null) {
      this.#parked.add(item.concerns);
      this.#drop(({ concerns }) => concerns === item.concerns);
    }
    await this.#substitute(item, messageOf(outcome));
  }

  async #substitute(item: OutboxItem, message: string): Promise<void> {
    for (let refusedCount = 0; refusedCount < SUBSTITUTES_MAX; refusedCount++) {
      const records = this.#options.onPoison(item, message, refusedCount);
      if (records === null) break;
      const outcome = await this.#options.writer.commit(transactionOf(this.#options.group, records, lastPosition([item])));
      if (outcome.status === 'committed') return item.onSubstituted?.();
      if (outcome.status !== 'not-committed' || !isPoison(outcome)) return this.#dieOf(outcome);
    }
    this.#die('REFUSED', message);
  }

  async #commitOrDie(records: readonly RecordToWrite[]): Promise<void> {
    const outcome = await this.#options.writer.commit({ records });
    if (outcome.status !== 'committed') this.#dieOf(outcome);
  }

  #dieOf(outcome: Exclude<CommitOutcome, { readonly status: 'committed' }>): void {
    const code = { fenced: 'FENCED', unknown: 'UNKNOWN', 'not-committed': 'REFUSED' } as const;
    this.#die(code[outcome.status], outcome.status === 'not-committed' ? messageOf(outcome) : outcome.message);
  }

  #die(code: 'FENCED' | 'UNKNOWN' | 'REFUSED', message: string): void {
    if (this.#isDead) return;
    this.#isDead = true;
    this.#drop(() => true);
    this.#options.onDead({ code, message });
  }
}

type NotCommitted = CommitOutcome & { readonly status: 'not-committed' };

/** Neither a retry nor a fence cures it. */
const isPoison = ({ code }: NotCommitted): boolean => code === 'RECORD_TOO_LARGE' || code === 'INVALID_RECORD' || code === 'NOT_AUTHORISED';
const messageOf = (outcome: NotCommitted): string => `${outcome.code}: ${outcome.message}`;

const transactionOf = (group: string, records: readonly RecordToWrite[], offsets: readonly Position[]): Transaction =>
  offsets.length === 0 ? { records } : { records, positions: { group, offsets } };

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
