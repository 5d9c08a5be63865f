import { createHash } from 'node:crypto';

/** What goes wrong once, and for which request of which symbol: the first one at or after the bar. */
export type PlacedFault = { readonly kind: 'model_500' | 'broker_500' | 'broker_answer_lost'; readonly symbol: string; readonly barIndex: number };

/**
 * Bars of one symbol per fault of a kind. Failures that a circuit breaker counts are placed this far apart, so that even at
 * fifteen bars a second and symbol fewer than five fall into one window of 60 s: no run depends on how fast it ran.
 */
export const BARS_PER_FAULT = 900;
/** In the first stretch they come early, so that a short run shows them too. */
const FIRST_STRETCH_BARS = 50;
const FIRST_BAR = 8;

const KINDS: readonly PlacedFault['kind'][] = ['model_500', 'broker_500', 'broker_answer_lost'];

const hashOf = (text: string): number => createHash('sha256').update(text).digest().readUInt32BE(0);

/** The faults that breakers count, as a function of the seed, the symbols and the bars alone. */
export const placedFaults = (seed: string, series: readonly { readonly symbol: string; readonly bars: { readonly length: number } }[]): readonly PlacedFault[] => {
  const longest = Math.max(0, ...series.map(({ bars }) => bars.length));
  const stretches = Math.ceil(longest / BARS_PER_FAULT);
  return KINDS.flatMap((kind) => Array.from({ length: stretches }, (_, stretch): readonly PlacedFault[] => {
    const width = stretch === 0 ? FIRST_STRETCH_BARS : BARS_PER_FAULT / 2;
    const barIndex = stretch * BARS_PER_FAULT + (stretch === 0 ? FIRST_BAR : 0) + (hashOf(`${seed}/${kind}/${stretch}/bar`) % width);
    const able = series.filter(({ bars }) => bars.length > barIndex);
    const chosen = able[hashOf(`${seed}/${kind}/${stretch}/symbol`) % Math.max(1, able.length)];
    return chosen === undefined ? [] : [{ kind, symbol: chosen.symbol, barIndex }];
  }).flat());
};

/** Faults that no breaker counts befall a share of the requests, drawn by a hash of seed and request. */
export const modelFaultPlan = (seed: string): unknown => ({
  seed: `${seed}/model`,
  variants: [
    { name: 'rate_limited', permille: 30, faults: [429] },
    { name: 'invalid_output', permille: 15, faults: [], extra: { content: 'The outlook is mixed; I would rather not say.' } },
  ],
});
export const brokerFaultPlan = (seed: string): unknown => ({
  seed: `${seed}/broker`,
  variants: [{ name: 'refused', permille: 60, faults: [{ status: 403, body: { code: 40310000, message: 'insufficient buying power' } }] }],
});
