import { erase } from '#kernel';
import type { SagaContext } from '../definition/context.ts';
import type { WatchHandler } from '../definition/handlers.ts';
import type { DomainEvent } from '../definition/results.ts';
import type { SagaShape } from '../definition/saga.ts';
import type { CompiledStep, Emission } from '../engine/index.ts';

/** The events that a watch writes for each of its notes. Throws where the author's function does, or gives what the log could not be read by. */
export const emittedEvents = (step: CompiledStep, emissions: readonly Emission[], context: SagaContext): readonly { readonly cause: string; readonly events: readonly DomainEvent[] }[] => {
  const handler = erase<WatchHandler<SagaShape, unknown, unknown>>(step.handler);
  return emissions.map(({ cause, note }) => {
    const events = handler.emit?.(note, context) ?? [];
    const fault = faultOf(step, events);
    if (fault !== null) throw new Error(`emit: ${fault}`);
    return { cause, events };
  });
};

/** The record of one type and cause is how the log says that a note is answered: each must be there, once, and be told from the outcome's events. */
const faultOf = (step: CompiledStep, events: readonly DomainEvent[]): string | null => {
  const names = events.map(({ type }) => type.name);
  if (names.length === 0) return 'no event for a note; a fact that calls for none has no note';
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) return `${twice} twice for one note`;
  const undeclared = names.find((name) => step.definition.emits?.every((type) => type.name !== name) !== false);
  return undeclared === undefined ? null : `${undeclared} is not among the step's emits`;
};
