import type { LogRecord, RecordToWrite, TransactionalWriter } from '../ports/index.ts';
import type { Answers } from './answers.ts';
import type { Fault } from './caught.ts';
import type { ChainHead } from './chain.ts';
import { Committer, type OutboxItem } from './committer.ts';
import { deadLetter, deadLettersOf } from './dead-letters.ts';
import type { Entry, InstanceTable } from './instance-table.ts';
import type { PositionKeeper } from './position-keeper.ts';
import type { TaskEnd } from './takeover.ts';
import type { TaskEnvironment } from './task-environment.ts';

export type SagaOutboxOptions = {
  readonly environment: TaskEnvironment;
  readonly participant: string;
  readonly group: string;
  readonly writer: TransactionalWriter;
  readonly answers: Answers;
  readonly table: InstanceTable;
  readonly positions: PositionKeeper;
  /** A transaction was fenced, refused for good, or ended in doubt. */
  readonly onDead: (end: TaskEnd) => void;
};

/** What one saga task writes: records of instances, dead letters, the position; and what takes the place of records that the log refuses. */
export class SagaOutbox {
  readonly #options: SagaOutboxOptions;
  readonly #committer: Committer;
  /** Dead letters of the batch that is being folded: they travel with the position that passes their originals. */
  #letters: RecordToWrite[] = [];

  constructor(options: SagaOutboxOptions) {
    this.#options = options;
    const { environment, writer, group, positions, onDead } = options;
    this.#committer = new Committer({
      writer,
      group,
      waitingMax: environment.limits.waitingMax,
      positions: () => positions.due(),
      onTransaction: () => { environment.counters.transactions++; },
      onDead: ({ code, message }) => onDead({ code, message }),
      onPositionsRefused: (wereAlone) => {
        positions.retract(wereAlone);
        positions.schedule(() => this.kick());
      },
      onPoison: (item, message, refusedCount) => this.#onPoison(item, message, refusedCount),
    });
  }

  /** `headBefore`: of the instance's chain, before these records. */
  submit(entry: Entry, records: readonly RecordToWrite[], headBefore: ChainHead): void {
    if (!entry.isParked) this.#committer.submit({ records, concerns: entry.key, headBefore });
  }

  deadLetter(record: LogRecord, fault: Fault): void {
    if (record.offset < this.#options.positions.committedOffset) return;
    const { environment, participant } = this.#options;
    environment.counters.deadLetters++;
    environment.logger.error('record goes to dead letters', { topic: record.topic, partition: record.partition, offset: record.offset, reason: fault.reason });
    this.#letters.push(deadLetter(environment, participant, record, fault));
  }

  /** The batch is folded: its dead letters are written with the position that passes it. */
  endBatch(): void {
    if (this.#letters.length === 0) return;
    this.#options.positions.force();
    this.#committer.submit({ records: this.#letters, concerns: null });
    this.#letters = [];
  }

  /** What the reader waits for before it brings more; undefined where there is room. */
  room(): Promise<void> | undefined {
    return this.#committer.room();
  }

  /** The position is due, even where nothing else is to be written. */
  kick(): void {
    this.#committer.kick();
  }

  /** The instance waits for a person: this task writes nothing more of it. A new takeover (`recover`) tries once more. */
  park(entry: Entry, reason: string): void {
    const { head } = entry;
    this.submit(entry, this.#options.answers.parked(entry, reason), head);
    entry.isParked = true;
    this.#options.environment.logger.error('instance parked: what it has to write cannot be written', { instance: entry.key, reason });
  }

  /** Commits what is queued, and takes nothing more. */
  close(): Promise<void> {
    return this.#committer.close();
  }

  /** The originals go to dead letters. The chain goes on where it was before them, and a checkpoint that may hold more is void. */
  #onPoison({ records, concerns: key, headBefore }: OutboxItem, message: string, refusedCount: number): readonly RecordToWrite[] | null {
    if (refusedCount > 1) return null;
    const { environment, participant, table, answers } = this.#options;
    const isBare = refusedCount > 0;
    if (!isBare) {
      environment.logger.error('outbox refused for good', { instance: key, message });
      environment.counters.deadLetters += records.length;
    }
    const letters = deadLettersOf(environment, participant, { records, message, isBare });
    const entry = key === null ? undefined : table.get(key);
    if (entry === undefined || headBefore === undefined) return letters;
    entry.head = headBefore;
    entry.checkpoint = null;
    entry.isParked = true;
    return [...letters, ...answers.parked(entry, message)];
  }
}
