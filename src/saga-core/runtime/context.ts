import type { DataType, EventType } from '#contracts/core';
import { erase, idempotencyKey, parseSagaId, InvariantViolation, type SagaId } from '#kernel';
import type { SagaContext } from '../definition/context.ts';
import type { Outputs } from '../definition/saga.ts';
import { type CompiledStep, type Instance, itemsOf } from '../engine/index.ts';
import type { Codec } from '../ports/index.ts';

type Decoded = { readonly type: string; readonly value: unknown };

/** Decodes outputs as handlers and predicates read them: an event's payload without its envelope, or typed data. */
export class OutputReader {
  readonly #codec: Codec;

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  outputsOf(instance: Instance): Outputs {
    return {
      start: this.start(instance),
      of: <Payload>(step: string, type: EventType<Payload> | DataType<Payload>): Payload | null => this.#as(instance, step, type),
    };
  }

  start(instance: Instance): unknown {
    return instance.start === null ? null : this.decode(instance.start).value;
  }

  decode(bytes: Uint8Array): Decoded {
    return this.#codec.decodeData(bytes);
  }

  /** Outputs are read when asked for: a call that waits sees what its instance has folded meanwhile. */
  context(holder: { readonly instance: Instance }, options: { readonly step: CompiledStep | null; readonly item: string | null; readonly attempt: number; readonly nowMs: number; readonly phase: 'execute' | 'compensate' }): SagaContext {
    const reader = this;
    const { instance } = holder;
    const { step, item } = options;
    const stepName = step?.name ?? '';
    return erase<SagaContext>({
      sagaId: sagaIdOf(instance.correlationId),
      sagaType: instance.saga.definition.type,
      subSaga: instance.subSaga,
      stepName,
      item,
      get idempotencyKey() {
        return idempotencyKey({ correlationId: instance.correlationId, subSaga: instance.subSaga, step: stepName, item, phase: options.phase });
      },
      attempt: options.attempt,
      startedAtMillis: instance.startedAtMs,
      deadlineMillis: instance.deadlineAtMs,
      nowMillis: options.nowMs,
      startEventId: instance.triggerEventId,
      get start() {
        return reader.start(instance);
      },
      output: (name: string) => reader.#output(holder.instance, name)?.value ?? null,
      outputAs: (name: string, type: EventType<unknown> | DataType<unknown>) => reader.#as(holder.instance, name, type),
      items: (name: string, type: EventType<unknown>) => reader.#items(holder.instance, name, type),
      arrival: (type: EventType<unknown>) => reader.#arrival(instance, step, item, type),
    });
  }

  #output(instance: Instance, name: string): Decoded | null {
    const index = instance.saga.indexOf.get(name);
    const step = index === undefined ? undefined : instance.saga.steps[index];
    if (step === undefined) throw new InvariantViolation(`${instance.saga.definition.type} has no step ${JSON.stringify(name)}`);
    if (!step.isOutputKept) throw new InvariantViolation(`output of step ${name} is not declared: add it to \`after\` or \`reads\` of what reads it`);
    const bytes = instance.slots[step.index]?.output ?? null;
    return bytes === null ? null : this.decode(bytes);
  }

  #as<Payload>(instance: Instance, name: string, type: EventType<Payload> | DataType<Payload>): Payload | null {
    const output = this.#output(instance, name);
    return output === null || output.type !== type.name ? null : erase<Payload>(output.value);
  }

  #items(instance: Instance, name: string, type: EventType<unknown>): ReadonlyMap<string, unknown> {
    const index = instance.saga.indexOf.get(name) ?? -1;
    const found = [...itemsOf(instance, index)].filter(([, slot]) => slot.outcome === 'completed' && slot.output !== null);
    found.sort(([, a], [, b]) => a.outcomeAtMs - b.outcomeAtMs);
    const payloads = new Map<string, unknown>();
    for (const [item, slot] of found) {
      const decoded = slot.output === null ? null : this.decode(slot.output);
      if (decoded !== null && decoded.type === type.name) payloads.set(item, decoded.value);
    }
    return payloads;
  }

  #arrival(instance: Instance, step: CompiledStep | null, item: string | null, type: EventType<unknown>): unknown {
    const bytes = step === null || item === null ? null : (itemsOf(instance, step.index).get(item)?.openedWith ?? null);
    if (bytes === null) return null;
    const decoded = this.decode(bytes);
    return decoded.type === type.name ? decoded.value : null;
  }
}

const sagaIdOf = (correlationId: string): SagaId => {
  const parsed = parseSagaId(correlationId);
  if (!parsed.ok) throw new InvariantViolation(parsed.fault);
  return parsed.value;
};
