import type { RandomSource } from '#saga-core/ports';

/** A seeded source: the same seed gives the same numbers on every machine. */
export type SimulatedRandom = RandomSource & {
  /** Uniform integer in [0, bound). */
  readonly integer: (bound: number) => number;
  /** Uniform number in [fromInclusive, toExclusive). */
  readonly between: (fromInclusive: number, toExclusive: number) => number;
  readonly chance: (probability: number) => boolean;
  /** One of the items, of which there must be at least one. */
  readonly pick: <Item>(items: readonly Item[]) => Item;
  /** An independent stream: what one part of a simulation draws never shifts what another part sees. */
  readonly fork: (name: string) => SimulatedRandom;
};

const ID_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const ID_LENGTH = 22;

const hash = (text: string, start: number): number => {
  let h = start ^ 0x811c9dc5;
  for (let index = 0; index < text.length; index++) h = Math.imul(h ^ text.charCodeAt(index), 0x01000193);
  return h >>> 0;
};

/** sfc32 over four words drawn from the seed by splitmix32. */
const generator = (seed: number): (() => number) => {
  let mix = seed >>> 0;
  const word = (): number => {
    mix = (mix + 0x9e3779b9) | 0;
    let z = mix ^ (mix >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return (z ^ (z >>> 15)) | 0;
  };
  let [a, b, c, counter] = [word(), word(), word(), 1];
  return () => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return (t >>> 0) / 0x1_0000_0000;
  };
};

/** Every random choice of a simulation comes from here. `seed` is any 32-bit integer. */
export const createSimulatedRandom = (seed: number): SimulatedRandom => {
  const next = generator(seed);
  const integer = (bound: number): number => Math.floor(next() * bound);
  return {
    next,
    integer,
    id: () => Array.from({ length: ID_LENGTH }, () => ID_ALPHABET[integer(ID_ALPHABET.length)]).join(''),
    between: (fromInclusive, toExclusive) => fromInclusive + next() * (toExclusive - fromInclusive),
    chance: (probability) => next() < probability,
    pick: (items) => {
      const item = items[integer(items.length)];
      if (item === undefined) throw new RangeError('pick: the list is empty');
      return item;
    },
    fork: (name) => createSimulatedRandom(hash(name, seed)),
  };
};
