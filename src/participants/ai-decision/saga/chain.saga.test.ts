import { expect, test } from '@jest/globals';
import { decisionVerdict, fusedPrompt, type OrchestratorAnalysisRequested, type ProviderVerdict, providerVerdict } from '#contracts';
import { erase } from '#kernel';
import type { Completed, StepLimits } from '#saga-core';
import type { Clock } from '#saga-core/ports';
import { aiDecision } from '#sagas/ai-decision';
import { contextOf, executed, kept } from '../../../../test/support/step-context.ts';
import type { ModelGateway, ModelOutcome } from '../gateways.ts';
import { askFallback } from './ask-fallback.step.ts';
import { askPrimary } from './ask-primary.step.ts';
import { ProviderChain } from './ask-provider.ts';
import { decisionLifecycle } from './endings.ts';
import { parseAndValidate } from './parse-and-validate.step.ts';
import { publish } from './publish.step.ts';

const CONTENT = JSON.stringify({ action: 'buy', confidence: 0.8, quantity: '10', orderType: 'market', rationale: 'up' });
const ANSWERED: ModelOutcome = { status: 'answered', content: CONTENT, model: 'gpt', usage: { promptTokens: 3, completionTokens: 4 } };
const LIMITED: ModelOutcome = { status: 'rate_limited', retryAfterMs: 1_000, reason: 'slow down' };
const BROKEN: ModelOutcome = { status: 'server_error', httpStatus: 500, reason: 'HTTP 500' };
const PROMPT = { fuse_data: kept(fusedPrompt, { system: 's', user: 'u' }) };

const given = (...given: readonly (readonly ModelOutcome[] | { readonly callMs: number })[]) => {
  const chains = given.flatMap((one) => ('callMs' in one ? [] : [one]));
  const callMs = given.reduce((ms, one) => ('callMs' in one ? one.callMs : ms), 0);
  const calls: string[] = [];
  const limitsMs: number[] = [];
  let now = 0;
  const clock: Clock = { nowMillis: () => now, monotonicMillis: () => now, after: () => () => undefined };
  const gateways = chains.map((outcomes, index): ModelGateway => {
    let at = 0;
    return {
      provider: `p${index}`, model: `m${index}`,
      complete: async ({ timeoutMs }) => {
        calls.push(`p${index}`);
        limitsMs.push(timeoutMs);
        now += callMs;
        return outcomes[Math.min(at++, outcomes.length - 1)] ?? { status: 'aborted' };
      },
    };
  });
  return { calls, limitsMs, chain: new ProviderChain(gateways, clock), pass: (ms: number) => { now += ms; } };
};
const verdictOf = (result: unknown): ProviderVerdict => erase<ProviderVerdict>(erase<Completed>(result).output === null ? null : erase<{ value: unknown }>(erase<Completed>(result).output).value);
const LIMITS: StepLimits = { timeoutMs: 8_000, maxAttempts: 3 };
const primary = (chain: ProviderChain, attempt = 1, limits = LIMITS) => executed(askPrimary(aiDecision, chain), contextOf({ start: {}, step: 'ask_primary', outputs: PROMPT, attempt, limits }));
const fallback = (chain: ProviderChain, attempt = 1, limits = LIMITS) => executed(askFallback(aiDecision, chain), contextOf({ start: {}, step: 'ask_fallback', outputs: PROMPT, attempt, limits }));

test('an answer is kept as it came, before anybody acts on it', async () => {
  expect(await primary(given([ANSWERED]).chain)).toMatchObject({ status: 'completed', output: { value: { verdict: 'answered', content: CONTENT, provider: 'p0', model: 'gpt', promptTokens: 3 } } });
});

