import { erase } from '#kernel';
import type { AwaitHandler, ChildHandler, EffectHandler, EntityStepHandler, WatchHandler } from '../definition/handlers.ts';
import { completed, type Completed, type CompensationResult, irreversible, type StepFailure, type StepResult, terminal } from '../definition/results.ts';
import type { SagaDefinition, SagaShape } from '../definition/saga.ts';
import type { RetryPolicy } from '../definition/step.ts';
import { type Action, awaitStateOf, type ChildEnd, type CompiledStep, compensationKey, type Emission, emissionsDue, forwardKey, type Instance, keyOfAction, slotOf } from '../engine/index.ts';
import type { RecordToWrite } from '../ports/index.ts';
import type { Answers, Where } from './answers.ts';
import type { OutputReader } from './context.ts';
import { BackgroundCalls } from './background-calls.ts';
import { caught } from './caught.ts';
import { attempt, compensation, type EffectRun, reconcile } from './effect-call.ts';
import type { ChainHead } from './chain.ts';
import { emittedEvents } from './emitted-events.ts';
import { delayAfter, ERROR_KINDS, failureOf } from './failures.ts';
import type { Entry } from './instance-table.ts';
import { KeyList } from './key-list.ts';
import { type Hearing, hearing, isDefinite, isStillUncertain } from './hearing.ts';
import { isSuspected } from './suspects.ts';
import type { TaskEnvironment } from './task-environment.ts';
import { reportNotUndone, reportUndone } from './undo-reports.ts';

export type SagaActionsOptions = {
  readonly environment: TaskEnvironment;
  readonly participant: string;
  readonly answers: Answers;
  readonly outputs: OutputReader;
  /** With the head of the instance's chain before these records. */
  readonly submit: (entry: Entry, records: readonly RecordToWrite[], headBefore: ChainHead) => void;
  /** What has to be written about the instance cannot be: it waits for a person. */
  readonly park: (entry: Entry, reason: string) => void;
  /** Looks anew at what is due for the instance. */
  readonly decide: (entry: Entry) => void;
  /** Asks `decide` again at this instant. */
  readonly wakeAt: (entry: Entry, atMs: number) => void;
  readonly sagaOf: (type: string) => SagaDefinition | undefined;
  /** When this task went live, monotonic milliseconds: calls of predecessors may be on the wire until their limits have passed since. */
  readonly liveSinceMs: () => number;
};

/** Carries out what `decide` found due: at once where it is only a record, in the background where it is a call. */
export class SagaActions {
  readonly #options: SagaActionsOptions;
  readonly #background: BackgroundCalls;

