import type { EntityDecision } from '../definition/entity.ts';
import type { Codec, RecordToWrite } from '../ports/index.ts';
import { Answers } from './answers.ts';
import { type Caller, commandsOf, type EntityOutcome, refuseMismatch, saidOf, type StepCall } from './entity-outcome.ts';
import type { Keyed } from './entity-states.ts';
import type { Records, Written } from './records.ts';
import type { TopicNames } from './topics.ts';

export type EntityTellingOptions = { readonly entity: string; readonly records: Records; readonly codec: Codec; readonly names: TopicNames };
/** One command on one key. */
export type Commanded = { readonly keyed: Keyed; readonly caller: Caller; readonly commandId: string };

/** Turns what an entity decided into records, keeping the key's chain. */
export class EntityTelling {
  readonly #options: EntityTellingOptions;
  readonly #answers: Answers;

  constructor(options: EntityTellingOptions) {
    this.#options = options;
    this.#answers = new Answers(options.records, options.codec);
  }

  /** Throws where the outcome is not of the kind that the caller waits for. */
  decision({ keyed, caller, commandId }: Commanded, decision: EntityDecision<unknown>, written: RecordToWrite[]): void {
    const { records, names } = this.#options;
    for (const addressed of decision.events ?? []) this.#append(keyed, written, (chain) => records.addressed(addressed.to, chain, addressed.event));
    if (decision.outcome !== undefined) refuseMismatch(caller, decision.outcome);
    if (decision.outcome !== undefined && caller.ref !== null && caller.phase !== null) this.outcome(keyed, { ref: caller.ref, phase: caller.phase }, decision.outcome, written);
    for (const answer of decision.answers ?? []) this.outcome(keyed, { ref: answer.to, phase: 'execute' }, answer.outcome, written);
    let index = 0;
    for (const fact of decision.facts ?? []) written.push(records.plain(names.facts(fact.topic), fact.key, fact.event, { eventId: `${commandId}/fact.${index++}` }));
    for (const command of [...(decision.commands ?? []), ...commandsOf(decision.outcome)]) {
      const from = caller.ref === null ? null : { ref: { ...caller.ref, causationId: commandId }, phase: 'execute' as const, isCall: false };
      written.push(records.command(command, `${commandId}/${keyed.key}.${index++}`, from));
    }
  }

  /** What a step is told. */
  outcome(keyed: Keyed, to: StepCall, outcome: EntityOutcome, written: RecordToWrite[]): void {
    for (const { event: said, marks } of saidOf(outcome, { stepName: to.ref.stepName ?? '', answers: this.#answers, codec: this.#options.codec })) {
      this.#append(keyed, written, (chain) => this.#options.records.addressed(to.ref, chain, said, { ...marks, phase: to.phase }));
    }
  }

  #append(keyed: Keyed, written: RecordToWrite[], make: (chain: { readonly id: string; readonly head: Keyed['head'] }) => Written): void {
    const { record, head } = make({ id: `${this.#options.entity}/${keyed.key}`, head: keyed.head });
    keyed.head = head;
    written.push(record);
  }
}
