/** What a schedule draws from: the same seed gives the same schedule. A linear congruence is enough here and costs next to nothing. */
export type Chance = {
  /** Uniform in [0, 1). */
  readonly next: () => number;
  /** Uniform integer in [0, bound). */
  readonly below: (bound: number) => number;
  readonly is: (probability: number) => boolean;
};

export const chanceOf = (seed: number): Chance => {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return { next, below: (bound) => Math.floor(next() * bound), is: (probability) => next() < probability };
};

/** One of the items, of which there is at least one. */
export const oneOf = <Item>(chance: Chance, items: readonly Item[]): Item => {
  const item = items[chance.below(items.length)];
  if (item === undefined) throw new RangeError('there is nothing to choose from');
  return item;
};

/** Runs seeds one after another until a run answers with the invariant it broke: that and its seed, or null. */
export const firstViolation = (run: (seed: number) => string | null, seeds: { readonly from?: number; readonly count: number }): string | null => {
  const from = seeds.from ?? 1;
  for (let seed = from; seed < from + seeds.count; seed++) {
    const violation = run(seed);
    if (violation !== null) return `seed ${seed}: ${violation}`;
  }
  return null;
};
