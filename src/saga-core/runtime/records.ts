import type { Envelope, EventType } from '#contracts/core';
import { idempotencyKey, partitionFor } from '#kernel';
import type { SagaRef } from '../definition/entity.ts';
import type { DomainEvent, EntityCommand } from '../definition/results.ts';
import { type CompiledStep, type Instance, keyOf, numbersOf } from '../engine/index.ts';
import type { Clock, Codec, RecordToWrite } from '../ports/index.ts';
import { type ChainHead, headAt, linkAfter } from './chain.ts';
import type { TopicNames } from './topics.ts';

export type RecordsOptions = {
  readonly participant: string;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly names: TopicNames;
  /** Partition counts of every topic this process writes to. */
  readonly partitionsOf: (topic: string) => number;
  /** Of a saga task: the partition that its instances lie on. */
  readonly home?: number;
};

/** An envelope that belongs to no saga, to be filled in. */
export const EMPTY_ENVELOPE: Omit<Envelope, 'eventId' | 'occurredAt' | 'producer' | 'chain'> = {
  correlationId: null, causationId: null, parentCorrelationId: null, sagaType: null, subSaga: null, definitionVersion: null,
  stepName: null, stepItem: null, step: null, totalSteps: null, subStep: null, outcome: null, compensationData: null,
  attempt: null, startedAt: null, timeout: null, idempotencyKey: null,
};

/** On entity commands: the bounded context of the calling saga, which names the topic of its records. */
export const CONTEXT_HEADER = 'saga-context';

/** What a saga record says beyond its instance. */
export type Marks = {
  readonly causationId: string | null;
  readonly step?: CompiledStep | null;
  /** Only the number of this step is told: the record is the instance's own. */
  readonly numberOf?: CompiledStep | null;
  readonly item?: string | null;
  readonly isOutcome?: boolean;
  readonly compensationData?: Uint8Array | null;
  readonly attempt?: number | null;
  readonly phase?: 'execute' | 'compensate';
  /** The instance lies on a partition of its own key, not on the task's (a child with an id of its own). */
  readonly isElsewhere?: boolean;
};

/** A written record and the chain's head after it. */
export type Written = { readonly record: RecordToWrite; readonly head: ChainHead };

/** Builds records: envelope, chain, headers, partition. The one place that knows how a record looks. */
export class Records {
  readonly #options: RecordsOptions;

  constructor(options: RecordsOptions) {
    this.#options = options;
  }

  get nowMs(): number {
    return this.#options.clock.nowMillis();
  }

