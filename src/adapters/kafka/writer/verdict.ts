import type { RefusalCode } from '#saga-core/ports';
import { CODE, codeName, COORDINATOR_MOVED, FENCED, LEADER_MOVED, NOT_AUTHORISED, TRY_AGAIN } from '../error-codes.ts';

export type Again = {
  readonly kind: 'again';
  readonly moved: boolean;
  readonly message: string;
  /** What it is if it stays so. */
  readonly ifItLasts?: RefusalCode;
  /** Over within milliseconds: markers of the transaction before. */
  readonly isBrief?: true;
  /** Nothing was sent, hence nothing can have been done. */
  readonly isUnsent?: true;
};

/**
 * What a broker's code means for the exchange that got it:
 * - done;
 * - again: a definite "not now", the very same request may be repeated (`moved`: look for leader or coordinator first);
 * - refused: the transaction must be aborted;
 * - fenced: a newer owner exists;
 * - doubt: nobody can say what the broker did.
 */
export type Verdict =
  | { readonly kind: 'done' }
  | Again
  | { readonly kind: 'refused'; readonly code: RefusalCode; readonly message: string }
  | { readonly kind: 'fenced'; readonly message: string }
  | { readonly kind: 'doubt'; readonly message: string };

export const DONE: Verdict = { kind: 'done' };

const REFUSALS: ReadonlyMap<number, RefusalCode> = new Map<number, RefusalCode>([
  [CODE.MESSAGE_TOO_LARGE, 'RECORD_TOO_LARGE'],
  [CODE.RECORD_LIST_TOO_LARGE, 'RECORD_TOO_LARGE'],
  [CODE.INVALID_RECORD, 'INVALID_RECORD'],
  [CODE.INVALID_TIMESTAMP, 'INVALID_RECORD'],
  [CODE.CORRUPT_MESSAGE, 'INVALID_RECORD'],
  [CODE.UNSUPPORTED_FOR_MESSAGE_FORMAT, 'INVALID_RECORD'],
  [CODE.INVALID_TOPIC_EXCEPTION, 'UNKNOWN_TOPIC'],
  [CODE.ILLEGAL_GENERATION, 'ILLEGAL_GENERATION'],
  [CODE.UNKNOWN_MEMBER_ID, 'ILLEGAL_GENERATION'],
  [CODE.FENCED_INSTANCE_ID, 'ILLEGAL_GENERATION'],
  [CODE.REBALANCE_IN_PROGRESS, 'ILLEGAL_GENERATION'],
]);

const notNow = (code: number, message: string): Again => {
  if (code === CODE.CONCURRENT_TRANSACTIONS) return { kind: 'again', moved: false, message, isBrief: true };
  return { kind: 'again', moved: LEADER_MOVED.has(code) || COORDINATOR_MOVED.has(code), message };
};

/** The verdict on Add*, Produce and TxnOffsetCommit. */
export const judge = (code: number, what: string): Verdict => {
  if (code === CODE.NONE) return DONE;
  const message = `${what}: ${codeName(code)}`;
  if (FENCED.has(code)) return { kind: 'fenced', message };
  if (code === CODE.UNKNOWN_TOPIC_OR_PARTITION) return { kind: 'again', moved: true, message, ifItLasts: 'UNKNOWN_TOPIC' };
  if (TRY_AGAIN.has(code)) return notNow(code, message);
  // The broker knows of a transaction of ours that ended without us: after a time-out, or a race with its own abort.
  if (code === CODE.INVALID_TXN_STATE || code === CODE.DUPLICATE_SEQUENCE_NUMBER) return { kind: 'doubt', message };
  if (NOT_AUTHORISED.has(code)) return { kind: 'refused', code: 'NOT_AUTHORISED', message };
  return { kind: 'refused', code: REFUSALS.get(code) ?? 'REFUSED', message };
};

/** The verdict on EndTxn: whatever is not a clear yes or "not now" leaves doubt, or a newer owner. */
export const judgeEnd = (code: number): Verdict => {
  const verdict = judge(code, 'EndTxn');
  return verdict.kind === 'refused' ? { kind: 'doubt', message: verdict.message } : verdict;
};

const SEVERITY = { done: 0, again: 1, refused: 2, doubt: 3, fenced: 4 } as const satisfies Record<Verdict['kind'], number>;

/** The verdict that decides for all: fenced before doubt before refused before again. An answer of only 55 has its cause elsewhere in the list. */
export const worst = (verdicts: readonly Verdict[]): Verdict =>
  verdicts.reduce((left, right) => (SEVERITY[right.kind] > SEVERITY[left.kind] ? right : left), DONE);
