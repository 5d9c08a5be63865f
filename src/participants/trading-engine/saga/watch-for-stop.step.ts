import { tradeOrderSubmitted } from '#contracts';
import { completed, implementAwait, requireCompensation, type StepImplementation } from '#saga-core';
import type { OrderExecution } from '#sagas/order-execution';
import { stopOf } from './venue-end.ts';

type Watched = { readonly isSubmitted: boolean; readonly stop: string | null };

/** A stop before the order is known to be at the venue: no further attempt is made, and one under way is undone. From then on others listen. */
export const watchForStop = (saga: OrderExecution): StepImplementation =>
  implementAwait<OrderExecution, Watched>(saga, 'watch_for_stop', {
    initial: { isSubmitted: false, stop: null },
    fold: (watched, fact) => {
      if (fact.type === tradeOrderSubmitted.name) return { ...watched, isSubmitted: true };
      return { ...watched, stop: watched.stop ?? stopOf(fact) };
    },
    verdict: ({ isSubmitted, stop }) => {
      if (isSubmitted) return completed(null);
      return stop === null ? null : requireCompensation(`stopped: ${stop}`);
    },
  });
