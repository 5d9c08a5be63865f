import { createAgenda } from './agenda.ts';
import { formatDecimal, maxDecimal, multiplyDecimal } from './decimal.ts';
import {
  FINAL_STATUSES, type EngineConfig, type Execution, type Order, type OrderStatus, type PlaceRequest, type Position, type Quote,
  type Refusal, type ScriptStep, type VenueEvent, type VenueEventName,
} from './engine-types.ts';
import { uuidOf } from './ids.ts';
import { applyExecution, bustExecution, type Ledger, positionOf, splitHolding } from './ledger.ts';
import { consume, isTriggeredBy, offeredQty, reservationPrice, scriptedQty, tradePrice, validateRequest } from './matching.ts';
import { newLeg, newOrder } from './new-order.ts';

const CODE_FORBIDDEN = 40310000;
const CODE_DUPLICATE = 40010001;
const CODE_NOT_FOUND = 40410000;
const CODE_NOT_CANCELABLE = 42210000;

type Due =
  | { readonly kind: 'acknowledge'; readonly orderId: string; readonly script: PlaceRequest['script'] }
  | { readonly kind: 'step'; readonly orderId: string; readonly step: ScriptStep }
  | { readonly kind: 'confirm_cancel'; readonly orderId: string };

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
  let ledger: Ledger = { cash: config.cash, positions: new Map() };
  let ackAfterMs = config.ackAfterMs;
  const orders = new Map<string, Order>();
  const byClientId = new Map<string, string>();
  const openIds = new Set<string>();
  const quotes = new Map<string, Quote>();
  const executions = new Map<string, Execution>();
  const executionIds = new Map<string, string[]>();
  const agenda = createAgenda<Due>();

  const isOpen = (order: Order): boolean => !FINAL_STATUSES.has(order.status);
  const openOrders = (): readonly Order[] => [...openIds].flatMap((id) => orders.get(id) ?? []);
  const sibling = (order: Order): Order | null => (order.siblingId === null ? null : (orders.get(order.siblingId) ?? null));
  const remainingQty = (order: Order): bigint => maxDecimal(0n, order.qty - order.filledQty - (sibling(order)?.filledQty ?? 0n));

  const store = (order: Order): Order => {
    orders.set(order.id, order);
    if (isOpen(order)) openIds.add(order.id);
    else openIds.delete(order.id);
    return order;
  };
  const emit = (event: VenueEventName, order: Order, execution: Execution | null = null): void => {
    onEvent({ event, atMs: order.updatedAtMs, order, execution, positionQty: positionOf(ledger, order.symbol).qty });
  };
  const transition = (order: Order, status: OrderStatus, nowMs: number): Order => store({ ...order, status, updatedAtMs: nowMs });

  /** A final status, its event, and with it everything that hangs on the order. */
  const end = (order: Order, status: 'canceled' | 'expired' | 'rejected', nowMs: number): void => {
    emit(status, transition(order, status, nowMs));
    for (const id of [...order.legIds, ...(order.siblingId === null ? [] : [order.siblingId])]) {
      const related = orders.get(id);
      if (related !== undefined && isOpen(related)) end(related, 'canceled', nowMs);
    }
  };

  const fill = (order: Order, terms: { readonly qty: bigint; readonly price: bigint }, nowMs: number): void => {
    const ids = executionIds.get(order.id) ?? [];
    const executionId = uuidOf(`${order.id}/execution/${ids.length}`);
    const filledQty = order.filledQty + terms.qty;
    const isComplete = filledQty >= order.qty;
    const status = isComplete ? 'filled' : order.status === 'pending_cancel' ? 'pending_cancel' : 'partially_filled';
    const execution: Execution = {
      executionId, orderId: order.id, symbol: order.symbol, side: order.side, qty: terms.qty, price: terms.price,
      cumulativeQty: filledQty, atMs: nowMs, isBusted: false,
    };
    executions.set(executionId, execution);
    executionIds.set(order.id, [...ids, executionId]);
    ledger = applyExecution(ledger, execution);
    const filledValue = order.filledValue + multiplyDecimal(terms.qty, terms.price);
    const after = store({ ...order, status, filledQty, filledValue, updatedAtMs: nowMs });
    emit(isComplete ? 'fill' : 'partial_fill', after, execution);
    settleRelated(after, nowMs);
  };

  const settleRelated = (order: Order, nowMs: number): void => {
    const other = sibling(order);
    if (remainingQty(order) === 0n) {
      if (other !== null && isOpen(other)) end(other, 'canceled', nowMs);
      const now = orders.get(order.id) ?? order;
      if (isOpen(now)) end(now, 'canceled', nowMs);
    }
    if (order.status !== 'filled' || order.orderClass !== 'bracket') return;
    for (const legId of order.legIds) {
      const leg = orders.get(legId);
      if (leg?.status === 'held') emit('new', transition(leg, 'new', nowMs));
    }
    for (const legId of order.legIds) match(legId, nowMs);
  };

  const match = (orderId: string, nowMs: number): void => {
    const order = orders.get(orderId);
    const quote = order === undefined ? undefined : quotes.get(order.symbol);
    if (order === undefined || quote === undefined || order.isScripted) return;
    if (order.status !== 'new' && order.status !== 'partially_filled' && order.status !== 'pending_cancel') return;
    if (!isTriggeredBy(order, quote)) return;
    const triggered = order.isTriggered ? order : store({ ...order, isTriggered: true });
    const price = tradePrice(triggered, quote);
    const wanted = remainingQty(triggered);
    const qty = price === null ? 0n : offeredQty(triggered, quote, wanted);
    const isAllOrNothing = triggered.timeInForce === 'fok' && qty < wanted;
    if (price !== null && qty > 0n && !isAllOrNothing) {
      quotes.set(quote.symbol, consume(quote, triggered, qty));
      fill(triggered, { qty, price }, nowMs);
    }
    const after = orders.get(orderId);
    const isImmediate = triggered.timeInForce === 'ioc' || triggered.timeInForce === 'fok';
    if (isImmediate && after !== undefined && isOpen(after)) end(after, 'canceled', nowMs);
  };

  const acknowledge = (order: Order, script: PlaceRequest['script'], nowMs: number): void => {
    if (order.status !== 'pending_new') return;
    emit('new', transition(order, 'new', nowMs));
    for (const step of script ?? []) agenda.add(nowMs + step.afterMillis, { kind: 'step', orderId: order.id, step });
    match(order.id, nowMs);
    const now = orders.get(order.id) ?? order;
    for (const legId of now.orderClass === 'oco' ? now.legIds : []) {
      const leg = orders.get(legId);
      if (leg?.status === 'held') emit('new', transition(leg, 'new', nowMs));
      match(legId, nowMs);
    }
  };

  const bust = (order: Order, index: number, nowMs: number): Refusal | null => {
    const execution = executions.get((executionIds.get(order.id) ?? [])[index] ?? '');
    if (execution === undefined || execution.isBusted) {
      return { httpStatus: 422, code: CODE_NOT_CANCELABLE, message: `order ${order.id} has no execution ${index} to bust` };
    }
    executions.set(execution.executionId, { ...execution, isBusted: true });
    ledger = bustExecution(ledger, execution);
    const filledQty = order.filledQty - execution.qty;
    const status = order.status === 'partially_filled' && filledQty === 0n ? 'new' : order.status;
    const filledValue = order.filledValue - multiplyDecimal(execution.qty, execution.price);
    emit('trade_bust', store({ ...order, status, filledQty, filledValue, updatedAtMs: nowMs }), execution);
    return null;
  };

  const runStep = (orderId: string, step: ScriptStep, nowMs: number): Refusal | null => {
    const order = orders.get(orderId);
    if (order === undefined) return notFound(orderId);
    if (step.do === 'bust') return bust(order, step.execution, nowMs);
    if (!isOpen(order)) return { httpStatus: 422, code: CODE_NOT_CANCELABLE, message: `order is already in "${order.status}" state` };
    if (step.do === 'fill') {
      const quote = quotes.get(order.symbol);
      const price = step.price ?? (quote === undefined ? order.limitPrice : order.side === 'buy' ? quote.ask : quote.bid) ?? order.limitPrice;
      if (price === null) return { httpStatus: 422, code: CODE_NOT_CANCELABLE, message: `no price for ${order.symbol}` };
      fill(order, { qty: scriptedQty(step.qty, order), price }, nowMs);
      return null;
    }
    end(order, step.do === 'cancel' ? 'canceled' : step.do === 'expire' ? 'expired' : 'rejected', nowMs);
    return null;
  };

  const run = (due: Due, nowMs: number): void => {
    const order = orders.get(due.orderId);
    if (order === undefined) return;
    if (due.kind === 'acknowledge') acknowledge(order, due.script, nowMs);
    else if (due.kind === 'step') runStep(due.orderId, due.step, nowMs);
    else if (order.status === 'pending_cancel') end(order, 'canceled', nowMs);
  };

  const availableQty = (symbol: string): bigint => {
    let reserved = 0n;
    for (const order of openOrders()) {
      if (order.symbol !== symbol || order.side !== 'sell' || order.status === 'held') continue;
      const other = sibling(order);
      // Two legs that exclude each other need the shares once.
      if (other !== null && isOpen(other) && other.status !== 'held' && other.id < order.id) continue;
      reserved += remainingQty(order);
    }
    return positionOf(ledger, symbol).qty - reserved;
  };

  const buyingPower = (): bigint => {
    let reserved = 0n;
    for (const order of openOrders()) {
      if (order.side !== 'buy' || order.status === 'held') continue;
      reserved += multiplyDecimal(remainingQty(order), reservationPrice(order, quotes.get(order.symbol) ?? null));
    }
    return ledger.cash - reserved;
  };

  const refusalOf = (request: PlaceRequest): Refusal | null => {
    const refusal = validateRequest(request);
    if (refusal !== null) return refusal;
    if (request.clientOrderId !== null && byClientId.has(request.clientOrderId)) {
      return { httpStatus: 422, code: CODE_DUPLICATE, message: 'client_order_id must be unique' };
    }
    if (request.side === 'sell') {
      const available = availableQty(request.symbol);
      if (config.isShortingAllowed || request.qty <= available) return null;
      const message = `insufficient qty available for order (requested: ${formatDecimal(request.qty)}, available: ${formatDecimal(available)})`;
      return { httpStatus: 403, code: CODE_FORBIDDEN, message };
    }
    const cost = multiplyDecimal(request.qty, reservationPrice(request, quotes.get(request.symbol) ?? null));
    return cost <= buyingPower() ? null : { httpStatus: 403, code: CODE_FORBIDDEN, message: 'insufficient buying power' };
  };

  const place = (request: PlaceRequest, nowMs: number): PlaceResult => {
    const refusal = refusalOf(request);
    if (refusal !== null) return { ok: false, refusal };
    const isIdTaken = request.orderId !== null && orders.has(request.orderId);
    const order = newOrder(isIdTaken ? { ...request, orderId: null } : request, orders.size, nowMs);
    for (const leg of order.legIds.map((_, index) => newLeg(order, request, index))) {
      store(leg);
      byClientId.set(leg.clientOrderId, leg.id);
    }
    store(order);
    byClientId.set(order.clientOrderId, order.id);
    agenda.add(nowMs + ackAfterMs, { kind: 'acknowledge', orderId: order.id, script: request.script });
    return { ok: true, order };
  };

  const cancel = (orderId: string, confirmedAfterMs: number, nowMs: number): Refusal | null => {
    const order = orders.get(orderId);
    if (order === undefined) return notFound(orderId);
    if (!isOpen(order)) return { httpStatus: 422, code: CODE_NOT_CANCELABLE, message: `order is already in "${order.status}" state` };
    if (order.status === 'pending_cancel') return null;
    if (confirmedAfterMs === 0) {
      end(order, 'canceled', nowMs);
      return null;
    }
    emit('pending_cancel', transition(order, 'pending_cancel', nowMs));
    agenda.add(nowMs + confirmedAfterMs, { kind: 'confirm_cancel', orderId });
    return null;
  };

  return {
    place,
    cancel,
    step: runStep,
    quote: (quote, nowMs) => {
      quotes.set(quote.symbol, quote);
      for (const order of openOrders()) if (order.symbol === quote.symbol) match(order.id, nowMs);
    },
    expireDayOrders: (nowMs) => {
      for (const { id } of openOrders()) {
        const order = orders.get(id);
        if (order !== undefined && isOpen(order) && order.timeInForce === 'day') end(order, 'expired', nowMs);
      }
    },
    advance: (nowMs) => {
      for (let due = agenda.takeDue(nowMs); due !== null; due = agenda.takeDue(nowMs)) run(due.item, due.dueMs);
    },
    nextDueMs: agenda.nextDueMs,
    split: (symbol, numerator, denominator) => {
      ledger = splitHolding(ledger, symbol, { numerator, denominator });
    },
    setCash: (cash) => {
      ledger = { ...ledger, cash };
    },
    setAckAfterMs: (next) => {
      ackAfterMs = next;
    },
    order: (id) => orders.get(id) ?? orders.get(byClientId.get(id) ?? '') ?? null,
    orders: () => [...orders.values()],
    executions: () => [...executions.values()],
    positions: () => [...ledger.positions.values()].filter((position) => position.qty !== 0n),
    availableQty,
    cash: () => ledger.cash,
    buyingPower,
    lastQuote: (symbol) => quotes.get(symbol) ?? null,
  };
};

const notFound = (orderId: string): Refusal => ({ httpStatus: 404, code: CODE_NOT_FOUND, message: `order not found for ${orderId}` });

