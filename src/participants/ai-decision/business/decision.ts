import { err, formatDecimal, isPositive, ok, parseDecimal, type Result } from '#kernel';

/** What a model decided, validated. Decimal texts. */
export type Decision = {
  readonly action: 'buy' | 'sell' | 'hold';
  /** 0..1. */
  readonly confidence: number;
  /** Above zero unless the action is hold. */
  readonly quantity: string;
  readonly orderType: 'market' | 'limit' | 'stop' | 'stop_limit';
  readonly limitPrice: string | null;
  readonly stopLoss: string | null;
  readonly takeProfit: string | null;
  readonly rationale: string;
};

/** Everything wrong with an answer, each with the field it is about. */
export type DecisionFaults = readonly string[];

const RATIONALE_LENGTH_MAX = 2_000;
const isAction = (value: unknown): value is Decision['action'] => value === 'buy' || value === 'sell' || value === 'hold';
const isOrderType = (value: unknown): value is Decision['orderType'] => value === 'market' || value === 'limit' || value === 'stop' || value === 'stop_limit';
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Models write quantities and prices as text or as numbers; both are read, as decimal text. */
const decimalText = (value: unknown): string | null => {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string') return null;
  const parsed = parseDecimal(text.trim());
  return parsed.ok ? formatDecimal(parsed.value) : null;
};
const isAboveZero = (text: string): boolean => {
  const parsed = parseDecimal(text);
  return parsed.ok && isPositive(parsed.value);
};

/** The JSON object in a model's text: as it stands, in a code fence, or between other words. */
const jsonIn = (content: string): Result<Readonly<Record<string, unknown>>, string> => {
  const from = content.indexOf('{');
  const to = content.lastIndexOf('}');
  if (from === -1 || to < from) return err('answer: holds no JSON object');
  try {
    const value: unknown = JSON.parse(content.slice(from, to + 1));
    return isRecord(value) ? ok(value) : err('answer: is no JSON object');
  } catch {
    return err('answer: is not JSON');
  }
};

type Optional = { readonly text: string | null; readonly faults: DecisionFaults };
const optionalPrice = (name: string, value: unknown): Optional => {
  if (value === undefined || value === null) return { text: null, faults: [] };
  const text = decimalText(value);
  return text !== null && isAboveZero(text) ? { text, faults: [] } : { text: null, faults: [`${name}: must be a price above zero`] };
};

/** Reads a model's raw answer. Nothing is guessed: a field that is missing or out of bounds makes the whole answer invalid. */
export const parseDecision = (content: string): Result<Decision, DecisionFaults> => {
  const json = jsonIn(content);
  if (!json.ok) return err([json.fault]);
  const { action, confidence, quantity, orderType = 'market', rationale = '' } = json.value;
  const faults: string[] = [];
  if (!isAction(action)) faults.push('action: must be buy, sell or hold');
  if (typeof confidence !== 'number' || !(confidence >= 0 && confidence <= 1)) faults.push('confidence: must be a number within 0..1');
  const qty = action === 'hold' ? (decimalText(quantity) ?? '0') : decimalText(quantity);
  if (qty === null || (action !== 'hold' && !isAboveZero(qty))) faults.push('quantity: must be a number above zero');
  if (!isOrderType(orderType)) faults.push('orderType: must be market, limit, stop or stop_limit');
  if (typeof rationale !== 'string') faults.push('rationale: must be text');
  const limitPrice = optionalPrice('limitPrice', json.value['limitPrice']);
  const stopLoss = optionalPrice('stopLoss', json.value['stopLoss']);
  const takeProfit = optionalPrice('takeProfit', json.value['takeProfit']);
  faults.push(...limitPrice.faults, ...stopLoss.faults, ...takeProfit.faults);
  if (faults.length > 0 || !isAction(action) || !isOrderType(orderType) || typeof confidence !== 'number' || qty === null) return err(faults);
  return ok({
    action, confidence, quantity: qty, orderType, limitPrice: limitPrice.text, stopLoss: stopLoss.text, takeProfit: takeProfit.text,
    rationale: String(rationale).slice(0, RATIONALE_LENGTH_MAX),
  });
};
