const REQUESTS_KEPT_MAX = 20_000;

export type LoggedRequest = {
  readonly ordinal: number;
  readonly route: string;
  readonly method: string;
  readonly path: string;
  readonly keys: readonly string[];
  readonly symbol: string | null;
  /** Wall time, milliseconds since the epoch. */
  readonly at_ms: number;
  /** For gaps between requests: never jumps. */
  readonly monotonic_ms: number;
  /** What was done: the status answered, `dropped`, or `silent`; null while under way. */
  outcome: number | 'dropped' | 'silent' | null;
};

export type RequestFilter = { readonly route: string | null; readonly key: string | null; readonly symbol: string | null };

/** Counts every vendor request for good, and keeps the newest 20,000 in detail. */
export type RequestLog = {
  readonly record: (request: Omit<LoggedRequest, 'ordinal' | 'at_ms' | 'monotonic_ms' | 'outcome'>) => LoggedRequest;
  readonly report: (filter: RequestFilter) => { readonly counts: Readonly<Record<string, number>>; readonly requests: readonly LoggedRequest[] };
  readonly clear: () => void;
};

export const createRequestLog = (): RequestLog => {
  let requests: LoggedRequest[] = [];
  const counts = new Map<string, number>();
  let ordinal = 0;
  return {
    record: (request) => {
      const logged: LoggedRequest = { ...request, ordinal, at_ms: Date.now(), monotonic_ms: performance.now(), outcome: null };
      ordinal += 1;
      counts.set(request.route, (counts.get(request.route) ?? 0) + 1);
      requests.push(logged);
      // Halving at twice the bound keeps this O(1) per request.
      if (requests.length > 2 * REQUESTS_KEPT_MAX) requests = requests.slice(-REQUESTS_KEPT_MAX);
      return logged;
    },
    report: (filter) => ({
      counts: Object.fromEntries(counts),
      requests: requests.slice(-REQUESTS_KEPT_MAX).filter(
        (request) =>
          (filter.route === null || request.route === filter.route) &&
          (filter.key === null || request.keys.includes(filter.key)) &&
          (filter.symbol === null || request.symbol === filter.symbol),
      ),
    }),
    clear: () => {
      requests = [];
      counts.clear();
      ordinal = 0;
    },
  };
};
