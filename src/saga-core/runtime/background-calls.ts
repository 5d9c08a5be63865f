import type { RecordToWrite } from '../ports/index.ts';
import { BoundedCall } from './effect-call.ts';
import type { Entry } from './instance-table.ts';
import type { TaskEnvironment } from './task-environment.ts';

export type BackgroundCallsOptions = {
  readonly environment: TaskEnvironment;
  /** Writes what `make` says, or what `otherwise` does where that throws. */
  readonly write: (entry: Entry, make: () => readonly RecordToWrite[], otherwise: Background['otherwise']) => void;
  /** Looks anew at what is due for the instance. */
  readonly decide: (entry: Entry) => void;
};

/** An action that answers later: what it keeps busy, and what is written when it cannot be answered. */
export type Background = { readonly key: string; readonly otherwise: (reason: string) => readonly RecordToWrite[] };

/** The calls of one task that are under way, and those that wait for room. */
export class BackgroundCalls {
  readonly #options: BackgroundCallsOptions;
  readonly #calls = new Set<BoundedCall>();
  readonly #waiting: { readonly entry: Entry; readonly key: string }[] = [];
  /** Calls that the log has been told of, or is being told of, and that have not begun: to a successor they may have happened. */
  readonly #announced = new Set<string>();
  readonly #drained = Promise.withResolvers<void>();
  #isDraining = false;
  #isStopped = false;

  constructor(options: BackgroundCallsOptions) {
    this.#options = options;
  }

  /** Aborts every call under way; nothing they answer is written. */
  stop(): void {
    this.#isStopped = true;
    this.#waiting.length = 0;
    for (const call of this.#calls) call.end();
    this.#calls.clear();
    this.#drained.resolve();
  }

  /** Calls under way, announced ones included. */
  get count(): number {
    return this.#calls.size + this.#announced.size;
  }

  /** No call makes another request that has an effect. Resolves when all are answered, or aborted by `stop`. */
  drain(): Promise<void> {
    this.#isDraining = true;
    for (const call of this.#calls) call.beginNothingMore();
    this.#lookDrained();
    return this.#drained.promise;
  }

  #lookDrained(): void {
    if (this.#isDraining && this.count === 0) this.#drained.resolve();
  }

  /** The intent of a call goes to the log. A drain makes the call: its successor could only guess whether it happened. */
  announce(entry: Entry, key: string): void {
    this.#announced.add(announcedKey(entry, key));
  }

  isAnnounced(entry: Entry, key: string): boolean {
    return this.#announced.has(announcedKey(entry, key));
  }

  /** The call begins, or is not made after all. */
  unannounce(entry: Entry, key: string): void {
    // Only intents are announced: the key of any other call need not even be made.
    if (this.#announced.size === 0) return;
    this.#announced.delete(announcedKey(entry, key));
    this.#lookDrained();
  }

  /**
   * Runs a call with bounded concurrency; its records are written unless the task has ended meanwhile. One that finds no room
   * waits, and what is due is decided anew when its turn comes.
   */
  run(entry: Entry, { key, otherwise }: Background, work: (call: BoundedCall) => Promise<() => readonly RecordToWrite[]>): void {
    const { environment, write } = this.#options;
    if (this.#calls.size >= environment.limits.effectsMax) {
      this.#waiting.push({ entry, key });
      return;
    }
    const call = new BoundedCall(environment.clock);
    if (this.#isDraining) call.beginNothingMore();
    this.#calls.add(call);
    this.unannounce(entry, key);
    environment.counters.inFlight++;
    const answer = (recordsOf: () => readonly RecordToWrite[]): void => {
      environment.counters.inFlight--;
      if (this.#isStopped) return;
      this.#calls.delete(call);
      write(entry, recordsOf, otherwise);
      this.#letWaitingIn();
      this.#lookDrained();
    };
    void work(call).then(answer, (error: unknown) => answer(() => { throw error; }));
  }

  #letWaitingIn(): void {
    const { environment, decide } = this.#options;
    while (!this.#isStopped && this.#calls.size < environment.limits.effectsMax) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      next.entry.busy?.delete(next.key);
      decide(next.entry);
    }
  }
}

const announcedKey = (entry: Entry, key: string): string => `${entry.key} ${key}`;
