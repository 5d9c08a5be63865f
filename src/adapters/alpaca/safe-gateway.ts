import type { BrokerGateway } from '#participants/trading-engine';
import type { Clock } from '#saga-core/ports';
import { checkOrder, DEFAULT_ORDER_SAFETY, NO_ORDERS_YET, type OrderSafetyLimits, type OrderSafetyState } from './order-safety.ts';

export type OrderSafetyOptions = {
  readonly clock: Pick<Clock, 'monotonicMillis'>;
  /**
   * The account that the limits are of: gateways of one account in this process share its count of orders. Default: the gateway
   * counts by itself.
   */
  readonly account?: string;
  /** Default: DEFAULT_ORDER_SAFETY. */
  readonly limits?: OrderSafetyLimits;
  /** The last quote's price as decimal text, where the process knows it; the request's referencePrice comes second. */
  readonly lastPrice?: (symbol: string) => string | null;
};

type Counted = { state: OrderSafetyState };

/** By account: an account's orders count together, however many connections lead to it. */
const COUNTED = new Map<string, Counted>();

const countedOf = (account: string | undefined): Counted => {
  if (account === undefined) return { state: NO_ORDERS_YET };
  const known = COUNTED.get(account) ?? { state: NO_ORDERS_YET };
  COUNTED.set(account, known);
  return known;
};

/** A gateway whose submissions pass the account's safety limits first; a refused one sends nothing. */
export const withOrderSafety = (gateway: BrokerGateway, options: OrderSafetyOptions): BrokerGateway => {
  const counted = countedOf(options.account);
  return {
    ...gateway,
    submitOrder: (request, limits) => {
      const verdict = checkOrder({
        limits: options.limits ?? DEFAULT_ORDER_SAFETY,
        state: counted.state, request,
        lastPrice: options.lastPrice?.(request.symbol) ?? request.referencePrice ?? null,
        nowMs: options.clock.monotonicMillis(),
      });
      if (verdict.status === 'safety_refused') return Promise.resolve(verdict);
      counted.state = verdict.state;
      return gateway.submitOrder(request, limits);
    },
  };
};
