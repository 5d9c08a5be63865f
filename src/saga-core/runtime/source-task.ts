import { err } from '#kernel';
import type { SourceDefinition } from '../definition/entity.ts';
import type { LogRecord, ReadBatch, RecordToWrite, Subscription, TopicPartition, TransactionalWriter } from '../ports/index.ts';
import { partitionKey } from '../ports/index.ts';
import { messageOf, tried } from './caught.ts';
import { Committer, type OutboxItem } from './committer.ts';
import { deadLetter, deadLettersOf } from './dead-letters.ts';
import { IdlePosition } from './idle-position.ts';
import { Records } from './records.ts';
import { decodeLearning, isTaskEnd, resumeAt, type TaskEnd } from './takeover.ts';
import type { TaskEnvironment } from './task-environment.ts';
import { transactionalId } from './topics.ts';

export type SourceTaskOptions = {
  readonly environment: TaskEnvironment;
  readonly participant: string;
  readonly definition: SourceDefinition;
  readonly partition: number;
  readonly onEnd: (end: TaskEnd) => void;
};

/**
 * Reads one partition of a topic of facts and only sends entity commands, each exactly once: commands and position lie
 * in one transaction, and the position is read only after older writers are fenced.
 */
export class SourceTask {
  readonly #options: SourceTaskOptions;
  readonly #at: TopicPartition;
  readonly #records: Records;
  readonly #writer: TransactionalWriter;
  #committer: Committer | null = null;
  #subscription: Subscription | null = null;
  readonly #idle: IdlePosition;
  #isOver = false;
  #ending: TaskEnd | null = null;
  #isLive = false;

  constructor(options: SourceTaskOptions) {
    this.#options = options;
    const { environment, participant, definition } = options;
    this.#at = { topic: environment.names.facts(definition.topic), partition: options.partition };
    this.#records = new Records({ participant, codec: environment.codec, clock: environment.clock, names: environment.names, partitionsOf: environment.partitionsOf });
    this.#idle = new IdlePosition({
      clock: environment.clock,
      intervalMs: environment.limits.positionIntervalMs,
      tell: (offset) => this.#committer?.submit({ records: [], concerns: null, position: { ...this.#at, offset, metadata: '' } }),
    });
    this.#writer = environment.writer(transactionalId(environment.names, participant, this.#at.topic, options.partition));
  }

  get isLive(): boolean {
    return this.#isLive;
  }

  get ending(): TaskEnd | null {
    return this.#ending;
  }

  async start(): Promise<void> {
    const { environment, participant } = this.#options;
    const fenced = await this.#writer.fence();
    if (fenced.status === 'failed') return this.#end({ code: 'FENCED', message: fenced.message });
    environment.counters.takeovers++;
    const group = environment.names.group(participant);
    const [position, logStart] = await Promise.all([environment.log.committedPosition(group, this.#at), environment.log.logStartOffset(this.#at)]);
    const offset = resumeAt(this.#at, position?.offset ?? null, logStart);
    if (isTaskEnd(offset)) return this.#end(offset);
    this.#committer = new Committer({
      writer: this.#writer,
      group,
      waitingMax: environment.limits.waitingMax,
      positions: () => null,
      onTransaction: () => { environment.counters.transactions++; },
      onDead: ({ code, message }) => this.#end({ code, message }),
      onPoison: (item, message, refusedCount) => (refusedCount > 1 ? null : deadLettersOf(environment, participant, { records: item.records, message, isBare: refusedCount > 0 })),
    });
    if (this.#isOver) return;
    this.#isLive = true;
    this.#subscription = environment.reader.subscribe({ ...this.#at, offset }, {
      onBatch: (batch) => this.#onBatch(batch),
      onError: (error) => this.#end({ code: 'READ_ERROR', message: `${partitionKey(error)} at ${error.offset}: ${error.code} ${error.message}` }),
    });
  }

  async stop(): Promise<void> {
    if (this.#isLive) this.#idle.flush();
    this.#close();
    await this.#committer?.close();
    await this.#writer.close();
  }

  #close(): void {
    this.#isOver = true;
    this.#isLive = false;
    this.#subscription?.close();
    this.#idle.close();
  }

  #end(end: TaskEnd): void {
    if (this.#isOver) return;
    this.#ending = end;
    this.#close();
    void this.stop().catch(() => undefined).then(() => this.#options.onEnd(end));
  }

  async #onBatch(batch: ReadBatch): Promise<void> {
    const items: OutboxItem[] = [];
    try {
      for (const record of batch.records) {
        const position = { ...this.#at, offset: record === batch.records.at(-1) ? batch.nextOffset : record.offset + 1, metadata: '' };
        // The position travels with the commands of what it passes; a fact whose commands are refused takes no other with it.
        items.push({ records: await this.#map(record), concerns: null, position });
      }
    } catch (error) {
      return this.#end({ code: 'READ_ERROR', message: messageOf(error) });
    }
    if (this.#isOver) return;
    for (const item of items) this.#committer?.submit(item);
    if (items.length === 0) this.#idle.passed(batch.nextOffset);
    else this.#idle.told(batch.nextOffset);
    await this.#committer?.room();
  }

  async #map(record: LogRecord): Promise<readonly RecordToWrite[]> {
    if (record.value === null) return [];
    const { environment, participant, definition } = this.#options;
    const decoded = await decodeLearning(environment.codec, record.value);
    const key = record.key === null ? '' : Buffer.from(record.key).toString('utf8');
    const mapped = decoded.status === 'undecodable' ? err(decoded) : tried(() => {
      const commands = definition.map({ type: decoded.type, eventId: decoded.envelope.eventId, key, payload: decoded.payload() });
      return commands.map((command, index) => this.#records.command(command, `${decoded.envelope.eventId}/${participant}.${index}`, null));
    });
    if (mapped.ok) return mapped.value;
    environment.counters.deadLetters++;
    environment.logger.error('fact goes to dead letters', { topic: record.topic, partition: record.partition, offset: record.offset, reason: mapped.fault.reason });
    return [deadLetter(environment, participant, record, mapped.fault)];
  }
}
