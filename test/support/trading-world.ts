import { allDataTypes, allEventTypes, entityState, type EntityState, type EventType, type MarketQuoteReceived, marketQuoteReceived, type OrderPlacedEvent, topicDeclarations } from '#contracts';
import { createAiDecision, type ModelGateway, type ModelOutcome } from '#participants/ai-decision';
import { createAnalytics } from '#participants/analytics';
import { createBrokerConnections } from '#participants/broker-connections';
import { createOrchestrator, cycleIdOf } from '#participants/orchestrator';
import { createTradingEngine } from '#participants/trading-engine';
import type { ParticipantDefinition, SagaDefinition } from '#saga-core';
import type { Clock, Codec, Log, LogRecord, RecordToWrite } from '#saga-core/ports';
import { bodyHash, createClient, createWorker, Records, type SagaClient, topicNames, topicsOf, type Worker } from '#saga-core/runtime';
import {
  type AuditedRecord, createMemoryCluster, createMemoryCodec, createMemorySchemaRegistry, createSimulatedClock, createSimulatedProcess, createSimulatedRandom, type MemoryCluster, type SimulatedClock,
  type SimulatedProcess, type SimulatedRandom, verifyRecords,
} from '#saga-core/testing';
import { type AiDecision, type AiDecisionLimits, buildAiDecision, DEFAULT_AI_LIMITS } from '#sagas/ai-decision';
import { buildOrderExecution, DEFAULT_LIMITS, type OrderExecution, type OrderExecutionLimits, orderExecution } from '#sagas/order-execution';
import { signalToExecution, type SignalToExecution } from '#sagas/signal-to-execution';
import { createSimulatedBroker, type SimulatedBroker } from './simulated-broker.ts';
import { domainOf, duplicatesOf, metadataFaults, statusOf } from './trading-events.ts';

// Every participant of the trading context on the in-memory log, in simulated time, with a broker and two models.

const NAMESPACE = 'sim';
const PARTITION_COUNT = 2;
const START_MILLIS = Date.UTC(2026, 0, 5, 14, 30);
const READY_LIMIT_MS = 60_000;
const names = topicNames(NAMESPACE);
export const SYMBOLS = ['AAPL', 'MSFT'] as const;

export type SimulatedModel = ModelGateway & { readonly answers: (ModelOutcome | string)[]; readonly calls: { count: number }; readonly delay: { ms: number }; readonly rule: { decide: (question: string) => string } };
const BUY = JSON.stringify({ action: 'buy', confidence: 0.9, quantity: '10', orderType: 'market', rationale: 'up' });

const createModel = (provider: string, clock: Clock): SimulatedModel => {
  const answers: (ModelOutcome | string)[] = [];
  const calls = { count: 0 };
  const delay = { ms: 10 };
  const rule: { decide: (question: string) => string } = { decide: () => BUY };
  return {
    provider, model: `${provider}-1`, answers, calls, delay, rule,
    complete: async ({ prompt }) => {
      calls.count++;
      await new Promise<void>((resolve) => void clock.after(delay.ms, resolve));
      const answer = answers.shift() ?? rule.decide(prompt.user);
      return typeof answer === 'string' ? { status: 'answered', content: answer, model: `${provider}-1`, usage: { promptTokens: 1, completionTokens: 1 } } : answer;
    },
  };
};

const LIMITS = { maxOrderValue: '50000', maxPositionValue: '100000', maxExposure: '1000000', minConfidence: 0, maxOrdersPerMinute: 0, priceCollarPercent: '0' };

/** Another definition of the cycle, other limits of the sagas inside it; what is not named is the default. */
export type WorldChanges = { readonly cycle?: SignalToExecution; readonly order?: Partial<OrderExecutionLimits>; readonly decision?: Partial<AiDecisionLimits> };

export type LogLine = { readonly level: string; readonly message: string; readonly fields: Readonly<Record<string, unknown>> };

