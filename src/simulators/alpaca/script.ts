import { isRecord, textOf, wholeOf } from '../support/index.ts';
import { parseDecimal } from './decimal.ts';
import type { FillScript, ScriptQty, ScriptStep } from './engine-types.ts';

const PERCENT_PATTERN = /^(\d+(?:\.\d+)?)%$/;

const qtyOf = (value: unknown): ScriptQty | null => {
  const text = textOf(value) ?? 'rest';
  if (text === 'rest') return 'rest';
  const percent = PERCENT_PATTERN.exec(text)?.[1];
  if (percent !== undefined) return { percent: Number(percent) };
  const amount = parseDecimal(text);
  return amount === null || amount <= 0n ? null : { amount };
};

/**
 * One step: {afterMillis, qty?, price?} is a fill (qty: an amount, "40%" of the order, or "rest"; price: else the quote's);
 * {afterMillis, action: "expire" | "cancel" | "reject"}; {afterMillis, action: "bust", execution: index}. null: unreadable.
 */
export const parseStep = (value: unknown): ScriptStep | null => {
  if (!isRecord(value)) return null;
  const afterMillis = wholeOf(value['afterMillis'], 0) ?? 0;
  const action = value['action'] ?? 'fill';
  if (action === 'expire' || action === 'cancel' || action === 'reject') return { do: action, afterMillis };
  if (action === 'bust') return { do: 'bust', afterMillis, execution: wholeOf(value['execution'], 0) ?? 0 };
  if (action !== 'fill') return null;
  const qty = qtyOf(value['qty']);
  const priceText = textOf(value['price']);
  const price = priceText === null ? null : parseDecimal(priceText);
  if (qty === null || (priceText !== null && price === null)) return null;
  return { do: 'fill', afterMillis, qty, price };
};

/** A list of steps; `"none"` or an empty list: acknowledged and never filled. null: unreadable. */
export const parseScript = (value: unknown): FillScript | null => {
  if (value === 'none') return [];
  if (!Array.isArray(value)) return null;
  const steps = value.map(parseStep);
  return steps.includes(null) ? null : steps.filter((step) => step !== null);
};

/** Scripts handed out to orders: by client order id, then by symbol, each as often as it was given. */
export type ScriptBook = {
  /** Reads {key?, symbol?, times?, script}; false if unreadable. */
  readonly add: (value: unknown) => boolean;
  readonly take: (clientOrderId: string | null, symbol: string) => FillScript | null;
  readonly clear: () => void;
};

export const createScriptBook = (): ScriptBook => {
  let rules: { readonly key: string | null; readonly symbol: string | null; readonly script: FillScript; remaining: number | null }[] = [];
  return {
    add: (value) => {
      const script = isRecord(value) ? parseScript(value['script']) : null;
      if (!isRecord(value) || script === null) return false;
      const remaining = value['times'] === null ? null : (wholeOf(value['times'], 1) ?? 1);
      rules.push({ key: textOf(value['key']), symbol: textOf(value['symbol']), script, remaining });
      return true;
    },
    take: (clientOrderId, symbol) => {
      const rule = rules.find((each) => (each.key === null || each.key === clientOrderId) && (each.symbol === null || each.symbol === symbol));
      if (rule === undefined) return null;
      if (rule.remaining !== null) rule.remaining -= 1;
      rules = rules.filter((each) => each.remaining !== 0);
      return rule.script;
    },
    clear: () => {
      rules = [];
    },
  };
};
