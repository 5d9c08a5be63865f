import type { Cancel, Clock } from '#saga-core/ports';

/**
 * Virtual time. Nothing happens but by `advance`, `runUntil` or `runUntilIdle`, which fire timers in order of their
 * instant, and of their setting where instants are equal. After each timer every promise job that it set off has run to
 * its end before the next one fires, so a run is a function of its inputs. Code under simulation must wait for nothing
 * but promises and this clock: real I/O, `setTimeout` or a thread pool (async crypto, async zlib) would escape it.
 */
export type SimulatedClock = Clock & {
  /** Fires everything due within the next `durationMs`, then stands exactly there. */
  readonly advance: (durationMs: number) => Promise<void>;
  /** Fires timers until `condition` holds; false, and time stands at the limit, if that does not happen within `limitMs`. */
  readonly runUntil: (condition: () => boolean, limitMs: number) => Promise<boolean>;
  /** Fires timers until none is left. Rejects after `eventCountMax` (default 1,000,000), since a periodic timer never ends. */
  readonly runUntilIdle: (eventCountMax?: number) => Promise<void>;
  /** Lets promise jobs run without moving time. */
  readonly settle: () => Promise<void>;
  /** Wall time jumps by so much (may be negative); elapsed time and timers do not notice. */
  readonly jumpWallTime: (byMs: number) => void;
  readonly pendingTimerCount: () => number;
  /** Timers fired since the start. */
  readonly firedTimerCount: () => number;
};

type Timer = { readonly dueMs: number; readonly order: number; callback: (() => void) | null };

const EVENT_COUNT_MAX = 1_000_000;

const isBefore = (left: Timer, right: Timer): boolean =>
  left.dueMs < right.dueMs || (left.dueMs === right.dueMs && left.order < right.order);

/** A binary heap; cancelled timers stay in it with their callback removed until their instant comes. */
const createTimerQueue = () => {
  const heap: Timer[] = [];
  const at = (index: number): Timer => {
    const timer = heap[index];
    if (timer === undefined) throw new RangeError(`timer queue: no timer at ${index}`);
    return timer;
  };
  const swap = (left: number, right: number): void => {
    const held = at(left);
    heap[left] = at(right);
    heap[right] = held;
  };
  const siftUp = (start: number): void => {
    for (let index = start; index > 0; ) {
      const parent = (index - 1) >> 1;
      if (!isBefore(at(index), at(parent))) return;
      swap(index, parent);
      index = parent;
    }
  };
  const siftDown = (): void => {
    for (let index = 0; ; ) {
      const [left, right] = [2 * index + 1, 2 * index + 2];
      let smallest = index;
      if (left < heap.length && isBefore(at(left), at(smallest))) smallest = left;
      if (right < heap.length && isBefore(at(right), at(smallest))) smallest = right;
      if (smallest === index) return;
      swap(index, smallest);
      index = smallest;
    }
  };
  const removeFirst = (): void => {
    swap(0, heap.length - 1);
    heap.pop();
    siftDown();
  };
  return {
    push: (timer: Timer): void => {
      heap.push(timer);
      siftUp(heap.length - 1);
    },
    /** The next timer that is not cancelled. */
    peek: (): Timer | null => {
      while (heap.length > 0 && at(0).callback === null) removeFirst();
      return heap[0] ?? null;
    },
    removeFirst,
    count: (): number => heap.filter((timer) => timer.callback !== null).length,
  };
};

/** All promise jobs, and those that they set off, run before an immediate does. */
const drainPromiseJobs = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Starts at the given wall time: milliseconds since the epoch. Elapsed time starts at 0. */
export const createSimulatedClock = (options: { readonly nowMillis: number }): SimulatedClock => {
  const queue = createTimerQueue();
  let elapsedMs = 0;
  let wallAtZeroMs = options.nowMillis;
  let order = 0;
  let firedCount = 0;

  const after = (delayMs: number, callback: () => void): Cancel => {
    const timer: Timer = { dueMs: elapsedMs + Math.max(0, delayMs), order: order++, callback };
    queue.push(timer);
    return () => void (timer.callback = null);
  };
  const fireNext = async (untilMs: number): Promise<boolean> => {
    const timer = queue.peek();
    if (timer === null || timer.dueMs > untilMs) return false;
    queue.removeFirst();
    elapsedMs = timer.dueMs;
    firedCount++;
    timer.callback?.();
    await drainPromiseJobs();
    return true;
  };
  return {
    nowMillis: () => Math.max(0, Math.floor(wallAtZeroMs + elapsedMs)),
    monotonicMillis: () => elapsedMs,
    after,
    advance: async (durationMs) => {
      const untilMs = elapsedMs + durationMs;
      await drainPromiseJobs();
      while (await fireNext(untilMs));
      elapsedMs = untilMs;
    },
    runUntil: async (condition, limitMs) => {
      const untilMs = elapsedMs + limitMs;
      await drainPromiseJobs();
      while (!condition()) {
        if (await fireNext(untilMs)) continue;
        elapsedMs = untilMs;
        return condition();
      }
      return true;
    },
    runUntilIdle: async (eventCountMax = EVENT_COUNT_MAX) => {
      const limit = firedCount + eventCountMax;
      await drainPromiseJobs();
      while (await fireNext(Number.POSITIVE_INFINITY)) {
        if (firedCount >= limit) throw new Error(`simulated clock: still busy after ${eventCountMax} timers; something re-arms itself for ever`);
      }
    },
    settle: drainPromiseJobs,
    jumpWallTime: (byMs) => void (wallAtZeroMs += byMs),
    pendingTimerCount: queue.count,
    firedTimerCount: () => firedCount,
  };
};
