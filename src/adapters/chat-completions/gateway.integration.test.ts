// Goal: every outcome of both gateways, through the vendors' own SDKs, against the simulators' real sockets.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { ModelGateway, ModelRequest } from '#participants/ai-decision';
import type { Clock } from '#saga-core/ports';
import { startGroqSimulator } from '#simulators/groq';
import { startOpenaiSimulator } from '#simulators/openai';
import { createCircuitBreaker } from '../circuit-breaker/index.ts';
import { type ChatGatewayOptions, createGroqGateway, createOpenaiGateway } from './gateway.ts';

const CLOSES = ['100', '100', '101', '100', '100', '101', '100', '100', '101', '100', '103', '104', '103', '104', '103'];
const DATA = { symbol: 'AAPL', asOf: '2000-03-22', closes: CLOSES, position: { qty: '0', avgPrice: null }, quote: { bid: '102.9', ask: '103.1', last: '103' } };

const clock: Clock = {
  nowMillis: () => Date.now(),
  monotonicMillis: () => performance.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

const ask = (timeoutMs = 2_000, signal: AbortSignal = new AbortController().signal): ModelRequest => ({
  prompt: { system: 'Answer in JSON.', user: `Decide.\nDATA: ${JSON.stringify(DATA)}` }, timeoutMs, signal,
});

describe.each([
  { provider: 'openai', start: startOpenaiSimulator, create: createOpenaiGateway, path: '/v1' },
  { provider: 'groq', start: startGroqSimulator, create: createGroqGateway, path: '/openai/v1' },
])('$provider', ({ provider, start, create, path }) => {
  let simulator: Awaited<ReturnType<typeof start>>;
  let gateway: ModelGateway;
  const gatewayWith = (overrides: Partial<ChatGatewayOptions> = {}): ModelGateway =>
    create({ baseUrl: simulator.url, apiKey: 'sk-test', model: 'model-1', breaker: null, ...overrides });
  const admin = async (method: string, route: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`${simulator.adminUrl}${route}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    if (!response.ok) throw new Error(`${method} ${route}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  const requestCount = async (): Promise<number> => {
    const { counts } = (await admin('GET', '/requests')) as { readonly counts: Readonly<Record<string, number>> };
    return counts['complete'] ?? 0;
  };

  beforeAll(async () => {
    simulator = await start({ apiKeys: ['sk-test'] });
    gateway = gatewayWith();
  });
  beforeEach(() => admin('POST', '/reset'));
  afterAll(() => simulator.stop());

  test('answers with a decision as JSON text, the model and token usage', async () => {
    const outcome = await gateway.complete(ask());
    expect(outcome).toMatchObject({ status: 'answered', model: 'model-1' });
    if (outcome.status !== 'answered') return;
    expect(JSON.parse(outcome.content)).toMatchObject({ action: 'buy', quantity: '97', orderType: 'market' });
    expect(outcome.usage.promptTokens).toBeGreaterThan(50);
    expect(outcome.usage.completionTokens).toBeGreaterThan(10);
    expect(gateway.provider).toBe(provider);
  });

  test('takes the base URL with the vendor path as well', async () => {
    expect((await gatewayWith({ baseUrl: `${simulator.url}${path}/` }).complete(ask())).status).toBe('answered');
  });

  test('429 is told with Retry-After, and never retried by the SDK', async () => {
    await admin('POST', '/behavior', { completion_response: { type: 'error', status: 429, retry_after_seconds: 7 } });
    expect(await gateway.complete(ask())).toMatchObject({ status: 'rate_limited', retryAfterMs: 7_000 });
    expect(await requestCount()).toBe(1);
    await admin('POST', '/behavior', { completion_response: { type: 'error', status: 429 } });
    expect(await gateway.complete(ask())).toMatchObject({ status: 'rate_limited', retryAfterMs: null });
  });

  test('500, 503, then an answer: one request each', async () => {
    await admin('POST', '/queue', { answers: [500, 503, 200] });
    const outcomes = [await gateway.complete(ask()), await gateway.complete(ask()), await gateway.complete(ask())];
    expect(outcomes).toMatchObject([{ status: 'server_error', httpStatus: 500 }, { status: 'server_error', httpStatus: 503 }, { status: 'answered' }]);
    expect(await requestCount()).toBe(3);
  });

  test('a wrong key and a refused request carry status and code', async () => {
    expect(await gatewayWith({ apiKey: 'sk-wrong' }).complete(ask())).toMatchObject({ status: 'refused', httpStatus: 401, code: 'invalid_api_key' });
    await admin('POST', '/queue', { answers: [{ status: 400, body: { error: { message: 'too long', type: 'invalid_request_error', code: 'context_length_exceeded' } } }] });
    expect(await gateway.complete(ask())).toMatchObject({ status: 'refused', httpStatus: 400, code: 'context_length_exceeded' });
  });

  test('no answer within the limit is a timeout, also when the answer comes late', async () => {
    await admin('POST', '/behavior', { completion_response: { type: 'none' } });
    expect(await gateway.complete(ask(80))).toMatchObject({ status: 'timeout' });
    await admin('POST', '/behavior', { completion_response: { type: 'success' }, delay_millis: 200 });
    expect(await gateway.complete(ask(80))).toMatchObject({ status: 'timeout' });
  });

  test('a dropped connection and nobody listening are lost connections', async () => {
    await admin('POST', '/behavior', { should_drop_connection: true });
    expect(await gateway.complete(ask())).toMatchObject({ status: 'connection_lost' });
    const closed = await start();
    await closed.stop();
    expect(await gatewayWith({ baseUrl: closed.url }).complete(ask())).toMatchObject({ status: 'connection_lost' });
  });

  test('a redirect is not followed: the key goes nowhere else', async () => {
    await admin('POST', '/queue', { answers: [{ status: 307, headers: { location: `${simulator.url}${path}/chat/completions` } }] });
    expect((await gateway.complete(ask())).status).toBe('connection_lost');
    expect(await requestCount()).toBe(1);
  });

  test('the caller may give up, before and during the call', async () => {
    expect(await gateway.complete(ask(2_000, AbortSignal.abort()))).toEqual({ status: 'aborted' });
    expect(await requestCount()).toBe(0);
    await admin('POST', '/behavior', { completion_response: { type: 'none' } });
    const controller = new AbortController();
    const pending = gateway.complete(ask(5_000, controller.signal));
    while ((await requestCount()) === 0) await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    expect(await pending).toEqual({ status: 'aborted' });
  });

  test('answers without a completion are invalid output; unparsable content is passed on for the caller to judge', async () => {
    await admin('POST', '/queue', { answers: [{ body: { id: 'x', choices: [] } }, { text: '<html>' }] });
    expect(await gateway.complete(ask())).toMatchObject({ status: 'invalid_output' });
    expect(await gateway.complete(ask())).toMatchObject({ status: 'invalid_output' });
    await admin('POST', '/contents', { key: 'AAPL@2000-03-22', content: 'I would rather not say.' });
    expect(await gateway.complete(ask())).toMatchObject({ status: 'answered', content: 'I would rather not say.' });
    expect((await gateway.complete(ask())).status).toBe('answered');
  });

  test('a fault plan keyed on symbol and date befalls the same prompt again', async () => {
    const plan = { seed: 3, variants: [{ name: 'limited', permille: 1000, faults: [429, 500] }] };
    await admin('PUT', '/fault-plan', plan);
    const seen = [(await gateway.complete(ask())).status, (await gateway.complete(ask())).status, (await gateway.complete(ask())).status];
    expect(seen).toEqual(['rate_limited', 'server_error', 'answered']);
    await admin('PUT', '/fault-plan', { seed: 3, variants: [{ name: 'babble', permille: 1000, extra: { content: '{"action":"explode"}' } }] });
    expect(await gateway.complete(ask())).toMatchObject({ content: '{"action":"explode"}' });
  });

  test('five failures open the breaker, then nothing is sent; 429 does not count', async () => {
    const breaker = createCircuitBreaker({ endpoint: provider, credential: 'KEY', clock, onStateChange: () => undefined });
    const guarded = gatewayWith({ breaker });
    await admin('POST', '/queue', { answers: [429, 429, 429, 429, 429, 500, 500, 500, 500, 500] });
    for (let call = 0; call < 10; call++) await guarded.complete(ask());
    const refused = await guarded.complete(ask());
    breaker.close();
    expect(refused).toMatchObject({ status: 'circuit_open' });
    expect(await requestCount()).toBe(10);
  });
});
