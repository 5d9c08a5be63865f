/** What AI Decision needs of a language model, in its own words. No call throws for an answer that can be expected. */

export type ModelPrompt = {
  readonly system: string;
  /**
   * Holds one line `DATA: {json}` with {symbol, asOf, closes: string[] (oldest first, at most 20), position: {qty, avgPrice},
   * quote: {bid, ask, last}}; prices and quantities are decimal text. The answer is JSON
   * {action: buy|sell|hold, confidence, quantity, orderType, rationale}.
   */
  readonly user: string;
};

export type ModelRequest = {
  readonly prompt: ModelPrompt;
  readonly signal: AbortSignal;
  /** Hard limit of this one attempt, in milliseconds. The gateway never retries by itself. */
  readonly timeoutMs: number;
};

export type TokenUsage = { readonly promptTokens: number; readonly completionTokens: number };

export type ModelOutcome =
  /** `content` is the model's text as it came: parsing and validating it is the caller's business. */
  | { readonly status: 'answered'; readonly content: string; readonly model: string; readonly usage: TokenUsage }
  /** 429. `retryAfterMs` is null when the provider gave no Retry-After. */
  | { readonly status: 'rate_limited'; readonly retryAfterMs: number | null; readonly reason: string }
  | { readonly status: 'server_error'; readonly httpStatus: number; readonly reason: string }
  | { readonly status: 'timeout'; readonly reason: string }
  | { readonly status: 'connection_lost'; readonly reason: string }
  /** The provider answered 200 with something that holds no completion. */
  | { readonly status: 'invalid_output'; readonly reason: string }
  /** 4xx other than 429: wrong key, wrong request. Never retried. */
  | { readonly status: 'refused'; readonly httpStatus: number; readonly code: string | null; readonly reason: string }
  /** The circuit breaker refused; nothing was sent. */
  | { readonly status: 'circuit_open'; readonly retryAfterMs: number }
  /** The caller's own signal ended the call. */
  | { readonly status: 'aborted' };

export type ModelGateway = {
  /** As configured, e.g. "openai", "groq". */
  readonly provider: string;
  readonly model: string;
  readonly complete: (request: ModelRequest) => Promise<ModelOutcome>;
};
