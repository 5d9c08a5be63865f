type Phases = { readonly running: number; readonly compensating: number; readonly manual_required: number };

/** What the live line tells. */
export type ProgressView = {
  readonly elapsedMs: number;
  /** Cycles to play. */
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
  readonly phases: Phases;
  /** Ended sagas a second. */
  readonly rate: number;
  /** Records behind, of all groups; null: not known. */
  readonly lagRecords: number | null;
  readonly orders: number;
  readonly fills: number;
};

/** How many sagas had ended at an instant of the monotonic clock. */
export type Sample = { readonly atMs: number; readonly ended: number };

export const RATE_WINDOW_MS = 5_000;
const MILLIS = 1_000;
const SECONDS_MIN = 0.001;

const clockOf = (seconds: number): string => `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;

/** The samples with one more. What lies before the window goes, but two stay: a rate needs both ends. */
export const withSample = (samples: readonly Sample[], sample: Sample): readonly Sample[] => {
  const all = [...samples, sample];
  const firstInside = all.findIndex(({ atMs }) => sample.atMs - atMs <= RATE_WINDOW_MS);
  return all.slice(Math.min(firstInside, Math.max(0, all.length - 2)));
};

/** Sagas that ended per second between the first and the last sample; 0 of less than two. */
export const rateOf = (samples: readonly Sample[]): number => {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) return 0;
  return (last.ended - first.ended) / Math.max(SECONDS_MIN, (last.atMs - first.atMs) / MILLIS);
};

/** Sagas by state, rate, lag, in one line. */
export const progressLine = ({ elapsedMs, total, completed, failed, phases, rate, lagRecords, orders, fills }: ProgressView): string => {
  const { running, compensating, manual_required: manual } = phases;
  return [
    clockOf(elapsedMs / MILLIS), `${completed + failed}/${total} sagas`, `running ${running}`, `compensating ${compensating}`, `completed ${completed}`, `failed ${failed}`,
    ...(manual > 0 ? [`waiting for a person ${manual}`] : []),
    `${rate.toFixed(1)}/s`, `lag ${lagRecords ?? '?'}`, `orders ${orders}`, `fills ${fills}`,
  ].join('  ');
};
