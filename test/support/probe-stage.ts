// The probe saga on the real Kafka, registry and PostgreSQL, in a namespace of its own.
import { createKafkaAdmin, createKafkaEventLog } from '#adapters/kafka';
import { createDatabase, type Database } from '#adapters/postgres';
import { createSchemaCodec } from '#adapters/schema-registry';
import type { Projector } from '#apps/projector';
import { applyTopics } from '#apps/topics';
import { carriedTypes, type Connection, liveTopicsOf } from '#apps/worker';
import { type Envelope, stepCompleted } from '#contracts';
import type { Log } from '#saga-core/ports';
import { bodyHash, createClient, createObserver, createWorker, type SagaClient, SILENT_LOG, systemClock, systemRandom, topicNames, type Worker } from '#saga-core/runtime';
import { type AuditedRecord, verifyRecords } from '#saga-core/testing';
import { sharedPlatform } from './platform.ts';
import { type ProbeOpened, probeOpened, probeParticipants, probeSaga } from './stage/probe-saga.ts';
import { compareReadModels, dropReadModels, type ReadModelRows, startProjector } from './stage/read-model-check.ts';
import { SagaEventCollector } from './stage/saga-event-collector.ts';
import { duplicatesOf, metadataFaults, statusOf } from './trading-events.ts';

type Warning = Readonly<Record<string, unknown>>;
const observe = createObserver([probeSaga]);
type Parts = { readonly connection: Connection; readonly worker: Worker; readonly client: SagaClient; readonly collector: SagaEventCollector; readonly database: Database; readonly projector: Projector };

const connectProbe = async (namespace: string): Promise<Connection> => {
  const platform = await sharedPlatform();
  const kafka = { brokers: platform.kafka, clientId: 'probe' };
  const names = topicNames(namespace);
  const admin = createKafkaAdmin(kafka);
  try {
    await applyTopics(admin, { namespace });
    await admin.createTopics(['alpha', 'beta'].map((owner) => ({ topic: names.checkpoints(owner, 'trading'), partitions: 2, config: { 'cleanup.policy': 'compact' } })));
  } finally {
    await admin.close();
  }
  const declared = liveTopicsOf(namespace);
  const topicsOf = (typeName: string): readonly string[] => (typeName === probeOpened.name ? [names.saga('trading')] : declared(typeName));
  const codec = createSchemaCodec({ registryUrl: platform.registry, autoRegister: true, topicsOf });
  await codec.prepare([...carriedTypes(), probeOpened]);
  const log = createKafkaEventLog(kafka);
  return { kafka, log, codec, clock: systemClock, random: systemRandom, namespace, names, logger: SILENT_LOG, close: () => log.close() };
};

export class ProbeStage {
  /** What was executed and undone, in order, as `undo first sagaId`. */
  readonly calls: string[];
  readonly #parts: Parts;

  /** What the worker's log was warned of. */
  readonly warnings: readonly Warning[];

  private constructor(parts: Parts, told: { readonly calls: string[]; readonly warnings: readonly Warning[] }) {
    this.#parts = parts;
    this.calls = told.calls;
    this.warnings = told.warnings;
  }

  static async open(namespace: string): Promise<ProbeStage> {
    const connection = await connectProbe(namespace);
    const { log, codec, clock, random } = connection;
    const calls: string[] = [];
    const warnings: Warning[] = [];
    const logger: Log = { ...SILENT_LOG, warn: (message, fields) => void warnings.push({ message, ...fields }) };
    const worker = createWorker({ participants: probeParticipants(calls), log, codec, clock, random, namespace, name: 'probe', logger });
    await worker.start();
    const collector = new SagaEventCollector(connection);
    await collector.follow([connection.names.saga('trading')]);
    const database = createDatabase({ url: (await sharedPlatform()).database, connectionsMax: 8 });
    const projector = await startProjector(connection, database);
    return new ProbeStage({ connection, worker, client: createClient({ log, codec, clock, random, namespace }), collector, database, projector }, { calls, warnings });
  }

  /** Runs an instance until it is in that state. */
  async run(id: string, start: Partial<ProbeOpened>, status: ReturnType<typeof statusOf>): Promise<void> {
    await this.#parts.client.start(probeSaga, { failingStep: 0, stuckStep: 0, ...start }, { id });
    await this.until(() => statusOf(this.of(id)) === status, `${id} is ${status ?? 'running'}`);
  }

