import { restCancelled, tradeOrderSubmitted } from '#contracts';
import { type AbortSignalLike, completed, data, implementEffect, pending, type Reconciled, requireCompensation, type SagaContext, type StepImplementation, type StepResult, terminal, transient } from '#saga-core';
import type { OrderExecution } from '#sagas/order-execution';
import { appliedFillsOf, isWhollyApplied } from '../messaging/applied-fills.ts';
import { callLimits, type EndOfOrder, endOrder, READ_CALL_MS } from '../messaging/broker-calls.ts';
import { cancelled } from '../messaging/order-wire.ts';
import type { TradingEngineNeeds } from './dependencies.ts';
import { CANCELLED_AT_LIMIT } from './reasons.ts';

type Context = SagaContext<OrderExecution>;

/** How soon it is looked again whether the position contains what the venue has filled. */
const APPLIED_POLL_MS = 200;

/** The venue's end of the order as the outcome of this step; it waits until the position contains what was filled. */
const concluded = (context: Context, end: EndOfOrder): StepResult => {
  if (end.status === 'not_found') return terminal('the venue does not know the order any more');
  if (end.status === 'open') return transient(end.reason, end.retryAfterMs === null ? {} : { retryAfterMs: end.retryAfterMs });
  const { order } = end;
  if (!isWhollyApplied(appliedFillsOf(context), order.filledQty)) return pending(APPLIED_POLL_MS);
  if (order.status === 'filled') return completed(data(restCancelled, { result: 'filled', filledQty: order.filledQty }));
  const told = { orderId: context.start.orderId, brokerOrderId: order.brokerOrderId, cumQty: order.filledQty };
  return requireCompensation(`${CANCELLED_AT_LIMIT}: filled ${order.filledQty} of ${order.qty}`, { events: [cancelled(told, 'timeout')] });
};

/** The limit of the watch has passed: cancels the rest at the broker. Filled meanwhile, the saga goes on with the fill. */
export const cancelRest = (saga: OrderExecution, { brokerOf, clock }: Pick<TradingEngineNeeds, 'brokerOf' | 'clock'>): StepImplementation => {
  const attempt = async (context: Context, signal: AbortSignalLike): Promise<StepResult> => {
    const broker = brokerOf(context.start.brokerConnectionId);
    const submission = context.outputAs('submit_order', tradeOrderSubmitted);
    if (broker === null || submission === null) return terminal(`no broker is configured for connection ${context.start.brokerConnectionId}`);
    const find = () => broker.getOrder(submission.order_id, callLimits(READ_CALL_MS, signal));
    return concluded(context, await endOrder(find, { broker, clock, signal }));
  };
  return implementEffect(saga, 'cancel_rest', {
    execute: attempt,
    // A cancel is idempotent at the vendor: looking again and cancelling what is still open is one and the same.
    reconcile: async (context, signal): Promise<Reconciled> => attempt(context, signal),
  });
};
