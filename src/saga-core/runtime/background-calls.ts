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
  #isStopped = false;

  constructor(options: BackgroundCallsOptions) {
    this.#options = options;
  }

  /** Aborts every call under way; nothing they answer is written. */
  stop(): void {
    this.#isStopped = true;
    this.#waiting.length = 0;
    for (const call of this.#calls) call.abort('the task ends');
    this.#calls.clear();
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
    this.#calls.add(call);
    environment.counters.inFlight++;
    const answer = (recordsOf: () => readonly RecordToWrite[]): void => {
      environment.counters.inFlight--;
      if (this.#isStopped) return;
      this.#calls.delete(call);
      write(entry, recordsOf, otherwise);
      this.#letWaitingIn();
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
