import type { AiProviderAttempt, FusedPrompt, ProviderVerdict } from '#contracts';
import { erase } from '#kernel';
import type { AbortSignalLike } from '#saga-core';
import type { Clock } from '#saga-core/ports';
import type { Unavailability, Walk } from '../business/chain.ts';
import { parseDecision } from '../business/decision.ts';
import type { ModelGateway, ModelOutcome } from '../gateways.ts';

/** A call ends a little before the step's own limit, so that the gateway's answer (timeout) is what gets recorded. */
const MARGIN_MS = 500;

/** What asking one provider once came to. */
export type Asked =
  | { readonly status: 'served'; readonly verdict: ProviderVerdict }
  /** The next in the chain is to be asked at once. */
  | { readonly status: 'unavailable'; readonly why: Unavailability; readonly attempt: AiProviderAttempt }
  /** The same provider may serve if it is asked again. */
  | { readonly status: 'transient'; readonly why: Unavailability; readonly attempt: AiProviderAttempt }
  /** We are stopping. */
  | { readonly status: 'aborted' };

/** Walks remembered at once; the oldest goes. One that is forgotten is only less exact. */
const WALKS_MAX = 1_000;

/** A chain of providers in one process: remembers whose Retry-After has not passed yet, and how far each question has come. */
export class ProviderChain {
  readonly #gateways: readonly ModelGateway[];
  readonly #clock: Clock;
  readonly #notBeforeMs = new Map<number, number>();
  readonly #walks = new Map<string, Walk<AiProviderAttempt>>();

  constructor(gateways: readonly ModelGateway[], clock: Clock) {
    this.#gateways = gateways;
    this.#clock = clock;
  }

  get length(): number {
    return this.#gateways.length;
  }

  /** What earlier attempts of a question left; null where this process made none. */
  walkOf(question: string): Walk<AiProviderAttempt> | null {
    return this.#walks.get(question) ?? null;
  }

  remember(question: string, walk: Walk<AiProviderAttempt>): void {
    this.#walks.delete(question);
    this.#walks.set(question, walk);
    const [oldest] = this.#walks.keys();
    if (this.#walks.size > WALKS_MAX && oldest !== undefined) this.#walks.delete(oldest);
  }

  forget(question: string): void {
    this.#walks.delete(question);
  }

  /** Asks the provider at `index` once, and validates its answer. */
  async ask(index: number, prompt: FusedPrompt, options: { readonly timeoutMs: number; readonly signal: AbortSignalLike }): Promise<Asked> {
    const gateway = this.#gateways[index];
    if (gateway === undefined) return { status: 'unavailable', why: 'circuit_open', attempt: { provider: 'none', model: 'none', status: null, reason: `no provider at place ${index} of the chain` } };
    const at = this.#clock.monotonicMillis();
    const tried = (reason: string, status: number | null = null): AiProviderAttempt => ({ provider: gateway.provider, model: gateway.model, status, reason });
    if (at < (this.#notBeforeMs.get(index) ?? 0)) return { status: 'unavailable', why: 'rate_limited', attempt: tried('rate_limited: its Retry-After has not passed') };
    const outcome = await gateway.complete({ prompt, timeoutMs: Math.max(1, options.timeoutMs - MARGIN_MS), signal: erase<AbortSignal>(options.signal) });
    const answeredAt = this.#clock.monotonicMillis();
    // From the answer on: the provider said it then.
    if (outcome.status === 'rate_limited' && outcome.retryAfterMs !== null) this.#notBeforeMs.set(index, answeredAt + outcome.retryAfterMs);
    return judged(outcome, { provider: gateway.provider, latencyMs: Math.round(answeredAt - at), tried });
  }
}

type Call = { readonly provider: string; readonly latencyMs: number; readonly tried: (reason: string, status?: number | null) => AiProviderAttempt };

const served = (outcome: Extract<ModelOutcome, { readonly status: 'answered' }>, call: Call): Asked => {
  const decision = parseDecision(outcome.content);
  if (!decision.ok) return { status: 'unavailable', why: 'invalid_output', attempt: call.tried(`invalid_output: ${decision.fault.join('; ')}`, 200) };
  return {
    status: 'served',
    verdict: {
      verdict: 'answered', provider: call.provider, model: outcome.model, content: outcome.content, httpStatus: 200, latencyMs: call.latencyMs,
      promptTokens: outcome.usage.promptTokens, completionTokens: outcome.usage.completionTokens, attempts: [],
    },
  };
};

const judged = (outcome: ModelOutcome, call: Call): Asked => {
  const { tried } = call;
  switch (outcome.status) {
    case 'answered': return served(outcome, call);
    case 'rate_limited': return { status: 'unavailable', why: 'rate_limited', attempt: tried(`rate_limited: ${outcome.reason}`, 429) };
    case 'invalid_output': return { status: 'unavailable', why: 'invalid_output', attempt: tried(`invalid_output: ${outcome.reason}`, 200) };
    case 'circuit_open': return { status: 'unavailable', why: 'circuit_open', attempt: tried('circuit_open') };
    // A wrong key or request stays wrong: no repeat, the next provider may serve.
    case 'refused': return { status: 'unavailable', why: 'server_error', attempt: tried(`refused: ${outcome.reason}`, outcome.httpStatus) };
    case 'server_error': return { status: 'transient', why: 'server_error', attempt: tried(`server_error: ${outcome.reason}`, outcome.httpStatus) };
    case 'timeout': return { status: 'transient', why: 'timeout', attempt: tried(`timeout: ${outcome.reason}`) };
    case 'connection_lost': return { status: 'transient', why: 'timeout', attempt: tried(`connection_lost: ${outcome.reason}`) };
    case 'aborted': return { status: 'aborted' };
  }
};

/** A provider that did not serve, as a result that a later step deals with. */
export const unavailable = (why: Unavailability, attempts: readonly AiProviderAttempt[], latencyMs = 0): ProviderVerdict => {
  const last = attempts.at(-1);
  return {
    verdict: why, provider: last?.provider ?? 'none', model: last?.model ?? 'none', content: null, httpStatus: last?.status ?? null, latencyMs, promptTokens: null, completionTokens: null, attempts,
  };
};
