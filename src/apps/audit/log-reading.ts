import { entityState, type EntityState, topicDeclarations } from '#contracts';
import { erase } from '#kernel';
import type { Codec, DecodedEvent, LogRecord } from '#saga-core/ports';
import { bodyHash } from '#saga-core/runtime';
import type { AuditedRecord } from '#saga-core/testing';
import type { EntityChains } from './chains.ts';
import type { Correlations } from './correlations.ts';
import { type Cycles, CYCLES_COMMANDS } from './cycles.ts';
import { type Exposures, EXPOSURES_COMMANDS } from './exposures.ts';
import type { Positions } from './positions.ts';
import { decodeNow, type Undecodable, withSchemas } from './read-log.ts';
import type { ReadModelFold } from './read-models.ts';
import type { VendorOrders } from './vendor-orders.ts';
import type { Report } from './violation.ts';

const text = new TextDecoder();
const POSITIONS_STATE = 'entities.positions.state';
export const POSITIONS_COMMANDS = 'entities.positions.commands';
/** Topics of what is asked of entities and of facts from outside, without the namespace: nothing on them may be lost unread. */
export const inputTopics: readonly string[] = topicDeclarations.map(({ name }) => name).filter((name) => name.endsWith('.commands') || name.startsWith('market.'));
/** Topics of entities' states, without the namespace. */
export const stateTopics: readonly string[] = topicDeclarations.map(({ name }) => name).filter((name) => /^entities\..+\.state$/.test(name));

export type LogReadingOptions = {
  readonly codec: Codec;
  readonly namespace: string;
  /** Saga topics, without the namespace. */
  readonly sagaTopics: ReadonlySet<string>;
  readonly correlations: Correlations;
  readonly chains: EntityChains;
  readonly positions: Positions;
  readonly exposures: Exposures;
  readonly cycles: Cycles;
  readonly vendorOrders: VendorOrders;
  readonly folds: readonly ReadModelFold[];
  readonly report: Report;
};

export type BadRecord = { readonly topic: string; readonly partition: number; readonly offset: number; readonly reason: string };

const header = (record: LogRecord, name: string): string | null => {
  const value = record.headers[name];
  return value === undefined ? null : text.decode(value);
};

/** A record with the name of its topic, without the namespace. */
type Read = { readonly topic: string; readonly record: LogRecord };

/** Hands every record to those who judge it, decoded once. */
export class LogReading {
  recordCount = 0;
  /** Records of saga topics, commands and facts that nobody can decode: dead letters must hold them. */
  readonly bad: BadRecord[] = [];
  readonly #options: LogReadingOptions;

  constructor(options: LogReadingOptions) {
    this.#options = options;
  }

  take(record: LogRecord): Promise<void> | void {
    const { codec, namespace, sagaTopics } = this.#options;
    if (record.value === null) return undefined;
    const topic = record.topic.slice(namespace.length + 1);
    this.recordCount++;
    const decoded = decodeNow(codec, record.value);
    if (decoded instanceof Promise) return decoded.then((event) => this.#judge({ topic, record }, event));
    // States first need the schema of what they hold: everything else is judged at once.
    if (sagaTopics.has(topic) && decoded.status === 'decoded') return this.#judgeNow({ topic, record }, decoded);
    return this.#judge({ topic, record }, decoded);
  }

  async #judge({ topic, record }: Read, decoded: DecodedEvent | Undecodable): Promise<void> {
    if (decoded.status === 'undecodable') return this.#undecodable({ topic, record }, decoded.reason, header(record, 'event-type'));
    return this.#judgeNow({ topic, record }, decoded);
  }

  #judgeNow(read: Read, event: DecodedEvent): Promise<void> | void {
    const { topic } = read;
    const payload = this.#payloadOf(read, event);
    if (payload === undefined) return undefined;
    if (this.#options.sagaTopics.has(topic)) this.#sagaRecord(read, event, payload.value);
    if (topic.endsWith('.commands')) this.#command(read, event.type, payload.value);
    if (stateTopics.includes(topic)) return this.#state(read, event, payload.value);
    return this.#project(read, event, payload.value);
  }

