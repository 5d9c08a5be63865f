import { erase } from '#kernel';
import type { AbortSignalLike } from '#saga-core';
import type { Clock } from '#saga-core/ports';
import type { BrokerGateway, BrokerOrder, CallLimits, CancelOutcome, FindOrderOutcome } from '../gateways.ts';

/** Hard limits of single calls, in milliseconds: together below the limit of the step that makes them. */
export const SUBMIT_CALL_MS = 6_000;
export const READ_CALL_MS = 3_000;
export const CANCEL_CALL_MS = 3_000;
/** How long a cancel that was merely accepted is given to be confirmed within one attempt, and how often it is looked for. */
export const CANCEL_CONFIRM_MS = 3_000;
export const CANCEL_CONFIRM_POLL_MS = 100;

/** The runtime passes a real AbortSignal; the pure zones only know its shape. */
export const callLimits = (timeoutMs: number, signal: AbortSignalLike): CallLimits => ({ timeoutMs, signal: erase<AbortSignal>(signal) });

/** Resolves after the delay, or at once when the signal aborts. */
export const waited = (clock: Clock, delayMs: number, signal: AbortSignalLike): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const ended = (): void => {
      cancel();
      signal.removeEventListener('abort', ended);
      resolve();
    };
    const cancel = clock.after(delayMs, ended);
    signal.addEventListener('abort', ended);
  });

export const isFinal = (order: BrokerOrder): boolean => order.status === 'filled' || order.status === 'cancelled' || order.status === 'expired' || order.status === 'rejected';

/** What became of the wish that an order be over. */
export type EndOfOrder =
  | { readonly status: 'ended'; readonly order: BrokerOrder; readonly wasCancelSent: boolean }
  | { readonly status: 'not_found' }
  /** Not over, or not known: ask again. */
  | { readonly status: 'open'; readonly reason: string; readonly retryAfterMs: number | null };

type Asking = { readonly broker: BrokerGateway; readonly clock: Clock; readonly signal: AbortSignalLike };

const open = (reason: string, retryAfterMs: number | null = null): EndOfOrder => ({ status: 'open', reason, retryAfterMs });
const openBecause = (outcome: Exclude<FindOrderOutcome, { readonly status: 'found' | 'not_found' }> | Exclude<CancelOutcome, { readonly status: 'cancel_accepted' | 'not_cancelable' | 'not_found' }>): EndOfOrder => {
  if (outcome.status === 'circuit_open') return open('circuit_open', outcome.retryAfterMs);
  return open(`${outcome.status}: ${outcome.reason}`, outcome.status === 'transient' ? outcome.retryAfterMs : null);
};

const confirmed = async (brokerOrderId: string, asking: Asking): Promise<EndOfOrder> => {
  const until = asking.clock.monotonicMillis() + CANCEL_CONFIRM_MS;
  for (;;) {
    const found = await asking.broker.getOrder(brokerOrderId, callLimits(READ_CALL_MS, asking.signal));
    if (found.status === 'not_found') return { status: 'not_found' };
    if (found.status !== 'found') return openBecause(found);
    if (isFinal(found.order)) return { status: 'ended', order: found.order, wasCancelSent: true };
    if (asking.signal.aborted || asking.clock.monotonicMillis() >= until) return open(`cancel not confirmed, order is ${found.order.venueStatus}`);
    await waited(asking.clock, CANCEL_CONFIRM_POLL_MS, asking.signal);
  }
};

/**
 * Re-reads the order, and only if it is still open cancels it and waits until the venue confirms. A cancel that comes too late
 * (the order was filled) is an answer like any other: the order as it ended.
 */
export const endOrder = async (find: () => Promise<FindOrderOutcome>, asking: Asking): Promise<EndOfOrder> => {
  const found = await find();
  if (found.status === 'not_found') return { status: 'not_found' };
  if (found.status !== 'found') return openBecause(found);
  if (isFinal(found.order)) return { status: 'ended', order: found.order, wasCancelSent: false };
  const { brokerOrderId } = found.order;
  const answer = await asking.broker.cancelOrder(brokerOrderId, callLimits(CANCEL_CALL_MS, asking.signal));
  if (answer.status === 'cancel_accepted' || answer.status === 'not_cancelable') return confirmed(brokerOrderId, asking);
  return answer.status === 'not_found' ? { status: 'not_found' } : openBecause(answer);
};
