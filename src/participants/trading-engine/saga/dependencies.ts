import type { Clock, Log } from '#saga-core/ports';
import type { OrderExecution } from '#sagas/order-execution';
import type { SignalToExecution } from '#sagas/signal-to-execution';
import type { BrokerGateway } from '../gateways.ts';

/** An account as configuration names it. */
export type TradingAccount = { readonly accountId: string; readonly userId: string; readonly isVirtual: boolean };

/** What the Trading Engine needs from outside. */
export type TradingEngineNeeds = {
  /** The gateway of a broker connection; null where this process has none for it. */
  readonly brokerOf: (brokerConnectionId: string) => BrokerGateway | null;
  readonly accounts: readonly TradingAccount[];
  readonly clock: Clock;
  readonly log: Log;
  /** Definitions with the deployment's limits; the defaults otherwise. */
  readonly orderExecution?: OrderExecution;
  readonly signalToExecution?: SignalToExecution;
};
