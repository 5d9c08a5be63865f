import { NOT_AUTHORISED } from '../error-codes.ts';
import { isLostAnswer, KafkaError, reasonOf } from '../errors.ts';
import { pauseMs } from '../pause.ts';
import type { Verdict } from './verdict.ts';

/** Markers of the previous transaction are done 1 to 3 ms after its end; 1 and 2 ms measured equal, 5 and 10 clearly worse. */
export const CONCURRENT_PAUSE_MS = 1;
export const MOVED_PAUSE_MS = 20;
/** A topic that is created just now reaches every broker's metadata within this time. */
export const UNKNOWN_TOPIC_GRACE_MS = 1_000;

export type ExchangeEnd =
  | { readonly kind: 'done' }
  | {
    readonly kind: 'refused';
    readonly code: Extract<Verdict, { kind: 'refused' }>['code'];
    readonly message: string;
    /** An earlier attempt went without answer: it may have been executed before the refusal. */
    readonly afterLoss?: boolean;
  }
  | { readonly kind: 'fenced'; readonly message: string; readonly afterLoss: boolean }
  | { readonly kind: 'doubt'; readonly message: string };

export type Exchange = {
  /** Sends once and judges the answer; rejects when the answer is lost. What fails before sending is "again", unsent. */
  readonly attempt: () => Promise<Verdict>;
  readonly deadlineMs: number;
  /** Called before a repeat when the leader or coordinator may be elsewhere. */
  readonly onMoved: () => void;
  /** False: a lost answer is doubt at once. */
  readonly repeatLost: boolean;
  /** True: the broker may have done it although it answers "not now" (EndTxn appends before it answers 7, 15, 16 or 51). */
  readonly mayActBeforeRefusing: boolean;
  /** Looked at before every send: nothing may be sent for a writer that is over. */
  readonly isOver: () => boolean;
};

/** Repeats one request until a definite answer or the deadline. */
export const exchange = async (options: Exchange): Promise<ExchangeEnd> => {
  let doubtMessage: string | undefined;
  let lastMessage = 'no attempt was made in time';
  let lastingSinceMs: number | undefined;
  for (;;) {
    if (options.isOver()) return { kind: 'doubt', message: 'the writer was closed' };
    if (performance.now() >= options.deadlineMs) {
      return doubtMessage === undefined ? { kind: 'refused', code: 'REFUSED', message: lastMessage } : { kind: 'doubt', message: doubtMessage };
    }
    try {
      const verdict = await options.attempt();
      if (verdict.kind === 'fenced' || verdict.kind === 'refused') return { ...verdict, afterLoss: doubtMessage !== undefined };
      if (verdict.kind !== 'again') return verdict;
      lastMessage = verdict.message;
      if (options.mayActBeforeRefusing && verdict.isUnsent !== true) doubtMessage = verdict.message;
      lastingSinceMs = verdict.ifItLasts === undefined ? undefined : lastingSinceMs ?? performance.now();
      if (verdict.ifItLasts !== undefined && lastingSinceMs !== undefined && performance.now() - lastingSinceMs > UNKNOWN_TOPIC_GRACE_MS) {
        return { kind: 'refused', code: verdict.ifItLasts, message: verdict.message, afterLoss: doubtMessage !== undefined };
      }
      if (verdict.moved) options.onMoved();
      await pauseMs(verdict.isBrief === true ? CONCURRENT_PAUSE_MS : MOVED_PAUSE_MS);
    } catch (thrown) {
      if (!isLostAnswer(thrown)) {
        const refusal = doubtMessage === undefined ? refusedBeforeSending(thrown) : null;
        return refusal ?? { kind: 'doubt', message: reasonOf(thrown) };
      }
      doubtMessage = reasonOf(thrown);
      if (!options.repeatLost) return { kind: 'doubt', message: doubtMessage };
      options.onMoved();
      await pauseMs(MOVED_PAUSE_MS);
    }
  }
};

/** What failed before anything was sent: no coordinator for this user, or no way to authenticate. */
const refusedBeforeSending = (thrown: unknown): Extract<ExchangeEnd, { readonly kind: 'refused' }> | null => {
  if (!(thrown instanceof KafkaError)) return null;
  if (thrown.code === 'KAFKA_AUTHENTICATION') return { kind: 'refused', code: 'NOT_AUTHORISED', message: thrown.message };
  if (thrown.code !== 'KAFKA_REFUSED') return null;
  const isForbidden = thrown.brokerCode !== undefined && NOT_AUTHORISED.has(thrown.brokerCode);
  return { kind: 'refused', code: isForbidden ? 'NOT_AUTHORISED' : 'REFUSED', message: thrown.message };
};
