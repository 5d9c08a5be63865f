import type { CallLimits } from '#participants/trading-engine';

const BODY_LENGTH_MAX = 8 * 1024 * 1024;

export type HttpRequest = {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
};

/**
 * What one request came to. `not_sent`: no connection was made, so the vendor never saw it, either because it is `unreachable` or
 * because the caller had given up before. `lost`: it may have been seen;
 * no whole answer came back.
 */
export type HttpOutcome =
  | { readonly status: 'answered'; readonly httpStatus: number; readonly retryAfterMs: number | null; readonly body: unknown }
  | { readonly status: 'not_sent'; readonly kind: 'unreachable' | 'given_up'; readonly reason: string }
  | { readonly status: 'lost'; readonly kind: 'timeout' | 'connection_lost' | 'bad_answer' | 'aborted'; readonly reason: string };

/** Codes of failures before a connection stood. */
const NOT_SENT_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT',
]);

type ErrorLike = { readonly code?: unknown; readonly message?: unknown; readonly cause?: unknown; readonly errors?: unknown };

/** By shape, not by `instanceof`: an error may come from another realm. */
const isErrorLike = (value: unknown): value is ErrorLike => typeof value === 'object' && value !== null;

/** The first code along the chain of causes; of several attempts (IPv6, IPv4) the first one's. */
const codeOf = (error: unknown): string | null => {
  if (!isErrorLike(error)) return null;
  if (typeof error.code === 'string') return error.code;
  return codeOf(Array.isArray(error.errors) ? error.errors[0] : error.cause);
};

const textOf = (error: unknown): string => {
  const message = isErrorLike(error) && typeof error.message === 'string' ? error.message : String(error);
  const cause = isErrorLike(error) && isErrorLike(error.cause) ? error.cause.message : undefined;
  return typeof cause === 'string' && cause !== '' ? `${message}: ${cause}` : message;
};

/** Seconds, or an HTTP date; null if there is none to read. */
const retryAfterMsOf = (value: string | null): number | null => {
  if (value === null) return null;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, Math.ceil(seconds * 1_000));
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - Date.now());
};

const parsed = (text: string): { readonly value: unknown } | null => {
  if (text === '') return { value: null };
  try {
    const value: unknown = JSON.parse(text);
    return { value };
  } catch {
    return null;
  }
};

/**
 * One HTTP request, answer included, within a hard limit; never throws, never retries. Redirects are errors: following one
 * would hand the account's secret to wherever it points.
 */
export const callHttp = async (request: HttpRequest, limits: CallLimits): Promise<HttpOutcome> => {
  const deadline = AbortSignal.timeout(limits.timeoutMs);
  const where = `${request.method} ${request.url}`;
  if (limits.signal.aborted) return { status: 'not_sent', kind: 'given_up', reason: `${where}: given up before it was sent` };
  try {
    const response = await fetch(request.url, {
      method: request.method,
      redirect: 'error',
      headers: { ...request.headers, ...(request.body === undefined ? {} : { 'content-type': 'application/json' }) },
      signal: AbortSignal.any([limits.signal, deadline]),
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    });
    const text = await response.text();
    const body = text.length > BODY_LENGTH_MAX ? null : parsed(text);
    // The status of an error says enough even when its body cannot be read.
    if (body === null && response.ok) return { status: 'lost', kind: 'bad_answer', reason: `${where}: ${response.status} with a body that is no JSON` };
    return { status: 'answered', httpStatus: response.status, retryAfterMs: retryAfterMsOf(response.headers.get('retry-after')), body: body?.value ?? null };
  } catch (error) {
    if (limits.signal.aborted) return { status: 'lost', kind: 'aborted', reason: `${where}: given up by the caller` };
    if (deadline.aborted) return { status: 'lost', kind: 'timeout', reason: `${where}: no answer within ${limits.timeoutMs} ms` };
    const reason = `${where}: ${textOf(error)}`;
    const code = codeOf(error);
    return code !== null && NOT_SENT_CODES.has(code) ? { status: 'not_sent', kind: 'unreachable', reason } : { status: 'lost', kind: 'connection_lost', reason };
  }
};
