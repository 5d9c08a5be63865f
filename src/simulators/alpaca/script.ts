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
