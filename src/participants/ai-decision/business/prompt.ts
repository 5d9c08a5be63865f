/** What a decision is made from. Decimal texts; `asOf` is market time, ISO-8601. */
export type MarketView = {
  readonly symbol: string;
  readonly asOf: string;
  /** Adjusted for splits, oldest first, at most 20. */
  readonly closes: readonly string[];
  readonly position: { readonly qty: string; readonly avgPrice: string };
  readonly quote: { readonly bid: string; readonly ask: string; readonly last: string };
  readonly cash: string;
  readonly limits: { readonly maxOrderValue: string; readonly maxPositionValue: string };
};

export type Prompt = { readonly system: string; readonly user: string };

const SYSTEM = [
  'You decide on one trade in one stock, long only, on daily closes.',
  'Answer with one JSON object and nothing else:',
  '{"action": "buy" | "sell" | "hold", "confidence": number within 0..1, "quantity": whole number of shares (0 to hold), "orderType": "market", "rationale": one sentence}.',
  'A sale closes the whole position. Never sell what is not held.',
].join('\n');

/** The question as a model gets it. Machine-readable facts stand in one line that begins with `DATA: `. */
export const buildDecisionPrompt = (view: MarketView): Prompt => {
  const { symbol, asOf, closes, position, quote, cash, limits } = view;
  const facts = JSON.stringify({ symbol, asOf, closes, position: { qty: position.qty, avgPrice: position.avgPrice }, quote: { bid: quote.bid, ask: quote.ask, last: quote.last } });
  return {
    system: SYSTEM,
    user: [
      `What is to be done about ${symbol} as of ${asOf}?`,
      `DATA: ${facts}`,
      `Cash: ${cash}. An order may cost at most ${limits.maxOrderValue}, the position be worth at most ${limits.maxPositionValue}.`,
    ].join('\n'),
  };
};
