export type {
  AccountOutcome, BrokerAccount, BrokerFill, BrokerGateway, BrokerOrder, BrokerOrderStatus, BrokerPosition, BrokerStream,
  BrokerStreamState, BrokerUpdate, BustUpdate, CallLimits, CancelOutcome, CircuitOpen, ClosePositionOutcome, EffectFailure,
  FillQuery, FillUpdate, FindOrderOutcome, ListFillsOutcome, ListOrdersOutcome, OrderFilter, OrderKind, OrderRequest, OrderSide,
  OrderUpdate, OutcomeUnknown, PositionOutcome, ReadFailure, Refused, SafetyRefused, SubmitOutcome, TimeInForce, Transient,
  TransientKind, Unsubscribe,
} from './gateways.ts';
