import { createHash } from 'node:crypto';
import { NO_FAULT, parseFault, type Fault, type FaultTarget } from './fault.ts';
import { arrayOf, isRecord, textOf, wholeOf } from './json.ts';

const PERMILLE = 1_000;

/** Uniform in [0, 1), the same for the same text on every machine. */
export const fractionOf = (text: string): number => createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32;

/**
 * One way for things to go wrong: the share of keys it befalls, and the faults of their first, second, … request.
 * `extra` is the vendor's own (a fill script).
 */
export type PlanVariant = {
  readonly name: string;
  readonly permille: number;
  readonly faults: readonly Fault[];
  readonly extra: unknown;
};

export type FaultPlan = {
  readonly seed: string;
  /** Routes the faults apply to; empty: the vendor's main route. */
  readonly routes: readonly string[];
  /** `key`: the identity the caller gives; `symbol_ordinal`: how many other keys of the symbol came before. */
  readonly keyBy: 'key' | 'symbol_ordinal';
  readonly variants: readonly PlanVariant[];
};

/** Reads {seed, key_by, routes, variants: [{name, permille, faults, extra}]}; a text says what is wrong. */
export const parseFaultPlan = (value: unknown): FaultPlan | string => {
  if (!isRecord(value)) return 'a fault plan is an object {seed, variants}';
  const seed = textOf(value['seed']);
  if (seed === null) return 'seed must be a text or a number';
  const variants: PlanVariant[] = [];
  let total = 0;
  for (const [index, entry] of arrayOf(value['variants']).entries()) {
    if (!isRecord(entry)) return `variants[${index}] must be an object`;
    const permille = wholeOf(entry['permille'], 0);
    if (permille === null) return `variants[${index}].permille must be a whole number`;
    const faults = arrayOf(entry['faults']).map(parseFault);
    if (faults.includes(null)) return `variants[${index}].faults holds something that is no fault`;
    total += permille;
    variants.push({
      name: textOf(entry['name']) ?? `variant-${index}`, permille, extra: entry['extra'],
      faults: faults.filter((fault) => fault !== null),
    });
  }
  if (total > PERMILLE) return `the variants' shares add up to ${total} permille, more than ${PERMILLE}`;
  return {
    seed, variants, keyBy: value['key_by'] === 'symbol_ordinal' ? 'symbol_ordinal' : 'key',
    routes: arrayOf(value['routes']).map(String),
  };
};

/** The variant of a key: a pure function of seed and key. null: nothing goes wrong. */
export const variantFor = (plan: FaultPlan, key: string): PlanVariant | null => {
  let point = fractionOf(`${plan.seed}\n${key}`) * PERMILLE;
  for (const variant of plan.variants) {
    if (point < variant.permille) return variant;
    point -= variant.permille;
  }
  return null;
};

/** A plan at work: remembers which attempt of a key comes next, nothing else. */
export type FaultPlanner = {
  readonly install: (plan: FaultPlan | null) => void;
  readonly take: (target: FaultTarget) => Fault;
  readonly variantOf: (key: string, symbol: string | null) => PlanVariant | null;
  readonly report: () => unknown;
};

export const createFaultPlanner = (mainRoute: string): FaultPlanner => {
  let plan: FaultPlan | null = null;
  const attempts = new Map<string, number>();
  const ordinals = new Map<string, string>();
  const nextOrdinal = new Map<string, number>();
  const used = new Map<string, number>();
  const planKey = (key: string, symbol: string | null): string => {
    if (plan?.keyBy !== 'symbol_ordinal' || symbol === null) return key;
    const known = ordinals.get(key);
    if (known !== undefined) return known;
    const ordinal = nextOrdinal.get(symbol) ?? 0;
    nextOrdinal.set(symbol, ordinal + 1);
    ordinals.set(key, `${symbol}#${ordinal}`);
    return `${symbol}#${ordinal}`;
  };
  const variantOf = (key: string, symbol: string | null): PlanVariant | null =>
    plan === null ? null : variantFor(plan, planKey(key, symbol));
  return {
    install: (next) => {
      plan = next;
      for (const memory of [attempts, ordinals, nextOrdinal, used]) memory.clear();
    },
    variantOf,
    take: (target) => {
      const key = target.keys[0];
      if (plan === null || key === undefined) return NO_FAULT;
      const routes = plan.routes.length === 0 ? [mainRoute] : plan.routes;
      if (!routes.includes(target.route)) return NO_FAULT;
      const variant = variantOf(key, target.symbol);
      if (variant === null) return NO_FAULT;
      const memory = `${target.route}\n${key}`;
      const attempt = attempts.get(memory) ?? 0;
      attempts.set(memory, attempt + 1);
      if (attempt === 0) used.set(variant.name, (used.get(variant.name) ?? 0) + 1);
      return variant.faults[attempt] ?? NO_FAULT;
    },
    report: () => ({ plan, used: Object.fromEntries(used) }),
  };
};
