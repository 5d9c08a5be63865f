import { brokerObservationRecorded, type BrokerObservationRecorded, orderStopRequested, type OrderStopRequested, tradeOrderRejected } from '#contracts';
import { erase } from '#kernel';
import { event, type Fact, requireCompensation, type SagaContext, type StepFailure } from '#saga-core';
import { type Observation, type OrderExecution, parseObservation } from '#sagas/order-execution';
import { cancelled } from '../messaging/order-wire.ts';
import { venueEnded } from './reasons.ts';

/** The venue's own end of an order: no more fills will come than `filledQty`. */
export type VenueEnd = { readonly how: 'canceled' | 'expired' | 'rejected'; readonly filledQty: string; readonly reason: string | null; readonly brokerOrderId: string };

export const observationOf = (fact: Fact): Observation | null => {
  if (fact.type !== brokerObservationRecorded.name) return null;
  const observation = parseObservation(erase<BrokerObservationRecorded>(fact.payload).body);
  return observation.ok ? observation.value : null;
};

export const stopOf = (fact: Fact): string | null => (fact.type === orderStopRequested.name ? erase<OrderStopRequested>(fact.payload).reason : null);

export const venueEndOf = (observation: Observation): VenueEnd | null => {
  const { kind, orderFilledQty: filledQty, reason, brokerOrderId } = observation;
  return kind === 'canceled' || kind === 'expired' || kind === 'rejected' ? { how: kind, filledQty, reason, brokerOrderId } : null;
};

/** The order ended at the venue without us: told by the event that fits, kept fills included. */
export const venueEndFailure = (context: SagaContext<OrderExecution>, end: VenueEnd): StepFailure => {
  const { orderId, decisionId } = context.start;
  const told = end.how === 'rejected'
    ? event(tradeOrderRejected, { orderId, decisionId, source: 'broker', httpStatus: null, brokerCode: null, reason: end.reason ?? 'rejected by the venue' })
    : cancelled({ orderId, brokerOrderId: end.brokerOrderId, cumQty: end.filledQty }, end.how === 'expired' ? 'expired' : 'broker');
  return requireCompensation(venueEnded(end.how, end.reason), { events: [told] });
};
