// Goal: what the participants' ports ask for is what the vendors' adapters give, on real sockets.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createAlpacaGateway, createAlpacaTradeStream } from '#adapters/alpaca';
import { createGroqGateway, createOpenaiGateway } from '#adapters/chat-completions';
import { buildDecisionPrompt, parseDecision, type MarketView } from '#participants/ai-decision';
import type { Venue } from '#participants/broker-connections';
import { startGroqSimulator } from '#simulators/groq';
import { startOpenaiSimulator } from '#simulators/openai';
import { KEYS, limits, order, realClock, startBench, until, type Bench } from '../support/vendors/alpaca-bench.ts';

const RISING = ['100', '100', '101', '100', '100', '101', '100', '100', '101', '100', '103', '104', '103', '104', '103'];
const FALLING = RISING.map((close) => String(200 - Number(close)));

const view = (closes: readonly string[], qty: string): MarketView => ({
  symbol: 'AAPL', asOf: '2000-03-22T21:00:00.000Z', closes, position: { qty, avgPrice: '99' }, cash: '100000',
  quote: { bid: '102.9', ask: '103.1', last: '103' }, limits: { maxOrderValue: '20000', maxPositionValue: '50000' },
});

let openai: Awaited<ReturnType<typeof startOpenaiSimulator>>;
let groq: Awaited<ReturnType<typeof startGroqSimulator>>;
let bench: Bench;

beforeAll(async () => {
  [openai, groq, bench] = await Promise.all([startOpenaiSimulator(), startGroqSimulator(), startBench()]);
});
afterAll(() => Promise.all([openai.stop(), groq.stop(), bench.simulator.stop()]));

test.each([
  ['a rise, flat', RISING, '0', { action: 'buy', quantity: '97' }],
  ['a fall, holding', FALLING, '12.5', { action: 'sell', quantity: '12.5' }],
  ['a fall, flat', FALLING, '0', { action: 'hold', quantity: '0' }],
])('the prompt of a real decision is understood, and its answer is a valid decision: %s', async (_name, closes, qty, expected) => {
  const options = { apiKey: 'sk-test', model: 'model-1', breaker: null };
  const gateways = [createOpenaiGateway({ ...options, baseUrl: openai.url }), createGroqGateway({ ...options, baseUrl: groq.url })];
  for (const gateway of gateways) {
    const answer = await gateway.complete({ prompt: buildDecisionPrompt(view(closes, qty)), ...limits() });
    expect(parseDecision(answer.status === 'answered' ? answer.content : answer.status)).toMatchObject({ ok: true, value: expected });
  }
});

test('the Alpaca adapter is a venue for Broker Connections: the stream and a look-up tell the same order', async () => {
  const venue: Venue = {
    name: 'alpaca', gateway: bench.gateway, stream: createAlpacaTradeStream({ url: bench.simulator.streamUrl, ...KEYS, clock: realClock }),
  };
  const filled: string[] = [];
  venue.stream.onUpdate((update) => {
    if (update.type === 'filled') filled.push(update.fill.executionId);
  });
  venue.stream.start();
  try {
    await until(() => venue.stream.state().status, (status) => status === 'live');
    const submitted = await createAlpacaGateway({ baseUrl: bench.simulator.url, ...KEYS, breaker: null }).submitOrder(order(), limits());
    await until(() => filled.length, (count) => count === 1);
    const found = await venue.gateway.findByClientOrderId(order().clientOrderId, limits());
    expect(found).toMatchObject({ status: 'found', order: { status: 'filled', filledQty: '10' } });
    const brokerOrderId = submitted.status === 'accepted' ? submitted.order.brokerOrderId : '';
    expect(await venue.gateway.listFills({ brokerOrderId, sinceMs: Date.now() - 60_000 }, limits())).toMatchObject({ fills: [{ executionId: filled[0] }] });
  } finally {
    await venue.stream.stop();
  }
});
