import type { BrokerFill, BrokerGateway, BrokerOrder, BrokerStream, BrokerStreamState, BrokerUpdate, CancelOutcome, FindOrderOutcome, OrderRequest, SubmitOutcome } from '#participants/trading-engine';
import type { Clock } from '#saga-core/ports';

/** What happens to an order after it is accepted, in milliseconds from then. */
export type OrderScript = readonly (
  | { readonly afterMs: number; readonly fill: string; readonly price: string }
  | { readonly afterMs: number; readonly end: 'cancelled' | 'expired' | 'rejected' }
  | { readonly afterMs: number; readonly bust: number }
)[];

/** Behaviour, changeable while a scenario runs. */
export type BrokerBehaviour = {
  /** Answers of the next submissions; `ok` when used up. `lost`: stored, but the answer never comes. */
  submissions: (SubmitOutcome | 'ok' | 'lost')[];
  /** Answers of the next look-ups by client order id; the truth when used up. */
  lookups: FindOrderOutcome[];
  /** What a cancel does: works; fails; or comes too late because the order is just then filled. */
  cancel: 'works' | 'fails' | 'loses';
  script: (request: OrderRequest) => OrderScript;
  isAcknowledged: boolean;
  isAccountActive: boolean;
  isStreamLive: boolean;
  /** How much later than it happened the stream tells of something. */
  streamLagMs: number;
  /** What is filled of an order just when it is looked up the next time: the look-up's answer contains it. */
  fillAtLookup: { readonly qty: string; readonly price: string } | null;
  /** Cash, and as much buying power. */
  cash: string;
};

export type SimulatedBroker = BrokerGateway & BrokerStream & {
  readonly behaviour: BrokerBehaviour;
  readonly calls: string[];
  readonly orders: ReadonlyMap<string, BrokerOrder>;
};

const CALL_MS = 3;
const ACK_MS = 5;
const SILENCE_MS = 6_000;
const HTTP_500 = { status: 'transient', kind: 'server_error', httpStatus: 500, retryAfterMs: null, reason: 'HTTP 500' } as const;
export const serverError: typeof HTTP_500 = HTTP_500;

const plus = (left: string, right: string): string => String(Number(left) + Number(right));
const isOpen = (order: BrokerOrder): boolean => order.status === 'open' || order.status === 'partially_filled' || order.status === 'pending';

