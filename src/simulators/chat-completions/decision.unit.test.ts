import { expect, test } from '@jest/globals';
import { decide, readPrompt, type PromptData } from './decision.ts';

const prompt = (data: unknown): unknown => [
  { role: 'system', content: 'You trade.' },
  { role: 'user', content: `Judge this.\nDATA: ${JSON.stringify(data)}\nAnswer in JSON.` },
];
const data = (closes: readonly number[], heldQty = 0): PromptData => ({ symbol: 'AAPL', asOf: '2000-03-01', closes, heldQty, heldQtyText: String(heldQty) });
const RISING = [100, 100, 101, 100, 100, 101, 100, 100, 101, 100, 103, 104, 103, 104, 103];
const FALLING = RISING.map((close) => 200 - close);

test('reads the DATA line of the last user message', () => {
  const read = readPrompt(prompt({ symbol: 'AAPL', asOf: '2000-03-01', closes: ['100.5', '101'], position: { qty: '12.5', avgPrice: '99' }, quote: {} }));
  expect(read).toEqual({ symbol: 'AAPL', asOf: '2000-03-01', closes: [100.5, 101], heldQty: 12.5, heldQtyText: '12.5' });
});

test('a prompt without data is not read', () => {
  expect(readPrompt([{ role: 'user', content: 'buy?' }])).toBeNull();
  expect(readPrompt([{ role: 'user', content: 'DATA: {broken' }])).toBeNull();
  expect(readPrompt('text')).toBeNull();
});

test('buys rising momentum when flat, for about the budget', () => {
  expect(decide(data(RISING))).toMatchObject({ action: 'buy', quantity: '97', orderType: 'market' });
});

test('sells falling momentum only when it holds something, and all of it', () => {
  expect(decide(data(FALLING, 12.5))).toMatchObject({ action: 'sell', quantity: '12.5' });
  expect(decide(data(FALLING)).action).toBe('hold');
});

test('holds with too few closes, in flat markets, and while a held trend goes on', () => {
  expect(decide(data([1, 2, 3])).action).toBe('hold');
  expect(decide(data(Array.from({ length: 20 }, () => 100))).action).toBe('hold');
  expect(decide(data(RISING, 5)).action).toBe('hold');
});

test('confidence stays between one half and 0.95, and the same prompt gives the same answer', () => {
  for (const closes of [RISING, FALLING, [1, 1, 1, 1, 1, 90]]) {
    const { confidence } = decide(data(closes, 1));
    expect(confidence).toBeGreaterThanOrEqual(0.5);
    expect(confidence).toBeLessThanOrEqual(0.95);
    expect(decide(data(closes, 1))).toEqual(decide(data(closes, 1)));
  }
});