  until(holds: () => boolean, what: string): Promise<void> {
    return this.#parts.collector.until(holds, () => what);
  }

  of(id: string): readonly AuditedRecord[] {
    return this.#parts.collector.records(this.#parts.connection.names.saga('trading')).filter((record) => record.envelope.correlationId === id);
  }

  /** The states that the instance went through, by folding its records one after the other. */
  states(id: string): readonly string[] {
    const records = this.of(id);
    const states = records.map((_, index) => observe(records.slice(0, index + 1))[0]?.status ?? 'none');
    return states.filter((state, index) => state !== states[index - 1]);
  }

  compensated(id: string): readonly (string | null)[] {
    return this.of(id).filter(({ type }) => type === 'chorus.CompensationCompleted').map(({ envelope }) => envelope.stepName);
  }

  callsOf(id: string): readonly string[] {
    return this.calls.filter((call) => call.endsWith(` ${id}`)).map((call) => call.slice(0, -id.length - 1));
  }

  /** Records that all participants together set aside because they do not apply. */
  setAside(): number {
    return this.#parts.worker.status().reduce((sum, { counters }) => sum + counters.duplicates + counters.refused, 0);
  }

  /** Writes the success of a step as its owner would, behind everything else. Resolves when it lies on the log and was read. */
  async injectSuccess(id: string, stepName: string): Promise<AuditedRecord> {
    const { connection: { codec, log, namespace, clock }, collector } = this.#parts;
    const records = this.of(id);
    const like = records.findLast(({ type, envelope }) => envelope.stepName === stepName && /StepCompleted|StepFailed/.test(type));
    const last = records.findLast(({ envelope }) => envelope.chain.id === like?.envelope.chain.id);
    if (like === undefined || last === undefined) throw new Error(`${id} has no record of ${stepName}`);
    const seq = last.envelope.chain.seq + 1;
    const envelope: Envelope = { ...like.envelope, eventId: `${id}:late:${seq}`, occurredAt: clock.nowMillis(), outcome: 'completed', chain: { id: last.envelope.chain.id, seq, prevHash: last.bodyHash ?? null } };
    const value = codec.encode(stepCompleted, envelope, { stepName, output: null, skipped: false, skipReason: null });
    const headers = { 'event-type': stepCompleted.name, 'event-id': envelope.eventId, 'correlation-id': id, producer: envelope.producer };
    const writer = log.writer(`${namespace}/late-${id}`);
    await writer.fence();
    const outcome = await writer.commit({ records: [{ topic: last.topic, partition: last.partition, key: id, value, headers, timestampMs: envelope.occurredAt }] });
    await writer.close();
    if (outcome.status !== 'committed') throw new Error(`not written: ${outcome.message}`);
    const find = (): AuditedRecord | undefined => this.of(id).find((record) => record.envelope.eventId === envelope.eventId);
    await collector.until(() => find() !== undefined, () => 'the late record is read');
    const found = find();
    if (found === undefined || Buffer.compare(bodyHash(value), found.bodyHash ?? new Uint8Array()) !== 0) throw new Error('the late record was changed on its way');
    return found;
  }

  /** Violations of what holds for every saga, of the instance's own records. */
  faults(id: string, ignored: readonly AuditedRecord[] = []): readonly string[] {
    const records = this.of(id).filter((record) => !ignored.some((other) => other.offset === record.offset && other.partition === record.partition));
    const { violations } = verifyRecords(records, { definitions: (type) => (type === probeSaga.type ? probeSaga : undefined) });
    return [...metadataFaults(records), ...duplicatesOf(records), ...violations.map(({ invariant, message }) => `${invariant}: ${message}`)];
  }

  compareReadModels(): Promise<{ readonly live: ReadModelRows; readonly rebuilt: ReadModelRows }> {
    const { connection, database, projector } = this.#parts;
    return compareReadModels(connection, database, projector);
  }

  async close(): Promise<void> {
    const { collector, client, projector, worker, connection, database } = this.#parts;
    collector.close();
    await Promise.all([client.close(), projector.stop(), worker.stop()]);
    await connection.close();
    await dropReadModels(database, connection.namespace);
    await database.close();
  }
}