/** A broker in simulated time: fills market orders at 100 after 20 ms unless scripted otherwise. */
export const createSimulatedBroker = (clock: Clock): SimulatedBroker => {
  const orders = new Map<string, BrokerOrder>();
  const fills = new Map<string, BrokerFill[]>();
  const calls: string[] = [];
  const updates = new Set<(update: BrokerUpdate) => void>();
  const states = new Set<(state: BrokerStreamState) => void>();
  const behaviour: BrokerBehaviour = {
    submissions: [], lookups: [], cancel: 'works', isAcknowledged: true, isAccountActive: true, isStreamLive: true, streamLagMs: 0, fillAtLookup: null, cash: '1000000',
    script: (request) => [{ afterMs: 20, fill: request.qty, price: '100' }],
  };
  const after = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
  const byId = (brokerOrderId: string): BrokerOrder | undefined => [...orders.values()].find((order) => order.brokerOrderId === brokerOrderId);
  const tell = (update: BrokerUpdate): void => {
    if (!behaviour.isStreamLive) return;
    const now = (): void => { for (const listener of updates) listener(update); };
    if (behaviour.streamLagMs === 0) now();
    else clock.after(behaviour.streamLagMs, now);
  };
  const change = (clientOrderId: string, changes: Partial<BrokerOrder>): BrokerOrder => {
    const known = orders.get(clientOrderId);
    if (known === undefined) throw new Error(`no order ${clientOrderId}`);
    const changed = { ...known, ...changes };
    orders.set(clientOrderId, changed);
    return changed;
  };
  const told = (order: BrokerOrder, type: 'acknowledged' | 'cancelled' | 'expired' | 'rejected'): void =>
    tell({ type, order, venueEvent: type, reason: type === 'acknowledged' ? null : `${type} by script`, atMs: clock.nowMillis() });

  const fill = (clientOrderId: string, qty: string, price: string): void => {
    const order = orders.get(clientOrderId);
    if (order === undefined || !isOpen(order)) return;
    const own = fills.get(clientOrderId) ?? [];
    const filledQty = plus(order.filledQty, qty);
    const isWhole = Number(filledQty) >= Number(order.qty);
    const one: BrokerFill = { executionId: `${order.brokerOrderId}-x${own.length + 1}`, brokerOrderId: order.brokerOrderId, symbol: order.symbol, side: order.side, qty, price, cumulativeQty: filledQty, atMs: clock.nowMillis() };
    fills.set(clientOrderId, [...own, one]);
    const changed = change(clientOrderId, { filledQty, filledAvgPrice: price, status: isWhole ? 'filled' : 'partially_filled' });
    tell({ type: isWhole ? 'filled' : 'partially_filled', order: changed, fill: one, positionQty: null, atMs: one.atMs });
  };

  const play = (request: OrderRequest): void => {
    const { clientOrderId } = request;
    clock.after(ACK_MS, () => {
      if (!behaviour.isAcknowledged) return;
      const order = orders.get(clientOrderId);
      if (order?.status === 'pending') told(change(clientOrderId, { status: 'open', venueStatus: 'new' }), 'acknowledged');
    });
    for (const event of behaviour.script(request)) {
      clock.after(ACK_MS + event.afterMs, () => {
        if ('fill' in event) return fill(clientOrderId, event.fill, event.price);
        const order = orders.get(clientOrderId);
        if (order === undefined) return;
        if ('bust' in event) return tell({ type: 'busted', executionId: fills.get(clientOrderId)?.[event.bust]?.executionId ?? '', order, atMs: clock.nowMillis() });
        if (isOpen(order)) told(change(clientOrderId, { status: event.end, venueStatus: event.end }), event.end);
      });
    }
  };

  const accept = (request: OrderRequest): { readonly order: BrokerOrder; readonly alreadyExisted: boolean } => {
    const known = orders.get(request.clientOrderId);
    if (known !== undefined) return { order: known, alreadyExisted: true };
    const order: BrokerOrder = {
      brokerOrderId: `b${orders.size + 1}`, clientOrderId: request.clientOrderId, symbol: request.symbol, side: request.side, kind: request.kind, timeInForce: request.timeInForce, status: 'pending',
      venueStatus: 'pending_new', qty: request.qty, filledQty: '0', filledAvgPrice: null, limitPrice: request.limitPrice ?? null, stopPrice: null, legs: [], submittedAtMs: clock.nowMillis(),
    };
    orders.set(request.clientOrderId, order);
    play(request);
    return { order, alreadyExisted: false };
  };

  const found = (order: BrokerOrder | undefined): FindOrderOutcome => (order === undefined ? { status: 'not_found' } : { status: 'found', order });
  const unscripted = async (): Promise<never> => {
    throw new Error('not part of this simulation');
  };

  return {
    behaviour, calls, orders,
    submitOrder: async (request) => {
      calls.push('POST');
      await after(CALL_MS);
      const answer = behaviour.submissions.shift() ?? 'ok';
      if (answer === 'lost') {
        accept(request);
        await after(SILENCE_MS);
        return { status: 'unknown', kind: 'timeout', reason: 'no answer' };
      }
      return answer === 'ok' ? { status: 'accepted', ...accept(request) } : answer;
    },
    findByClientOrderId: async (clientOrderId) => {
      calls.push('GET client');
      await after(CALL_MS);
      const filled = behaviour.fillAtLookup;
      behaviour.fillAtLookup = null;
      if (filled !== null) fill(clientOrderId, filled.qty, filled.price);
      return behaviour.lookups.shift() ?? found(orders.get(clientOrderId));
    },
    getOrder: async (brokerOrderId) => {
      calls.push('GET');
      await after(CALL_MS);
      return found(byId(brokerOrderId));
    },
    cancelOrder: async (brokerOrderId): Promise<CancelOutcome> => {
      calls.push('DELETE');
      await after(CALL_MS);
      const order = byId(brokerOrderId);
      if (order === undefined) return { status: 'not_found' };
      if (behaviour.cancel === 'fails') return HTTP_500;
      if (behaviour.cancel === 'loses') fill(order.clientOrderId, String(Number(order.qty) - Number(order.filledQty)), '100');
      if (!isOpen(orders.get(order.clientOrderId) ?? order)) return { status: 'not_cancelable', reason: 'order is not open' };
      clock.after(ACK_MS, () => told(change(order.clientOrderId, { status: 'cancelled', venueStatus: 'canceled' }), 'cancelled'));
      return { status: 'cancel_accepted' };
    },
    listFills: async ({ brokerOrderId }) => {
      calls.push('GET fills');
      await after(CALL_MS);
      return { status: 'listed', fills: fills.get(byId(brokerOrderId)?.clientOrderId ?? '') ?? [] };
    },
    getAccount: async () => {
      await after(CALL_MS);
      return { status: 'found', account: { accountId: 'acc', accountNumber: '1', isActive: behaviour.isAccountActive, venueStatus: behaviour.isAccountActive ? 'ACTIVE' : 'ACCOUNT_CLOSED', isTradingBlocked: false, buyingPower: behaviour.cash, cash: behaviour.cash, equity: '1000000', currency: 'USD' } };
    },
    listOrders: unscripted, listOpenOrders: unscripted, getPosition: unscripted, closePosition: unscripted,
    start: () => undefined,
    stop: async () => undefined,
    state: () => (behaviour.isStreamLive ? { status: 'live', sinceMs: 0 } : { status: 'waiting', attempt: 1, retryInMs: 1_000, reason: 'cut' }),
    onUpdate: (listener) => {
      updates.add(listener);
      return () => void updates.delete(listener);
    },
    onStateChange: (listener) => {
      states.add(listener);
      return () => void states.delete(listener);
    },
  };
};
