// The whole trading context on the real Kafka, registry and PostgreSQL, with the vendors' simulators on sockets: one namespace per test file.
import { createKafkaAdmin } from '#adapters/kafka';
import { createDatabase, type Database } from '#adapters/postgres';
import type { Projector } from '#apps/projector';
import { applyTopics } from '#apps/topics';
import { createPublisher, PARTICIPANT_NAMES, type ParticipantName, type Publisher, type WorkerConfig, workerConfig } from '#apps/worker';
import { type BuyingPowerState, type CycleState, type EntityState, type ExposureState } from '#contracts';
import type { Log } from '#saga-core/ports';
import type { EntityCommand } from '#saga-core';
import { createClient, loadPartitionCounts, Records, type SagaClient } from '#saga-core/runtime';
import { createSimulatedClock, type SimulatedClock } from '#saga-core/testing';
import { type AlpacaSimulator, startAlpacaSimulator } from '#simulators/alpaca';
import { startGroqSimulator } from '#simulators/groq';
import { startOpenaiSimulator } from '#simulators/openai';
import { sharedPlatform } from './platform.ts';
import { brokerOf, credentialsOf, type Lane, secretsOf } from './stage/lane.ts';
import { compareReadModels, dropReadModels, type ReadModelRows, startProjector } from './stage/read-model-check.ts';
import { SagaEventCollector } from './stage/saga-event-collector.ts';
import { SimulatorControls } from './stage/simulator-controls.ts';
import { type StageWorker, startStageWorker } from './stage/stage-worker.ts';

const FOLLOWED = ['sagas.trading', 'ops', 'entities.cycles.state', 'entities.buying-power.state', 'entities.exposures.state', 'entities.connections.state', 'entities.connections.commands', 'entities.positions.state'];

export type LogLine = { readonly level: string; readonly message: string; readonly fields: Readonly<Record<string, unknown>> };

export type TradingStageOptions = {
  readonly namespace: string;
  readonly lanes: readonly Lane[];
  /** Of the first worker; default: all. */
  readonly participants?: readonly ParticipantName[];
  /** Changes what the worker is told, such as limits. */
  readonly configure?: (config: WorkerConfig) => WorkerConfig;
  /** Before the worker starts: an account that is to be closed must be so when it is first asked for. */
  readonly prepare?: (stage: { readonly alpaca: SimulatorControls }) => Promise<void>;
};

type Vendors = { readonly alpaca: AlpacaSimulator; readonly openai: Awaited<ReturnType<typeof startOpenaiSimulator>>; readonly groq: Awaited<ReturnType<typeof startGroqSimulator>> };

export class TradingStage {
  readonly namespace: string;
  readonly config: WorkerConfig;
  readonly alpaca: SimulatorControls;
  readonly openai: SimulatorControls;
  readonly groq: SimulatorControls;
  readonly lines: LogLine[] = [];
  /** Circuits stand still in time unless a test moves it: what fails in one test never opens a circuit of another by chance of timing. */
  readonly circuitClock: SimulatedClock = createSimulatedClock({ nowMillis: Date.now() });
  readonly workers: StageWorker[] = [];
  readonly #vendors: Vendors;
  readonly #database: Database;
  #opened: Opened | null = null;

  private constructor(options: { readonly namespace: string; readonly config: WorkerConfig; readonly vendors: Vendors; readonly database: Database }) {
    this.namespace = options.namespace;
    this.config = options.config;
    this.#vendors = options.vendors;
    this.#database = options.database;
    this.alpaca = new SimulatorControls(options.vendors.alpaca.adminUrl);
    this.openai = new SimulatorControls(options.vendors.openai.adminUrl);
    this.groq = new SimulatorControls(options.vendors.groq.adminUrl);
  }

  /** Topics, vendors, a worker, a projector. Resolves when every lane can trade. */
  static async open(options: TradingStageOptions): Promise<TradingStage> {
    const { namespace, lanes } = options;
    const addresses = await sharedPlatform();
    const vendors = { alpaca: await startAlpacaSimulator({ accounts: lanes.map(credentialsOf) }), openai: await startOpenaiSimulator(), groq: await startGroqSimulator() };
    const environment = {
      KAFKA_BROKERS: addresses.kafka.join(','), SCHEMA_REGISTRY_URL: addresses.registry, CHORUS_NAMESPACE: namespace, CHORUS_REGISTER_SCHEMAS: 'true',
      OPENAI_BASE_URL: vendors.openai.url, GROQ_BASE_URL: vendors.groq.url, ...secretsOf(lanes),
    };
    const config = { ...workerConfig(environment), brokers: lanes.map((lane) => brokerOf(lane, vendors.alpaca)) };
    const admin = createKafkaAdmin(config.kafka);
    await applyTopics(admin, { namespace }).finally(() => admin.close());
    const stage = new TradingStage({ namespace, config: options.configure?.(config) ?? config, vendors, database: createDatabase({ url: addresses.database, connectionsMax: 12 }) });
    try {
      await options.prepare?.(stage);
      await stage.#start(options.participants ?? PARTICIPANT_NAMES);
      return stage;
    } catch (error) {
      // What stays open would keep the test's process alive and hide why.
      await stage.close();
      throw error;
    }
  }

