import { applyFillCommand, brokerObservationRecorded, rollBackFillCommand, tradeOrderSubmitted } from '#contracts';
import { InvariantViolation } from '#kernel';
import { command, implementEntityStep, type SagaContext, type StepImplementation } from '#saga-core';
import { type ObservedFill, type OrderExecution, parseObservation } from '#sagas/order-execution';
import { positionKey } from '../messaging/positions.entity.ts';
import { bustedExecutionOf } from './reasons.ts';

/** Only observations with a fill open an item (broker-connections sees to it), so anything else is our own fault. */
const fillOf = (context: SagaContext<OrderExecution>): ObservedFill => {
  const arrival = context.arrival(brokerObservationRecorded);
  const observation = arrival === null ? null : parseObservation(arrival.body);
  if (observation === null || !observation.ok || observation.value.fill === null) {
    throw new InvariantViolation(`order ${context.start.orderId}: item ${context.item ?? ''} of update_position was opened by a record without a fill`);
  }
  return observation.value.fill;
};

/** M5, per fill: the position's single writer applies it. A genuine fill stays whatever becomes of the order; a busted one is undone. */
export const updatePosition = (saga: OrderExecution): StepImplementation =>
  implementEntityStep(saga, 'update_position', {
    command: (context) => {
      const { start: order } = context;
      const fill = fillOf(context);
      return command({ entity: 'positions', key: positionKey(order.accountId, order.symbol) }, applyFillCommand, {
        orderId: order.orderId, brokerOrderId: context.outputAs('submit_order', tradeOrderSubmitted)?.order_id ?? '', accountId: order.accountId, symbol: order.symbol,
        side: order.side, orderQty: order.qty, executionId: fill.executionId, fillSymbol: fill.symbol, fillSide: fill.side, qty: fill.qty, price: fill.price, filledAt: fill.atMs,
      });
    },
    mustUndo: (context, failure) => context.item !== null && bustedExecutionOf(failure.reason) === context.item,
    undo: ({ start: order, item }, _data, failure) =>
      command({ entity: 'positions', key: positionKey(order.accountId, order.symbol) }, rollBackFillCommand, { orderId: order.orderId, executionId: item ?? '', reason: failure.reason }),
  });
