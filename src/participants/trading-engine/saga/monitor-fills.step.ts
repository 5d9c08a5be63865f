import { fillsMonitored, tradeOrderFilled, type TradeOrderFilled, tradeOrderPartiallyFilled, type TradeOrderPartiallyFilled } from '#contracts';
import { compare, erase, parseDecimal } from '#kernel';
import { completed, data, type Fact, implementAwait, requireCompensation, type StepImplementation } from '#saga-core';
import type { OrderExecution } from '#sagas/order-execution';
import { busted } from './reasons.ts';
import { observationOf, stopOf, type VenueEnd, venueEndFailure, venueEndOf } from './venue-end.ts';

type Watched = {
  /** What the position contains of the order, as its own events tell. */
  readonly appliedQty: string;
  readonly isWhole: boolean;
  readonly end: VenueEnd | null;
  readonly bustedExecutionId: string | null;
  readonly stop: string | null;
};

const fold = (watched: Watched, fact: Fact): Watched => {
  if (fact.type === tradeOrderFilled.name) return { ...watched, appliedQty: erase<TradeOrderFilled>(fact.payload).filledQty, isWhole: true };
  if (fact.type === tradeOrderPartiallyFilled.name) return { ...watched, appliedQty: erase<TradeOrderPartiallyFilled>(fact.payload).cumQty };
  const stop = stopOf(fact);
  if (stop !== null) return { ...watched, stop: watched.stop ?? stop };
  const observation = observationOf(fact);
  if (observation === null) return watched;
  if (observation.kind === 'bust') return { ...watched, bustedExecutionId: watched.bustedExecutionId ?? observation.bustedExecutionId };
  return { ...watched, end: watched.end ?? venueEndOf(observation) };
};

/** A venue that ended the order has said how much is filled: the end is answered once the position contains it all. */
const isApplied = (appliedQty: string, filledQty: string): boolean => {
  const [applied, filled] = [parseDecimal(appliedQty), parseDecimal(filledQty)];
  return applied.ok && filled.ok && compare(applied.value, filled.value) >= 0;
};

/** Watches until the whole quantity is in the position; its limit is a finding that cancel_rest deals with. */
export const monitorFills = (saga: OrderExecution): StepImplementation =>
  implementAwait<OrderExecution, Watched>(saga, 'monitor_fills', {
    initial: { appliedQty: '0', isWhole: false, end: null, bustedExecutionId: null, stop: null },
    fold,
    verdict: ({ appliedQty, isWhole, end, bustedExecutionId, stop }, context) => {
      if (bustedExecutionId !== null) return requireCompensation(busted(bustedExecutionId));
      if (isWhole) return completed(data(fillsMonitored, { result: 'filled', filledQty: appliedQty }));
      if (end !== null && isApplied(appliedQty, end.filledQty)) return venueEndFailure(context, end);
      return stop === null ? null : requireCompensation(`stopped: ${stop}`);
    },
    atLimit: ({ appliedQty }) => completed(data(fillsMonitored, { result: 'time_limit', filledQty: appliedQty })),
  });
