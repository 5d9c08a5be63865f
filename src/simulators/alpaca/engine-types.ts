/** Quantities, prices and money inside the engine are whole billionths (decimal.ts). Times are given, never read. */

export type Side = 'buy' | 'sell';
export type OrderType = 'market' | 'limit' | 'stop' | 'stop_limit';
export type TimeInForce = 'day' | 'gtc' | 'ioc' | 'fok' | 'opg' | 'cls';
/** oto: an entry with one exit; bracket: with two; oco: two exits of an existing holding. */
export type OrderClass = 'simple' | 'oto' | 'bracket' | 'oco';
export type OrderStatus =
  | 'pending_new' | 'new' | 'held' | 'partially_filled' | 'pending_cancel' | 'filled' | 'canceled' | 'expired' | 'rejected';

export const FINAL_STATUSES: ReadonlySet<OrderStatus> = new Set(['filled', 'canceled', 'expired', 'rejected']);

export type Quote = {
  readonly symbol: string;
  readonly bid: bigint;
  readonly ask: bigint;
  readonly last: bigint;
  /** What one matching of this quote can give; null: any amount. */
  readonly bidSize: bigint | null;
  readonly askSize: bigint | null;
};

/** How much a scripted fill takes: an amount (may exceed the order), a share of the order in percent, or the rest. */
export type ScriptQty = { readonly amount: bigint } | { readonly percent: number } | 'rest';

export type ScriptStep =
  | { readonly do: 'fill'; readonly afterMillis: number; readonly qty: ScriptQty; readonly price: bigint | null }
  | { readonly do: 'expire' | 'cancel' | 'reject'; readonly afterMillis: number }
  /** Takes back the execution of that index, counted from 0 within the order. */
  | { readonly do: 'bust'; readonly afterMillis: number; readonly execution: number };

/** Steps after the acknowledgement; an empty list: acknowledged, then nothing ever happens. */
export type FillScript = readonly ScriptStep[];

export type PlaceRequest = {
  readonly clientOrderId: string | null;
  readonly symbol: string;
  readonly side: Side;
  readonly type: OrderType;
  readonly timeInForce: TimeInForce;
  readonly orderClass: OrderClass;
  readonly qty: bigint;
  readonly limitPrice: bigint | null;
  readonly stopPrice: bigint | null;
  readonly takeProfitPrice: bigint | null;
  readonly stopLossPrice: bigint | null;
  readonly stopLossLimitPrice: bigint | null;
  /** null: the market decides. */
  readonly script: FillScript | null;
  /** The id to give the order; null: derived from the client order id. */
  readonly orderId: string | null;
};

export type Execution = {
  readonly executionId: string;
  readonly orderId: string;
  readonly symbol: string;
  readonly side: Side;
  readonly qty: bigint;
  readonly price: bigint;
  readonly cumulativeQty: bigint;
  readonly atMs: number;
  readonly isBusted: boolean;
};

export type Order = {
  readonly id: string;
  readonly clientOrderId: string;
  readonly symbol: string;
  readonly side: Side;
  readonly type: OrderType;
  readonly timeInForce: TimeInForce;
  readonly orderClass: OrderClass;
  readonly status: OrderStatus;
  readonly qty: bigint;
  readonly filledQty: bigint;
  /** Σ quantity × price over what is filled. */
  readonly filledValue: bigint;
  readonly limitPrice: bigint | null;
  readonly stopPrice: bigint | null;
  readonly isTriggered: boolean;
  readonly parentId: string | null;
  readonly legIds: readonly string[];
  /** Sibling that is cancelled when this one fills. */
  readonly siblingId: string | null;
  readonly isScripted: boolean;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
};

export type Position = { readonly symbol: string; readonly qty: bigint; readonly avgEntryPrice: bigint };

export type VenueEventName =
  | 'new' | 'partial_fill' | 'fill' | 'canceled' | 'expired' | 'rejected' | 'pending_cancel' | 'held' | 'trade_bust';

export type VenueEvent = {
  readonly event: VenueEventName;
  readonly atMs: number;
  readonly order: Order;
  readonly execution: Execution | null;
  readonly positionQty: bigint;
};

export type Refusal = { readonly httpStatus: number; readonly code: number; readonly message: string };

export type EngineConfig = {
  /** Makes ids of orders that come without a client order id: differs by account, and by start where a replay need not give the same. Default: none. */
  readonly idScope?: string;
  readonly cash: bigint;
  /** From acceptance to `new`. */
  readonly ackAfterMs: number;
  /** From an accepted cancel to `canceled`; 0: at once, without pending_cancel. */
  readonly cancelConfirmedAfterMs: number;
  readonly isShortingAllowed: boolean;
};
