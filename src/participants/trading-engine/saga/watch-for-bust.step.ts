import { analyticsPnlRecorded } from '#contracts';
import { completed, implementAwait, requireCompensation, type StepImplementation } from '#saga-core';
import type { OrderExecution } from '#sagas/order-execution';
import { busted } from './reasons.ts';
import { observationOf } from './venue-end.ts';

type Watched = { readonly isBooked: boolean; readonly bustedExecutionId: string | null };

/** From the last fill until the result is booked, which may take as long as Analytics is away: an execution that the venue takes back undoes the order. */
export const watchForBust = (saga: OrderExecution): StepImplementation =>
  implementAwait<OrderExecution, Watched>(saga, 'watch_for_bust', {
    initial: { isBooked: false, bustedExecutionId: null },
    fold: (watched, fact) => {
      if (fact.type === analyticsPnlRecorded.name) return { ...watched, isBooked: true };
      const observation = observationOf(fact);
      return observation?.kind === 'bust' ? { ...watched, bustedExecutionId: watched.bustedExecutionId ?? observation.bustedExecutionId } : watched;
    },
    verdict: ({ isBooked, bustedExecutionId }) => {
      if (bustedExecutionId !== null) return requireCompensation(busted(bustedExecutionId));
      return isBooked ? completed(null) : null;
    },
  });
