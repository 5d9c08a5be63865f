import type { Cancel, Clock, TopicPartition } from '../ports/index.ts';
import type { Carried } from './committer.ts';

/**
 * The group's position of a task whose true position lies elsewhere (an entity's with its state): committed now and then, with a
 * transaction that goes anyway or on its own, so that tools which show a group's lag show the truth. Nothing is read from it.
 */
export class LazyPosition {
  readonly #at: TopicPartition;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  #reached = -1;
  #told = -1;
  #toldBefore = -1;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #scheduled: Cancel | null = null;

  constructor(options: { readonly at: TopicPartition; readonly clock: Clock; readonly intervalMs: number }) {
    this.#at = options.at;
    this.#clock = options.clock;
    this.#intervalMs = options.intervalMs;
  }

  /** Everything before `offset` is committed; `kick` is called when that has not been told within the interval. */
  reached(offset: number, kick: () => void): void {
    this.#reached = Math.max(this.#reached, offset);
    if (this.#scheduled !== null || this.#reached <= this.#told) return;
    this.#scheduled = this.#clock.after(this.#intervalMs, () => {
      this.#scheduled = null;
      // Another transaction may have told an earlier position less than an interval ago: then once more.
      if (this.#isTime()) kick();
      else this.reached(this.#reached, kick);
    });
  }

  due(): Carried | null {
    if (this.#reached <= this.#told || !this.#isTime()) return null;
    this.#toldBefore = this.#told;
    this.#told = this.#reached;
    this.#toldAtMs = this.#clock.monotonicMillis();
    return { offsets: [{ ...this.#at, offset: this.#reached, metadata: '' }], records: [] };
  }

  /** What `due` gave last was not committed: an interval later, once more. */
  retract(kick: () => void): void {
    this.#told = this.#toldBefore;
    this.reached(this.#reached, kick);
  }

  #isTime(): boolean {
    return this.#clock.monotonicMillis() - this.#toldAtMs >= this.#intervalMs;
  }

  close(): void {
    this.#scheduled?.();
    this.#scheduled = null;
  }
}
