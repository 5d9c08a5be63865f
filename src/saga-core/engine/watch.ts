import { erase } from '#kernel';
import type { Fact, WatchHandler } from '../definition/handlers.ts';
import { type CompiledStep, has } from './compile.ts';
import type { Instance } from './state.ts';

/** What one fact calls for, until the record that answers it is folded. `cause`: the fact's eventId. */
export type Emission = { readonly cause: string; readonly note: unknown };

/** What an own watch has heard: the author's state, what is to be written, and what was written last. It takes the place of an await step's state. */
type Watched = { readonly state: unknown; readonly due: readonly Emission[]; readonly written: readonly string[] };

/** A fact whose answer was written is known again so many answers later, if its record is repeated. */
const WRITTEN_MAX = 64;
/** Causes that one transaction answers at most: after a long standstill the rest follows in the next ones, and the outcome with the last. */
export const EMISSIONS_MAX = 100;
const NONE: readonly Emission[] = [];

const watchedBy = (instance: Instance, step: CompiledStep): Watched =>
  erase<Watched | undefined>(instance.awaits?.[step.index]) ?? { state: erase<WatchHandler<never, unknown, unknown>>(step.handler).initial, due: NONE, written: [] };

/** The author's state of an own await step or watch. */
export const awaitStateOf = (instance: Instance, step: CompiledStep): unknown => {
  if (step.isWatch) return watchedBy(instance, step).state;
  return instance.awaits?.[step.index] ?? erase<{ readonly initial: unknown }>(step.handler).initial;
};

/** The end of the saga's waiting: the first completion of a watch that ends it. Null = the watch goes on. */
export const endOfWaiting = (instance: Instance, step: CompiledStep): { readonly atMs: number; readonly eventId: string } | null => {
  if (step.endedBy === 0) return null;
  let end: { readonly atMs: number; readonly eventId: string } | null = null;
  for (const other of instance.saga.steps) {
    const slot = has(step.endedBy, other.index) ? instance.slots[other.index] : undefined;
    if (slot?.outcome === 'completed' && (end === null || slot.outcomeAtMs < end.atMs)) end = { atMs: slot.outcomeAtMs, eventId: slot.outcomeEventId };
  }
  return end;
};

/**
 * A watch hears one more fact. From the record on that ends it nothing is heard, so that whether a fact was answered does not
 * hang on how soon its owner acted. A compensating instance emits nothing: its facts only count.
 */
export const heard = (instance: Instance, step: CompiledStep, fact: Fact): unknown => {
  const before = watchedBy(instance, step);
  const isOver = instance.slots[step.index]?.outcome != null || endOfWaiting(instance, step) !== null;
  if (isOver || before.written.includes(fact.eventId) || before.due.some(({ cause }) => cause === fact.eventId)) return before;
  const { state, note } = erase<WatchHandler<never, unknown, unknown>>(step.handler).fold(before.state, fact);
  const isNoted = note != null && (instance.status === 'RUNNING' || instance.status === 'PENDING');
  return { ...before, state, due: isNoted ? [...before.due, { cause: fact.eventId, note }] : before.due } satisfies Watched;
};

/** What a watch has heard, once an event of it is read back: its cause is answered, and what was due before was settled by whoever wrote it. */
export const settled = (heardSoFar: unknown, cause: string | null): unknown => {
  const before = erase<Watched | undefined>(heardSoFar);
  const last = before?.due.findIndex((emission) => emission.cause === cause) ?? -1;
  if (before === undefined || last < 0) return before;
  const written = [...before.written, ...before.due.slice(0, last + 1).map((emission) => emission.cause)].slice(-WRITTEN_MAX);
  return { ...before, due: before.due.slice(last + 1), written } satisfies Watched;
};

/** What a watch is to write, but for what is on its way: it goes out in the order of its causes. */
export const emissionsDue = (instance: Instance, step: CompiledStep, isBusy: (key: string) => boolean): readonly Emission[] => {
  if (!step.isWatch || instance.status !== 'RUNNING') return NONE;
  const { due } = watchedBy(instance, step);
  return due.slice(due.findLastIndex(({ cause }) => isBusy(emissionKey(step, cause))) + 1);
};

/** Under this key of its last emission a writing is busy until it is read back. */
export const emissionKey = (step: CompiledStep, cause: string): string => `e:${step.name}/${cause}`;
