// What one scenario does on its lane, and what it can see of the sagas that it began.
import { type CycleState, type EventType, type MarketQuoteReceived, marketQuoteReceived, type OrderPlacedEvent, type StepAttemptFailed, stepAttemptFailed } from '#contracts';
import { cycleIdOf } from '#participants/orchestrator';
import { event, type SagaDefinition } from '#saga-core';
import { type AuditedRecord, verifyRecords } from '#saga-core/testing';
import { aiDecision } from '#sagas/ai-decision';
import { orderExecution } from '#sagas/order-execution';
import { signalToExecution } from '#sagas/signal-to-execution';
import { domainOf, duplicatesOf, metadataFaults, statusOf } from '../trading-events.ts';
import type { TradingStage } from '../trading-stage.ts';
import type { Lane } from './lane.ts';
import { eventually } from './eventually.ts';
import type { SeenRequest, SimulatorControls } from './simulator-controls.ts';

export const GENEROUS_LIMITS = { maxOrderValue: '50000', maxPositionValue: '100000', maxExposure: '1000000', minConfidence: 0, maxOrdersPerMinute: 0, priceCollarPercent: '0' };
const DEFINITIONS: readonly SagaDefinition[] = [signalToExecution, aiDecision, orderExecution];

export class SagaRun {
  readonly stage: TradingStage;
  readonly lane: Lane;
  /** correlationIds of what was begun, and which every scenario's common checks look at. */
  readonly ids: string[] = [];
  readonly #quoteTimes = new Map<string, number>();

  constructor(stage: TradingStage, lane: Lane) {
    this.stage = stage;
    this.lane = lane;
  }

  /** Tells the broker the price that market orders get. */
  async price(price: string): Promise<void> {
    await this.stage.alpaca.send('POST', 'quotes', [{ symbol: this.lane.symbol, bid: price, ask: price, last: price }]);
  }

  /** An order on its own; resolves with its correlationId once its trigger is committed. */
  async place(changes: Partial<OrderPlacedEvent> = {}, id = `${this.lane.name.toLowerCase()}-${this.ids.length + 1}`): Promise<string> {
    await this.price('100');
    this.ids.push(id);
    await this.stage.client.start(orderExecution, this.order(id, changes), { id });
    return id;
  }

  /** The very same trigger once more. */
  async placeAgain(id: string): Promise<void> {
    await this.stage.client.start(orderExecution, this.order(id), { id });
  }

  order(id: string, changes: Partial<OrderPlacedEvent> = {}): OrderPlacedEvent {
    const { accountId, brokerConnectionId, symbol } = this.lane;
    return {
      orderId: `ord-${id}`, clientOrderId: `${id}.submit_order`, userId: 'user', accountId, brokerConnectionId, symbol, side: 'buy', qty: '10', orderType: 'market', limitPrice: null,
      timeInForce: 'day', accountStatus: 'ACTIVE', buyingPower: '1000000', limits: GENEROUS_LIMITS, positionSnapshot: { qty: '0', avgPrice: '0' }, decisionId: null, bracket: null, pyramiding: null,
      positionId: null, isVirtual: false, referencePrice: '100', ...changes,
    };
  }

  /** A quote at 100; resolves with the correlationId of the cycle it begins. */
  async quote(eventId = `${this.lane.name.toLowerCase()}-q${this.ids.length + 1}`): Promise<string> {
    await this.price('100');
    const { symbol } = this.lane;
    const payload: MarketQuoteReceived = { symbol, bid: '99.9', ask: '100', bidSize: '100', askSize: '100', last: '100', quoteTime: this.#quoteTimeOf(eventId), source: 'test', barPoint: 'close' };
    await this.stage.publisher.publish([{ topic: 'market.quotes', key: symbol, event: event(marketQuoteReceived, payload), eventId }]);
    const id = cycleIdOf(eventId);
    if (!this.ids.includes(id)) this.ids.push(id);
    return id;
  }

  /** Later quotes are newer; the same quote keeps its time. */
  #quoteTimeOf(eventId: string): number {
    const known = this.#quoteTimes.get(eventId) ?? this.#quoteTimes.size + 1;
    this.#quoteTimes.set(eventId, known);
    return known;
  }

  /** A request to an entity from outside any saga, as an API would send it. */
  async command<Payload>(entity: string, key: string, request: { readonly type: EventType<Payload>; readonly payload: NoInfer<Payload> }): Promise<void> {
    await this.stage.command({ entity, key, ...request });
  }

