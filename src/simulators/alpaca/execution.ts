import { type Book, emitEvent, endOrder, isOpen, moveTo, remainingQty, siblingOf, storeOrder } from './book.ts';
import { multiplyDecimal } from './decimal.ts';
import type { Execution, FillScript, Order, Refusal, ScriptStep } from './engine-types.ts';
import { uuidOf } from './ids.ts';
import { applyExecution, bustExecution } from './ledger.ts';
import { consume, isTriggeredBy, offeredQty, scriptedQty, tradePrice } from './matching.ts';
import { finalState, impossible, notFound } from './refusals.ts';

type FillTerms = { readonly qty: bigint; readonly price: bigint; readonly nowMs: number };

const fillOrder = (book: Book, order: Order, { qty, price, nowMs }: FillTerms): void => {
  const ids = book.executionIds.get(order.id) ?? [];
  const executionId = uuidOf(`${order.id}/execution/${ids.length}`);
  const filledQty = order.filledQty + qty;
  const isComplete = filledQty >= order.qty;
  const status = isComplete ? 'filled' : order.status === 'pending_cancel' ? 'pending_cancel' : 'partially_filled';
  const execution: Execution = {
    executionId, orderId: order.id, symbol: order.symbol, side: order.side, qty, price, cumulativeQty: filledQty, atMs: nowMs, isBusted: false,
  };
  book.executions.set(executionId, execution);
  book.executionIds.set(order.id, [...ids, executionId]);
  book.ledger = applyExecution(book.ledger, execution);
  const filledValue = order.filledValue + multiplyDecimal(qty, price);
  const after = storeOrder(book, { ...order, status, filledQty, filledValue, updatedAtMs: nowMs });
  emitEvent(book, isComplete ? 'fill' : 'partial_fill', after, execution);
  settleSibling(book, after, nowMs);
  if (after.status === 'filled' && after.orderClass !== 'oco') activateLegs(book, after, nowMs);
};

/** With nothing left for either of two orders that exclude each other, both are at their end. */
const settleSibling = (book: Book, order: Order, nowMs: number): void => {
  if (remainingQty(book, order) > 0n) return;
  const other = siblingOf(book, order);
  if (other !== null && isOpen(other)) endOrder(book, other, { status: 'canceled', nowMs });
  const now = book.orders.get(order.id) ?? order;
  if (isOpen(now)) endOrder(book, now, { status: 'canceled', nowMs });
};

/** All legs go live before any of them may trade. */
const activateLegs = (book: Book, parent: Order, nowMs: number): void => {
  for (const legId of parent.legIds) {
    const leg = book.orders.get(legId);
    if (leg?.status === 'held') emitEvent(book, 'new', moveTo(book, leg, { status: 'new', nowMs }));
  }
  for (const legId of parent.legIds) matchOrder(book, legId, nowMs);
};

/** Lets an order trade against its symbol's quote as far as both allow. Scripted orders never do. */
export const matchOrder = (book: Book, orderId: string, nowMs: number): void => {
  const order = book.orders.get(orderId);
  const quote = order === undefined ? undefined : book.quotes.get(order.symbol);
  if (order === undefined || quote === undefined || order.isScripted) return;
  if (order.status !== 'new' && order.status !== 'partially_filled' && order.status !== 'pending_cancel') return;
  if (!isTriggeredBy(order, quote)) return;
  const triggered = order.isTriggered ? order : storeOrder(book, { ...order, isTriggered: true });
  const price = tradePrice(triggered, quote);
  const wanted = remainingQty(book, triggered);
  const qty = price === null ? 0n : offeredQty(triggered, quote, wanted);
  const isAllOrNothing = triggered.timeInForce === 'fok' && qty < wanted;
  if (price !== null && qty > 0n && !isAllOrNothing) {
    book.quotes.set(quote.symbol, consume(quote, triggered, qty));
    fillOrder(book, triggered, { qty, price, nowMs });
  }
  const after = book.orders.get(orderId);
  const isImmediate = triggered.timeInForce === 'ioc' || triggered.timeInForce === 'fok';
  if (isImmediate && after !== undefined && isOpen(after)) endOrder(book, after, { status: 'canceled', nowMs });
};

/** `new`: from here on the order may trade, or its script runs. */
export const acknowledgeOrder = (book: Book, order: Order, at: { readonly script: FillScript | null; readonly nowMs: number }): void => {
  if (order.status !== 'pending_new') return;
  emitEvent(book, 'new', moveTo(book, order, { status: 'new', nowMs: at.nowMs }));
  for (const step of at.script ?? []) book.agenda.add(at.nowMs + step.afterMillis, { kind: 'step', orderId: order.id, step });
  matchOrder(book, order.id, at.nowMs);
  if (order.orderClass === 'oco') activateLegs(book, order, at.nowMs);
};

const bustOne = (book: Book, order: Order, at: { readonly index: number; readonly nowMs: number }): Refusal | null => {
  const execution = book.executions.get((book.executionIds.get(order.id) ?? [])[at.index] ?? '');
  if (execution === undefined || execution.isBusted) return impossible(`order ${order.id} has no execution ${at.index} to bust`);
  book.executions.set(execution.executionId, { ...execution, isBusted: true });
  book.ledger = bustExecution(book.ledger, execution);
  const filledQty = order.filledQty - execution.qty;
  const status = order.status === 'partially_filled' && filledQty === 0n ? 'new' : order.status;
  const filledValue = order.filledValue - multiplyDecimal(execution.qty, execution.price);
  emitEvent(book, 'trade_bust', storeOrder(book, { ...order, status, filledQty, filledValue, updatedAtMs: at.nowMs }), execution);
  return null;
};

const scriptedPrice = (book: Book, order: Order, wanted: bigint | null): bigint | null => {
  const quote = book.quotes.get(order.symbol);
  if (wanted !== null || quote === undefined) return wanted ?? order.limitPrice;
  return order.side === 'buy' ? quote.ask : quote.bid;
};

const END_OF = { cancel: 'canceled', expire: 'expired', reject: 'rejected' } as const;

/** Runs one step of a script on an order. */
export const runStep = (book: Book, orderId: string, at: { readonly step: ScriptStep; readonly nowMs: number }): Refusal | null => {
  const { step, nowMs } = at;
  const order = book.orders.get(orderId);
  if (order === undefined) return notFound(orderId);
  if (step.do === 'bust') return bustOne(book, order, { index: step.execution, nowMs });
  if (!isOpen(order)) return finalState(order);
  if (step.do !== 'fill') {
    endOrder(book, order, { status: END_OF[step.do], nowMs });
    return null;
  }
  const price = scriptedPrice(book, order, step.price);
  if (price === null) return impossible(`no price for ${order.symbol}`);
  fillOrder(book, order, { qty: scriptedQty(step.qty, order), price, nowMs });
  return null;
};
