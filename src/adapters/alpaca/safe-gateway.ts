import type { BrokerGateway } from '#participants/trading-engine';
import type { Clock } from '#saga-core/ports';
import { checkOrder, DEFAULT_ORDER_SAFETY, NO_ORDERS_YET, type OrderSafetyLimits } from './order-safety.ts';

export type OrderSafetyOptions = {
  readonly clock: Pick<Clock, 'monotonicMillis'>;
  /** One gateway per account, one state per gateway. Default: DEFAULT_ORDER_SAFETY. */
  readonly limits?: OrderSafetyLimits;
  /** The last quote's price as decimal text, where the process knows it; the request's referencePrice comes second. */
  readonly lastPrice?: (symbol: string) => string | null;
};

/** A gateway whose submissions pass the account's safety limits first; a refused one sends nothing. */
export const withOrderSafety = (gateway: BrokerGateway, options: OrderSafetyOptions): BrokerGateway => {
  let state = NO_ORDERS_YET;
  return {
    ...gateway,
    submitOrder: (request, limits) => {
      const verdict = checkOrder({
        limits: options.limits ?? DEFAULT_ORDER_SAFETY,
        state, request,
        lastPrice: options.lastPrice?.(request.symbol) ?? request.referencePrice ?? null,
        nowMs: options.clock.monotonicMillis(),
      });
      if (verdict.status === 'safety_refused') return Promise.resolve(verdict);
      state = verdict.state;
      return gateway.submitOrder(request, limits);
    },
  };
};
