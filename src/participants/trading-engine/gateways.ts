/**
 * What the Trading Engine needs of a broker, in its own words. Money, prices and quantities are decimal text as the venue
 * wrote it; times are milliseconds since the epoch by the venue's clock. No call throws for an answer that can be expected.
 */

export type OrderSide = 'buy' | 'sell';
export type OrderKind = 'market' | 'limit' | 'stop' | 'stop_limit' | 'trailing_stop';
export type TimeInForce = 'day' | 'gtc' | 'ioc' | 'fok' | 'opg' | 'cls';

/**
 * pending: taken, not yet acknowledged by the venue; open: acknowledged, nothing filled; held: a bracket leg that waits for
 * its parent; pending_cancel: a cancel was accepted but not yet confirmed. The last four of the union are final.
 */
export type BrokerOrderStatus =
  | 'pending' | 'held' | 'open' | 'partially_filled' | 'pending_cancel' | 'filled' | 'cancelled' | 'expired' | 'rejected';

export type BrokerOrder = {
  readonly brokerOrderId: string;
  /** At most 48 characters. The broker makes one up for orders that came without (legs, closing orders). */
  readonly clientOrderId: string;
  readonly symbol: string;
  readonly side: OrderSide;
  readonly kind: OrderKind;
  readonly timeInForce: TimeInForce;
  readonly status: BrokerOrderStatus;
  /** The broker's own word for the status, for logs and people. */
  readonly venueStatus: string;
  readonly qty: string;
  readonly filledQty: string;
  /** null as long as nothing is filled. */
  readonly filledAvgPrice: string | null;
  readonly limitPrice: string | null;
  readonly stopPrice: string | null;
  /** Bracket legs: take profit and stop loss. */
  readonly legs: readonly BrokerOrder[];
  readonly submittedAtMs: number | null;
};

/** One execution. `cumulativeQty` is the order's filled quantity after it; null when the source does not say. */
export type BrokerFill = {
  readonly executionId: string;
  readonly brokerOrderId: string;
  readonly symbol: string;
  readonly side: OrderSide;
  readonly qty: string;
  readonly price: string;
  readonly cumulativeQty: string | null;
  readonly atMs: number;
};

export type BrokerAccount = {
  readonly accountId: string;
  readonly accountNumber: string;
  readonly isActive: boolean;
  readonly venueStatus: string;
  readonly isTradingBlocked: boolean;
  readonly buyingPower: string;
  readonly cash: string;
  readonly equity: string;
  readonly currency: string;
};

export type BrokerPosition = {
  readonly symbol: string;
  readonly side: 'long' | 'short';
  /** Unsigned. */
  readonly qty: string;
  /** What no open order has reserved, unsigned. */
  readonly qtyAvailable: string;
  readonly avgEntryPrice: string;
  readonly currentPrice: string | null;
};

export type OrderRequest = {
  /** Deterministic: a repeat after a crash finds the first order instead of placing a second. At most 48 characters. */
  readonly clientOrderId: string;
  readonly symbol: string;
  readonly side: OrderSide;
  readonly kind: OrderKind;
  readonly timeInForce: TimeInForce;
  readonly qty: string;
  readonly limitPrice?: string;
  readonly stopPrice?: string;
  /**
   * entry: exits named by takeProfitPrice and stopLossPrice, one or both, go live once the entry is filled; oco: these two are
   * the exits of an existing holding and exclude each other (kind and limitPrice do not count then). Default: entry.
   */
  readonly orderClass?: 'entry' | 'oco';
  readonly takeProfitPrice?: string;
  readonly stopLossPrice?: string;
  /** The price the order's safety limits are measured against (value of a market order, price collar). */
  readonly referencePrice?: string;
};

/** Every call: a hard limit in milliseconds, and a signal that ends it earlier. */
export type CallLimits = { readonly timeoutMs: number; readonly signal: AbortSignal };

/** The broker understood and said no: never retried. `brokerCode` as the broker gave it, e.g. "40310000". */
export type Refused = {
  readonly status: 'refused';
  readonly httpStatus: number;
  readonly brokerCode: string | null;
  readonly reason: string;
};

export type TransientKind = 'server_error' | 'rate_limited' | 'unreachable' | 'timeout' | 'connection_lost' | 'bad_answer' | 'aborted';

/**
 * A retry may help. After a submission or a cancel only server_error, rate_limited and unreachable appear here: the broker
 * answered, or never received the request. A server_error may still have had its effect: look up before a repeat.
 */
export type Transient = {
  readonly status: 'transient';
  readonly kind: TransientKind;
  readonly httpStatus: number | null;
  /** The broker's Retry-After; null when it gave none. */
  readonly retryAfterMs: number | null;
  readonly reason: string;
};

/** Sent, no (readable) answer: the effect may have happened or not. Look up before anything else. */
export type OutcomeUnknown = {
  readonly status: 'unknown';
  readonly kind: 'timeout' | 'connection_lost' | 'bad_answer' | 'aborted';
  readonly reason: string;
};

/** The circuit breaker refused; nothing was sent. */
export type CircuitOpen = { readonly status: 'circuit_open'; readonly retryAfterMs: number };

/** An order-safety limit of the account refused; nothing was sent. */
export type SafetyRefused = {
  readonly status: 'safety_refused';
  readonly code: 'ORDER_VALUE_EXCEEDED' | 'ORDER_RATE_EXCEEDED' | 'PRICE_OUTSIDE_COLLAR' | 'NO_REFERENCE_PRICE' | 'REQUEST_MALFORMED';
  readonly reason: string;
};

