import { expect, test } from '@jest/globals';
import { parseFillActivity, parseOrder, parseTradeUpdate } from './wire.ts';

// The shapes Alpaca's documentation shows, not the simulator's: the adapter must not learn its wire from our own twin.
const DOCUMENTED_ORDER = {
  id: '61e69015-8549-4bfd-b9c3-01e75843f47d', client_order_id: 'eb9e2aaa-f71a-4f51-b5b4-52a6c565dad4',
  created_at: '2021-03-16T18:38:01.942282Z', submitted_at: '2021-03-16T18:38:01.937734Z', filled_at: null, asset_class: 'us_equity',
  symbol: 'AAPL', qty: '15', filled_qty: '0', filled_avg_price: null, order_class: '', order_type: 'market', type: 'market', side: 'buy',
  time_in_force: 'day', limit_price: null, stop_price: null, status: 'accepted', extended_hours: false, legs: null,
};

test('reads an order as documented', () => {
  expect(parseOrder(DOCUMENTED_ORDER)).toEqual({
    brokerOrderId: '61e69015-8549-4bfd-b9c3-01e75843f47d', clientOrderId: 'eb9e2aaa-f71a-4f51-b5b4-52a6c565dad4', symbol: 'AAPL', side: 'buy',
    kind: 'market', timeInForce: 'day', status: 'pending', venueStatus: 'accepted', qty: '15', filledQty: '0', filledAvgPrice: null,
    limitPrice: null, stopPrice: null, legs: [], submittedAtMs: 1_615_919_881_937,
  });
});

test('refuses an order with a status, a quantity or a leg that it does not know', () => {
  expect(parseOrder({ ...DOCUMENTED_ORDER, status: 'mystery' })).toBeNull();
  expect(parseOrder({ ...DOCUMENTED_ORDER, qty: 'NaN' })).toBeNull();
  expect(parseOrder({ ...DOCUMENTED_ORDER, legs: [{}] })).toBeNull();
  expect(parseOrder([])).toBeNull();
});

test('reads a fill, and an event of another kind as other', () => {
  const order = { ...DOCUMENTED_ORDER, status: 'filled', filled_qty: '15', filled_avg_price: '127.5' };
  const fill = { event: 'fill', execution_id: 'e1', price: '127.5', qty: '15', position_qty: '15', timestamp: '2021-03-16T18:38:02Z', order };
  expect(parseTradeUpdate(fill)).toMatchObject({ type: 'filled', fill: { executionId: 'e1', cumulativeQty: '15', price: '127.5' }, positionQty: '15' });
  expect(parseTradeUpdate({ ...fill, event: 'done_for_day' })).toMatchObject({ type: 'other', venueEvent: 'done_for_day' });
  expect(parseTradeUpdate({ ...fill, execution_id: undefined })).toBeNull();
});

test('the execution id of a FILL activity is the second half of its id', () => {
  const activity = {
    id: '20190524113406977::8efc7b9a-8b2b-4000-9955-d36e7db0df74', activity_type: 'FILL', transaction_time: '2019-05-24T15:34:06.977Z', type: 'partial_fill',
    price: '1.63', qty: '4', side: 'buy', symbol: 'LPCN', leaves_qty: '6', order_id: '904837e3', cum_qty: '4',
  };
  expect(parseFillActivity(activity)).toMatchObject({ executionId: '8efc7b9a-8b2b-4000-9955-d36e7db0df74', cumulativeQty: '4', brokerOrderId: '904837e3' });
});
