import { createAgenda, type Agenda } from './agenda.ts';
import { maxDecimal, multiplyDecimal } from './decimal.ts';
import {
  FINAL_STATUSES, type EngineConfig, type Execution, type FillScript, type Order, type OrderStatus, type Quote, type ScriptStep, type VenueEvent,
  type VenueEventName,
} from './engine-types.ts';
import { type Ledger, positionOf } from './ledger.ts';
import { reservationPrice } from './matching.ts';

/** What an account has on its agenda. */
export type Due =
  | { readonly kind: 'acknowledge'; readonly orderId: string; readonly script: FillScript | null }
  | { readonly kind: 'step'; readonly orderId: string; readonly step: ScriptStep }
  | { readonly kind: 'confirm_cancel'; readonly orderId: string };

/** The changing state of one account at the venue; orders and executions themselves are immutable and replaced. */
export type Book = {
  ledger: Ledger;
  ackAfterMs: number;
  readonly orders: Map<string, Order>;
  readonly byClientId: Map<string, string>;
  /** In order of entry: who came first is served first. */
  readonly openIds: Set<string>;
  readonly quotes: Map<string, Quote>;
  readonly executions: Map<string, Execution>;
  /** Order id → ids of its executions, oldest first. */
  readonly executionIds: Map<string, readonly string[]>;
  readonly agenda: Agenda<Due>;
  readonly onEvent: (event: VenueEvent) => void;
};

export const createBook = (config: EngineConfig, onEvent: (event: VenueEvent) => void): Book => ({
  ledger: { cash: config.cash, positions: new Map() },
  ackAfterMs: config.ackAfterMs,
  orders: new Map(), byClientId: new Map(), openIds: new Set(), quotes: new Map(), executions: new Map(), executionIds: new Map(),
  agenda: createAgenda<Due>(),
  onEvent,
});

export const isOpen = (order: Order): boolean => !FINAL_STATUSES.has(order.status);

export const openOrders = (book: Book): readonly Order[] => [...book.openIds].flatMap((id) => book.orders.get(id) ?? []);

export const siblingOf = (book: Book, order: Order): Order | null =>
  order.siblingId === null ? null : (book.orders.get(order.siblingId) ?? null);

/** What may still fill: two orders that exclude each other share their quantity. */
export const remainingQty = (book: Book, order: Order): bigint =>
  maxDecimal(0n, order.qty - order.filledQty - (siblingOf(book, order)?.filledQty ?? 0n));

export const storeOrder = (book: Book, order: Order): Order => {
  book.orders.set(order.id, order);
  if (isOpen(order)) book.openIds.add(order.id);
  else book.openIds.delete(order.id);
  return order;
};

export const emitEvent = (book: Book, event: VenueEventName, order: Order, execution: Execution | null = null): void =>
  book.onEvent({ event, atMs: order.updatedAtMs, order, execution, positionQty: positionOf(book.ledger, order.symbol).qty });

export const moveTo = (book: Book, order: Order, to: { readonly status: OrderStatus; readonly nowMs: number }): Order =>
  storeOrder(book, { ...order, status: to.status, updatedAtMs: to.nowMs });

/** A final status, its event, and with it the end of everything that hangs on the order. */
export const endOrder = (book: Book, order: Order, to: { readonly status: 'canceled' | 'expired' | 'rejected'; readonly nowMs: number }): void => {
  emitEvent(book, to.status, moveTo(book, order, to));
  for (const id of [...order.legIds, ...(order.siblingId === null ? [] : [order.siblingId])]) {
    const related = book.orders.get(id);
    if (related !== undefined && isOpen(related)) endOrder(book, related, { status: 'canceled', nowMs: to.nowMs });
  }
};

/** Shares of a holding that no open sale has reserved. */
export const availableQty = (book: Book, symbol: string): bigint => {
  let reserved = 0n;
  for (const order of openOrders(book)) {
    if (order.symbol !== symbol || order.side !== 'sell' || order.status === 'held') continue;
    const other = siblingOf(book, order);
    // Two orders that exclude each other need the shares once.
    if (other !== null && isOpen(other) && other.status !== 'held' && other.id < order.id) continue;
    reserved += remainingQty(book, order);
  }
  return positionOf(book.ledger, symbol).qty - reserved;
};

export const buyingPower = (book: Book): bigint => {
  let reserved = 0n;
  for (const order of openOrders(book)) {
    if (order.side !== 'buy' || order.status === 'held') continue;
    reserved += multiplyDecimal(remainingQty(book, order), reservationPrice(order, book.quotes.get(order.symbol) ?? null));
  }
  return book.ledger.cash - reserved;
};
