import { type OrderPlacedEvent, tradeOrderRejected } from '#contracts';
import {
  type AbortSignalLike, absent, ambiguous, compensated, type CompensationResult, event, type FailureView, implementEffect, type Reconciled,
  type SagaContext, type StepImplementation, type StepResult, terminal, transient, unknown,
} from '#saga-core';
import type { OrderExecution } from '#sagas/order-execution';
import type { BrokerGateway, FindOrderOutcome, SubmitOutcome } from '../gateways.ts';
import { appliedFillsOf, isWhollyApplied } from '../messaging/applied-fills.ts';
import { callLimits, endOrder, type EndOfOrder, READ_CALL_MS, SUBMIT_CALL_MS } from '../messaging/broker-calls.ts';
import { cancelled, rejectedByBroker, requestOf, submitted, submittedOrderOf } from '../messaging/order-wire.ts';
import type { TradingEngineNeeds } from './dependencies.ts';
import { CIRCUIT_OPEN, isEndToldAlready, isFillRefused } from './reasons.ts';

type Context = SagaContext<OrderExecution>;
type Lookup = (signal: AbortSignalLike) => Promise<FindOrderOutcome>;

const retryable = (reason: string, retryAfterMs: number | null): StepResult => transient(reason, retryAfterMs === null ? {} : { retryAfterMs });

const lookupOf = (broker: BrokerGateway, order: OrderPlacedEvent): Lookup => (signal) => broker.findByClientOrderId(order.clientOrderId, callLimits(READ_CALL_MS, signal));

/** What a look-up says about a submission whose outcome is open. */
const reconciled = (context: Context, found: FindOrderOutcome): Reconciled => {
  switch (found.status) {
    case 'found': return submitted(context.start, found.order, context.nowMillis);
    case 'not_found': return absent;
    case 'circuit_open': return unknown(CIRCUIT_OPEN, { retryAfterMs: found.retryAfterMs });
    case 'transient': return unknown(`look-up failed: ${found.reason}`, found.retryAfterMs === null ? {} : { retryAfterMs: found.retryAfterMs });
    case 'refused': return unknown(`look-up refused (${found.httpStatus}): ${found.reason}`);
  }
};

const answered = (context: Context, outcome: SubmitOutcome): StepResult => {
  const order = context.start;
  switch (outcome.status) {
    case 'accepted': return submitted(order, outcome.order, context.nowMillis);
    case 'refused': return terminal(`rejected_by_broker: ${outcome.httpStatus} ${outcome.reason}`, { events: [rejectedByBroker(order, outcome)] });
    case 'circuit_open': return terminal(CIRCUIT_OPEN);
    case 'unknown': return unknown(`${outcome.kind}: ${outcome.reason}`);
    // A 500 may have had its effect: it is looked up before the next attempt, and only an order that is not there is sent again.
    case 'transient': return outcome.kind === 'server_error' ? unknown(outcome.reason) : retryable(outcome.reason, outcome.retryAfterMs);
    case 'safety_refused': {
      const rejected = event(tradeOrderRejected, { orderId: order.orderId, decisionId: order.decisionId, source: 'pre_trade', httpStatus: null, brokerCode: null, reason: outcome.code });
      return terminal(`rejected_pre_trade: ${outcome.code}, ${outcome.reason}`, { events: [rejected] });
    }
  }
};

/** How the end of the order at the venue reads to the compensation. */
const undone = (context: Context, failure: FailureView, end: EndOfOrder): CompensationResult => {
  if (end.status === 'not_found') return compensated();
  if (end.status === 'open') return ambiguous(end.reason, end.retryAfterMs === null ? {} : { retryAfterMs: end.retryAfterMs });
  const { order } = end;
  // A fill is a fact: it is waited for until the position contains it, so that the order's last record can tell of it.
  // One that the position refused never will be.
  if (!isFillRefused(failure.reason) && !isWhollyApplied(appliedFillsOf(context), order.filledQty)) return ambiguous(`fills of ${order.filledQty} are not all applied yet`);
  if (order.status === 'filled' || order.status === 'rejected' || (!end.wasCancelSent && isEndToldAlready(failure.reason))) return compensated();
  const told = { orderId: context.start.orderId, brokerOrderId: order.brokerOrderId, cumQty: order.filledQty };
  return compensated({ events: [cancelled(told, order.status === 'expired' ? 'expired' : 'compensation')] });
};

/**
 * Sends the order once. The client order id is the same over retries and restarts, so an order whose answer was lost is found
 * instead of placed again. Undo: re-read, cancel what is open, confirm.
 */
export const submitOrder = (saga: OrderExecution, { brokerOf, clock, log }: Pick<TradingEngineNeeds, 'brokerOf' | 'clock' | 'log'>): StepImplementation =>
  implementEffect(saga, 'submit_order', {
    execute: async (context, signal) => {
      const broker = brokerOf(context.start.brokerConnectionId);
      if (broker === null) return terminal(`no broker is configured for connection ${context.start.brokerConnectionId}`);
      return answered(context, await broker.submitOrder(requestOf(context.start), callLimits(SUBMIT_CALL_MS, signal)));
    },
    reconcile: async (context, signal) => {
      const broker = brokerOf(context.start.brokerConnectionId);
      return broker === null ? absent : reconciled(context, await lookupOf(broker, context.start)(signal));
    },
    compensate: async (context, data, failure, signal) => {
      const broker = brokerOf(context.start.brokerConnectionId);
      if (broker === null) return ambiguous(`no broker is configured for connection ${context.start.brokerConnectionId}`);
      if (isFillRefused(failure.reason)) {
        log.error('the position refused a fill: a person must compare it with the venue', { sagaId: context.sagaId, orderId: context.start.orderId, symbol: context.start.symbol, reason: failure.reason });
      }
      const known = submittedOrderOf(data);
      const find = (): Promise<FindOrderOutcome> =>
        known === null ? lookupOf(broker, context.start)(signal) : broker.getOrder(known.brokerOrderId, callLimits(READ_CALL_MS, signal));
      return undone(context, failure, await endOrder(find, { broker, clock, signal }));
    },
  });
