import type { PositionState } from '#contracts';
import { formatDecimal, knownDecimal } from '#kernel';
import type { PositionBook } from '../business/position-book.ts';

/** Wire state → book. */
export const bookOf = (state: PositionState): PositionBook => ({
  symbol: state.symbol,
  position: { qty: knownDecimal(state.qty), avgPrice: knownDecimal(state.avgPrice) },
  executions: state.executions.map((execution) => ({
    executionId: execution.executionId,
    orderId: execution.orderId,
    orderQty: knownDecimal(execution.orderQty),
    side: execution.side,
    qty: knownDecimal(execution.qty),
    price: knownDecimal(execution.price),
    before: { qty: knownDecimal(execution.prevQty), avgPrice: knownDecimal(execution.prevAvgPrice) },
  })),
});

/** Book → wire state. */
export const stateOf = (state: PositionState, book: PositionBook): PositionState => ({
  ...state,
  qty: formatDecimal(book.position.qty),
  avgPrice: formatDecimal(book.position.avgPrice),
  executions: book.executions.map((execution) => ({
    executionId: execution.executionId,
    orderId: execution.orderId,
    orderQty: formatDecimal(execution.orderQty),
    side: execution.side,
    qty: formatDecimal(execution.qty),
    price: formatDecimal(execution.price),
    prevQty: formatDecimal(execution.before.qty),
    prevAvgPrice: formatDecimal(execution.before.avgPrice),
  })),
});