export type ReadFailure = Refused | Transient | CircuitOpen;
export type EffectFailure = ReadFailure | OutcomeUnknown;

export type SubmitOutcome =
  /** `alreadyExisted`: the client order id was taken by an order with the same parameters, which is this one. */
  | { readonly status: 'accepted'; readonly order: BrokerOrder; readonly alreadyExisted: boolean }
  | SafetyRefused
  | EffectFailure;

export type FindOrderOutcome = { readonly status: 'found'; readonly order: BrokerOrder } | { readonly status: 'not_found' } | ReadFailure;

export type CancelOutcome =
  /** Merely accepted: the order is cancelled only when the stream or a poll says so. */
  | { readonly status: 'cancel_accepted' }
  /** The order is in a state that admits no cancel, e.g. filled. */
  | { readonly status: 'not_cancelable'; readonly reason: string }
  | { readonly status: 'not_found' }
  | EffectFailure;

export type ListOrdersOutcome = { readonly status: 'listed'; readonly orders: readonly BrokerOrder[] } | ReadFailure;
export type ListFillsOutcome = { readonly status: 'listed'; readonly fills: readonly BrokerFill[] } | ReadFailure;
export type AccountOutcome = { readonly status: 'found'; readonly account: BrokerAccount } | ReadFailure;
export type PositionOutcome =
  | { readonly status: 'found'; readonly position: BrokerPosition }
  /** Flat. */
  | { readonly status: 'not_found' }
  | ReadFailure;
export type ClosePositionOutcome =
  | { readonly status: 'closing'; readonly order: BrokerOrder }
  /** Already flat. */
  | { readonly status: 'not_found' }
  | EffectFailure;

export type OrderFilter = {
  readonly state: 'open' | 'closed' | 'all';
  readonly symbols?: readonly string[];
  /** Submitted at or after. */
  readonly sinceMs?: number;
};

export type FillQuery = {
  readonly brokerOrderId: string;
  /** Not before this; the order's submission will do. */
  readonly sinceMs: number;
};

export type BrokerGateway = {
  readonly submitOrder: (request: OrderRequest, limits: CallLimits) => Promise<SubmitOutcome>;
  readonly findByClientOrderId: (clientOrderId: string, limits: CallLimits) => Promise<FindOrderOutcome>;
  readonly getOrder: (brokerOrderId: string, limits: CallLimits) => Promise<FindOrderOutcome>;
  readonly cancelOrder: (brokerOrderId: string, limits: CallLimits) => Promise<CancelOutcome>;
  /** Bracket legs are listed inside their parent; legs whose parent is final stand alone. */
  readonly listOrders: (filter: OrderFilter, limits: CallLimits) => Promise<ListOrdersOutcome>;
  readonly listOpenOrders: (symbols: readonly string[], limits: CallLimits) => Promise<ListOrdersOutcome>;
  /** The executions of one order, oldest first: how a poll learns execution ids while the stream is down. */
  readonly listFills: (query: FillQuery, limits: CallLimits) => Promise<ListFillsOutcome>;
  readonly getPosition: (symbol: string, limits: CallLimits) => Promise<PositionOutcome>;
  /** Sells (or buys back) the whole position at market. Carries no client order id: re-read before a repeat. */
  readonly closePosition: (symbol: string, limits: CallLimits) => Promise<ClosePositionOutcome>;
  readonly getAccount: (limits: CallLimits) => Promise<AccountOutcome>;
};

export type OrderUpdate = {
  readonly type: 'acknowledged' | 'pending_cancel' | 'cancelled' | 'expired' | 'rejected' | 'other';
  readonly order: BrokerOrder;
  /** The broker's own word for what happened. */
  readonly venueEvent: string;
  readonly reason: string | null;
  readonly atMs: number;
};
export type FillUpdate = {
  readonly type: 'partially_filled' | 'filled';
  readonly order: BrokerOrder;
  readonly fill: BrokerFill;
  /** The whole position after the fill, signed; null when the broker does not say. */
  readonly positionQty: string | null;
  readonly atMs: number;
};
/** The venue takes an execution back. */
export type BustUpdate = {
  readonly type: 'busted';
  readonly executionId: string;
  readonly order: BrokerOrder | null;
  readonly atMs: number;
};
export type BrokerUpdate = OrderUpdate | FillUpdate | BustUpdate;

/** live: authenticated and subscribed, updates arrive; anything else: poll. Whatever happened while not live is not replayed. */
export type BrokerStreamState =
  | { readonly status: 'stopped' }
  | { readonly status: 'connecting'; readonly attempt: number }
  | { readonly status: 'live'; readonly sinceMs: number }
  | { readonly status: 'waiting'; readonly attempt: number; readonly retryInMs: number; readonly reason: string }
  /** Credentials refused: no reconnect. */
  | { readonly status: 'unauthorized'; readonly reason: string };

export type Unsubscribe = () => void;

export type BrokerStream = {
  /** Connects and keeps reconnecting until `stop`. Idempotent. */
  readonly start: () => void;
  readonly stop: () => Promise<void>;
  readonly state: () => BrokerStreamState;
  readonly onUpdate: (listener: (update: BrokerUpdate) => void) => Unsubscribe;
  readonly onStateChange: (listener: (state: BrokerStreamState) => void) => Unsubscribe;
};
