import { type BuyingPowerState, buyingPowerState, type CycleState, cycleState, entityState, type EntityState, type Envelope, type ExposureState, exposureState } from '#contracts';
import { erase } from '#kernel';
import type { Subscription } from '#saga-core/ports';
import { decodeLearning } from '#saga-core/runtime';
import type { Connection } from '#apps/worker';

/** A record that the demo looks at. */
export type SeenRecord = { readonly type: string; readonly envelope: Envelope; readonly payload: unknown; readonly timestampMs: number };

/** How the cycle of one quote went. */
export type CycleEnd =
  | { readonly status: 'completed' | 'failed' | 'manual_required' }
  /** No cycle began. */
  | { readonly status: 'refused' };

type Listener = (record: SeenRecord) => void;
type Waiting = { readonly eventId: string; readonly resolve: (end: CycleEnd) => void };

const followTopic = async (connection: Connection, options: { readonly topic: string; readonly types: ReadonlySet<string>; readonly onRecord: Listener; readonly onError: (message: string) => void }): Promise<readonly Subscription[]> => {
  const { log, codec } = connection;
  const { topic, types } = options;
  const partitions = await log.partitionCount(topic);
  return Array.from({ length: partitions }, (_, partition) =>
    log.reader().subscribe({ topic, partition, offset: 0 }, {
      onBatch: async (batch) => {
        for (const record of batch.records) {
          const header = record.headers['event-type'];
          if (record.value === null || header === undefined || !types.has(Buffer.from(header).toString('latin1'))) continue;
          const decoded = await decodeLearning(codec, record.value);
          if (decoded.status !== 'decoded') options.onError(`${topic}/${partition} at ${record.offset}: ${decoded.reason}`);
          else options.onRecord({ type: decoded.type, envelope: decoded.envelope, payload: decoded.payload(), timestampMs: record.timestampMs });
        }
      },
      onError: (error) => options.onError(`${topic}/${partition}: ${error.message}`),
    }));
};

const END_OF: Readonly<Record<string, 'completed' | 'failed' | 'manual_required'>> = {
  'chorus.SagaCompleted': 'completed', 'chorus.SagaFailed': 'failed', 'chorus.SagaQuarantined': 'manual_required', 'chorus.InstanceParked': 'manual_required',
};

/** Reads the saga topic and the states of the symbols' cycle keepers and of the account from their beginning, and tells how each quote's cycle went. */
export class Watch {
  readonly #connection: Connection;
  readonly #listeners: readonly Listener[];
  readonly #waiting = new Map<string, Waiting>();
  readonly #ended = new Map<string, CycleEnd>();
  readonly #states = new Map<string, CycleState>();
  readonly #stateListeners = new Set<() => void>();
  readonly #readyAccounts = { buyingPower: new Set<string>(), exposures: new Set<string>() };
  readonly #granted = new Set<string>();
  readonly #stuck = new Set<string>();
  #subscriptions: readonly Subscription[] = [];
  #fault: Error | null = null;
  #onFault: (error: Error) => void = () => undefined;
  /** Rejects when a record cannot be read: nothing that hangs on this watch may wait for ever. */
  readonly fault: Promise<never>;

