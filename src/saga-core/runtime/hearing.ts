import type { EffectHandler } from '../definition/handlers.ts';
import type { FailureKind, Reconciled } from '../definition/results.ts';
import type { SagaShape } from '../definition/saga.ts';

/** What an attempt's last look-up said of the effect: that it is there or not, nothing of use, or it was not asked. */
export type Hearing = 'definite' | 'vague' | 'nothing';

/** The vendor has it, never got it, or refused it: no earlier call is in doubt any more. A look-up that fails for now says nothing. */
export const isDefinite = (found: Reconciled): boolean =>
  found.status === 'absent' || found.status === 'completed' || (found.status === 'failed' && (found.kind === 'terminal' || found.kind === 'requireCompensation'));

/** The handler, and what its look-up said last. */
export const hearing = (handler: EffectHandler<SagaShape>): { readonly handler: EffectHandler<SagaShape>; readonly heard: () => Hearing } => {
  const { reconcile } = handler;
  if (reconcile === undefined) return { handler, heard: () => 'nothing' };
  let heard: Hearing = 'nothing';
  const asking: EffectHandler<SagaShape> = {
    ...handler,
    reconcile: async (context, signal) => {
      heard = 'vague';
      const found = await reconcile(context, signal);
      heard = isDefinite(found) ? 'definite' : 'vague';
      return found;
    },
  };
  return { handler: asking, heard: () => heard };
};

/**
 * The effect may have happened although this attempt failed: by its own unknown outcome, or by an earlier call that nothing
 * definite was heard of since. Only a look-up clears an earlier call; a failure that `execute` tells is about its own call.
 */
export const isStillUncertain = ({ kind, heard, wasUncertain }: { readonly kind: FailureKind; readonly heard: Hearing; readonly wasUncertain: boolean }): boolean =>
  kind === 'unknown' || heard === 'vague' || (heard === 'nothing' && wasUncertain);
