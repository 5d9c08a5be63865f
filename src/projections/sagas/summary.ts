/** Fields that tell people what a record is about, in the order they are told. */
const TOLD = [
  'stepName', 'phase', 'attempt', 'skipped', 'skipReason', 'errorKind', 'outcomeUnknown', 'failedStep', 'reason', 'cause', 'faults', 'kept', 'byOperator', 'action', 'user',
  'symbol', 'side', 'qty', 'orderType', 'limitPrice', 'fillQty', 'fillPrice', 'filledQty', 'avgPrice', 'leavesQty', 'realizedPnl', 'confidence', 'provider', 'model', 'outcome', 'executed', 'kind',
] as const;
const SUMMARY_LENGTH_MAX = 240;
const NAMELESS: ReadonlySet<string> = new Set(['stepName', 'reason', 'cause', 'skipReason', 'symbol', 'side']);

const told = (name: string, value: unknown): string | null => {
  if (value === null || value === undefined || value === false || value === '') return null;
  const shown = Array.isArray(value) ? value.join('; ') : String(value);
  return NAMELESS.has(name) ? shown : `${name} ${shown}`;
};

/** One line about a record's payload. */
export const summaryOf = (payload: unknown): string => {
  if (typeof payload !== 'object' || payload === null) return '';
  const fields = new Map(Object.entries(payload));
  const parts = TOLD.flatMap((name) => told(name, fields.get(name)) ?? []);
  return parts.join(', ').slice(0, SUMMARY_LENGTH_MAX);
};

/** A payload's own symbol, where it has one. */
export const symbolOf = (payload: unknown): string | null =>
  typeof payload === 'object' && payload !== null && 'symbol' in payload && typeof payload.symbol === 'string' ? payload.symbol : null;
