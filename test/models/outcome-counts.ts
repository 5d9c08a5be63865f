type Written = { readonly kind: string; readonly id: number; readonly state: 'pending' | 'committed' | 'aborted' };

/** One outcome per instance (I1) and, where an owner lives on that could have written it, none missing (I9). */
export const outcomeViolation = (log: readonly Written[], instanceCount: number, isOwned: boolean): string | null => {
  const counts = Array.from({ length: instanceCount }, () => 0);
  for (const { kind, id, state } of log) if (kind === 'outcome' && state === 'committed') counts[id] = (counts[id] ?? 0) + 1;
  for (const [id, count] of counts.entries()) {
    if (count > 1) return `I1: instance ${id} has ${count} outcomes`;
    if (count === 0 && isOwned) return `I9: instance ${id} has no outcome`;
  }
  return null;
};
