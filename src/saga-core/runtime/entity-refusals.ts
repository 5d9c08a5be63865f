import { entityTick } from '#contracts/core';
import { irreversible, terminal } from '../definition/results.ts';
import type { LogRecord, RecordToWrite } from '../ports/index.ts';
import { caught, type Fault } from './caught.ts';
import { deadLetter, digestOf } from './dead-letters.ts';
import { callerOf } from './entity-outcome.ts';
import type { Keyed } from './entity-states.ts';
import type { EntityTelling } from './entity-telling.ts';
import type { decodeLearning } from './takeover.ts';
import type { TaskEnvironment } from './task-environment.ts';

/** A command as it was read. */
export type Request = { readonly record: LogRecord; readonly decoded: Awaited<ReturnType<typeof decodeLearning>> };
export const keyTextOf = ({ key }: LogRecord): string => (key === null ? '' : Buffer.from(key).toString('utf8'));

export type EntityRefusalsOptions = {
  readonly environment: TaskEnvironment;
  readonly participant: string;
  readonly entity: string;
  readonly telling: EntityTelling;
  /** The state of a key that is about to change. */
  readonly touched: (key: string) => Keyed;
  readonly onTickRefused: (key: string) => void;
};

/** What becomes of a command that cannot be carried out: it goes to dead letters, and a step that waits for an outcome is told. */
export class EntityRefusals {
  readonly #options: EntityRefusalsOptions;

  constructor(options: EntityRefusalsOptions) {
    this.#options = options;
  }

  refuse(request: Request, fault: Fault, written: RecordToWrite[]): void {
    this.#note(request, fault.reason);
    written.push(this.#letter(request, fault, false));
    this.#tell(request, fault.reason, written);
  }

  /** The log took in no form what was made of the command, and, so many times, not even this: without the original's bytes, then without a word to the step. */
  refuseAgain(request: Request, reason: string, refusedCount: number): RecordToWrite[] {
    const written: RecordToWrite[] = [];
    if (refusedCount === 0) this.refuse(request, { reason }, written);
    else written.push(this.#letter(request, { reason }, true));
    if (refusedCount === 1) this.#tell(request, reason, written);
    if (refusedCount > 1) this.#cannotTell(request, reason);
    return written;
  }

  #letter({ record }: Request, fault: Fault, isBare: boolean): RecordToWrite {
    const { environment, participant } = this.#options;
    return deadLetter(environment, participant, { ...record, isBare }, fault);
  }

  #note({ record, decoded }: Request, reason: string): void {
    const { counters, logger } = this.#options.environment;
    counters.deadLetters++;
    logger.error('command goes to dead letters', { topic: record.topic, partition: record.partition, offset: record.offset, reason, bytes: record.value?.length ?? 0, sha256: digestOf(record.value) });
    if (decoded.status === 'decoded' && decoded.type === entityTick.name) this.#options.onTickRefused(keyTextOf(record));
  }

  #tell(request: Request, reason: string, written: RecordToWrite[]): void {
    const { record, decoded } = request;
    if (decoded.status === 'undecodable') return;
    const { entity, telling, touched } = this.#options;
    const { ref, phase } = callerOf(record, decoded.envelope);
    if (ref === null || phase === null) return;
    const why = `entity ${entity}: ${reason}`;
    // A caller that nobody can be told of (a topic that this participant does not write to) must not take the partition with it.
    const told = caught(() => telling.outcome(touched(keyTextOf(record)), { ref, phase }, phase === 'execute' ? terminal(why) : irreversible(why), written));
    if (!told.ok) this.#cannotTell(request, told.fault);
  }

  #cannotTell({ record, decoded }: Request, reason: string): void {
    const sagaId = decoded.status === 'decoded' ? decoded.envelope.correlationId : null;
    this.#options.environment.logger.error('the step of a refused command cannot be told', { topic: record.topic, partition: record.partition, offset: record.offset, sagaId, reason });
  }
}
