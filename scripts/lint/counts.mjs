/**
 * Compares what there is with what is let pass: `risen` is one line for each rule with more; `lowered` is the new ceiling where
 * nothing has risen and something has fallen, otherwise null.
 */
export const compareCounts = (now, allowed) => {
  const risen = Object.entries(now).filter(([rule, count]) => count > (allowed[rule] ?? 0))
    .map(([rule, count]) => `${rule}: ${count} warnings, ${allowed[rule] ?? 0} are let pass; the count may only fall`);
  const hasFallen = Object.entries(allowed).some(([rule, count]) => (now[rule] ?? 0) < count);
  return { risen, lowered: risen.length === 0 && hasFallen ? Object.fromEntries(Object.keys(allowed).map((rule) => [rule, now[rule] ?? 0])) : null };
};