test.each([
  ['rate_limited', LIMITED, 429], ['invalid_output', { ...ANSWERED, content: '{"action":"buy","confidence":1.7,"quantity":1}' }, 200], ['circuit_open', { status: 'circuit_open', retryAfterMs: 5 }, null],
  ['server_error', { status: 'refused', httpStatus: 401, code: null, reason: 'key' }, 401],
] satisfies readonly [string, ModelOutcome, number | null][])('%s is a finding at once', async (verdict, outcome, httpStatus) => {
  expect(await primary(given([outcome]).chain)).toMatchObject({ status: 'completed', output: { value: { verdict, httpStatus, content: null, attempts: [{ provider: 'p0' }] } } });
});

test.each([['server_error', BROKEN], ['timeout', { status: 'timeout', reason: 'silence' }]] satisfies readonly [string, ModelOutcome][])('%s is repeated, and a finding with the last attempt', async (verdict, outcome) => {
  const { chain } = given([outcome]);
  expect(await primary(chain, 1)).toMatchObject({ status: 'failed', kind: 'transient' });
  expect(await primary(chain, 2)).toMatchObject({ status: 'failed', kind: 'transient' });
  expect(await primary(chain, 3)).toMatchObject({ status: 'completed', output: { value: { verdict } } });
});

test('a provider whose Retry-After has not passed is not asked', async () => {
  const { chain, calls, pass } = given([LIMITED, ANSWERED]);
  await primary(chain);
  expect(verdictOf(await primary(chain)).verdict).toBe('rate_limited');
  expect(calls).toHaveLength(1);
  pass(1_000);
  expect(verdictOf(await primary(chain)).verdict).toBe('answered');
});

test('Retry-After counts from the answer', async () => {
  const { chain, calls, pass } = given([LIMITED, ANSWERED], [], { callMs: 700 });
  await primary(chain);
  pass(999);
  await primary(chain);
  expect(calls).toHaveLength(1);
  pass(1);
  await primary(chain);
  expect(calls).toHaveLength(2);
});

test('every request that did not serve is told, in order', async () => {
  const { chain } = given([BROKEN], [BROKEN]);
  for (const attempt of [1, 2]) await primary(chain, attempt);
  expect(verdictOf(await primary(chain, 3)).attempts.map(({ provider, status }) => [provider, status])).toEqual([['p0', 500], ['p0', 500], ['p0', 500]]);
  for (const attempt of [1, 2]) await fallback(chain, attempt);
  expect(verdictOf(await fallback(chain, 3)).attempts.map(({ provider }) => provider)).toEqual(['p1', 'p1', 'p1']);
});

test('the rest of the chain is walked: who does not serve is left at once, or after three requests of his own, and not asked again', async () => {
  const limited: ModelOutcome = { status: 'rate_limited', retryAfterMs: null, reason: 'slow down' };
  const { chain, calls } = given([], [BROKEN], [limited], [BROKEN], [ANSWERED]);
  const status = async (attempt: number) => (await fallback(chain, attempt)).status;
  expect([await status(1), await status(2), await status(3), await status(4)]).toEqual(['failed', 'failed', 'failed', 'failed']);
  expect(await fallback(chain, 5)).toMatchObject({ status: 'completed', output: { value: { verdict: 'answered', provider: 'p4' } } });
  expect(calls).toEqual(['p1', 'p1', 'p1', 'p2', 'p3', 'p3', 'p3', 'p4']);
});

test('attempts and their time are those that the instance\'s start pinned, not those of this worker\'s definition', async () => {
  const once = { timeoutMs: 2_000, maxAttempts: 1 };
  const { chain, limitsMs } = given([BROKEN], [BROKEN], [ANSWERED]);
  // The definition would ask three times.
  expect(aiDecision.steps.ask_primary.retry.maxAttempts).toBe(3);
  expect(await primary(chain, 1, once)).toMatchObject({ status: 'completed', output: { value: { verdict: 'server_error' } } });
  expect(await fallback(chain, 1, once)).toMatchObject({ status: 'completed', output: { value: { verdict: 'answered', provider: 'p2' } } });
  expect(limitsMs).toEqual([1_500, 1_500, 1_500]);
  expect(await primary(given([BROKEN]).chain, 3, { ...LIMITS, maxAttempts: 5 })).toMatchObject({ status: 'failed', kind: 'transient' });
});

