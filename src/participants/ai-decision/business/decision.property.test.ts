import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseDecision } from './decision.ts';
import { buildDecisionPrompt } from './prompt.ts';

const answer = (changes: object = {}): string => JSON.stringify({ action: 'buy', confidence: 0.8, quantity: '10', orderType: 'market', rationale: 'up', ...changes });

test('a decision is read from bare JSON, from a code fence and from between words', () => {
  for (const content of [answer(), `\`\`\`json\n${answer()}\n\`\`\``, `Here you are: ${answer()} Good luck.`]) {
    expect(parseDecision(content)).toEqual({ ok: true, value: { action: 'buy', confidence: 0.8, quantity: '10', orderType: 'market', limitPrice: null, stopLoss: null, takeProfit: null, rationale: 'up' } });
  }
});

test.each([
  ['confidence', answer({ confidence: 1.7 })], ['confidence', answer({ confidence: -0.01 })], ['confidence', answer({ confidence: 'high' })], ['action', answer({ action: 'short' })],
  ['quantity', answer({ quantity: 0 })], ['quantity', answer({ quantity: '-3' })], ['quantity', answer({ quantity: 'many' })], ['orderType', answer({ orderType: 'iceberg' })],
  ['limitPrice', answer({ limitPrice: 0 })], ['answer', 'no idea'], ['answer', '{"action": '], ['answer', '[1,2]'],
])('an answer with a wrong %s is invalid and names it: %s', (field, content) => {
  const parsed = parseDecision(content);
  expect(parsed.ok).toBe(false);
  if (!parsed.ok) expect(parsed.fault.join()).toContain(`${field}:`);
});

test('the bounds themselves are valid, and to hold needs no quantity', () => {
  expect([parseDecision(answer({ confidence: 0 })).ok, parseDecision(answer({ confidence: 1 })).ok]).toEqual([true, true]);
  expect(parseDecision(JSON.stringify({ action: 'hold', confidence: 0.5 }))).toMatchObject({ ok: true, value: { quantity: '0' } });
});

test('whatever a model says, reading it gives a decision within bounds or named faults', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json(), fc.record({ action: fc.constantFrom('buy', 'sell', 'hold', 'x'), confidence: fc.double(), quantity: fc.oneof(fc.double(), fc.string()) }).map((one) => JSON.stringify(one))), (content) => {
    const parsed = parseDecision(content);
    if (parsed.ok) {
      expect(parsed.value.confidence).toBeGreaterThanOrEqual(0);
      expect(parsed.value.confidence).toBeLessThanOrEqual(1);
      if (parsed.value.action !== 'hold') expect(Number(parsed.value.quantity)).toBeGreaterThan(0);
    } else expect(parsed.fault.length).toBeGreaterThan(0);
  }));
});

test('the prompt carries its facts in one machine-readable line', () => {
  const { user } = buildDecisionPrompt({
    symbol: 'AAPL', asOf: '2000-03-01T21:00:00.000Z', closes: ['130.31'], position: { qty: '3', avgPrice: '120' }, quote: { bid: '130.29', ask: '130.33', last: '130.31' }, cash: '100000',
    limits: { maxOrderValue: '50000', maxPositionValue: '100000' },
  });
  const line = user.split('\n').find((one) => one.startsWith('DATA: ')) ?? '';
  expect(JSON.parse(line.slice('DATA: '.length))).toEqual({ symbol: 'AAPL', asOf: '2000-03-01T21:00:00.000Z', closes: ['130.31'], position: { qty: '3', avgPrice: '120' }, quote: { bid: '130.29', ask: '130.33', last: '130.31' } });
});
