import {
  brokerObservationRecorded, connectionState, type ConnectionState, type ForgetOrderCommand, forgetOrderCommand, noteConnectionCommand, type ObserveBrokerCommand,
  observeBrokerCommand, type RegisterOrderCommand, registerOrderCommand, type ReportAccountCommand, reportAccountCommand, type ReportConnectionCommand, reportConnectionCommand,
  type SagaReference,
} from '#contracts';
import { type AddressedEvent, command, defineEntity, type EntityCommand, type EntityContext, type EntityDecision, type EntityDefinition, event, type Hands, type Held, on } from '#saga-core';
import { atStep, type OrderStepName } from '#sagas/order-execution';
import { forget, observe, register, type Routed } from '../business/order-registry.ts';

const initial = (): ConnectionState => ({
  status: 'DISCONNECTED', version: 0, accountId: '', accountStatus: 'UNKNOWN', buyingPower: '0', cash: '0', accountAsOf: 0, orders: [], unmatched: [], recentlyClosed: [], unmatchedDroppedCount: 0,
});

const STEP_OF_KIND: Readonly<Record<string, OrderStepName>> = { new: 'await_acknowledgment', partial_fill: 'update_position', fill: 'update_position' };

/** The report as a record of the order's saga: a fill opens an item of update_position, under its execution id. */
const recorded = (context: EntityContext, venue: string, { order, report }: Routed<SagaReference>): AddressedEvent => {
  const step = STEP_OF_KIND[report.kind] ?? 'monitor_fills';
  const to = atStep(order.saga, { step, item: step === 'update_position' ? report.executionId : null, causationId: order.saga.causationId });
  return {
    to,
    event: event(brokerObservationRecorded, {
      venue, connectionId: context.key, order_id: report.brokerOrderId, clientOrderId: order.clientOrderId, kind: report.kind, body: report.body, receivedAt: report.receivedAt,
    }),
  };
};

export type ConnectionSettings = {
  /** Name of the venue behind a connection, for the records. */
  readonly venueNameOf: (brokerConnectionId: string) => string;
  /** Symbols whose cycles trade through the connection. */
  readonly symbolsOf: (brokerConnectionId: string) => readonly string[];
};

/** Whoever goes by the connection's state is told of it in the transaction that changes it. */
const told = (state: ConnectionState, context: EntityContext, settings: ConnectionSettings): readonly EntityCommand[] => {
  const { status, accountId, accountStatus, buyingPower, cash, accountAsOf } = state;
  const note = { brokerConnectionId: context.key, status, accountId, accountStatus, buyingPower, cash, accountAsOf };
  const ofAccount = accountId === '' ? [] : [{ entity: 'buying-power', key: accountId }, { entity: 'exposures', key: accountId }];
  const ofSymbols = settings.symbolsOf(context.key).map((symbol) => ({ entity: 'cycles', key: symbol }));
  return [...ofAccount, ...ofSymbols].map((target) => command(target, noteConnectionCommand, note));
};

const withStatus = (state: ConnectionState, status: ConnectionState['status']): ConnectionState =>
  state.status === status ? state : { ...state, status, version: state.version + 1 };

/** Commands of the connection as pure functions of its state. */
export const connectionCommands = (settings: ConnectionSettings) => {
  const recordedAll = (context: EntityContext, routed: readonly Routed<SagaReference>[]): readonly AddressedEvent[] =>
    routed.map((one) => recorded(context, settings.venueNameOf(context.key), one));
  return {
    registerOrder: (state: ConnectionState, order: RegisterOrderCommand, context: EntityContext): EntityDecision<ConnectionState> => {
      const { registry, routed } = register<SagaReference, ConnectionState>(state, { ...order, seen: [], lastHeardAt: context.nowMillis });
      return { state: registry, events: recordedAll(context, routed) };
    },
    // Only the saga that the order's reports go to may end them: another's that claimed the same id is none of its owner's business.
    forgetOrder: (state: ConnectionState, order: ForgetOrderCommand, context: EntityContext): EntityDecision<ConnectionState> => {
      const owner = state.orders.find((known) => known.clientOrderId === order.clientOrderId)?.saga.correlationId;
      if (owner !== undefined && context.caller !== null && context.caller.correlationId !== owner) return { state };
      return { state: forget<SagaReference, ConnectionState>(state, order.clientOrderId) };
    },
    observeBroker: (state: ConnectionState, report: ObserveBrokerCommand, context: EntityContext): EntityDecision<ConnectionState> => {
      const { registry, routed } = observe<SagaReference, ConnectionState>(state, report);
      return { state: registry, events: recordedAll(context, routed === null ? [] : [routed]) };
    },
    reportAccount: (state: ConnectionState, account: ReportAccountCommand, context: EntityContext): EntityDecision<ConnectionState> => {
      const { accountId, accountStatus, buyingPower, cash, accountAsOf } = account;
      const next = { ...withStatus(state, 'CONNECTED'), accountId, accountStatus, buyingPower, cash, accountAsOf };
      return { state: next, commands: told(next, context, settings) };
    },
    reportConnection: (state: ConnectionState, report: ReportConnectionCommand, context: EntityContext): EntityDecision<ConnectionState> => {
      const next = withStatus(state, report.status);
      return next === state ? { state } : { state: next, commands: told(next, context, settings) };
    },
  };
};

/** What is held of each configured connection by whoever owns its partition. */
export type Holding = { readonly keys: readonly string[]; readonly hold: (key: string, hands: Hands<ConnectionState>) => Held<ConnectionState> };

/** A connection to a broker: its state, and which saga each open order's reports go to. Key: brokerConnectionId. */
export const connections = (settings: ConnectionSettings, holding: Holding): EntityDefinition => {
  const handlers = connectionCommands(settings);
  return defineEntity<ConnectionState>({
    name: 'connections',
    owner: 'broker-connections',
    state: connectionState,
    initial,
    commands: [
      on(registerOrderCommand, handlers.registerOrder), on(forgetOrderCommand, handlers.forgetOrder), on(observeBrokerCommand, handlers.observeBroker),
      on(reportAccountCommand, handlers.reportAccount), on(reportConnectionCommand, handlers.reportConnection),
    ],
    emits: [brokerObservationRecorded],
    hold: holding.hold,
    heldKeys: holding.keys,
  });
};
