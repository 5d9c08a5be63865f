import { add, compare, type Decimal, isPositive, multiply, ZERO } from '#kernel';
import { afterFill, afterSplit, averagePrice, type Fill, type Position, type Side } from './position.ts';

/** A fill that the position contains, and the position just before it. */
export type Execution = Fill & { readonly executionId: string; readonly orderId: string; readonly orderQty: Decimal; readonly before: Position };

/** A position with the executions it was made of, as far back as they are kept. */
export type PositionBook = { readonly symbol: string; readonly position: Position; readonly executions: readonly Execution[] };

/** The order that an execution claims to belong to. */
export type OrderTerms = { readonly orderId: string; readonly symbol: string; readonly side: Side; readonly qty: Decimal };
export type ReportedFill = { readonly executionId: string; readonly symbol: string; readonly side: string; readonly qty: Decimal; readonly price: Decimal };

export type FillRefusal = 'EXECUTION_REPEATED_DIFFERENTLY' | 'WRONG_SYMBOL' | 'WRONG_SIDE' | 'QUANTITY_NOT_POSITIVE' | 'PRICE_NOT_POSITIVE' | 'OVERFILL';

export type FillVerdict =
  | { readonly status: 'applied'; readonly book: PositionBook; readonly execution: Execution; readonly orderFilledQty: Decimal; readonly orderAvgPrice: Decimal; readonly isWhole: boolean }
  /** Known already, with the same figures: nothing changes. */
  | { readonly status: 'known'; readonly execution: Execution }
  | { readonly status: 'refused'; readonly code: FillRefusal };

/** Executions kept per position beyond those of unfinished orders; the oldest go first. */
export const EXECUTIONS_MAX = 64;
/** Orders that count as unfinished: the last ones that were filled in part. One that was cancelled never becomes whole, and is not told from them. */
export const UNFINISHED_ORDERS_MAX = 16;

const executionsOf = (book: PositionBook, orderId: string): readonly Execution[] => book.executions.filter((execution) => execution.orderId === orderId);
const filledQty = (executions: readonly Execution[]): Decimal => executions.reduce((sum, execution) => add(sum, execution.qty), ZERO);

const refusal = (book: PositionBook, order: OrderTerms, fill: ReportedFill): FillRefusal | null => {
  if (fill.symbol !== order.symbol || book.symbol !== order.symbol) return 'WRONG_SYMBOL';
  if (fill.side !== order.side) return 'WRONG_SIDE';
  if (!isPositive(fill.qty)) return 'QUANTITY_NOT_POSITIVE';
  if (!isPositive(fill.price)) return 'PRICE_NOT_POSITIVE';
  return compare(add(filledQty(executionsOf(book, order.orderId)), fill.qty), order.qty) > 0 ? 'OVERFILL' : null;
};

const isSame = (known: Execution, order: OrderTerms, fill: ReportedFill): boolean =>
  known.orderId === order.orderId && known.side === fill.side && compare(known.qty, fill.qty) === 0 && compare(known.price, fill.price) === 0;

/** Orders whose filled quantity is still counted by their executions: not whole yet, the last that were filled. */
const unfinishedOf = (executions: readonly Execution[]): ReadonlySet<string> => {
  const filled = new Map<string, { readonly qty: Decimal; readonly isWhole: boolean }>();
  for (const { orderId, orderQty, qty } of executions) {
    const sum = add(filled.get(orderId)?.qty ?? ZERO, qty);
    filled.delete(orderId);
    filled.set(orderId, { qty: sum, isWhole: compare(sum, orderQty) >= 0 });
  }
  return new Set([...filled].filter(([, order]) => !order.isWhole).map(([orderId]) => orderId).slice(-UNFINISHED_ORDERS_MAX));
};

/** Nothing of an unfinished order is forgotten: its executions are what its fills are counted and repetitions are known by. */
const kept = (executions: readonly Execution[], orderId: string): readonly Execution[] => {
  let excess = executions.length - EXECUTIONS_MAX;
  if (excess <= 0) return executions;
  const unfinished = unfinishedOf(executions);
  return executions.filter((execution) => {
    const isForgotten = excess > 0 && execution.orderId !== orderId && !unfinished.has(execution.orderId);
    if (isForgotten) excess--;
    return !isForgotten;
  });
};

/** Applies what a venue reported, unless it is known or does not fit the order. */
export const applyFill = (book: PositionBook, order: OrderTerms, fill: ReportedFill): FillVerdict => {
  const known = book.executions.find((execution) => execution.executionId === fill.executionId);
  if (known !== undefined) return isSame(known, order, fill) ? { status: 'known', execution: known } : { status: 'refused', code: 'EXECUTION_REPEATED_DIFFERENTLY' };
  const code = refusal(book, order, fill);
  if (code !== null) return { status: 'refused', code };
  const execution: Execution = { executionId: fill.executionId, orderId: order.orderId, orderQty: order.qty, side: order.side, qty: fill.qty, price: fill.price, before: book.position };
  const executions = kept([...book.executions, execution], order.orderId);
  const own = executionsOf({ ...book, executions }, order.orderId);
  const orderFilledQty = filledQty(own);
  return {
    status: 'applied',
    book: { ...book, position: afterFill(book.position, execution), executions },
    execution,
    orderFilledQty,
    orderAvgPrice: averagePrice(own),
    isWhole: compare(orderFilledQty, order.qty) === 0,
  };
};

/** The book as if the execution had never been: what came after it is applied again. Null where it is not known. */
export const rollBack = (book: PositionBook, executionId: string): PositionBook | null => {
  const at = book.executions.findIndex((execution) => execution.executionId === executionId);
  const busted = book.executions[at];
  if (busted === undefined) return null;
  let position = busted.before;
  const later: Execution[] = [];
  for (const execution of book.executions.slice(at + 1)) {
    later.push({ ...execution, before: position });
    position = afterFill(position, execution);
  }
  return { ...book, position, executions: [...book.executions.slice(0, at), ...later] };
};

/** Everything kept is scaled, so that a later roll-back restores figures of the new share. */
export const splitBook = (book: PositionBook, ratio: Decimal): PositionBook => ({
  ...book,
  position: afterSplit(book.position, ratio),
  executions: book.executions.map((execution) => ({
    ...execution,
    qty: multiply(execution.qty, ratio),
    orderQty: multiply(execution.orderQty, ratio),
    price: afterSplit({ qty: ZERO, avgPrice: execution.price }, ratio).avgPrice,
    before: afterSplit(execution.before, ratio),
  })),
});
