import type { Cancel, Clock } from '../ports/index.ts';

export type IdlePositionOptions = {
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly tell: (offset: number) => void;
};

/**
 * A position that has passed nothing but markers: told once nothing else tells a later one within the interval. Else an idle topic
 * whose retention deletes all of it would leave the position behind the log's start, as if input had been lost.
 */
export class IdlePosition {
  readonly #options: IdlePositionOptions;
  #passed = -1;
  #told = -1;
  #scheduled: Cancel | null = null;

  constructor(options: IdlePositionOptions) {
    this.#options = options;
  }

  /** Read up to here, and there was nothing to do. */
  passed(offset: number): void {
    this.#passed = offset;
    this.#scheduled ??= this.#options.clock.after(this.#options.intervalMs, () => {
      this.#scheduled = null;
      this.flush();
    });
  }

  /** It goes with what was to be done. */
  told(offset: number): void {
    this.#told = offset;
  }

  /** Now, if it is owed. */
  flush(): void {
    if (this.#passed <= this.#told) return;
    this.#told = this.#passed;
    this.#options.tell(this.#passed);
  }

  close(): void {
    this.#scheduled?.();
    this.#scheduled = null;
  }
}
