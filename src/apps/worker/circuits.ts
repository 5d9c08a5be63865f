import { type CircuitBreaker, type CircuitChange, createCircuitBreaker, DEFAULT_CIRCUIT_RULE, remainingOpenMs } from '#adapters/circuit-breaker';
import { opsCircuitStateChanged, type OpsCircuitStateChanged } from '#contracts';
import { erase } from '#kernel';
import { event } from '#saga-core';
import type { LogRecord, Subscription } from '#saga-core/ports';
import { decodeLearning } from '#saga-core/runtime';
import type { Connection } from './connect.ts';
import { createPublisher, type Publisher } from './publisher.ts';

const OPS = 'ops';
const TOLD_MAX = 1_000;

/** The circuit breakers of this process, one per endpoint and credential, and what they share with other workers. */
export type Circuits = {
  readonly breakerOf: (endpoint: string, credential: string) => CircuitBreaker;
  readonly all: () => readonly CircuitBreaker[];
  readonly close: () => Promise<void>;
};

const isCircuitRecord = (record: LogRecord): boolean => {
  const type = record.headers['event-type'];
  return type !== undefined && Buffer.from(type).toString('latin1') === opsCircuitStateChanged.name;
};

/** Reads `ops` from where an OPEN that still counts can lie; resolves when what was there at the beginning has been read. */
const follow = async (connection: Connection, onChange: (change: OpsCircuitStateChanged, eventId: string) => void): Promise<readonly Subscription[]> => {
  const { log, names, codec, logger } = connection;
  const partitions = await log.partitionCount(names.ops);
  return Promise.all(Array.from({ length: partitions }, async (_, partition) => {
    const at = { topic: names.ops, partition };
    const [start, end] = await Promise.all([log.logStartOffset(at), log.endOffset(at)]);
    let caughtUp: () => void = () => undefined;
    const isCaughtUp = new Promise<void>((resolve) => { caughtUp = resolve; });
    const subscription = log.reader().subscribe({ ...at, offset: start }, {
      onBatch: async (batch) => {
        for (const record of batch.records) {
          if (record.value === null || !isCircuitRecord(record)) continue;
          const decoded = await decodeLearning(codec, record.value);
          if (decoded.status === 'decoded') onChange(erase<OpsCircuitStateChanged>(decoded.payload()), decoded.envelope.eventId);
        }
        if (batch.nextOffset >= end) caughtUp();
      },
      onError: (error) => {
        logger.error('states of other workers’ circuits are no longer read', { topic: names.ops, partition, reason: error.message });
        caughtUp();
      },
    });
    if (start >= end) caughtUp();
    await isCaughtUp;
    return subscription;
  }));
};

class SharedCircuits implements Circuits {
  readonly #connection: Connection;
  readonly #worker: string;
  readonly #publisher: Publisher;
  readonly #breakers = new Map<string, CircuitBreaker>();
  /** OPENs of other workers by endpoint and credential, the newest of each: breakers that come later ask for them. */
  readonly #opened = new Map<string, OpsCircuitStateChanged>();
  /** Ids of what this process told and has not read back: names say too little, a predecessor's OPEN counts although it had the same. */
  readonly #told = new Set<string>();
  #subscriptions: readonly Subscription[] = [];

  constructor(connection: Connection, worker: string, publisher: Publisher) {
    this.#connection = connection;
    this.#worker = worker;
    this.#publisher = publisher;
  }

  async open(): Promise<this> {
    this.#subscriptions = await follow(this.#connection, (change, eventId) => this.#adopt(change, eventId));
    return this;
  }

  breakerOf(endpoint: string, credential: string): CircuitBreaker {
    const key = `${endpoint}\n${credential}`;
    const known = this.#breakers.get(key);
    if (known !== undefined) return known;
    const breaker = createCircuitBreaker({ endpoint, credential, clock: this.#connection.clock, onStateChange: (change) => this.#announce(change) });
    this.#breakers.set(key, breaker);
    const opened = this.#opened.get(key);
    if (opened !== undefined) this.#open(breaker, opened);
    return breaker;
  }

  all(): readonly CircuitBreaker[] {
    return [...this.#breakers.values()];
  }

  async close(): Promise<void> {
    for (const subscription of this.#subscriptions) subscription.close();
    for (const breaker of this.#breakers.values()) breaker.close();
    await this.#publisher.close();
  }

  #adopt(change: OpsCircuitStateChanged, eventId: string): void {
    if (this.#told.delete(eventId) || change.to !== 'OPEN') return;
    const key = `${change.endpoint}\n${change.credentialRef}`;
    this.#opened.set(key, change);
    const breaker = this.#breakers.get(key);
    if (breaker !== undefined) this.#open(breaker, change);
  }

  #open(breaker: CircuitBreaker, { endpoint, credentialRef, worker, to, at }: OpsCircuitStateChanged): void {
    const record = { endpoint, credential: credentialRef, worker, to, atMs: at };
    const remainingMs = remainingOpenMs([record], breaker, { nowMs: this.#connection.clock.nowMillis(), openForMs: DEFAULT_CIRCUIT_RULE.openForMs });
    if (remainingMs > 0) breaker.openFor(remainingMs);
  }

  /** At most so many: one that was never committed is never read back. */
  #remember(eventId: string): void {
    this.#told.add(eventId);
    if (this.#told.size > TOLD_MAX) for (const oldest of this.#told) { this.#told.delete(oldest); break; }
  }

  #announce(change: CircuitChange): void {
    const { endpoint, credential, from, to, failures, atMs, isAdopted } = change;
    this.#connection.logger.warn('circuit changed', { endpoint, credential, from, to, failures, isAdopted });
    if (isAdopted) return;
    const payload = { endpoint, credentialRef: credential, worker: this.#worker, from, to, failures, at: atMs };
    const eventId = this.#connection.random.id();
    this.#remember(eventId);
    const fact = { topic: OPS, key: endpoint, event: event(opsCircuitStateChanged, payload), eventId };
    this.#publisher.publish([fact]).catch((error: unknown) => {
      this.#connection.logger.error('a circuit’s change could not be told to other workers', { endpoint, to, reason: String(error) });
    });
  }
}

/** Opens the process's circuits: first reads what other workers told, then goes on reading. */
export const openCircuits = async (connection: Connection, worker: string): Promise<Circuits> =>
  new SharedCircuits(connection, worker, await createPublisher(connection, { name: `${worker}-circuits`, topics: [OPS] })).open();
