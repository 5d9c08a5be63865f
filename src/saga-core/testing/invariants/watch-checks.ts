import { endersOf } from '#saga-core';
import type { InvariantId } from './audited.ts';
import { isReady, type Ledger, type Slot } from './ledger.ts';

type Report = (invariant: InvariantId, message: string) => void;

/** Offset of the first completion that ended the waiting of this watch. */
const endedOffset = ({ definition, slots }: Ledger, watch: string): number => {
  const completions = endersOf(definition, watch).flatMap((name) => slots.get(name)?.outcomes.slice(0, 1) ?? []).filter(({ kind }) => kind === 'completed');
  return Math.min(Number.POSITIVE_INFINITY, ...completions.map(({ offset }) => offset));
};

/**
 * I1 and I3 of what a watch emits: at most one record per cause and type, in the order of the causes, from the step's trigger to its
 * outcome, and nothing for a record that came when the waiting was over.
 */
export const checkEmissions = (ledger: Ledger, report: Report): void => {
  const emitting = [...ledger.slots.values()].filter(({ emissions }) => emissions.length > 0);
  if (emitting.length === 0) return;
  const offsets = new Map(ledger.history.records.map(({ envelope, offset }) => [envelope.eventId, offset]));
  for (const slot of emitting) checkWatch({ ledger, slot, offsets }, report);
};

const checkWatch = ({ ledger, slot, offsets }: { readonly ledger: Ledger; readonly slot: Slot; readonly offsets: ReadonlyMap<string, number> }, report: Report): void => {
  const [outcome, ended] = [slot.outcomes[0]?.offset ?? Number.POSITIVE_INFINITY, endedOffset(ledger, slot.step)];
  const seen = new Set<string>();
  let latest = -1;
  for (const { type, cause, offset } of slot.emissions) {
    const at = offsets.get(cause) ?? latest;
    const claims: readonly (readonly [isFault: boolean, invariant: InvariantId, fault: string])[] = [
      [seen.has(`${cause} ${type}`), 'I1', `a second time for ${cause}`],
      [at < latest, 'I1', `for the record at ${at}, after it answered the one at ${latest}`],
      [offset > outcome, 'I1', `after its outcome at ${outcome}`],
      [at > ended, 'I1', `for the record at ${at}, although the waiting had ended at ${ended}`],
      [!isReady(ledger, slot.step, offset), 'I3', 'before its dependencies are complete'],
    ];
    for (const [isFault, invariant, fault] of claims) if (isFault) report(invariant, `${slot.step} emits ${type} at ${offset}, ${fault}`);
    seen.add(`${cause} ${type}`);
    latest = Math.max(latest, at);
  }
};
