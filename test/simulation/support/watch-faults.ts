import { sagaSignalled } from '#contracts/core';
import { dependantsOf, type SagaDefinition } from '#saga-core';
import { type AuditedRecord, historiesOf, type History, type Violation } from '#saga-core/testing';
import { noted, opened } from './types.ts';

/** The record that ended the waiting of this watch. */
const endOf = ({ records }: History, saga: SagaDefinition, watch: string): AuditedRecord | undefined => {
  const enders = Object.entries(saga.steps).filter(([name, step]) => name !== watch && step.kind === 'await' && step.watch?.endsWaiting === true && !dependantsOf(saga, name).has(watch)).map(([name]) => name);
  return records.find(({ envelope, payload }) => enders.includes(envelope.stepName ?? '') && envelope.outcome === 'completed' && !(payload as { readonly skipped?: boolean }).skipped);
};

type Watched = { readonly heard: readonly string[]; readonly answered: readonly string[]; readonly isEnded: boolean };

/** What the log says that a watch was told from its saga's beginning to its own end, or the waiting's, and what it answered. */
const watchedOf = (history: History, saga: SagaDefinition, watch: string): Watched => {
  const end = endOf(history, saga, watch);
  const own = history.records.filter(({ envelope }) => envelope.stepName === watch);
  const outcome = own.find(({ envelope }) => envelope.outcome === 'completed');
  const began = history.records.findIndex(({ type }) => type === opened.name);
  const until = Math.min(...[end, outcome].map((record) => record?.offset ?? Number.POSITIVE_INFINITY));
  const facts = began < 0 ? [] : history.records.slice(began).filter(({ type, offset, payload }) => type === sagaSignalled.name && offset < until && (payload as { readonly signal: string }).signal === 'go');
  return {
    heard: facts.map(({ envelope }) => envelope.eventId),
    answered: own.filter(({ type }) => type === noted.name).map(({ envelope }) => envelope.causationId ?? ''),
    isEnded: end !== undefined && outcome?.envelope.causationId === end.envelope.eventId,
  };
};

/**
 * Of the facts that call for an event none is passed over: what was answered is what came first, and a watch that was ended has answered
 * all that came before the end. That none is answered twice is the invariants' to say.
 */
export const watchFaults = (saga: SagaDefinition, records: readonly AuditedRecord[]): readonly Violation[] => {
  const watches = Object.entries(saga.steps).filter(([, step]) => step.kind === 'await' && step.watch !== undefined).map(([name]) => name);
  return historiesOf(records, () => saga).flatMap((history) => watches.flatMap((watch): readonly Violation[] => {
    const { heard, answered, isEnded } = watchedOf(history, saga, watch);
    const expected = isEnded ? heard : heard.slice(0, answered.length);
    return answered.join() === expected.join() ? [] : [{ invariant: 'I9', instance: history.key, message: `${watch} answered ${answered.join(', ') || 'nothing'}; what it heard is ${heard.join(', ') || 'nothing'}` }];
  }));
};