  #payloadOf(read: Read, event: DecodedEvent): { readonly value: unknown } | undefined {
    try {
      return { value: event.payload() };
    } catch (thrown) {
      this.#undecodable(read, thrown instanceof Error ? thrown.message : String(thrown), event.type);
      return undefined;
    }
  }

  #undecodable({ topic, record: { partition, offset } }: Read, reason: string, type: string | null): void {
    const { sagaTopics, folds } = this.#options;
    if (sagaTopics.has(topic) || inputTopics.includes(topic)) this.bad.push({ topic, partition, offset, reason });
    for (const fold of folds) if (fold.covers(topic, partition, offset) && (type === null || fold.wants(type))) fold.fault();
  }

  #command({ topic, record }: Read, type: string, payload: unknown): void {
    const { positions, exposures, cycles } = this.#options;
    const key = record.key === null ? '' : text.decode(record.key);
    const given = { key, partition: record.partition, offset: record.offset, type, payload };
    if (topic === POSITIONS_COMMANDS) positions.command(key, type, payload);
    if (topic === EXPOSURES_COMMANDS) exposures.command(given);
    if (topic === CYCLES_COMMANDS) cycles.command(given);
  }

  #sagaRecord({ topic, record }: Read, event: DecodedEvent, payload: unknown): void {
    const { correlations, chains, positions, exposures, cycles, vendorOrders, report } = this.#options;
    const { envelope, type } = event;
    const { partition, offset } = record;
    const audited: AuditedRecord = { topic, partition, offset, type, envelope, payload, bodyHash: bodyHash(record.value ?? new Uint8Array()) };
    correlations.add(audited);
    for (const judge of [positions, exposures, cycles, vendorOrders]) judge.add(audited);
    if (envelope.correlationId === null) return;
    const key = record.key === null ? '' : text.decode(record.key);
    if (key !== envelope.correlationId) report({ invariant: 'I8', instance: envelope.correlationId, message: `${type} at ${topic}/${partition} offset ${offset} has the key ${key}` });
    if (envelope.sagaType !== null && envelope.chain.id !== envelope.producer && audited.bodyHash !== undefined) chains.add(envelope, audited.bodyHash, `${type} at ${topic}/${partition} offset ${offset}`);
  }

  async #state(read: Read, event: DecodedEvent, payload: unknown): Promise<void> {
    const { chains, positions, codec } = this.#options;
    if (event.type === entityState.name) {
      chains.head(event.envelope);
      if (read.topic === POSITIONS_STATE) await withSchemas(codec, () => positions.state(erase<EntityState>(payload), event.envelope.chain.seq, codec.decodeData));
    }
    await this.#project(read, event, payload);
  }

  #project({ topic, record }: Read, event: DecodedEvent, payload: unknown): Promise<void> | void {
    const { codec, folds } = this.#options;
    const { partition, offset, timestampMs } = record;
    const interested = folds.filter((fold) => fold.reads(topic) && fold.wants(event.type));
    if (interested.length === 0) return undefined;
    const projected = { topic, partition, offset, timestampMs, key: record.key === null ? '' : text.decode(record.key), type: event.type, envelope: event.envelope, payload, decodeData: codec.decodeData };
    const slow = interested.filter((fold) => {
      try {
        fold.take(projected);
        return false;
      } catch {
        return true;
      }
    });
    return slow.length === 0 ? undefined : this.#projectSlowly(slow, () => projected);
  }

  /** Once more, with the schemas that were missing; what still cannot be mapped is a fault of the read model. */
  async #projectSlowly(folds: readonly ReadModelFold[], projected: () => Parameters<ReadModelFold['take']>[0]): Promise<void> {
    for (const fold of folds) await withSchemas(this.#options.codec, () => fold.take(projected())).catch(() => fold.faulty(projected()));
  }
}