  /** A quote that began no cycle leaves no saga to check. */
  forget(id: string): void {
    this.ids.splice(this.ids.indexOf(id), 1);
  }

  of(id: string): readonly AuditedRecord[] {
    return this.stage.records('sagas.trading').filter((record) => record.envelope.correlationId === id);
  }

  domain(id: string): readonly string[] {
    return domainOf(this.of(id));
  }

  payload<Payload>(id: string, type: EventType<Payload>): Payload | undefined {
    return this.of(id).find((record) => record.type === type.name)?.payload as Payload | undefined;
  }

  /** Waits of an instance between attempts as its records tell them, in whole seconds: a record is written a moment after its wait was chosen. */
  recordedWaitsSeconds(id: string): readonly number[] {
    const failed = this.of(id).filter((record) => record.type === stepAttemptFailed.name);
    return failed.map(({ payload, envelope }) => Math.ceil(((payload as StepAttemptFailed).nextAt - envelope.occurredAt) / 1_000));
  }

  until(id: string, status: ReturnType<typeof statusOf>): Promise<void> {
    const told = (): string => `${id} is ${statusOf(this.of(id)) ?? 'running'}, not ${status ?? 'running'}\n${this.of(id).map((record) => `${record.type} ${record.envelope.stepName ?? ''} ${JSON.stringify(record.payload).slice(0, 160)}`).join('\n')}`;
    return this.stage.collector.until(() => statusOf(this.of(id)) === status, told);
  }

  /** Resolves when the symbol has no cycle any more: the next quote begins one. */
  released(): Promise<void> {
    return this.stage.collector.until(() => this.stage.stateOf<CycleState>('cycles', this.lane.symbol)?.activeCycleId === null, () => `${this.lane.symbol} is free`);
  }

  untilDomain(id: string, type: string): Promise<void> {
    return this.stage.collector.until(() => this.domain(id).includes(type), () => `${id} has ${this.domain(id).join(', ')}, not ${type}`);
  }

  /** The broker's requests about this lane's symbol, by route. */
  posts(): Promise<readonly SeenRequest[]> {
    return this.stage.alpaca.requests({ symbol: this.lane.symbol, route: 'submit_order' });
  }

  cancels(): Promise<readonly SeenRequest[]> {
    return this.stage.alpaca.requests({ symbol: this.lane.symbol, route: 'cancel_order' });
  }

  /** Look-ups by client order id. */
  lookups(id: string): Promise<readonly SeenRequest[]> {
    return this.stage.alpaca.requests({ key: `${id}.submit_order`, route: 'find_order' });
  }

  /** Resolves when the connection has asked for the order, found it, and then asked for its fills. Only for a lane whose order outlasts all others. */
  async polled(id: string): Promise<void> {
    const asked = async (): Promise<boolean> => {
      const [found] = (await this.lookups(id)).filter(({ outcome }) => outcome === 200);
      const listings = await this.stage.alpaca.requests({ route: 'list_fills' });
      return found !== undefined && listings.some(({ monotonic_ms, outcome }) => outcome === 200 && monotonic_ms > found.monotonic_ms);
    };
    await eventually(asked, `a poll of ${id}`);
  }

  async questions(model: SimulatorControls): Promise<readonly SeenRequest[]> {
    return model.requests({ symbol: this.lane.symbol, route: 'complete' });
  }

  async questionCounts(): Promise<readonly [openai: number, groq: number]> {
    const [openai, groq] = await Promise.all([this.questions(this.stage.openai), this.questions(this.stage.groq)]);
    return [openai.length, groq.length];
  }

  /** Violations of what holds for every saga: A9.1, no event twice, the runtime's invariants. */
  faults(): readonly string[] {
    return this.ids.flatMap((id) => {
      const records = withoutRepeatedTriggers(this.of(id));
      const { violations } = verifyRecords(this.of(id), { definitions: (type, version) => DEFINITIONS.find((saga) => saga.type === type && saga.version === version), isFinished: true });
      return [...metadataFaults(records), ...duplicatesOf(records), ...violations.map(({ invariant, message }) => `${invariant}: ${message}`)];
    });
  }
}

/** Whoever starts a saga twice writes its trigger twice; the second is not the saga's own. */
const withoutRepeatedTriggers = (records: readonly AuditedRecord[]): readonly AuditedRecord[] => {
  const [trigger] = records;
  return records.filter((record) => record === trigger || record.type !== trigger?.type || record.envelope.producer !== 'client');
};
