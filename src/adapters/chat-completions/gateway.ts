import Groq from 'groq-sdk';
import OpenAI from 'openai';
import type { ModelGateway, ModelOutcome, ModelRequest } from '#participants/ai-decision';
import type { CallVerdict, CircuitBreaker } from '../circuit-breaker/index.ts';
import { classifyError } from './classify.ts';

export type ChatGatewayOptions = {
  /** With or without the vendor's own path: https://api.openai.com/v1, https://api.groq.com/openai/v1 or their roots. */
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly model: string;
  /** Of this endpoint and credential; null: every call goes out. */
  readonly breaker: CircuitBreaker | null;
  /** Default: openai or groq. Names the provider in records. */
  readonly provider?: string;
};

/** What both SDKs answer, as far as it is used; every part may be missing on the wire, whatever their types say. */
type Completion = {
  readonly model?: unknown;
  readonly choices?: readonly ({ readonly message?: { readonly content?: string | null } } | undefined)[];
  readonly usage?: { readonly prompt_tokens?: number; readonly completion_tokens?: number } | null;
};

type Ask = (request: ModelRequest, options: { readonly timeout: number; readonly signal: AbortSignal }) => Promise<Completion>;

/** 5xx, time-outs and lost connections count; refusals, 429 and useless answers do not (A7.2). */
const judge = (outcome: ModelOutcome): CallVerdict => {
  if (outcome.status === 'server_error' || outcome.status === 'timeout' || outcome.status === 'connection_lost') return 'failure';
  return outcome.status === 'aborted' ? 'abandoned' : 'success';
};

const readCompletion = (completion: Completion, model: string): ModelOutcome => {
  const content = completion.choices?.[0]?.message?.content;
  if (typeof content !== 'string' || content === '') return { status: 'invalid_output', reason: 'the answer holds no choices[0].message.content' };
  return {
    status: 'answered',
    content,
    model: typeof completion.model === 'string' ? completion.model : model,
    usage: { promptTokens: completion.usage?.prompt_tokens ?? 0, completionTokens: completion.usage?.completion_tokens ?? 0 },
  };
};

/** One attempt within a hard limit that also covers the body of the answer, which the SDKs' own timeout does not. */
const attempt = async (ask: Ask, model: string, request: ModelRequest): Promise<ModelOutcome> => {
  if (request.signal.aborted) return { status: 'aborted' };
  const deadline = AbortSignal.timeout(request.timeoutMs);
  try {
    const completion = await ask(request, { timeout: request.timeoutMs, signal: AbortSignal.any([request.signal, deadline]) });
    return readCompletion(completion, model);
  } catch (error) {
    if (request.signal.aborted) return { status: 'aborted' };
    if (deadline.aborted) return { status: 'timeout', reason: `no answer within ${request.timeoutMs} ms` };
    return classifyError(error);
  }
};

const gatewayOver = (ask: Ask, provider: string, options: ChatGatewayOptions): ModelGateway => ({
  provider,
  model: options.model,
  complete: async (request) => {
    const call = (): Promise<ModelOutcome> => attempt(ask, options.model, request);
    if (options.breaker === null) return call();
    const guarded = await options.breaker.execute(call, judge);
    return guarded.status === 'executed' ? guarded.value : { status: 'circuit_open', retryAfterMs: guarded.retryAfterMs };
  },
});

const withoutSuffix = (url: string, suffix: string): string => {
  const trimmed = url.replace(/\/+$/, '');
  return trimmed.endsWith(suffix) ? trimmed.slice(0, -suffix.length) : trimmed;
};

/** Redirects are errors: the API key must not follow one. Retries are the saga's, so the SDK makes none. */
const CLIENT_OPTIONS = { maxRetries: 0, fetchOptions: { redirect: 'error' as const }, logLevel: 'off' as const };

const messagesOf = ({ prompt }: ModelRequest) => [
  { role: 'system' as const, content: prompt.system },
  { role: 'user' as const, content: prompt.user },
];

/** OpenAI's chat completions through its own SDK. */
export const createOpenaiGateway = (options: ChatGatewayOptions): ModelGateway => {
  const client = new OpenAI({
    ...CLIENT_OPTIONS, apiKey: options.apiKey, baseURL: `${withoutSuffix(options.baseUrl, '/v1')}/v1`, organization: null, project: null, webhookSecret: null, adminAPIKey: null,
  });
  const ask: Ask = (request, limits) =>
    client.chat.completions.create({ model: options.model, messages: messagesOf(request), response_format: { type: 'json_object' } }, limits);
  return gatewayOver(ask, options.provider ?? 'openai', options);
};

/** Groq's chat completions through its own SDK, which adds /openai/v1 itself. */
export const createGroqGateway = (options: ChatGatewayOptions): ModelGateway => {
  const client = new Groq({ ...CLIENT_OPTIONS, apiKey: options.apiKey, baseURL: withoutSuffix(options.baseUrl, '/openai/v1') });
  const ask: Ask = (request, limits) =>
    client.chat.completions.create({ model: options.model, messages: messagesOf(request), response_format: { type: 'json_object' } }, limits);
  return gatewayOver(ask, options.provider ?? 'groq', options);
};
