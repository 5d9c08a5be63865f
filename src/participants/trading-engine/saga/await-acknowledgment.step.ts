import { tradeOrderAcknowledged } from '#contracts';
import { completed, event, type Fact, implementAwait, requireCompensation, type StepImplementation } from '#saga-core';
import type { Observation, OrderExecution } from '#sagas/order-execution';
import { observationOf, stopOf, type VenueEnd, venueEndFailure, venueEndOf } from './venue-end.ts';

type Heard = { readonly acknowledged: Observation | null; readonly end: VenueEnd | null; readonly stop: string | null };

const fold = (heard: Heard, fact: Fact): Heard => {
  const stop = stopOf(fact);
  if (stop !== null) return { ...heard, stop: heard.stop ?? stop };
  const observation = observationOf(fact);
  if (observation === null) return heard;
  const isAcknowledgment = observation.kind === 'new' || observation.kind === 'partial_fill' || observation.kind === 'fill';
  if (isAcknowledgment) return { ...heard, acknowledged: heard.acknowledged ?? observation };
  return { ...heard, end: heard.end ?? venueEndOf(observation) };
};

/** The venue works the order. A fill says so too, should its acknowledgment be lost. */
export const awaitAcknowledgment = (saga: OrderExecution): StepImplementation =>
  implementAwait<OrderExecution, Heard>(saga, 'await_acknowledgment', {
    initial: { acknowledged: null, end: null, stop: null },
    fold,
    verdict: ({ acknowledged, end, stop }, context) => {
      if (acknowledged !== null) {
        const { orderId } = context.start;
        return completed(event(tradeOrderAcknowledged, { orderId, order_id: acknowledged.brokerOrderId, acknowledgedVia: acknowledged.via, ackAt: acknowledged.atMs }));
      }
      if (end !== null) return venueEndFailure(context, end);
      return stop === null ? null : requireCompensation(`stopped: ${stop}`);
    },
  });
