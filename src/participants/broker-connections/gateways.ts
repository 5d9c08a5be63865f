/**
 * What Broker Connections needs of a venue: to hear what happens to orders, and to ask when it has heard nothing. Decimal texts
 * and venue times as the venue gives them. No call throws for an answer that can be expected.
 */
export type VenueOrderStatus = 'pending' | 'held' | 'open' | 'partially_filled' | 'pending_cancel' | 'filled' | 'cancelled' | 'expired' | 'rejected';
export type VenueOrder = {
  readonly brokerOrderId: string;
  readonly clientOrderId: string;
  readonly status: VenueOrderStatus;
  readonly venueStatus: string;
  readonly qty: string;
  readonly filledQty: string;
  readonly submittedAtMs: number | null;
};
export type VenueFill = { readonly executionId: string; readonly symbol: string; readonly side: string; readonly qty: string; readonly price: string; readonly atMs: number };

export type VenueUpdate =
  | {
      readonly type: 'acknowledged' | 'pending_cancel' | 'cancelled' | 'expired' | 'rejected' | 'other';
      readonly order: VenueOrder;
      readonly reason: string | null;
      readonly atMs: number;
    }
  | { readonly type: 'partially_filled' | 'filled'; readonly order: VenueOrder; readonly fill: VenueFill; readonly atMs: number }
  /** The venue takes an execution back. */
  | { readonly type: 'busted'; readonly executionId: string; readonly order: VenueOrder | null; readonly atMs: number };

export type CallLimits = { readonly timeoutMs: number; readonly signal: AbortSignal };
/** Any answer but the wanted one. */
export type NoAnswer = { readonly status: 'refused' | 'transient' | 'circuit_open' };

export type VenueGateway = {
  readonly findByClientOrderId: (clientOrderId: string, limits: CallLimits) => Promise<{ readonly status: 'found'; readonly order: VenueOrder } | { readonly status: 'not_found' } | NoAnswer>;
  readonly listFills: (
    query: { readonly brokerOrderId: string; readonly sinceMs: number },
    limits: CallLimits,
  ) => Promise<{ readonly status: 'listed'; readonly fills: readonly VenueFill[] } | NoAnswer>;
  readonly getAccount: (limits: CallLimits) => Promise<{
    readonly status: 'found';
    readonly account: { readonly accountId: string; readonly isActive: boolean; readonly isTradingBlocked: boolean; readonly venueStatus: string; readonly buyingPower: string; readonly cash: string };
  } | NoAnswer>;
};

/** live: updates arrive; anything else: poll. What happened while not live is not replayed. */
export type VenueStream = {
  readonly start: () => void;
  readonly stop: () => Promise<void>;
  readonly state: () => { readonly status: 'stopped' | 'connecting' | 'live' | 'waiting' | 'unauthorized' };
  readonly onUpdate: (listener: (update: VenueUpdate) => void) => () => void;
  readonly onStateChange: (listener: (state: { readonly status: 'stopped' | 'connecting' | 'live' | 'waiting' | 'unauthorized' }) => void) => () => void;
};

/** One authenticated connection. */
export type Venue = { readonly name: string; readonly gateway: VenueGateway; readonly stream: VenueStream };