  constructor(connection: Connection, listeners: readonly Listener[]) {
    this.#connection = connection;
    this.#listeners = listeners;
    this.fault = new Promise((_resolve, reject) => { this.#onFault = reject; });
    this.fault.catch(() => undefined);
  }

  async open(types: readonly string[]): Promise<this> {
    const { names } = this.#connection;
    const onError = (message: string): void => {
      this.#fault ??= new Error(`a record cannot be read: ${message}`);
      this.#onFault(this.#fault);
    };
    this.#subscriptions = (await Promise.all([
      followTopic(this.#connection, { topic: names.saga('trading'), types: new Set([...types, ...Object.keys(END_OF)]), onRecord: (record) => this.#onSagaRecord(record), onError }),
      ...['cycles', 'buying-power', 'exposures'].map((entity) =>
        followTopic(this.#connection, { topic: names.state(entity), types: new Set([entityState.name]), onRecord: (record) => this.#onState(record), onError })),
    ])).flat();
    return this;
  }

  close(): void {
    for (const subscription of this.#subscriptions) subscription.close();
  }

  /** Latest state of a symbol's cycle keeper. */
  stateOf(symbol: string): CycleState | null {
    return this.#states.get(symbol) ?? null;
  }

  /** Resolves when everybody who goes by the connection knows that it is up: quotes and orders before that would be refused. */
  connected(symbols: readonly string[], accountId: string): Promise<void> {
    const { buyingPower, exposures } = this.#readyAccounts;
    return this.#until(() => buyingPower.has(accountId) && exposures.has(accountId) && symbols.every((symbol) => this.#states.get(symbol)?.connectionStatus === 'CONNECTED'));
  }

  /** Resolves when no symbol has a running cycle, but those that wait for a person: their positions are then what the cycles left. */
  released(symbols: readonly string[]): Promise<void> {
    return this.#until(() => symbols.every((symbol) => {
      const active = this.#states.get(symbol)?.activeCycleId ?? null;
      return active === null || this.#stuck.has(active);
    }));
  }

  /** Resolves when the cycle that the quote begins has ended, needs a person, or was refused. Ask before the quote is published. */
  endOf(cycleId: string, quoteEventId: string): Promise<CycleEnd> {
    const ended = this.#ended.get(cycleId);
    if (ended !== undefined) return Promise.resolve(ended);
    const end = new Promise<CycleEnd>((resolve) => this.#waiting.set(cycleId, { eventId: quoteEventId, resolve }));
    return Promise.race([end, this.fault]);
  }

  async #until(holds: () => boolean): Promise<void> {
    if (holds()) return;
    const held = new Promise<void>((resolve) => {
      const listener = (): void => {
        if (!holds()) return;
        this.#stateListeners.delete(listener);
        resolve();
      };
      this.#stateListeners.add(listener);
    });
    await Promise.race([held, this.fault]);
  }

  #onSagaRecord(record: SeenRecord): void {
    for (const listener of this.#listeners) listener(record);
    const status = END_OF[record.type];
    const { correlationId, subSaga } = record.envelope;
    if (status === undefined || correlationId === null) return;
    // A child that waits for a person holds up its cycle.
    if (status === 'manual_required') {
      this.#stuck.add(correlationId);
      for (const listener of this.#stateListeners) listener();
    }
    if (subSaga === null || status === 'manual_required') this.#settle(correlationId, { status });
  }

  #onState({ payload }: SeenRecord): void {
    const { key, state } = erase<EntityState>(payload);
    const decoded = this.#connection.codec.decodeData(state);
    if (decoded.type === cycleState.name) this.#onCycleState(key, erase<CycleState>(decoded.value));
    if (decoded.type === buyingPowerState.name && erase<BuyingPowerState>(decoded.value).connectionStatus === 'CONNECTED') this.#readyAccounts.buyingPower.add(key);
    if (decoded.type === exposureState.name && erase<ExposureState>(decoded.value).accountStatus === 'ACTIVE') this.#readyAccounts.exposures.add(key);
    for (const listener of this.#stateListeners) listener();
  }

  #onCycleState(key: string, current: CycleState): void {
    this.#states.set(key, current);
    if (current.activeCycleId !== null) this.#granted.add(current.activeCycleId);
    for (const [cycleId, { eventId }] of this.#waiting) {
      if (current.recentQuoteIds.includes(eventId) && !this.#granted.has(cycleId)) this.#settle(cycleId, { status: 'refused' });
    }
  }

  #settle(cycleId: string, end: CycleEnd): void {
    const waiting = this.#waiting.get(cycleId);
    this.#granted.delete(cycleId);
    if (waiting === undefined) {
      if (end.status !== 'refused') this.#ended.set(cycleId, end);
      return;
    }
    this.#waiting.delete(cycleId);
    waiting.resolve(end);
  }
}
