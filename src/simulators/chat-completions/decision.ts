import { arrayOf, parseJson, recordOf, textOf } from '../support/index.ts';

const SHORT_COUNT = 5;
const LONG_COUNT = 20;
/** Short average this far from the long one is a trend. */
const TREND_FRACTION = 0.005;
/** Standard deviations from the long average that count as stretched. */
const STRETCHED = 1.8;
/** Money put into one purchase. */
const BUDGET = 10_000;
const DATA_LINE = /^DATA: (\{.*\})\s*$/m;

/** The machine-readable part of a prompt. Figures as numbers: this plays a model, which is not exact either. */
export type PromptData = {
  readonly symbol: string;
  readonly asOf: string;
  /** Oldest first. */
  readonly closes: readonly number[];
  readonly heldQty: number;
  /** As the prompt wrote it, to sell exactly that. */
  readonly heldQtyText: string;
};

export type ModelDecision = {
  readonly action: 'buy' | 'sell' | 'hold';
  readonly confidence: number;
  /** Decimal text; "0" when holding. */
  readonly quantity: string;
  readonly orderType: 'market';
  readonly rationale: string;
};

/** The last user message that has a DATA line; null if there is none. */
export const readPrompt = (messages: unknown): PromptData | null => {
  for (const message of arrayOf(messages).toReversed()) {
    const { role, content } = recordOf(message);
    const line = role === 'user' ? DATA_LINE.exec(textOf(content) ?? '')?.[1] : undefined;
    if (line === undefined) continue;
    const data = recordOf(parseJson(line));
    const symbol = textOf(data['symbol']);
    if (symbol === null) return null;
    const closes = arrayOf(data['closes']).map((close) => Number(textOf(close) ?? 'NaN')).filter(Number.isFinite);
    const heldQtyText = textOf(recordOf(data['position'])['qty']) ?? '0';
    const heldQty = Number(heldQtyText);
    return { symbol, asOf: textOf(data['asOf']) ?? '', closes: closes.slice(-LONG_COUNT), heldQtyText, heldQty: Number.isFinite(heldQty) ? heldQty : 0 };
  }
  return null;
};

const average = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

const confidenceOf = (strength: number): number => Math.round(Math.min(0.95, 0.55 + strength / 10) * 100) / 100;

/** Momentum of a short against a long average, tempered by how stretched the price is. Sells only what is held. */
export const decide = (data: PromptData): ModelDecision => {
  const { closes, heldQty } = data;
  const last = closes.at(-1);
  if (last === undefined || closes.length < SHORT_COUNT) {
    return { action: 'hold', confidence: 0.5, quantity: '0', orderType: 'market', rationale: `${closes.length} closes are too few to judge ${data.symbol}` };
  }
  const long = average(closes);
  const trend = average(closes.slice(-SHORT_COUNT)) / long - 1;
  const deviation = Math.sqrt(average(closes.map((close) => (close - long) ** 2)));
  const stretch = deviation === 0 ? 0 : (last - long) / deviation;
  const figures = `5-day average ${(trend * 100).toFixed(2)} % from the ${closes.length}-day average, last close ${stretch.toFixed(2)} deviations away`;
  const strength = Math.abs(trend) * 100 + Math.abs(stretch) / 2;
  if (heldQty > 0) {
    const isTurning = trend < -TREND_FRACTION;
    if (!isTurning && stretch < STRETCHED) return { action: 'hold', confidence: confidenceOf(0.5), quantity: '0', orderType: 'market', rationale: `keeping ${data.symbol}: ${figures}` };
    const why = isTurning ? 'momentum has turned down' : 'the price is stretched, taking profit';
    return { action: 'sell', confidence: confidenceOf(strength), quantity: data.heldQtyText, orderType: 'market', rationale: `${why}: ${figures}` };
  }
  const isRising = trend > TREND_FRACTION && stretch < STRETCHED;
  const isOversold = stretch < -STRETCHED;
  if (!isRising && !isOversold) return { action: 'hold', confidence: confidenceOf(0.5), quantity: '0', orderType: 'market', rationale: `no edge in ${data.symbol}: ${figures}` };
  const why = isRising ? 'momentum is up' : 'oversold, expecting reversion to the mean';
  return { action: 'buy', confidence: confidenceOf(strength), quantity: String(Math.max(1, Math.floor(BUDGET / last))), orderType: 'market', rationale: `${why}: ${figures}` };
};
