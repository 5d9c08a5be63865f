import { messageOf } from './caught.ts';
import type { EffectHandler } from '../definition/handlers.ts';
import type { CompensationResult, Reconciled, StepResult } from '../definition/results.ts';
import { ambiguous, transient, unknown } from '../definition/results.ts';
import type { SagaContext } from '../definition/context.ts';
import type { SagaShape } from '../definition/saga.ts';
import type { Clock } from '../ports/index.ts';

/** How long a handler may take to answer after its signal was aborted. */
export const ABORT_GRACE_MS = 1_000;

/** A call with a hard deadline: aborted when its limit passes or the task ends; its silence is an unknown outcome, never a failure. */
export class BoundedCall {
  readonly #clock: Clock;
  readonly #controller = new AbortController();
  #mayBegin = true;
  #isOver = false;
  #endPause: () => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether another request to the vendor may follow the one under way. */
  get mayBegin(): boolean {
    return this.#mayBegin;
  }

  /** The task drains: the request under way may end, and none that makes an effect follows it. */
  beginNothingMore(): void {
    this.#mayBegin = false;
    this.#endPause();
  }

  /** Between two look-ups; over at once where nothing more may begin. */
  pause(delayMs: number): Promise<void> {
    if (!this.#mayBegin) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#clock.after(delayMs, resolve);
      this.#endPause = () => {
        cancel();
        resolve();
      };
    });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: string): void {
    this.#controller.abort(new Error(reason));
  }

  /** The task is over: nobody waits for the answer any more. */
  end(): void {
    this.#isOver = true;
    this.beginNothingMore();
    this.abort('the task ends');
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The handler's answer; what it throws, and its silence after the limit, become `otherwise`. */
  run<Answer>(limitMs: number, call: (signal: AbortSignal) => Promise<Answer>, otherwise: (reason: string) => Answer): Promise<Answer> {
    return new Promise((resolve) => {
      let cancel = this.#clock.after(limitMs, () => {
        this.abort(`time limit of ${limitMs} ms`);
        cancel = this.#clock.after(ABORT_GRACE_MS, () => resolve(otherwise(`no answer within ${limitMs} ms`)));
      });
      const answered = (answer: Answer): void => {
        cancel();
        resolve(answer);
      };
      const failed = (error: unknown): void => answered(otherwise(messageOf(error)));
      try {
        void Promise.resolve(call(this.#controller.signal)).then(answered, failed);
      } catch (error) {
        // A handler that is not async may throw before it gives a promise.
        failed(error);
      }
    });
  }
}

export type EffectRun = {
  readonly handler: EffectHandler<SagaShape>;
  readonly context: SagaContext;
  readonly limitMs: number;
  /** A predecessor, or an earlier attempt, may have reached the vendor: ask before calling. */
  readonly isReconciledFirst: boolean;
};

const POLLS_MAX = 10_000;

/**
 * One attempt: reconcile where something may have happened, execute where nothing has, reconcile again where the outcome is unknown.
 * Null: the task ends before the call, or between two look-ups. Nothing is to be said of the attempt; whoever succeeds it goes on.
 */
export const attempt = async (clock: Clock, call: BoundedCall, run: EffectRun): Promise<StepResult | null> => {
  const { handler, context } = run;
  const untilMs = clock.monotonicMillis() + run.limitMs;
  const leftMs = (): number => Math.max(1, untilMs - clock.monotonicMillis());
  const found = run.isReconciledFirst ? await reconcile(clock, run) : null;
  // The process stood still, or the look-up took the whole limit: a call now might come after somebody else's conclusion.
  if (found?.status === 'absent' && clock.monotonicMillis() >= untilMs) return transient(`the limit of ${run.limitMs} ms passed before the call`);
  if (found?.status === 'absent' && !call.mayBegin) return null;
  let result: Reconciled = found === null || found.status === 'absent' ? await call.run<StepResult>(leftMs(), (signal) => handler.execute(context, signal), unknown) : found;
  for (let polls = 0; result.status === 'pending' && polls < POLLS_MAX && !call.signal.aborted; polls++) {
    await call.pause(Math.min(result.pollAfterMs, leftMs()));
    if (!call.mayBegin) return null;
    result = handler.reconcile === undefined ? unknown('pending without reconcile') : await call.run<Reconciled>(leftMs(), (signal) => handler.reconcile?.(context, signal) ?? Promise.resolve(unknown('no reconcile')), unknown);
    if (leftMs() === 1 && result.status === 'pending') result = unknown(`still pending after ${run.limitMs} ms`);
  }
  if (call.isOver) return null;
  if (result.status === 'failed' && result.kind === 'unknown' && handler.reconcile !== undefined) {
    const { reason } = result;
    result = await reconcile(clock, run);
    // Never arrived: this attempt failed, and the next may run.
    if (result.status === 'absent') return { status: 'failed', kind: 'transient', reason };
  }
  if (result.status === 'absent' || result.status === 'pending') return unknown(`unexpected answer ${result.status}`);
  return result;
};

/** Asks the vendor what it made of the key, on a fresh deadline: the attempt's own may have been used up by the silent call. */
export const reconcile = (clock: Clock, run: EffectRun): Promise<Reconciled> => {
  const { handler, context } = run;
  if (handler.reconcile === undefined) return Promise.resolve({ status: 'absent' });
  const ask = handler.reconcile;
  return new BoundedCall(clock).run<Reconciled>(run.limitMs, (signal) => ask(context, signal), unknown);
};

export const compensation = (call: BoundedCall, limitMs: number, undo: (signal: AbortSignal) => Promise<CompensationResult>): Promise<CompensationResult> =>
  call.run<CompensationResult>(limitMs, undo, ambiguous);
