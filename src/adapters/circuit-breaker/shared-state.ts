/** What `ops.circuit.state_changed` says that matters here; `atMs` is wall time. */
export type CircuitRecord = {
  readonly endpoint: string;
  readonly credential: string;
  readonly worker: string;
  readonly to: 'CLOSED' | 'OPEN' | 'HALF_OPEN';
  readonly atMs: number;
};

/** One circuit across workers: the vendor's endpoint and the credential's reference (never the credential). */
export type CircuitKey = { readonly endpoint: string; readonly credential: string };

/**
 * How much longer a circuit must rest, by the records of all workers: what a starting worker reads before its first call, and
 * what a running one asks of each record it reads. 0: nobody's OPEN is still valid. Records of other circuits do not count;
 * at most `openForMs`, so that a clock that runs ahead cannot keep a circuit open.
 */
export const remainingOpenMs = (
  records: readonly CircuitRecord[],
  key: CircuitKey,
  at: { readonly nowMs: number; readonly openForMs: number },
): number => {
  let remainingMs = 0;
  for (const record of records) {
    if (record.to !== 'OPEN' || record.endpoint !== key.endpoint || record.credential !== key.credential) continue;
    remainingMs = Math.max(remainingMs, Math.min(at.openForMs, record.atMs + at.openForMs - at.nowMs));
  }
  return remainingMs;
};
