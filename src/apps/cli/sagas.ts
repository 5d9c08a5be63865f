import { erase } from '#kernel';
import type { SagaDefinition } from '#saga-core';
import { aiDecision } from '#sagas/ai-decision';
import { orderExecution } from '#sagas/order-execution';
import { signalToExecution } from '#sagas/signal-to-execution';
import { WrongUse } from './output.ts';

/** Every saga of this build. */
export const SAGAS: readonly SagaDefinition[] = [signalToExecution, orderExecution, aiDecision].map((saga) => erase<SagaDefinition>(saga));

export const sagaOfType = (type: string): SagaDefinition => {
  const saga = SAGAS.find((candidate) => candidate.type === type);
  if (saga === undefined) throw new WrongUse(`there is no saga type ${JSON.stringify(type)}; there are ${SAGAS.map((each) => each.type).join(', ')}`);
  return saga;
};

/** The bounded contexts of this build's sagas. */
export const CONTEXTS: readonly string[] = [...new Set(SAGAS.map(({ context }) => context))];
