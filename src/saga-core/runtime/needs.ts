import {
  brokerObservationRecorded, childSagaEnded, compensationCompleted, compensationFailed, compensationRequested, type DataType, entityPosition, entityState, entityTick, type EventType, instanceCheckpoint,
  instanceParked, opsOperatorAction, opsPartitionClaimed, sagaCompleted, sagaFailed, sagaQuarantined, sagaRefused, sagaSignalled, sagaStarted, stepAttemptFailed, stepCompleted, stepFailed, stepStarted,
} from '#contracts/core';
import type { ParticipantDefinition } from '../definition/participant.ts';
import type { SagaShape } from '../definition/saga.ts';
import { eventTypesOf } from '../definition/validate.ts';
import { catalogueOf } from './catalogue.ts';
import type { TopicNames } from './topics.ts';

type AnyType = EventType<unknown> | DataType<unknown>;

/** Records that the runtime writes on every saga topic. */
const LIFECYCLE: readonly EventType<unknown>[] = [
  sagaStarted, sagaRefused, stepStarted, stepAttemptFailed, stepCompleted, stepFailed, compensationRequested, compensationCompleted, compensationFailed, sagaQuarantined, sagaCompleted, sagaFailed,
  childSagaEnded, instanceParked, sagaSignalled, opsOperatorAction, opsPartitionClaimed, brokerObservationRecorded,
];

/** A topic that must exist, and whether only the latest record of a key is kept. */
export type NeededTopic = { readonly topic: string; readonly isCompacted: boolean };

/** Which topics carry which types: what the codec asks for subjects, and what must exist before the first record. */
export class Needs {
  readonly #topics = new Map<string, boolean>();
  readonly #carriers = new Map<string, Set<string>>();
  readonly #types = new Map<string, AnyType>();
  readonly #names: TopicNames;

  constructor(names: TopicNames) {
    this.#names = names;
  }

  readonly topicsOf = (typeName: string): readonly string[] => [...(this.#carriers.get(typeName) ?? [])];

  get topics(): readonly NeededTopic[] {
    return [...this.#topics].map(([topic, isCompacted]) => ({ topic, isCompacted }));
  }

  get types(): readonly AnyType[] {
    return [...this.#types.values()];
  }

  /** What a sender of a saga's start event and signals writes. */
  addSaga(saga: SagaShape): this {
    const steps = Object.values(saga.steps);
    const endings = [saga.completed.emits, saga.failed.emits].flatMap((type) => (type === null ? [] : [type]));
    const outputs = steps.flatMap(({ output }) => (output === null ? [] : 'kind' in output ? [output] : [...output]));
    const listened = steps.flatMap((step) => (step.kind === 'await' ? [...step.listensTo] : []));
    this.#carry(this.#names.saga(saga.context), false, [...LIFECYCLE, saga.start, ...steps.flatMap((step) => eventTypesOf(step)), ...endings, ...outputs, ...listened]);
    return this;
  }

  addParticipant(participant: ParticipantDefinition): this {
    const { contexts, all } = catalogueOf(participant);
    for (const { definition } of all) this.addSaga(definition);
    for (const context of [...contexts, ...(participant.writesTo.contexts ?? [])]) this.#carry(this.#names.saga(context), false, LIFECYCLE);
    for (const context of contexts) this.#carry(this.#names.checkpoints(participant.name, context), true, [instanceCheckpoint, opsPartitionClaimed]);
    for (const entity of participant.entities) {
      this.#carry(this.#names.commands(entity.name), false, [...entity.commands.map(({ type }) => type), entityTick, opsPartitionClaimed]);
      this.#carry(this.#names.state(entity.name), true, [entityState, entityPosition, opsPartitionClaimed, entity.state]);
    }
    for (const entity of participant.writesTo.entities ?? []) this.#carry(this.#names.commands(entity), false, []);
    for (const topic of [...participant.sources.map((source) => source.topic), ...(participant.writesTo.facts ?? [])]) this.#carry(this.#names.facts(topic), false, [opsPartitionClaimed]);
    this.#carry(this.#names.ops, false, [opsOperatorAction]);
    this.#carry(this.#names.deadLetters, false, []);
    return this;
  }

  /** Further types that handlers write: compensation data, facts. */
  addTypes(types: readonly AnyType[], topics: readonly string[] = []): this {
    for (const topic of topics) this.#carry(topic, false, types);
    for (const type of types) this.#types.set(type.name, type);
    return this;
  }

  #carry(topic: string, isCompacted: boolean, types: readonly AnyType[]): void {
    this.#topics.set(topic, isCompacted);
    for (const type of types) {
      this.#types.set(type.name, type);
      if (type.kind === 'data') continue;
      const carriers = this.#carriers.get(type.name) ?? new Set();
      this.#carriers.set(type.name, carriers.add(topic));
    }
  }
}
