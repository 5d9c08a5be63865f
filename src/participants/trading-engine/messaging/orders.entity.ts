import { orderPlacedEvent, orderState, type OrderState, orderStopRequested, type PlaceOrderCommand, placeOrderCommand, type StopOrderCommand, stopOrderCommand } from '#contracts';
import { defineEntity, type EntityContext, type EntityDecision, type EntityDefinition, event, on } from '#saga-core';
import { asChildOrder } from '#sagas/order-execution';

/** Persists the order and starts its saga under the correlationId of the step that asked. An order id is placed once. */
export const placeOrder = (state: OrderState, order: PlaceOrderCommand, context: EntityContext): EntityDecision<OrderState> => {
  if (state.status !== 'none' || context.caller === null) return { state };
  const saga = asChildOrder(context.caller, orderPlacedEvent);
  return { state: { status: 'placed', saga }, events: [{ to: saga, event: event(orderPlacedEvent, order) }] };
};

/** Tells the order's saga to stop; one that was stopped, or never placed, is left alone. */
export const stopOrder = (state: OrderState, stop: StopOrderCommand): EntityDecision<OrderState> => {
  if (state.status !== 'placed' || state.saga === null) return { state };
  return { state: { ...state, status: 'stopped' }, events: [{ to: state.saga, event: event(orderStopRequested, { orderId: stop.orderId, reason: stop.reason }) }] };
};

/** An order as it was placed, and where its saga lies. Key: orderId. */
export const orders: EntityDefinition = defineEntity<OrderState>({
  name: 'orders',
  owner: 'trading-engine',
  state: orderState,
  initial: () => ({ status: 'none', saga: null }),
  commands: [on(placeOrderCommand, placeOrder), on(stopOrderCommand, stopOrder)],
  emits: [orderPlacedEvent, orderStopRequested],
});