  constructor(options: SagaActionsOptions) {
    this.#options = options;
    this.#background = new BackgroundCalls({
      environment: options.environment,
      write: (entry, make, otherwise) => this.#write(entry, make, otherwise),
      decide: options.decide,
    });
  }

  /** Aborts every call under way; nothing they answer is written. */
  stop(): void {
    this.#background.stop();
  }

  /** Calls under way, those included whose intent is on the log already. */
  get callCount(): number {
    return this.#background.count;
  }

  /** Resolves when every call under way has been answered, or was aborted; none begins that is not announced on the log. */
  drain(): Promise<void> {
    return this.#background.drain();
  }

  /** The log has been told of the call that this action makes, or takes back. */
  isAnnounced(entry: Entry, action: Action): boolean {
    return this.#background.isAnnounced(entry, keyOfAction(action));
  }

  carryOut(entry: Entry, action: Action): void {
    (entry.busy ??= new KeyList()).add(keyOfAction(action));
    this.#write(entry, () => this.#recordsOf(entry, action), (reason) => this.#recordsOfFault(entry, action, reason));
  }

  /** A handler that throws, and a payload that cannot be encoded, are answered by `otherwise`; where that fails too, the instance is parked. */
  #write(entry: Entry, make: () => readonly RecordToWrite[] | null, otherwise: (reason: string) => readonly RecordToWrite[]): void {
    const { head } = entry;
    const records = caught(make);
    if (records.ok) {
      if (records.value !== null && records.value.length > 0) this.#options.submit(entry, records.value, head);
      return;
    }
    entry.head = head;
    this.#options.environment.logger.error('handler failed', { instance: entry.key, reason: records.fault });
    const instead = caught(() => otherwise(records.fault));
    if (instead.ok) return this.#options.submit(entry, instead.value, head);
    entry.head = head;
    this.#options.park(entry, instead.fault);
  }

  /** What is written instead of an action's record; nothing has reached a vendor yet but by earlier attempts. */
  #recordsOfFault(entry: Entry, action: Action, reason: string): readonly RecordToWrite[] {
    const { answers } = this.#options;
    switch (action.do) {
      case 'start': return this.#refused(entry, [reason]);
      case 'quarantine':
      case 'request-compensation':
      case 'complete':
      case 'fail': throw new Error(reason);
      // Nobody can tell the child: its own deadline stands.
      case 'stop-child': return answers.intended(entry, action, 'compensate', null, false);
      case 'compensate':
      case 'undo':
      case 'keep':
      case 'excuse':
      case 'fail-undo': return this.#undoFailed(entry, action, irreversible(reason));
      case 'skip':
      case 'open': return this.#stepBroken(entry, { step: action.step, item: null }, reason, false);
      case 'emit': return this.#watchBroken(entry, action, reason);
      default: return this.#stepBroken(entry, action, reason, action.do === 'conclude' || (action.do === 'execute' && (action.attempt > 1 || this.#mayHaveHappened(entry, action))));
    }
  }

  #stepBroken(entry: Entry, where: Where, reason: string, isUnknown: boolean): readonly RecordToWrite[] {
    this.#options.environment.counters.failed++;
    return this.#options.answers.failed(entry, where, { errorKind: 'Terminal', outcomeUnknown: isUnknown, reason, attempts: 1 });
  }

  /** The step's outcome is on its way: nothing more is emitted behind it. */
  #watchBroken(entry: Entry, where: Where, reason: string): readonly RecordToWrite[] {
    entry.busy?.add(forwardKey(where.step, where.item));
    return this.#stepBroken(entry, where, reason, false);
  }

  #undoFailed(entry: Entry, where: Where, { status, reason }: NotCompensated): readonly RecordToWrite[] {
    reportNotUndone(this.#options.environment, undoneOf(entry, where), reason);
    return this.#options.answers.compensationFailed(entry, where, status === 'ambiguous' ? 'Ambiguous' : 'Terminal', reason);
  }

  /** Null: the action's record comes later. */
  #recordsOf(entry: Entry, action: Action): readonly RecordToWrite[] | null {
    const { answers } = this.#options;
    switch (action.do) {
      case 'start': return this.#start(entry);
      case 'skip': return answers.skipped(entry, action.step, action.why);
      case 'open': return answers.opened(entry, action.step, action.items, this.#commandOfItem(entry, action.step));
      case 'execute': return this.#execute(entry, action, action.attempt);
      case 'conclude': return this.#conclude(entry, action, action.attempts);
      case 'command': return answers.intended(entry, action, 'execute', this.#entityHandler(action.step).command(this.#context(entry, action, 1, 'execute')), true);
      case 'spawn': return this.#spawn(entry, action);
      case 'stop-child': return answers.intended(entry, action, 'compensate', this.#childHandler(action.step).stop?.(this.#context(entry, action, 1, 'compensate'), failureOf(entry.instance)) ?? null, false);
      case 'emit': return this.#emit(entry, action, action.emissions);
      case 'answer': return this.#answer(entry, action, action.result ?? this.#atLimit(entry, action));
      case 'answer-ended': return this.#answer(entry, action, this.#whenEnded(entry, action));
      case 'answer-child': return this.#answerChild(entry, action, action.child);
      case 'cancel': return answers.failed(entry, action, { errorKind: 'Cancelled', outcomeUnknown: false, reason: 'never executed', attempts: 0 });
      case 'compensate': return this.#compensate(entry, action, action.attempt);
      case 'undo': return this.#undo(entry, action);
      case 'keep': return answers.compensated(entry, action, { status: 'compensated', kept: true }, null);
      case 'excuse': return answers.compensated(entry, action, { status: 'compensated' }, action.byOperator);
      case 'quarantine': return answers.quarantined(entry, action, action.reason);
      case 'request-compensation': return answers.compensationRequested(entry, action);
      case 'fail-step': return this.#stepBroken(entry, action, action.reason, false);
      case 'fail-undo': return this.#undoFailed(entry, action, irreversible(action.reason));
      case 'complete': return this.#end(entry, true);
      case 'fail': return this.#end(entry, false);
    }
  }

  #start(entry: Entry): readonly RecordToWrite[] {
    const { definition } = entry.instance.saga;
    const validate = erase<((start: unknown) => readonly string[]) | undefined>(definition.validate);
    const faults = validate?.(this.#options.outputs.start(entry.instance)) ?? [];
    if (faults.length > 0) return this.#refused(entry, faults);
    this.#options.environment.counters.sagasStarted++;
    return this.#options.answers.started(entry, this.#options.participant);
  }

  #refused(entry: Entry, faults: readonly string[]): readonly RecordToWrite[] {
    const { refused } = entry.instance.saga.endings;
    const records = this.#options.answers.refused(entry, faults, refused?.(this.#context(entry, null, 1, 'execute'), faults).commands ?? []);
    this.#options.environment.counters.refused++;
    return records;
  }

  #end(entry: Entry, isCompleted: boolean): readonly RecordToWrite[] {
    const { endings } = entry.instance.saga;
    const context = this.#context(entry, null, 1, isCompleted ? 'execute' : 'compensate');
    const ending = isCompleted ? endings.completed?.(context) : endings.failed?.(context, failureOf(entry.instance));
    return this.#options.answers.ended(entry, { isCompleted, event: ending?.event ?? null, commands: ending?.commands ?? [] });
  }

  #execute(entry: Entry, where: Where, attemptNumber: number): readonly RecordToWrite[] | null {
    const { definition } = where.step;
    if (definition.kind !== 'effect') return null;
    const key = forwardKey(where.step, where.item);
    const slot = slotOf(entry.instance, where.step, where.item);
    if (definition.intent === true && slot?.isStarted !== true) {
      (entry.intents ??= new Set()).add(key);
      this.#background.announce(entry, key);
      return this.#options.answers.intended(entry, where, 'execute', null, false);
    }
    const isSuspect = isSuspected(entry, where);
    const isBlind = definition.intent === true && isSuspect && this.#effectHandler(where.step).reconcile === undefined;
    if (this.#isUnconfirmed(entry, key) || (isBlind && this.#isEarly(entry, key, definition.timeoutMs))) return null;
    if (definition.intent === true && isSuspect && !isBlind && this.#isBefore(this.#finalAtMs(definition.timeoutMs))) return this.#lookUpOnly(entry, where, attemptNumber);
    const { handler, heard } = hearing(this.#effectHandler(where.step));
    this.#background.run(entry, { key, otherwise: (reason) => this.#stepBroken(entry, where, reason, true) }, async (call) => {
      if (attemptNumber === 1) this.#options.environment.counters.triggered++;
      const run: EffectRun = {
        handler,
        context: this.#context(entry, where, attemptNumber, 'execute'),
        limitMs: definition.timeoutMs,
        isReconciledFirst: isSuspect || attemptNumber > 1,
      };
      const result: StepResult | null = isBlind ? { status: 'failed', kind: 'unknown', reason: 'may have happened before a takeover, and cannot be looked up' } : await attempt(this.#options.environment.clock, call, run);
      return () => (result === null ? [] : this.#answerAttempt(entry, where, { result, attempt: isBlind ? definition.retry.maxAttempts : attemptNumber, retry: definition.retry, heard: heard() }));
    });
    return null;
  }

  /**
   * A predecessor's call may be on the wire, and the vendor would make a second effect of a second call: until that call's
   * deadline has passed the vendor is only asked. What it has is the answer; "absent" is none yet.
   */
  #lookUpOnly(entry: Entry, where: Where, attemptNumber: number): null {
    const { definition } = where.step;
    if (definition.kind !== 'effect') return null;
    const { clock } = this.#options.environment;
    const key = forwardKey(where.step, where.item);
    const limitMs = definition.timeoutMs;
    this.#background.run(entry, { key, otherwise: (reason) => this.#stepBroken(entry, where, reason, true) }, async () => {
      const found = await reconcile(clock, { handler: this.#effectHandler(where.step), context: this.#context(entry, where, attemptNumber, 'execute'), limitMs, isReconciledFirst: true });
      return () => {
        if (found.status !== 'absent' && found.status !== 'pending') return this.#answerAttempt(entry, where, { result: found, attempt: attemptNumber, retry: definition.retry, heard: isDefinite(found) ? 'definite' : 'vague' });
        entry.busy?.delete(key);
        this.#options.wakeAt(entry, found.status === 'pending' ? clock.nowMillis() + found.pollAfterMs : this.#finalAtMs(limitMs));
        return [];
      };
    });
    return null;
  }

  /** Some attempt, a predecessor's perhaps, may have reached the vendor, and nothing definite was heard since. */
  #mayHaveHappened(entry: Entry, where: Where): boolean {
    return isSuspected(entry, where) || slotOf(entry.instance, where.step, where.item)?.isUncertain === true;
  }

  /** From then on no call of a predecessor is on the wire. */
  #finalAtMs(limitMs: number): number {
    const { clock } = this.#options.environment;
    // Elapsed time is monotonic: a wall clock that jumps must not end the grace.
    return clock.nowMillis() + this.#options.liveSinceMs() + 2 * limitMs - clock.monotonicMillis();
  }

  #isBefore(atMs: number): boolean {
    return this.#options.environment.clock.nowMillis() < atMs;
  }

  /** This process may have stood still and lost the partition: no call until the group has confirmed. Asks again soon. */
  #isUnconfirmed(entry: Entry, key: string): boolean {
    const { environment, wakeAt } = this.#options;
    if (environment.isConfirmedOwner()) return false;
    entry.busy?.delete(key);
    wakeAt(entry, environment.clock.nowMillis() + CONFIRMATION_POLL_MS);
    return true;
  }

  /**
   * A predecessor's call may still be on the wire until its hard deadline has passed: an outcome "unknown" before that
   * would let the undo overtake the call. Asks again then.
   */
  #isEarly(entry: Entry, key: string, limitMs: number): boolean {
    const finalAtMs = this.#finalAtMs(limitMs);
    if (!this.#isBefore(finalAtMs)) return false;
    entry.busy?.delete(key);
    this.#options.wakeAt(entry, finalAtMs);
    return true;
  }

  /** COMPENSATING: nothing new is started; whether something happened is found out, or is certain. */
  #conclude(entry: Entry, where: Where, attempts: number): readonly RecordToWrite[] | null {
    const { definition } = where.step;
    const key = forwardKey(where.step, where.item);
    const isSuspect = isSuspected(entry, where);
    const isNeverCalled = attempts === 0 && !isSuspect;
    this.#background.unannounce(entry, key);
    const cancelled = { errorKind: 'Cancelled', outcomeUnknown: false, reason: 'cancelled: the saga compensates', attempts } as const;
    if (isNeverCalled || definition.kind !== 'effect') return this.#options.answers.failed(entry, where, cancelled);
    const handler = this.#effectHandler(where.step);
    const limitMs = definition.timeoutMs;
    if (handler.reconcile === undefined) {
      if (isSuspect && this.#isEarly(entry, key, limitMs)) return null;
      return this.#options.answers.failed(entry, where, { ...cancelled, errorKind: 'RetriesExhausted', outcomeUnknown: this.#mayHaveHappened(entry, where) });
    }
    this.#background.run(entry, { key, otherwise: (reason) => this.#stepBroken(entry, where, reason, true) }, async () => {
      const { environment } = this.#options;
      const found = await reconcile(environment.clock, { handler, context: this.#context(entry, where, Math.max(1, attempts), 'execute'), limitMs, isReconciledFirst: true });
      return () => {
        if (found.status === 'absent' && isSuspect && this.#isEarly(entry, key, limitMs)) return [];
        if (found.status === 'completed') return this.#options.answers.completed(entry, where, found);
        if (found.status === 'absent') return this.#options.answers.failed(entry, where, cancelled);
        const reason = found.status === 'failed' ? found.reason : 'still pending';
        const isKnown = isDefinite(found) || (found.status === 'failed' && found.kind === 'transient' && !this.#mayHaveHappened(entry, where));
        return this.#options.answers.failed(entry, where, { errorKind: 'RetriesExhausted', outcomeUnknown: !isKnown, reason, attempts });
      };
    });
    return null;
  }

  #answerAttempt(entry: Entry, where: Where, made: { readonly result: StepResult; readonly attempt: number; readonly retry: RetryPolicy; readonly heard: Hearing }): readonly RecordToWrite[] {
    const { answers, environment } = this.#options;
    const { result } = made;
    if (result.status === 'completed') {
      environment.counters.completed++;
      return answers.completed(entry, where, result);
    }
    if (result.status === 'pending') return [];
    // Neither idempotent nor to be looked up: a second call might be a second effect.
    const isBlind = where.step.definition.kind === 'effect' && where.step.definition.intent === true && this.#effectHandler(where.step).reconcile === undefined;
    const isUncertain = isStillUncertain({ kind: result.kind, heard: made.heard, wasUncertain: this.#mayHaveHappened(entry, where) });
    const isRepeatable = result.kind === 'transient' || (result.kind === 'unknown' && !isBlind);
    if (isRepeatable && made.attempt < made.retry.maxAttempts && entry.instance.status === 'RUNNING') {
      environment.counters.retries++;
      const nextAtMs = environment.clock.nowMillis() + Math.max(delayAfter(made.retry, made.attempt), result.retryAfterMs ?? 0);
      return answers.attemptFailed(entry, where, { phase: 'execute', attempt: made.attempt, cause: `${result.kind}: ${result.reason}`, nextAtMs, isUncertain });
    }
    return this.#stepFailed(entry, where, result, { attempts: made.attempt, isUncertain });
  }

  #stepFailed(entry: Entry, where: Where, failure: StepFailure, { attempts, isUncertain }: { readonly attempts: number; readonly isUncertain: boolean }): readonly RecordToWrite[] {
    const { answers, environment } = this.#options;
    environment.counters.failed++;
    return answers.failed(entry, where, {
      ...failure,
      errorKind: ERROR_KINDS[failure.kind],
      outcomeUnknown: isUncertain,
      attempts,
    });
  }

  /** What a watch has still to write comes first, in the same transaction. */
  #answer(entry: Entry, where: Where, result: Completed | StepFailure): readonly RecordToWrite[] {
    const emissions = emissionsDue(entry.instance, where.step, (key) => entry.busy?.has(key) ?? false);
    const emitted = emissions.length === 0 ? NOTHING : this.#emit(entry, where, emissions);
    const answer = result.status === 'completed' ? this.#options.answers.completed(entry, where, result) : this.#stepFailed(entry, where, result, onceFailed(result));
    return emitted.length === 0 ? answer : [...emitted, ...answer];
  }

  #emit(entry: Entry, where: Where, emissions: readonly Emission[]): readonly RecordToWrite[] {
    return this.#options.answers.emitted(entry, where.step, emittedEvents(where.step, emissions, this.#context(entry, where, 1, 'execute')));
  }

  #whenEnded(entry: Entry, where: Where): Completed {
    const handler = erase<WatchHandler<SagaShape, unknown, unknown>>(where.step.handler);
    return handler.whenEnded?.(awaitStateOf(entry.instance, where.step), this.#context(entry, where, 1, 'execute')) ?? completed(null);
  }

  #atLimit(entry: Entry, where: Where): Completed | StepFailure {
    const { definition } = where.step;
    const handler = erase<AwaitHandler<SagaShape, unknown>>(where.step.handler);
    if (definition.kind !== 'await' || definition.onLimit === 'fail') return { status: 'failed', kind: 'timeout', reason: 'timeout' };
    return handler.atLimit?.(awaitStateOf(entry.instance, where.step), this.#context(entry, where, 1, 'execute')) ?? completed(null);
  }

  #spawn(entry: Entry, where: Where): readonly RecordToWrite[] | null {
    const { definition } = where.step;
    if (definition.kind !== 'child') return null;
    const child = this.#options.sagaOf(definition.saga);
    if (child === undefined) return this.#childFailed(entry, where, `unknown child saga ${definition.saga}: this worker's participant does not know its definition`);
    const trigger = this.#childHandler(where.step).trigger(this.#context(entry, where, 1, 'execute'));
    // A child whose trigger is an output is begun right here; the others are begun by their initiator.
    if (trigger.kind === 'output' && hasNoOutput(entry.instance, trigger.step)) return this.#childFailed(entry, where, `the child's trigger is the output of step ${trigger.step}, which is not there: skipped, null, or not declared in after or reads`);
    if (trigger.kind === 'output') this.#options.environment.counters.sagasStarted++;
    return this.#options.answers.spawned(entry, where, { definition: child, trigger, initiator: this.#options.participant });
  }

  #answerChild(entry: Entry, where: Where, child: ChildEnd): readonly RecordToWrite[] {
    if (child.isCompleted) return this.#options.answers.childCompleted(entry, where, child.output, child.eventId);
    return this.#childFailed(entry, where, child.reason);
  }

  #childFailed(entry: Entry, where: Where, reason: string): readonly RecordToWrite[] {
    return this.#stepFailed(entry, where, terminal(reason), { attempts: 1, isUncertain: false });
  }

  #undo(entry: Entry, where: Where): readonly RecordToWrite[] | null {
    const handler = this.#entityHandler(where.step);
    const data = this.#compensationData(entry.instance, where);
    const command = handler.undo?.(this.#context(entry, where, 1, 'compensate'), data, failureOf(entry.instance)) ?? null;
    if (command === null) return this.#undoFailed(entry, where, irreversible(`step ${where.step.name} declares an undo but its handler has none`));
    return this.#options.answers.intended(entry, where, 'compensate', command, true);
  }

  #compensate(entry: Entry, where: Where, attemptNumber: number): readonly RecordToWrite[] | null {
    const { definition } = where.step;
    const policy = definition.compensation;
    const handler = erase<Pick<EffectHandler<SagaShape>, 'compensate'>>(where.step.handler);
    const undo = handler.compensate;
    if (policy.kind === 'none' || undo === undefined) return this.#undoFailed(entry, where, irreversible(`step ${where.step.name} declares an undo but its handler has none`));
    const key = compensationKey(where.step, where.item);
    if (this.#isUnconfirmed(entry, key)) return null;
    this.#background.run(entry, { key, otherwise: (reason) => this.#undoFailed(entry, where, irreversible(reason)) }, async (call) => {
      const context = this.#context(entry, where, attemptNumber, 'compensate');
      const data = this.#compensationData(entry.instance, where);
      const result = await compensation(call, policy.timeoutMs, (signal) => undo(context, data, failureOf(entry.instance), signal));
      return () => this.#answerCompensation(entry, where, { result, attempt: attemptNumber, retry: policy.retry });
    });
    return null;
  }

  #answerCompensation(entry: Entry, where: Where, made: { readonly result: CompensationResult; readonly attempt: number; readonly retry: RetryPolicy }): readonly RecordToWrite[] {
    const { answers, environment } = this.#options;
    const { result } = made;
    if (result.status === 'compensated') {
      reportUndone(environment, undoneOf(entry, where));
      return answers.compensated(entry, where, result, null);
    }
    if (result.status === 'ambiguous' && made.attempt < made.retry.maxAttempts) {
      const nextAtMs = environment.clock.nowMillis() + Math.max(delayAfter(made.retry, made.attempt), result.retryAfterMs ?? 0);
      return answers.attemptFailed(entry, where, { phase: 'compensate', attempt: made.attempt, cause: result.reason, nextAtMs, isUncertain: false });
    }
    return this.#undoFailed(entry, where, result);
  }

  #context(entry: Entry, where: Where | null, attemptNumber: number, phase: 'execute' | 'compensate') {
    return this.#options.outputs.context(entry, { step: where?.step ?? null, item: where?.item ?? null, attempt: attemptNumber, nowMs: this.#options.environment.clock.nowMillis(), phase });
  }

  #compensationData(instance: Instance, where: Where): unknown {
    const bytes = slotOf(instance, where.step, where.item)?.compensationData ?? null;
    return bytes === null ? null : this.#options.outputs.decode(bytes).value;
  }

  #commandOfItem(entry: Entry, step: CompiledStep) {
    if (step.definition.kind !== 'entity') return null;
    return (item: string) => this.#entityHandler(step).command(this.#context(entry, { step, item }, 1, 'execute'));
  }

  #effectHandler(step: CompiledStep): EffectHandler<SagaShape> {
    return erase<EffectHandler<SagaShape>>(step.handler);
  }

  #entityHandler(step: CompiledStep): EntityStepHandler<SagaShape> {
    return erase<EntityStepHandler<SagaShape>>(step.handler);
  }

  #childHandler(step: CompiledStep): ChildHandler<SagaShape> {
    return erase<ChildHandler<SagaShape>>(step.handler);
  }
}

type NotCompensated = Exclude<CompensationResult, { readonly status: 'compensated' }>;
const undoneOf = ({ instance }: Entry, { step, item }: Where) => ({ sagaId: instance.correlationId, step: step.name, item });
const onceFailed = ({ kind }: StepFailure) => ({ attempts: 1, isUncertain: kind === 'unknown' });
const hasNoOutput = ({ saga, slots }: Instance, step: string): boolean => (slots[saga.indexOf.get(step) ?? -1]?.output ?? null) === null;

const NOTHING: readonly RecordToWrite[] = [];
const CONFIRMATION_POLL_MS = 250;
