import { sagaSignalled, type SagaSignalled } from '#contracts/core';
import { erase } from '#kernel';
import type { Fact } from './handlers.ts';

/** What somebody has signalled, where the fact is a signal; null where it is something else. The payload is read with the context's `read`. */
export const signalOf = (fact: Fact): SagaSignalled | null => (fact.type === sagaSignalled.name ? erase<SagaSignalled>(fact.payload) : null);
