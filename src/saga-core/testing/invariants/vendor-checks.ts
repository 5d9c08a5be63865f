import { idempotencyKey } from '#kernel';
import type { Violation } from './audited.ts';
import type { Ledger, Slot } from './ledger.ts';

/** What a vendor knows of one idempotency key at the end. */
export type VendorEffect = {
  readonly key: string;
  /** How often the effect really came about: a vendor that is idempotent by key counts 1. */
  readonly executionCount: number;
  /** It is there and was not undone. */
  readonly isLive: boolean;
};

const problemOf = (slot: Slot, effect: VendorEffect): string | null => {
  if (!effect.isLive) return null;
  const kind = slot.outcomes[0]?.kind;
  if (kind === 'cancelled') return 'is recorded as never executed';
  if (kind === 'failed') return 'is recorded as failed for certain';
  if (kind === 'skipped') return 'is recorded as skipped';
  const [undone] = slot.compensations;
  return undone !== undefined && !undone.isKept && slot.operatorOffset === null ? 'is recorded as compensated' : null;
};

/** I5: at most one live effect per key; none for a step compensated or recorded as never executed. */
export const checkVendorEffects = (ledgers: readonly Ledger[], effects: readonly VendorEffect[]): readonly Violation[] => {
  const slots = new Map<string, { readonly slot: Slot; readonly ledger: Ledger }>();
  for (const ledger of ledgers) {
    const { correlationId, records } = ledger.history;
    const subSaga = records[0]?.envelope.subSaga ?? null;
    for (const slot of ledger.slots.values()) {
      slots.set(idempotencyKey({ correlationId, subSaga, step: slot.step, item: slot.item, phase: 'execute' }), { slot, ledger });
    }
  }
  return effects.flatMap((effect): Violation[] => {
    const owner = slots.get(effect.key);
    const instance = owner?.ledger.history.key ?? null;
    if (effect.executionCount > 1) return [{ invariant: 'I5', instance, message: `${effect.key} was executed ${effect.executionCount} times` }];
    if (owner === undefined) return [{ invariant: 'I5', instance, message: `${effect.key} belongs to no step of any instance` }];
    const problem = problemOf(owner.slot, effect);
    return problem === null ? [] : [{ invariant: 'I5', instance, message: `${effect.key} is live at the vendor, but ${problem}` }];
  });
};
