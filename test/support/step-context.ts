import type { DataType, EventType } from '#contracts/core';
import { erase, idempotencyKey, parseSagaId } from '#kernel';
import type {
  AbortSignalLike, AwaitHandler, ChildHandler, CompensationResult, EffectHandler, EntityContext, EntityStepHandler, Fact, FailureView, SagaContext, SagaRef, StepImplementation, StepLimits,
} from '#saga-core';

// Calls a participant's handlers directly: no log, no runtime.

type Kept = { readonly type: { readonly name: string }; readonly value: unknown };

export type GivenContext = {
  readonly sagaId?: string;
  readonly subSaga?: string | null;
  readonly step?: string;
  readonly item?: string | null;
  readonly attempt?: number;
  /** Of every step; default: 8 s and three attempts. */
  readonly limits?: StepLimits;
  readonly nowMillis?: number;
  readonly start: unknown;
  /** By step name. */
  readonly outputs?: Readonly<Record<string, Kept>>;
  /** By step name, then item. */
  readonly items?: Readonly<Record<string, readonly (readonly [item: string, kept: Kept])[]>>;
  readonly arrival?: Kept;
};

export const kept = <Value>(type: EventType<Value> | DataType<Value>, value: NoInfer<Value>): Kept => ({ type, value });

export const contextOf = (given: GivenContext): SagaContext<never> => {
  const id = parseSagaId(given.sagaId ?? 'saga-1');
  if (!id.ok) throw new Error(id.fault);
  const output = (step: string): Kept | undefined => given.outputs?.[step];
  const step = given.step ?? '';
  return erase<SagaContext<never>>({
    sagaId: id.value, sagaType: 'test', subSaga: given.subSaga ?? null, stepName: step, item: given.item ?? null, attempt: given.attempt ?? 1, limits: () => given.limits ?? { timeoutMs: 8_000, maxAttempts: 3 },
    idempotencyKey: idempotencyKey({ correlationId: id.value, subSaga: given.subSaga ?? null, step, item: given.item ?? null, phase: 'execute' }),
    startedAtMillis: 0, deadlineMillis: null, nowMillis: given.nowMillis ?? 1_000, startEventId: 'start-event', start: given.start,
    output: (name: string) => output(name)?.value ?? null,
    outputAs: (name: string, type: { readonly name: string }) => (output(name)?.type.name === type.name ? output(name)?.value : null),
    items: (name: string, type: { readonly name: string }) =>
      new Map((given.items?.[name] ?? []).filter(([, one]) => one.type.name === type.name).map(([item, one]) => [item, one.value])),
    arrival: (type: { readonly name: string }) => (given.arrival?.type.name === type.name ? given.arrival.value : null),
    // No bytes here: facts of these tests carry values.
    read: () => null,
  });
};

export const neverAborted = (): AbortSignalLike => new AbortController().signal;
export const NO_FAILURE: FailureView = { failedStep: null, reason: '' };

export const executed = (step: StepImplementation, context: SagaContext<never>) => erase<EffectHandler<never>>(step.handler).execute(context, neverAborted());
export const reconciled = (step: StepImplementation, context: SagaContext<never>) => {
  const { reconcile } = erase<EffectHandler<never>>(step.handler);
  if (reconcile === undefined) throw new Error(`step ${step.step} has no reconcile`);
  return reconcile(context, neverAborted());
};
export const undone = (step: StepImplementation, context: SagaContext<never>, given: { readonly data?: unknown; readonly failure?: FailureView } = {}): Promise<CompensationResult> => {
  const { compensate } = erase<EffectHandler<never>>(step.handler);
  if (compensate === undefined) throw new Error(`step ${step.step} has no compensate`);
  return compensate(context, given.data ?? null, given.failure ?? NO_FAILURE, neverAborted());
};
export const entityStep = (step: StepImplementation): EntityStepHandler<never> => erase<EntityStepHandler<never>>(step.handler);
export const childStep = (step: StepImplementation): ChildHandler<never> => erase<ChildHandler<never>>(step.handler);

/** The verdict of an await step after these facts; null = it waits on. */
export const verdictAfter = (step: StepImplementation, context: SagaContext<never>, facts: readonly Kept[]) => {
  const handler = erase<AwaitHandler<never, unknown>>(step.handler);
  const fact = ({ type, value }: Kept, index: number): Fact => ({ type: type.name, eventId: `fact-${index}`, stepName: null, stepItem: null, occurredAtMillis: 0, payload: value });
  return handler.verdict(facts.map(fact).reduce(handler.fold, handler.initial), context);
};

export const CALLER: SagaRef = {
  context: 'trading', correlationId: 'c-1', sagaType: 'signal_to_execution', subSaga: null, parentCorrelationId: null, definitionVersion: 1, startedAt: 10, timeout: 420_000, totalSteps: 6,
  stepName: 'trade', stepItem: null, step: 3, subStep: null, causationId: 'cause-1',
};

export const entityContext = (given: Partial<EntityContext> = {}): EntityContext => ({ key: 'key', nowMillis: 1_000, commandId: 'command-1', caller: null, phase: null, ...given });
