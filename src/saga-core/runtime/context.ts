import type { DataType, EventType } from '#contracts/core';
import { erase, type IdempotencyKey, idempotencyKey, parseSagaId, InvariantViolation, type SagaId } from '#kernel';
import type { SagaContext } from '../definition/context.ts';
import type { Outputs } from '../definition/saga.ts';
import { type CompiledStep, type Instance, itemsOf, limitsOf } from '../engine/index.ts';
import type { Codec } from '../ports/index.ts';
import { caught } from './caught.ts';

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
      of: <Payload>(step: string, type: EventType<Payload> | DataType<Payload>): Payload | null => this.as(instance, step, type),
    };
  }

  start(instance: Instance): unknown {
    return instance.start === null ? null : this.decode(instance.start).value;
  }

  decode(bytes: Uint8Array): Decoded {
    return this.#codec.decodeData(bytes);
  }

  context(holder: InstanceHolder, call: ContextCall): SagaContext {
    return erase<SagaContext>(new ContextView(this, holder, call));
  }

  output(instance: Instance, name: string): Decoded | null {
    const step = stepOf(instance, name);
    if (!step.isOutputKept) throw new InvariantViolation(`output of step ${name} is not declared: add it to \`after\` or \`reads\` of what reads it`);
    const bytes = instance.slots[step.index]?.output ?? null;
    return bytes === null ? null : this.decode(bytes);
  }

  as<Payload>(instance: Instance, name: string, type: EventType<Payload> | DataType<Payload>): Payload | null {
    const output = this.output(instance, name);
    return output === null || output.type !== type.name ? null : erase<Payload>(output.value);
  }

  items(instance: Instance, name: string, type: EventType<unknown>): ReadonlyMap<string, unknown> {
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

  arrival(instance: Instance, step: CompiledStep | null, item: string | null, type: EventType<unknown>): unknown {
    const bytes = step === null || item === null ? null : (itemsOf(instance, step.index).get(item)?.openedWith ?? null);
    if (bytes === null) return null;
    const decoded = this.decode(bytes);
    return decoded.type === type.name ? decoded.value : null;
  }

  /** Whoever sends a signal may send anything: what cannot be read is nothing, and no fault of the step that hears it. */
  read<Payload>(type: EventType<Payload> | DataType<Payload>, bytes: Uint8Array | null): Payload | null {
    const decoded = bytes === null ? null : caught(() => this.decode(bytes));
    return decoded?.ok === true && decoded.value.type === type.name ? erase<Payload>(decoded.value.value) : null;
  }
}

type InstanceHolder = { readonly instance: Instance };
type ContextCall = { readonly step: CompiledStep | null; readonly item: string | null; readonly attempt: number; readonly nowMs: number; readonly phase: 'execute' | 'compensate' };

/**
 * The context of one call. Everything is read when asked for: a call that waits sees what its instance has folded meanwhile,
 * and thousands of waiting calls hold three references each.
 */
class ContextView {
  readonly #reader: OutputReader;
  readonly #holder: InstanceHolder;
  readonly #call: ContextCall;

  constructor(reader: OutputReader, holder: InstanceHolder, call: ContextCall) {
    this.#reader = reader;
    this.#holder = holder;
    this.#call = call;
  }

  get sagaId(): SagaId {
    return sagaIdOf(this.#holder.instance.correlationId);
  }

  get sagaType(): string {
    return this.#holder.instance.saga.definition.type;
  }

  get subSaga(): string | null {
    return this.#holder.instance.subSaga;
  }

  get stepName(): string {
    return this.#call.step?.name ?? '';
  }

  get item(): string | null {
    return this.#call.item;
  }

  get idempotencyKey(): IdempotencyKey {
    const { correlationId, subSaga } = this.#holder.instance;
    return idempotencyKey({ correlationId, subSaga, step: this.stepName, item: this.#call.item, phase: this.#call.phase });
  }

  get attempt(): number {
    return this.#call.attempt;
  }

  get limits(): SagaContext['limits'] {
    return (name) => limitsOf(stepOf(this.#holder.instance, name).definition);
  }

  get startedAtMillis(): number {
    return this.#holder.instance.startedAtMs;
  }

  get deadlineMillis(): number | null {
    return this.#holder.instance.deadlineAtMs;
  }

  get nowMillis(): number {
    return this.#call.nowMs;
  }

  get startEventId(): string {
    return this.#holder.instance.triggerEventId;
  }

  get start(): unknown {
    return this.#reader.start(this.#holder.instance);
  }

  // Getters that give functions: handlers take them out of the context, `({ start, output }) => …`.
  get output(): SagaContext['output'] {
    return (name) => erase(this.#reader.output(this.#holder.instance, name)?.value ?? null);
  }

  get outputAs(): SagaContext['outputAs'] {
    return (name, type) => this.#reader.as(this.#holder.instance, name, type);
  }

  get items(): SagaContext['items'] {
    return (name, type) => erase(this.#reader.items(this.#holder.instance, name, type));
  }

  get arrival(): SagaContext['arrival'] {
    return (type) => erase(this.#reader.arrival(this.#holder.instance, this.#call.step, this.#call.item, type));
  }

  get read(): SagaContext['read'] {
    return (type, bytes) => this.#reader.read(type, bytes);
  }
}

const stepOf = ({ saga }: Instance, name: string): CompiledStep => {
  const step = saga.steps[saga.indexOf.get(name) ?? -1];
  if (step === undefined) throw new InvariantViolation(`${saga.definition.type} has no step ${JSON.stringify(name)}`);
  return step;
};

const sagaIdOf = (correlationId: string): SagaId => {
  const parsed = parseSagaId(correlationId);
  if (!parsed.ok) throw new InvariantViolation(parsed.fault);
  return parsed.value;
};
