import type { Cancel, Clock } from '../ports/index.ts';

type Due = { readonly atMs: number; readonly key: string };

/**
 * Wake-ups of many keys on one clock timer. A later `arm` of a key replaces nothing: the owner is woken once too often
 * rather than too late, and decides anew.
 */
export class TimerHeap {
  readonly #clock: Clock;
  readonly #wake: (keys: readonly string[]) => void;
  readonly #heap: Due[] = [];
  readonly #armedAtMs = new Map<string, number>();
  #cancel: Cancel | null = null;
  #firesAtMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, wake: (keys: readonly string[]) => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  arm(key: string, atMs: number): void {
    const armed = this.#armedAtMs.get(key);
    if (armed !== undefined && armed <= atMs) return;
    this.#armedAtMs.set(key, atMs);
    this.#push({ atMs, key });
    this.#schedule();
  }

  disarm(key: string): void {
    this.#armedAtMs.delete(key);
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#heap.length = 0;
    this.#armedAtMs.clear();
  }

  #schedule(): void {
    const first = this.#heap[0];
    if (first === undefined || first.atMs >= this.#firesAtMs) return;
    this.#cancel?.();
    this.#firesAtMs = first.atMs;
    this.#cancel = this.#clock.after(Math.max(0, first.atMs - this.#clock.nowMillis()), () => this.#fire());
  }

  #fire(): void {
    this.#cancel = null;
    this.#firesAtMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.nowMillis();
    const due: string[] = [];
    for (let first = this.#heap[0]; first !== undefined && first.atMs <= nowMs; first = this.#heap[0]) {
      this.#pop();
      if (this.#armedAtMs.get(first.key) !== first.atMs) continue;
      this.#armedAtMs.delete(first.key);
      due.push(first.key);
    }
    this.#schedule();
    if (due.length > 0) this.#wake(due);
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let at = heap.push(due) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || above.atMs <= due.atMs) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = due;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const left = heap[child];
      if (left === undefined) break;
      const right = heap[child + 1];
      let smaller = left;
      if (right !== undefined && right.atMs < left.atMs) {
        smaller = right;
        child++;
      }
      if (smaller.atMs >= last.atMs) break;
      heap[at] = smaller;
      at = child;
    }
    heap[at] = last;
  }
}
