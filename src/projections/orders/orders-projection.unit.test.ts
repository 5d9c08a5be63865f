import { expect, test } from '@jest/globals';
import { orderPlacedEvent, tradeOrderFilled, tradePositionRolledBack, tradePositionUpdated } from '#contracts';
import { applyChanges, changesOf, type Row, type Rows } from '#projections';
import { EMPTY_ENVELOPE } from '#saga-core/runtime';
import { ordersProjection } from './index.ts';

const placed = {
  orderId: 'o', clientOrderId: 'c.1', accountId: 'acc', brokerConnectionId: 'b', symbol: 'AAPL', side: 'buy', qty: '10', orderType: 'market', limitPrice: null, timeInForce: 'day', decisionId: null, isVirtual: false,
};
const fill = (executionId: string, fillQty: string, fillPrice: string) => ({ type: tradePositionUpdated, payload: { orderId: 'o', executionId, fillQty, fillPrice } });
const busted = (executionId: string) => ({ type: tradePositionRolledBack, payload: { orderId: 'o', executionId } });
const FILLED = [
  { type: orderPlacedEvent, payload: placed }, fill('x1', '4', '100'), fill('x2', '6', '101'), { type: tradeOrderFilled, payload: { orderId: 'o', filledQty: '10', avgPrice: '100.6' } },
] as const;

const orderAfter = (records: readonly { readonly type: { readonly name: string }; readonly payload: object }[]): Row | undefined => {
  const rows: Rows = new Map();
  for (const [offset, { type, payload }] of records.entries()) {
    const envelope = { ...EMPTY_ENVELOPE, eventId: `e${offset}`, producer: 'trading-engine', correlationId: 'c', occurredAt: offset, chain: { id: 'trading-engine', seq: offset + 1, prevHash: null } };
    const record = { topic: 'sagas.trading', partition: 0, offset, timestampMs: offset, key: 'c', type: type.name, envelope, payload, decodeData: () => ({ type: '', value: null }) };
    expect(applyChanges(rows, changesOf(ordersProjection, record), () => undefined)).toBeNull();
  }
  return rows.get('orders')?.get('o');
};

test('a fill that the venue takes back leaves quantity and average price of the others', () => {
  expect(orderAfter(FILLED)).toMatchObject({ filled_qty: '10', avg_price: '100.6' });
  expect(orderAfter([...FILLED, busted('x2')])).toMatchObject({ filled_qty: '4', avg_price: '100' });
  expect(orderAfter([...FILLED, busted('x2'), busted('x2'), busted('x9')])).toMatchObject({ filled_qty: '4', avg_price: '100' });
  expect(orderAfter([...FILLED, busted('x2'), busted('x1')])).toMatchObject({ filled_qty: '0', avg_price: null });
});