  async #start(participants: readonly ParticipantName[]): Promise<void> {
    const { connection } = await this.startWorker('worker-1', participants);
    const { log, codec, clock, random, namespace } = connection;
    const collector = new SagaEventCollector(connection);
    await collector.follow(FOLLOWED.map((topic) => `${namespace}.${topic}`));
    this.#opened = {
      collector,
      client: createClient({ log, codec, clock, random, namespace }),
      publisher: await createPublisher(connection, { name: 'market-data', topics: ['market.quotes'] }),
      projector: await startProjector(connection, this.#database),
    };
  }

  get #open(): Opened {
    if (this.#opened === null) throw new Error('the stage is not open');
    return this.#opened;
  }

  get collector(): SagaEventCollector {
    return this.#open.collector;
  }

  get client(): SagaClient {
    return this.#open.client;
  }

  get publisher(): Publisher {
    return this.#open.publisher;
  }

  get #first(): StageWorker {
    const [worker] = this.workers;
    if (worker === undefined) throw new Error('the stage has no worker');
    return worker;
  }

  /** Records of a topic named without the namespace. */
  records(topic: string): ReturnType<SagaEventCollector['records']> {
    return this.collector.records(`${this.namespace}.${topic}`);
  }

  async startWorker(name: string, participants: readonly ParticipantName[]): Promise<StageWorker> {
    const worker = await startStageWorker({ config: this.config, name, participants, logger: this.logger, circuitClock: this.circuitClock });
    this.workers.push(worker);
    return worker;
  }

  /** A request to an entity, from outside any saga. Resolves when it is committed. */
  async command(request: EntityCommand): Promise<void> {
    const { log, codec, clock, names, random } = this.#first.connection;
    const partitionsOf = await loadPartitionCounts(log, [names.commands(request.entity)]);
    const eventId = random.id();
    const record = new Records({ participant: 'test', codec, clock, names, partitionsOf }).command(request, eventId, null);
    const writer = log.writer(`${this.namespace}/command-${eventId}`);
    await writer.fence();
    const outcome = await writer.commit({ records: [record] });
    await writer.close();
    if (outcome.status !== 'committed') throw new Error(`the command was not written: ${outcome.message}`);
  }

  readonly logger: Log = {
    info: () => undefined,
    warn: (message, fields) => void this.lines.push({ level: 'warn', message, fields }),
    error: (message, fields) => void this.lines.push({ level: 'error', message, fields }),
  };

  /** The latest state that an entity wrote for a key; null before the first. */
  stateOf<State>(entity: string, key: string): State | null {
    const last = this.records(`entities.${entity}.state`).findLast((record) => record.type === 'chorus.EntityState' && (record.payload as EntityState).key === key);
    return last === undefined ? null : (this.#first.connection.codec.decodeData((last.payload as EntityState).state).value as State);
  }

  /** Resolves when everyone who asks for the lane's connection knows it to be up. */
  connected(lane: Lane): Promise<void> {
    const holds = (): boolean =>
      this.stateOf<CycleState>('cycles', lane.symbol)?.connectionStatus === 'CONNECTED'
      && this.stateOf<BuyingPowerState>('buying-power', lane.accountId)?.connectionStatus === 'CONNECTED'
      && (this.stateOf<ExposureState>('exposures', lane.accountId)?.accountStatus ?? 'UNKNOWN') !== 'UNKNOWN';
    return this.collector.until(holds, () => `the connection of ${lane.name} is up; ${this.lines.slice(-5).map(({ message, fields }) => `${message} ${JSON.stringify(fields)}`).join('; ')}`);
  }

  compareReadModels(): Promise<{ readonly live: ReadModelRows; readonly rebuilt: ReadModelRows }> {
    return compareReadModels(this.#first.connection, this.#database, this.#open.projector);
  }

  async close(): Promise<void> {
    this.#opened?.collector.close();
    await Promise.all([this.#opened?.client.close(), this.#opened?.publisher.close(), this.#opened?.projector.stop()]);
    // The first one's connection serves all others.
    for (const worker of this.workers.toReversed()) await worker.stop();
    const { alpaca, openai, groq } = this.#vendors;
    await Promise.all([alpaca.stop(), openai.stop(), groq.stop()]);
    await dropReadModels(this.#database, this.namespace);
    await this.#database.close();
  }
}

type Opened = { readonly collector: SagaEventCollector; readonly client: SagaClient; readonly publisher: Publisher; readonly projector: Projector };
