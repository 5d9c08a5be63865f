import type { Clock } from '#saga-core/ports';

/**
 * One operating-system process of a simulation: what it hears (answers, timers) comes through `enter`, so it can be
 * stopped and go on later without knowing (a zombie), or die. What it has already sent stays on the wire.
 */
export type SimulatedProcess = {
  readonly name: string;
  /** The process's own view of time: its timers stand still with it, its wall clock may be off by `skewMs`. */
  readonly clock: Clock;
  /** Runs now; or, while paused, when the process goes on; or never, when it is dead. */
  readonly enter: (callback: () => void) => void;
  readonly status: () => 'running' | 'paused' | 'dead';
  readonly pause: () => void;
  readonly resume: () => void;
  readonly kill: () => void;
};

/** A process of a simulation: it can be stopped, killed, and its clock be wrong by `skewMs`. */
export const createSimulatedProcess = (options: { readonly name: string; readonly clock: Clock; readonly skewMs?: number }): SimulatedProcess => {
  const { name, clock, skewMs = 0 } = options;
  let status: 'running' | 'paused' | 'dead' = 'running';
  let held: (() => void)[] = [];
  const enter = (callback: () => void): void => {
    if (status === 'running') callback();
    else if (status === 'paused') held.push(callback);
  };
  return {
    name,
    enter,
    clock: {
      nowMillis: () => clock.nowMillis() + skewMs,
      monotonicMillis: clock.monotonicMillis,
      after: (delayMs, callback) => {
        let cancelled = false;
        const cancel = clock.after(delayMs, () => enter(() => void (cancelled || callback())));
        return () => {
          cancelled = true;
          cancel();
        };
      },
    },
    status: () => status,
    pause: () => {
      if (status === 'running') status = 'paused';
    },
    resume: () => {
      if (status !== 'paused') return;
      status = 'running';
      const waiting = held;
      held = [];
      // One by one through the clock, so that the promise jobs of each run before the next; `enter` again, since it may pause or die meanwhile.
      for (const callback of waiting) clock.after(0, () => enter(callback));
    },
    kill: () => {
      status = 'dead';
      held = [];
    },
  };
};
