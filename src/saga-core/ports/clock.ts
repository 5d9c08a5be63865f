/** Wall time and elapsed time, apart: wall time may jump, elapsed time never does. Timers belong to the clock so that simulated time drives them. */
export type Clock = {
  /** Milliseconds since the epoch; 0 if the host's clock is before it. */
  readonly nowMillis: () => number;
  readonly monotonicMillis: () => number;
  /** Runs `callback` once after `delayMs`, unless cancelled. */
  readonly after: (delayMs: number, callback: () => void) => Cancel;
};

/** Takes a timer back; harmless after it has fired. */
export type Cancel = () => void;

/** Randomness as data: seeded in simulations. */
export type RandomSource = {
  /** Uniform in [0, 1). */
  readonly next: () => number;
  /** A fresh unique id, 22 characters of base64url. */
  readonly id: () => string;
};
