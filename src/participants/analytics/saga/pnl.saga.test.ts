import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { tradePositionUpdated, type TradePositionUpdated } from '#contracts';
import { knownDecimal as d, type Decimal, ZERO } from '#kernel';
import { orderExecution } from '#sagas/order-execution';
import { contextOf, executed, kept, undone } from '../../../../test/support/step-context.ts';
import { profitAndLoss, realizedBy } from '../business/pnl.ts';
import { calculatePnl } from './calculate-pnl.step.ts';

const change = (before: [string, string], after: [string, string], fillPrice: string) => ({ qtyBefore: d(before[0]), avgPriceBefore: d(before[1]), qtyAfter: d(after[0]), avgPriceAfter: d(after[1]), fillPrice: d(fillPrice) });

test.each([
  ['opening realises nothing', change(['0', '0'], ['10', '100'], '100'), '0'],
  ['adding realises nothing', change(['10', '100'], ['20', '105'], '110'), '0'],
  ['closing part of a long', change(['10', '100'], ['4', '100'], '103'), '18'],
  ['closing a long at a loss', change(['10', '100'], ['0', '0'], '99.5'), '-5'],
  ['closing a short gains as the price falls', change(['-10', '100'], ['0', '0'], '90'), '100'],
  ['through zero only the closed part counts', change(['10', '100'], ['-5', '110'], '110'), '100'],
])('%s', (_name, one, expected) => {
  expect(realizedBy(one)).toEqual(d(expected));
});

test('a position that is opened and closed at one price earns nothing', () => {
  const cents = fc.integer({ min: 1, max: 1_000_000 }).map((units): Decimal => d(`${units}`));
  fc.assert(fc.property(cents, cents, (qty, price) => {
    const open = { qtyBefore: ZERO, avgPriceBefore: ZERO, qtyAfter: qty, avgPriceAfter: price, fillPrice: price };
    const close = { qtyBefore: qty, avgPriceBefore: price, qtyAfter: ZERO, avgPriceAfter: ZERO, fillPrice: price };
    expect(profitAndLoss([open, close])).toEqual({ realized: ZERO, unrealized: ZERO });
  }));
});

const UPDATE: TradePositionUpdated = { positionId: 'pos', accountId: 'acc', symbol: 'AAPL', prevQty: '10', prevAvgPrice: '100', qty: '4', avgPrice: '100', orderId: 'o1', executionId: 'e1', fillQty: '6', fillPrice: '103' };

test('the entry is the sum over the order\'s fills, and its undo reverses exactly it', async () => {
  const step = calculatePnl(orderExecution, 'USD');
  const context = contextOf({ start: { orderId: 'o1', symbol: 'AAPL' }, items: { update_position: [['e1', kept(tradePositionUpdated, UPDATE)]] } });
  const result = await executed(step, context);
  expect(result).toMatchObject({ output: { payload: { orderId: 'o1', positionId: 'pos', realizedPnl: '18', unrealizedPnl: '12', currency: 'USD' } } });
  const entry = { positionId: 'pos', orderId: 'o1', symbol: 'AAPL', realizedPnl: '18', currency: 'USD' };
  expect(await undone(step, context, { data: entry, failure: { failedStep: null, reason: 'operator' } })).toMatchObject({ status: 'compensated', events: [{ type: { name: 'analytics.pnl.reversed' }, payload: { ...entry, reason: 'operator' } }] });
  expect(await undone(step, context)).toEqual({ status: 'compensated' });
});
