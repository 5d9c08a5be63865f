import type { ModelOutcome } from '#participants/ai-decision';

/** The errors of both SDKs by shape: they are generated alike but share no class. */
type SdkError = {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly status?: unknown;
  readonly headers?: unknown;
  readonly code?: unknown;
  readonly error?: unknown;
  readonly constructor?: { readonly name?: unknown };
};

const isObject = (value: unknown): value is SdkError => typeof value === 'object' && value !== null;

const headerOf = (headers: unknown, name: string): string | null => {
  if (!isObject(headers) || !('get' in headers) || typeof headers.get !== 'function') return null;
  const value: unknown = headers.get(name);
  return typeof value === 'string' ? value : null;
};

/** Seconds or an HTTP date, as milliseconds from now; `retry-after-ms` is more exact where a vendor sends it. */
export const retryAfterMsOf = (headers: unknown, nowMs: number): number | null => {
  const exact = Number(headerOf(headers, 'retry-after-ms') ?? 'NaN');
  if (Number.isFinite(exact)) return Math.max(0, Math.ceil(exact));
  const written = headerOf(headers, 'retry-after');
  if (written === null) return null;
  const seconds = Number(written);
  if (Number.isFinite(seconds)) return Math.max(0, Math.ceil(seconds * 1_000));
  const atMs = Date.parse(written);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
};

const codeOf = (error: SdkError): string | null => {
  if (typeof error.code === 'string') return error.code;
  // Groq's SDK keeps the whole body: {error: {code}}.
  const inner = isObject(error.error) ? (isObject(error.error.error) ? error.error.error : error.error) : null;
  return inner !== null && typeof inner.code === 'string' ? inner.code : null;
};

/** What a rejected SDK call was. Time-outs and aborts of the caller's making are told apart before this. */
export const classifyError = (error: unknown): ModelOutcome => {
  if (!isObject(error)) return { status: 'connection_lost', reason: String(error) };
  const reason = typeof error.message === 'string' ? error.message : 'no message';
  if (typeof error.status === 'number') {
    if (error.status === 429) return { status: 'rate_limited', retryAfterMs: retryAfterMsOf(error.headers, Date.now()), reason };
    if (error.status >= 500) return { status: 'server_error', httpStatus: error.status, reason };
    return { status: 'refused', httpStatus: error.status, code: codeOf(error), reason };
  }
  if (error.constructor?.name === 'APIConnectionTimeoutError') return { status: 'timeout', reason };
  // The answer was there, but its body was no JSON.
  if (error.name === 'SyntaxError') return { status: 'invalid_output', reason };
  return { status: 'connection_lost', reason };
};