export class TradingWorld {
  readonly clock: SimulatedClock = createSimulatedClock({ nowMillis: START_MILLIS });
  readonly broker: SimulatedBroker = createSimulatedBroker(this.clock);
  readonly primary: SimulatedModel = createModel('openai', this.clock);
  readonly fallback: SimulatedModel = createModel('groq', this.clock);
  readonly lines: LogLine[] = [];
  readonly #random: SimulatedRandom;
  readonly #cluster: MemoryCluster;
  readonly #registry = createMemorySchemaRegistry();
  readonly #decoded = new Map<string, AuditedRecord>();
  readonly #quoteTimes = new Map<string, number>();
  readonly #signalToExecution: SignalToExecution;
  readonly #orderExecution: OrderExecution;
  readonly #aiDecision: AiDecision;
  #codec: Codec | null = null;
  #client: SagaClient | null = null;
  #process: SimulatedProcess | null = null;
  #worker: Worker | null = null;
  #workerNumber = 0;

  private constructor(seed: number, changes: WorldChanges) {
    this.#signalToExecution = changes.cycle ?? signalToExecution;
    this.#orderExecution = buildOrderExecution({ ...DEFAULT_LIMITS, ...changes.order });
    this.#aiDecision = buildAiDecision({ ...DEFAULT_AI_LIMITS, ...changes.decision });
    this.#random = createSimulatedRandom(seed);
    this.#cluster = createMemoryCluster({ clock: this.clock, random: this.#random.fork('cluster') });
  }

