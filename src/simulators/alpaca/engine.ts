import {
  availableQty, type Book, buyingPower, createBook, type Due, emitEvent, endOrder, isOpen, moveTo, openOrders, storeOrder,
} from './book.ts';
import { formatDecimal, multiplyDecimal } from './decimal.ts';
import type { EngineConfig, Execution, Order, PlaceRequest, Position, Quote, Refusal, ScriptStep, VenueEvent } from './engine-types.ts';
import { acknowledgeOrder, matchOrder, runStep } from './execution.ts';
import { splitHolding } from './ledger.ts';
import { reservationPrice, validateRequest } from './matching.ts';
import { newLeg, newOrder } from './new-order.ts';
import { finalState, forbidden, invalid, notFound } from './refusals.ts';

export type PlaceResult = { readonly ok: true; readonly order: Order } | { readonly ok: false; readonly refusal: Refusal };

/**
 * One account at the venue: orders, fills, cash and holdings. Deterministic: no clock, no randomness, no I/O; every call is
 * given the time, and `advance` does what has become due since. Each call's events are handed to `onEvent` in order.
 */
export type Engine = {
  readonly place: (request: PlaceRequest, nowMs: number) => PlaceResult;
  readonly cancel: (orderId: string, confirmedAfterMs: number, nowMs: number) => Refusal | null;
  readonly quote: (quote: Quote, nowMs: number) => void;
  /** Runs one script step on an order now. */
  readonly step: (orderId: string, step: ScriptStep, nowMs: number) => Refusal | null;
  /** Ends every open day order, as at the close. */
  readonly expireDayOrders: (nowMs: number) => void;
  readonly advance: (nowMs: number) => void;
  readonly nextDueMs: () => number | null;
  readonly split: (symbol: string, numerator: bigint, denominator: bigint) => void;
  readonly setCash: (cash: bigint) => void;
  readonly setAckAfterMs: (ackAfterMs: number) => void;
  readonly order: (idOrClientId: string) => Order | null;
  readonly orders: () => readonly Order[];
  readonly executions: () => readonly Execution[];
  readonly positions: () => readonly Position[];
  readonly availableQty: (symbol: string) => bigint;
  readonly cash: () => bigint;
  readonly buyingPower: () => bigint;
  readonly lastQuote: (symbol: string) => Quote | null;
};

export const createEngine = (config: EngineConfig, onEvent: (event: VenueEvent) => void): Engine => {
  const book = createBook(config, onEvent);
  return {
    place: (request, nowMs) => placeOrder(book, request, { isShortingAllowed: config.isShortingAllowed, idScope: config.idScope ?? '', nowMs }),
    cancel: (orderId, confirmedAfterMs, nowMs) => cancelOrder(book, orderId, { confirmedAfterMs, nowMs }),
    step: (orderId, step, nowMs) => runStep(book, orderId, { step, nowMs }),
    quote: (quote, nowMs) => {
      book.quotes.set(quote.symbol, quote);
      for (const order of openOrders(book)) if (order.symbol === quote.symbol) matchOrder(book, order.id, nowMs);
    },
    expireDayOrders: (nowMs) => {
      for (const { id } of openOrders(book)) {
        const order = book.orders.get(id);
        if (order !== undefined && isOpen(order) && order.timeInForce === 'day') endOrder(book, order, { status: 'expired', nowMs });
      }
    },
    advance: (nowMs) => {
      for (let due = book.agenda.takeDue(nowMs); due !== null; due = book.agenda.takeDue(nowMs)) runDue(book, due.item, due.dueMs);
    },
    nextDueMs: book.agenda.nextDueMs,
    split: (symbol, numerator, denominator) => {
      book.ledger = splitHolding(book.ledger, symbol, { numerator, denominator });
    },
    setCash: (cash) => {
      book.ledger = { ...book.ledger, cash };
    },
    setAckAfterMs: (ackAfterMs) => {
      book.ackAfterMs = ackAfterMs;
    },
    order: (id) => book.orders.get(id) ?? book.orders.get(book.byClientId.get(id) ?? '') ?? null,
    orders: () => [...book.orders.values()],
    executions: () => [...book.executions.values()],
    positions: () => [...book.ledger.positions.values()].filter((position) => position.qty !== 0n),
    availableQty: (symbol) => availableQty(book, symbol),
    cash: () => book.ledger.cash,
    buyingPower: () => buyingPower(book),
    lastQuote: (symbol) => book.quotes.get(symbol) ?? null,
  };
};

type PlaceAt = { readonly isShortingAllowed: boolean; readonly idScope: string; readonly nowMs: number };

const placeOrder = (book: Book, request: PlaceRequest, at: PlaceAt): PlaceResult => {
  const refusal = refusalOf(book, request, at.isShortingAllowed);
  if (refusal !== null) return { ok: false, refusal };
  const isIdTaken = request.orderId !== null && book.orders.has(request.orderId);
  const order = newOrder(isIdTaken ? { ...request, orderId: null } : request, `${at.idScope}/${book.orders.size}`, at.nowMs);
  for (const leg of order.legIds.map((_, index) => newLeg(order, request, index))) {
    storeOrder(book, leg);
    book.byClientId.set(leg.clientOrderId, leg.id);
  }
  storeOrder(book, order);
  book.byClientId.set(order.clientOrderId, order.id);
  book.agenda.add(at.nowMs + book.ackAfterMs, { kind: 'acknowledge', orderId: order.id, script: request.script });
  return { ok: true, order };
};

const refusalOf = (book: Book, request: PlaceRequest, isShortingAllowed: boolean): Refusal | null => {
  const refusal = validateRequest(request);
  if (refusal !== null) return refusal;
  if (request.clientOrderId !== null && book.byClientId.has(request.clientOrderId)) return invalid('client_order_id must be unique');
  if (request.side === 'sell') {
    const available = availableQty(book, request.symbol);
    if (isShortingAllowed || request.qty <= available) return null;
    return forbidden(`insufficient qty available for order (requested: ${formatDecimal(request.qty)}, available: ${formatDecimal(available)})`);
  }
  const cost = multiplyDecimal(request.qty, reservationPrice(request, book.quotes.get(request.symbol) ?? null));
  return cost <= buyingPower(book) ? null : forbidden('insufficient buying power');
};

const cancelOrder = (book: Book, orderId: string, at: { readonly confirmedAfterMs: number; readonly nowMs: number }): Refusal | null => {
  const order = book.orders.get(orderId);
  if (order === undefined) return notFound(orderId);
  if (!isOpen(order)) return finalState(order);
  if (order.status === 'pending_cancel') return null;
  if (at.confirmedAfterMs === 0) {
    endOrder(book, order, { status: 'canceled', nowMs: at.nowMs });
    return null;
  }
  emitEvent(book, 'pending_cancel', moveTo(book, order, { status: 'pending_cancel', nowMs: at.nowMs }));
  book.agenda.add(at.nowMs + at.confirmedAfterMs, { kind: 'confirm_cancel', orderId });
  return null;
};

const runDue = (book: Book, due: Due, nowMs: number): void => {
  const order = book.orders.get(due.orderId);
  if (order === undefined) return;
  if (due.kind === 'acknowledge') acknowledgeOrder(book, order, { script: due.script, nowMs });
  else if (due.kind === 'step') runStep(book, due.orderId, { step: due.step, nowMs });
  else if (order.status === 'pending_cancel') endOrder(book, order, { status: 'canceled', nowMs });
};