  /** A record of an instance, for the partition the instance lies on. */
  ofInstance<Payload>(instance: Instance, head: ChainHead, event: { readonly type: EventType<Payload>; readonly payload: Payload }, marks: Marks): Written {
    const { participant } = this.#options;
    const { definition } = instance.saga;
    const step = marks.step ?? null;
    const numbers = numbersOf(definition, instance.subSaga === null ? null : instance.sagaType, event.type.name, step?.name ?? marks.numberOf?.name ?? null);
    return this.#written(head, this.#options.names.saga(definition.context), instance.correlationId, event, {
      eventId: `${keyOf(instance)}:${participant}:${head.seq + 1}`,
      occurredAt: this.nowMs,
      producer: participant,
      correlationId: instance.correlationId,
      causationId: step?.definition.isChainRoot === true ? null : marks.causationId,
      parentCorrelationId: instance.parentCorrelationId,
      sagaType: instance.sagaType,
      subSaga: instance.subSaga,
      definitionVersion: definition.version,
      stepName: step?.name ?? null,
      stepItem: marks.item ?? null,
      step: numbers.step,
      totalSteps: instance.totalSteps,
      subStep: numbers.subStep,
      outcome: marks.isOutcome === true ? 'completed' : null,
      compensationData: marks.compensationData ?? null,
      attempt: marks.attempt ?? null,
      startedAt: instance.startedAtMs,
      timeout: instance.timeoutMs,
      idempotencyKey: step === null ? null : idempotencyKey({ correlationId: instance.correlationId, subSaga: instance.subSaga, step: step.name, item: marks.item ?? null, phase: marks.phase ?? 'execute' }),
      chain: linkAfter(participant, head),
    }, marks.isElsewhere === true ? undefined : this.#options.home);
  }

  /** A record for an instance that somebody else folds: an entity's outcome, an observation, a start event. */
  addressed(to: SagaRef, chain: { readonly id: string; readonly head: ChainHead }, event: DomainEvent, marks: { readonly isOutcome?: boolean; readonly compensationData?: Uint8Array | null; readonly phase?: 'execute' | 'compensate' } = {}): Written {
    return this.#written(chain.head, this.#options.names.saga(to.context), to.correlationId, event, {
      ...EMPTY_ENVELOPE,
      eventId: `${chain.id}:${chain.head.seq + 1}`,
      occurredAt: this.nowMs,
      producer: this.#options.participant,
      correlationId: to.correlationId,
      causationId: to.causationId,
      parentCorrelationId: to.parentCorrelationId,
      sagaType: to.sagaType,
      subSaga: to.subSaga,
      definitionVersion: to.definitionVersion,
      stepName: to.stepName,
      stepItem: to.stepItem,
      step: to.step,
      totalSteps: to.totalSteps,
      subStep: to.subStep,
      outcome: marks.isOutcome === true ? 'completed' : null,
      compensationData: marks.compensationData ?? null,
      startedAt: to.startedAt,
      timeout: to.timeout,
      idempotencyKey: to.stepName === null ? null : idempotencyKey({ correlationId: to.correlationId, subSaga: to.subSaga, step: to.stepName, item: to.stepItem, phase: marks.phase ?? 'execute' }),
      chain: linkAfter(chain.id, chain.head),
    });
  }

  /** A request to a keyed entity, from a saga step (`from`) or from outside any saga. */
  command(command: EntityCommand, eventId: string, from: { readonly ref: SagaRef; readonly phase: 'execute' | 'compensate'; readonly isCall: boolean } | null): RecordToWrite {
    const topic = this.#options.names.commands(command.entity);
    const ref = from?.ref ?? null;
    const envelope: Envelope = {
      ...EMPTY_ENVELOPE,
      eventId,
      occurredAt: this.nowMs,
      producer: this.#options.participant,
      chain: { id: eventId, seq: 1, prevHash: null },
      ...(ref === null ? {} : {
        correlationId: ref.correlationId, causationId: ref.causationId, parentCorrelationId: ref.parentCorrelationId, sagaType: ref.sagaType,
        subSaga: ref.subSaga, definitionVersion: ref.definitionVersion, stepName: ref.stepName, stepItem: ref.stepItem, step: ref.step,
        totalSteps: ref.totalSteps, subStep: ref.subStep, startedAt: ref.startedAt, timeout: ref.timeout,
        // Only a call expects an outcome for its step: the key marks it.
        idempotencyKey: ref.stepName === null || from?.isCall !== true ? null : idempotencyKey({ correlationId: ref.correlationId, subSaga: ref.subSaga, step: ref.stepName, item: ref.stepItem, phase: from.phase }),
      }),
    };
    const record = this.#record(topic, command.key, envelope, command);
    return ref === null ? record : { ...record, headers: { ...record.headers, [CONTEXT_HEADER]: ref.context } };
  }

  /** A record of no saga: facts, claims, ops. */
  plain(topic: string, key: string, event: DomainEvent, options: { readonly eventId: string; readonly partition?: number; readonly chain?: Envelope['chain'] }): RecordToWrite {
    const envelope: Envelope = {
      ...EMPTY_ENVELOPE,
      eventId: options.eventId,
      occurredAt: this.nowMs,
      producer: this.#options.participant,
      chain: options.chain ?? { id: options.eventId, seq: 1, prevHash: null },
    };
    const record = this.#record(topic, key, envelope, event, options.partition);
    return record;
  }

  partitionFor(topic: string, key: string): number {
    return partitionFor(key, this.#options.partitionsOf(topic));
  }

  #written(head: ChainHead, topic: string, key: string, event: DomainEvent, envelope: Envelope, partition?: number): Written {
    const record = this.#record(topic, key, envelope, event, partition);
    return { record, head: record.value === null ? head : headAt(head.seq + 1, record.value) };
  }

  #record(topic: string, key: string, envelope: Envelope, event: DomainEvent, partition?: number): RecordToWrite {
    return {
      topic,
      partition: partition ?? this.partitionFor(topic, key),
      key,
      value: this.#options.codec.encode(event.type, envelope, event.payload),
      headers: headersOf(envelope, event.type.name),
      timestampMs: envelope.occurredAt,
    };
  }
}

/** Repeated from the envelope so that a consumer can skip a record without decoding it. */
const headersOf = (envelope: Envelope, eventName: string): Readonly<Record<string, string>> => {
  const headers: Record<string, string> = { 'event-type': eventName, 'event-id': envelope.eventId, producer: envelope.producer };
  if (envelope.correlationId !== null) headers['correlation-id'] = envelope.correlationId;
  if (envelope.causationId !== null) headers['causation-id'] = envelope.causationId;
  if (envelope.sagaType !== null) headers['saga-type'] = envelope.sagaType;
  if (envelope.stepName !== null) headers['step'] = envelope.stepName;
  return headers;
};