  /** The seed decides how the network delays, and so how symbols interleave. */
  static async open(seed = 1, changes: WorldChanges = {}): Promise<TradingWorld> {
    const world = new TradingWorld(seed, changes);
    for (const topic of new Set([...world.#participants().flatMap((participant) => topicsOf(participant, ['trading'], names)), ...topicDeclarations.map((topic) => `${NAMESPACE}.${topic.name}`)])) {
      world.#cluster.createTopic({ name: topic, partitionCount: PARTITION_COUNT, cleanup: topic.endsWith('.state') || topic.includes('.checkpoints.') ? 'compact' : 'delete' });
    }
    world.#codec = await world.#newCodec();
    const { log, process } = world.#cluster.connect('client');
    world.#client = createClient({ log, codec: world.#codec, clock: process.clock, random: world.#random.fork('client'), namespace: NAMESPACE });
    await world.startWorker();
    return world;
  }

  get client(): SagaClient {
    if (this.#client === null) throw new Error('the world is not open');
    return this.#client;
  }

  get #openCodec(): Codec {
    if (this.#codec === null) throw new Error('the world is not open');
    return this.#codec;
  }

  /** One worker with every participant; waits until it knows its account. */
  async startWorker(): Promise<void> {
    const name = `worker-${++this.#workerNumber}`;
    const process = createSimulatedProcess({ name, clock: this.clock });
    this.#process = process;
    const { log } = this.#cluster.connect(name, process);
    const worker = createWorker({ participants: this.#participants(process.clock), log, codec: await this.#newCodec(), clock: process.clock, random: this.#random.fork(name), namespace: NAMESPACE, name, logger: this.#log, membership: { sessionTimeoutMs: 6_000, heartbeatIntervalMs: 1_000 } });
    this.#worker = worker;
    let isStarted = false;
    void worker.start().then(() => { isStarted = true; });
    if (!(await this.clock.runUntil(() => isStarted, READY_LIMIT_MS))) throw new Error(`worker did not start: ${JSON.stringify(worker.status())}`);
    await this.clock.advance(2_000);
  }

  /** Records that the worker's participants read and set aside as too late or repeated. */
  duplicateCount(): number {
    return (this.#worker?.status() ?? []).reduce((sum, { counters }) => sum + counters.duplicates, 0);
  }

  /** The worker is gone as by kill -9. */
  killWorker(): void {
    this.#process?.kill();
  }

  get #log(): Log {
    const said = (level: string) => (message: string, fields: Readonly<Record<string, unknown>>): void => void this.lines.push({ level, message, fields });
    return { info: said('info'), warn: said('warn'), error: said('error') };
  }

  #participants(clock: Clock = this.clock): readonly ParticipantDefinition[] {
    const log = this.#log;
    const [cycle, order, decision] = [this.#signalToExecution, this.#orderExecution, this.#aiDecision];
    const watchList = SYMBOLS.map((symbol) => ({ symbol, accountId: 'acc', brokerConnectionId: 'conn' }));
    return [
      createOrchestrator({ watchList, riskLimits: LIMITS, log, signalToExecution: cycle, orderExecution: order }),
      createAiDecision({ providers: [this.primary, this.fallback], clock, log, aiDecision: decision }),
      createTradingEngine({ brokerOf: () => this.broker, accounts: [{ accountId: 'acc', userId: 'user', isVirtual: false }], clock, log, orderExecution: order }),
      createBrokerConnections({ connections: [{ brokerConnectionId: 'conn', watchedSymbols: SYMBOLS }], venueOf: () => ({ name: 'simulated', gateway: this.broker, stream: this.broker }), clock, log }),
      createAnalytics({ orderExecution: order }),
    ];
  }

  async #newCodec(): Promise<Codec> {
    const codec = createMemoryCodec({ registry: this.#registry });
    await codec.prepare([...allEventTypes, ...allDataTypes]);
    return codec;
  }

  /** Publishes a quote; the cycle it begins, if any, has the returned correlationId. */
  async quote(eventId: string, changes: Partial<MarketQuoteReceived> = {}): Promise<string> {
    const payload: MarketQuoteReceived = { symbol: 'AAPL', bid: '99.9', ask: '100', bidSize: '100', askSize: '100', last: '100', quoteTime: this.#quoteTimeOf(eventId), source: 'test', barPoint: 'close', ...changes };
    await this.publish(eventId, payload.symbol, { type: marketQuoteReceived, payload });
    return cycleIdOf(eventId);
  }

  /** Later quotes are newer; the same quote keeps its time. */
  #quoteTimeOf(eventId: string): number {
    const known = this.#quoteTimes.get(eventId) ?? this.#quoteTimes.size + 1;
    this.#quoteTimes.set(eventId, known);
    return known;
  }

  /** A command from outside any saga, as an API would send it. */
  async command<Payload>(entity: string, key: string, type: EventType<Payload>, payload: NoInfer<Payload>): Promise<void> {
    await this.#write(`command-${entity}`, (records) => records.command({ entity, key, type, payload }, `command-${entity}-${key}-${this.clock.firedTimerCount()}`, null));
    await this.clock.advance(1_000);
  }

  /** An outcome of a step written by hand, as somebody who does not fold the instance would. */
  async inject<Payload>(like: AuditedRecord, event: { readonly type: EventType<Payload>; readonly payload: Payload }): Promise<void> {
    const { correlationId, sagaType, stepName } = like.envelope;
    if (correlationId === null || sagaType === null) throw new Error('not a record of a saga');
    const to = { ...like.envelope, context: 'trading', correlationId, sagaType, stepName, causationId: like.envelope.eventId };
    await this.#write('inject', (records) => records.addressed(to, { id: 'by-hand', head: { seq: 0, hash: null } }, event, { isOutcome: true }).record);
    await this.clock.advance(1_000);
  }

  async publish<Payload>(eventId: string, key: string, event: { readonly type: EventType<Payload>; readonly payload: Payload }): Promise<void> {
    await this.#write(`source-${eventId}`, (records) => records.plain(names.facts('market.quotes'), key, event, { eventId }));
  }

  async #write(name: string, make: (records: Records) => RecordToWrite): Promise<void> {
    const records = new Records({ participant: 'market-data', codec: this.#openCodec, clock: this.clock, names, partitionsOf: () => PARTITION_COUNT });
    const unique = `${name}-${this.clock.firedTimerCount()}`;
    const writer = this.#cluster.connect(unique).log.writer(`${NAMESPACE}/${unique}`);
    let isDone = false;
    void writer.fence().then(() => writer.commit({ records: [make(records)] })).then(() => { isDone = true; });
    await this.clock.runUntil(() => isDone, 5_000);
  }

  /** An order on its own. */
  order(changes: Partial<OrderPlacedEvent> = {}, id = 'm-1'): void {
    const order: OrderPlacedEvent = {
      orderId: `ord-${id}`, clientOrderId: `${id}.submit_order`, userId: 'user', accountId: 'acc', brokerConnectionId: 'conn', symbol: 'AAPL', side: 'buy', qty: '10', orderType: 'market', limitPrice: null,
      timeInForce: 'day', accountStatus: 'ACTIVE', buyingPower: '1000000', limits: LIMITS, positionSnapshot: { qty: '0', avgPrice: '0' }, decisionId: null, bracket: null, pyramiding: null, positionId: null,
      isVirtual: false, referencePrice: '100', ...changes,
    };
    void this.client.start(orderExecution, order, { id });
  }

  records(): readonly AuditedRecord[] {
    const topic = names.saga('trading');
    const found: AuditedRecord[] = [];
    for (let partition = 0; partition < PARTITION_COUNT; partition++) {
      for (const entry of this.#cluster.entries({ topic, partition })) {
        if (entry.kind !== 'record' || entry.transaction?.status !== 'committed' || entry.record.value === null) continue;
        found.push(this.#audited(partition, entry.offset, entry.record.value));
      }
    }
    return found;
  }

  /** Committed records never change: decoded once. */
  #audited(partition: number, offset: number, value: Uint8Array): AuditedRecord {
    const known = this.#decoded.get(`${partition}/${offset}`);
    if (known !== undefined) return known;
    const decoded = this.#openCodec.decode(value);
    if (decoded.status !== 'decoded') throw new Error(`undecodable record at ${partition}/${offset}`);
    const record = { topic: names.saga('trading'), partition, offset, type: decoded.type, envelope: decoded.envelope, payload: decoded.payload(), bodyHash: bodyHash(value) };
    this.#decoded.set(`${partition}/${offset}`, record);
    return record;
  }

  /** Every committed record of every topic, as a reader gets it, and a codec that knows them. */
  stored(): { readonly records: readonly LogRecord[]; readonly codec: Codec } {
    const records: LogRecord[] = [];
    for (const topic of this.#cluster.topicNames()) {
      for (let partition = 0; partition < PARTITION_COUNT; partition++) {
        for (const entry of this.#cluster.entries({ topic, partition })) {
          if (entry.kind !== 'record' || entry.transaction?.status !== 'committed') continue;
          records.push({ ...entry.record, topic, partition, offset: entry.offset });
        }
      }
    }
    return { records, codec: this.#openCodec };
  }

  /** What an entity wrote of its keys, oldest first. */
  statesOf(entity: string): readonly { readonly key: string; readonly state: unknown }[] {
    const { records, codec } = this.stored();
    return records.filter(({ topic, value }) => topic === names.state(entity) && value !== null).flatMap(({ value }) => {
      const decoded = codec.decode(value ?? new Uint8Array());
      if (decoded.status !== 'decoded' || decoded.type !== entityState.name) return [];
      const { key, state } = decoded.payload() as EntityState;
      return [{ key, state: codec.decodeData(state).value }];
    });
  }

  of(correlationId: string): readonly AuditedRecord[] {
    return this.records().filter((record) => record.envelope.correlationId === correlationId);
  }

  /** Names of the domain events, in their order. */
  domain(correlationId: string): readonly string[] {
    return domainOf(this.of(correlationId));
  }

  payload(correlationId: string, type: string): Readonly<Record<string, unknown>> | undefined {
    return this.of(correlationId).find((record) => record.type === type)?.payload as Readonly<Record<string, unknown>> | undefined;
  }

  /** The state of the outermost instance; null while it runs. */
  status(correlationId: string): string | null {
    return statusOf(this.of(correlationId));
  }

  /** Runs simulated time until the instance is in this state. */
  async until(correlationId: string, status: string, limitMs = 600_000): Promise<void> {
    const untilMs = this.clock.monotonicMillis() + limitMs;
    while (this.status(correlationId) !== status) {
      if (this.clock.monotonicMillis() > untilMs) throw new Error(`${correlationId} is ${this.status(correlationId) ?? 'running'}, not ${status}:\n${this.of(correlationId).map((record) => `${record.type} ${record.envelope.stepName ?? ''} ${JSON.stringify(record.payload).slice(0, 200)}`).join('\n')}\n${this.lines.map((line) => `${line.level} ${line.message} ${JSON.stringify(line.fields)}`).join('\n')}`);
      await this.clock.advance(250);
    }
  }

  /** Every invariant that the records alone can tell; complete metadata (A9.1) and nothing told twice among them. */
  async violations(): Promise<readonly string[]> {
    await this.clock.advance(2_000);
    const played: readonly SagaDefinition[] = [this.#signalToExecution, this.#aiDecision, this.#orderExecution];
    const { violations } = verifyRecords(this.records(), { definitions: (type, version) => played.find((saga) => saga.type === type && saga.version === version), isFinished: true });
    const sagas = Map.groupBy(this.records().filter(({ envelope }) => envelope.correlationId !== null), ({ envelope }) => envelope.correlationId);
    const faults = [...sagas.values()].flatMap((records) => [...metadataFaults(records), ...duplicatesOf(records)]);
    return [...violations.map(({ invariant, instance, message }) => `${invariant} ${instance ?? ''}: ${message}`), ...faults];
  }
}
