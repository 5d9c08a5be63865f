export { type AlpacaGatewayOptions, createAlpacaGateway } from './gateway.ts';
export { assertLoopbackOrNamedAccount, type InterlockOptions, isLoopbackUrl, LiveTradingRefused } from './interlock.ts';
export {
  checkOrder, DEFAULT_ORDER_SAFETY, NO_ORDERS_YET, type OrderSafetyInput, type OrderSafetyLimits, type OrderSafetyState, type OrderSafetyVerdict,
} from './order-safety.ts';
export { type OrderSafetyOptions, withOrderSafety } from './safe-gateway.ts';
export { type AlpacaTradeStreamOptions, createAlpacaTradeStream } from './trade-stream.ts';
