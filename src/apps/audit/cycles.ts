import { type ObserveQuoteCommand, observeQuoteCommand, orchestratorCycleStarted, type OrchestratorCycleStarted, type ReleaseCycleCommand, releaseCycleCommand } from '#contracts';
import { erase } from '#kernel';
import type { AuditedRecord } from '#saga-core/testing';
import { type GivenCommand, type IsRefused, KeptCommands } from './given-command.ts';
import type { Report } from './violation.ts';

type Command = { readonly kind: 'quote'; readonly eventId: string } | { readonly kind: 'release'; readonly cycleId: string };
export const CYCLES_COMMANDS = 'entities.cycles.commands';
const ENDED: ReadonlySet<string> = new Set(['COMPLETED', 'FAILED', 'REFUSED']);

/** A symbol's cycle is held by one saga at a time: the next begins after the one before has ended and was released. */
export class Cycles {
  readonly #commands = new KeptCommands<Command>(CYCLES_COMMANDS);
  /** Cycles by the quote that began them. */
  readonly #startedBy = new Map<string, string>();
  readonly #started = new Map<string, string>();
  readonly #report: Report;
  readonly #statuses: ReadonlyMap<string, string>;
  readonly #isWhole: boolean;

  /** `statuses` of the instances as their records tell them; where retention has deleted commands, only repeated beginnings are seen. */
  constructor(options: { readonly report: Report; readonly statuses: ReadonlyMap<string, string>; readonly isWhole: boolean }) {
    this.#report = options.report;
    this.#statuses = options.statuses;
    this.#isWhole = options.isWhole;
  }

  add({ type, payload, envelope, topic, partition, offset }: AuditedRecord): void {
    if (type !== orchestratorCycleStarted.name) return;
    const { cycleId, triggerEventId } = erase<OrchestratorCycleStarted>(payload);
    const where = `${topic}/${partition} offset ${offset}`;
    const known = this.#started.get(cycleId);
    if (known !== undefined) this.#say(envelope.correlationId, `cycle ${cycleId} is started twice, at ${known} and at ${where}`);
    this.#started.set(cycleId, where);
    this.#startedBy.set(triggerEventId, cycleId);
  }

  /** In the order of the commands' partition. */
  command(given: GivenCommand): void {
    const command = this.#isWhole ? commandOf(given.type, given.payload) : null;
    if (command !== null) this.#commands.keep(given, command);
  }

  /** Once every instance is judged. */
  finish(isRefused: IsRefused): void {
    for (const [symbol, commands] of this.#commands.handled(isRefused)) this.#walk(symbol, commands);
  }

  #walk(symbol: string, commands: readonly Command[]): void {
    let holder: string | null = null;
    for (const command of commands) {
      if (command.kind === 'release') {
        if (command.cycleId !== holder) continue;
        holder = null;
        const status = this.#statuses.get(command.cycleId);
        if (status !== undefined && !ENDED.has(status)) this.#say(command.cycleId, `cycle ${command.cycleId} of ${symbol} is released, but ${status}`);
        continue;
      }
      const cycleId = this.#startedBy.get(command.eventId);
      if (cycleId === undefined) continue;
      // A quote that comes again names the cycle that it has begun, and begins none.
      this.#startedBy.delete(command.eventId);
      if (holder !== null) this.#say(cycleId, `cycle ${cycleId} of ${symbol} begins while ${holder} holds it`);
      holder = cycleId;
    }
  }

  #say(instance: string | null, message: string): void {
    this.#report({ invariant: 'I6', instance, message });
  }
}

const commandOf = (type: string, payload: unknown): Command | null => {
  if (type === observeQuoteCommand.name) return { kind: 'quote', eventId: erase<ObserveQuoteCommand>(payload).quoteEventId };
  return type === releaseCycleCommand.name ? { kind: 'release', cycleId: erase<ReleaseCycleCommand>(payload).cycleId } : null;
};