test('another process goes on with the entry whose turn it is', async () => {
  const chains = [[], [BROKEN], [BROKEN]];
  const first = given(...chains);
  for (const attempt of [1, 2, 3]) await fallback(first.chain, attempt);
  const second = given(...chains);
  await fallback(second.chain, 4);
  expect(verdictOf(await fallback(second.chain, 5)).verdict).toBe('server_error');
  expect([first.calls, second.calls]).toEqual([['p1', 'p1', 'p1', 'p2'], ['p2', 'p2']]);
});

const verdict = (changes: Partial<ProviderVerdict>) => kept(providerVerdict, { verdict: 'answered', provider: 'p0', model: 'm0', content: CONTENT, httpStatus: 200, latencyMs: 5, promptTokens: 1, completionTokens: 1, attempts: [], ...changes } as ProviderVerdict);

test('a fallback that served is told after the decision, with why it was needed', async () => {
  const outputs = { ask_primary: verdict({ verdict: 'rate_limited', content: null, httpStatus: 429 }), ask_fallback: verdict({ provider: 'p1', model: 'm1' }) };
  const validated = await executed(parseAndValidate(aiDecision), contextOf({ start: {}, outputs }));
  expect(validated).toMatchObject({ output: { value: { action: 'buy', provider: 'p1', switchedFromProvider: 'p0', switchReason: 'rate_limited', switchHttpStatus: 429 } } });
  const decided = erase<{ output: { value: never } }>(validated).output.value;
  expect(await executed(publish(aiDecision), contextOf({ sagaId: 'c-1', start: { symbol: 'AAPL' }, outputs: { parse_and_validate: kept(decisionVerdict, decided) } }))).toMatchObject({
    output: { type: { name: 'ai.decision.generated' }, payload: { decisionId: 'dec-c-1', symbol: 'AAPL', fallbackUsed: true, provider: 'p1' } },
    after: [{ type: { name: 'ai.model.switched' }, payload: { fromProvider: 'p0', toProvider: 'p1', reason: 'rate_limited', httpStatus: 429 } }],
  });
});

test('a head that served leaves no switch to tell', async () => {
  const validated = await executed(parseAndValidate(aiDecision), contextOf({ start: {}, outputs: { ask_primary: verdict({}) } }));
  const decided = erase<{ output: { value: never } }>(validated).output.value;
  expect(await executed(publish(aiDecision), contextOf({ start: { symbol: 'AAPL' }, outputs: { parse_and_validate: kept(decisionVerdict, decided) } }))).toMatchObject({ output: { payload: { fallbackUsed: false } }, after: [] });
});

test('an exhausted chain fails without a decision, and its attempts are told in their order', async () => {
  const first = { provider: 'p0', model: 'm0', status: 429, reason: 'rate_limited' };
  const second = { provider: 'p1', model: 'm1', status: 500, reason: 'server_error' };
  const outputs = { ask_primary: verdict({ verdict: 'rate_limited', content: null, attempts: [first] }), ask_fallback: verdict({ verdict: 'server_error', content: null, attempts: [second] }) };
  expect(await executed(parseAndValidate(aiDecision), contextOf({ start: {}, outputs }))).toMatchObject({ status: 'failed', kind: 'terminal', reason: expect.stringMatching(/^chain_exhausted/) });
  const start = { symbol: 'AAPL' } as OrchestratorAnalysisRequested;
  expect(decisionLifecycle(aiDecision).endings.failed?.(erase(contextOf({ start, outputs })), { failedStep: 'parse_and_validate', reason: '' })).toMatchObject({ event: { payload: { requestEventId: 'start-event', symbol: 'AAPL', attempts: [first, second] } } });
});
