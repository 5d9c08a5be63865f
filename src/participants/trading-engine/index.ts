export { createTradingEngine } from './trading-engine.participant.ts';
export type { TradingAccount, TradingEngineNeeds } from './saga/dependencies.ts';
export { clientOrderIdOf, orderIdOf } from './saga/trade.step.ts';
export { positionKey } from './messaging/positions.entity.ts';
export type {
  AccountOutcome, BrokerAccount, BrokerFill, BrokerGateway, BrokerOrder, BrokerOrderStatus, BrokerPosition, BrokerStream, BrokerStreamState, BrokerUpdate, BustUpdate,
  CallLimits, CancelOutcome, CircuitOpen, ClosePositionOutcome, EffectFailure, FillQuery, FillUpdate, FindOrderOutcome, ListFillsOutcome, ListOrdersOutcome, OrderFilter, OrderKind,
  OrderRequest, OrderSide, OrderUpdate, OutcomeUnknown, PositionOutcome, ReadFailure, Refused, SafetyRefused, SubmitOutcome, TimeInForce, Transient, TransientKind, Unsubscribe,
} from './gateways.ts';
