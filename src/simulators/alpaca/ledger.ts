import { DECIMAL_SCALE, divideDecimal, multiplyDecimal } from './decimal.ts';
import type { Execution, Position } from './engine-types.ts';

/** Cash and holdings of one account. `positions` keeps flat ones: their average price is needed to undo a sale. */
export type Ledger = { readonly cash: bigint; readonly positions: ReadonlyMap<string, Position> };

export const positionOf = (ledger: Ledger, symbol: string): Position =>
  ledger.positions.get(symbol) ?? { symbol, qty: 0n, avgEntryPrice: 0n };

const signedQty = (execution: Execution): bigint => (execution.side === 'buy' ? execution.qty : -execution.qty);

const withPosition = (ledger: Ledger, position: Position, cash: bigint): Ledger => ({
  cash,
  positions: new Map(ledger.positions).set(position.symbol, position),
});

/** Adding moves the average, reducing leaves it, crossing zero starts a new position at the execution's price. */
export const applyExecution = (ledger: Ledger, execution: Execution): Ledger => {
  const held = positionOf(ledger, execution.symbol);
  const delta = signedQty(execution);
  const qty = held.qty + delta;
  const cash = ledger.cash - multiplyDecimal(delta, execution.price);
  const isAdding = held.qty === 0n || held.qty > 0n === delta > 0n;
  const isCrossing = !isAdding && qty !== 0n && qty > 0n !== held.qty > 0n;
  let avgEntryPrice = held.avgEntryPrice;
  if (isCrossing || held.qty === 0n) avgEntryPrice = execution.price;
  else if (isAdding) avgEntryPrice = divideDecimal(multiplyDecimal(held.qty, held.avgEntryPrice) + multiplyDecimal(delta, execution.price), qty);
  return withPosition(ledger, { symbol: held.symbol, qty, avgEntryPrice }, cash);
};

/** Undoes an execution: the inverse of applying it, as long as it added to (or reduced) the position that is there. */
export const bustExecution = (ledger: Ledger, execution: Execution): Ledger => {
  const held = positionOf(ledger, execution.symbol);
  const delta = signedQty(execution);
  const qty = held.qty - delta;
  const cash = ledger.cash + multiplyDecimal(delta, execution.price);
  const wasAdding = held.qty > 0n === delta > 0n;
  let avgEntryPrice = held.avgEntryPrice;
  if (wasAdding && qty !== 0n) {
    avgEntryPrice = divideDecimal(multiplyDecimal(held.qty, held.avgEntryPrice) - multiplyDecimal(delta, execution.price), qty);
  }
  return withPosition(ledger, { symbol: held.symbol, qty, avgEntryPrice }, cash);
};

/** `numerator` new shares for `denominator` old ones; the value stays. */
export const splitHolding = (ledger: Ledger, symbol: string, ratio: { readonly numerator: bigint; readonly denominator: bigint }): Ledger => {
  const held = positionOf(ledger, symbol);
  const factor = divideDecimal(ratio.numerator * DECIMAL_SCALE, ratio.denominator * DECIMAL_SCALE);
  const qty = (held.qty * ratio.numerator) / ratio.denominator;
  return withPosition(ledger, { symbol, qty, avgEntryPrice: divideDecimal(held.avgEntryPrice, factor) }, ledger.cash);
};
