import { releaseBuyingPowerCommand, reserveBuyingPowerCommand } from '#contracts';
import { command, implementEntityStep, type StepImplementation } from '#saga-core';
import type { OrderExecution } from '#sagas/order-execution';

/** Account active, connection up, limits kept, funds reserved; decided by the account's single writer. */
export const validateOrder = (saga: OrderExecution): StepImplementation =>
  implementEntityStep(saga, 'validate_order', {
    command: ({ start: order }) =>
      command({ entity: 'buying-power', key: order.accountId }, reserveBuyingPowerCommand, {
        orderId: order.orderId, clientOrderId: order.clientOrderId, decisionId: order.decisionId, accountId: order.accountId, brokerConnectionId: order.brokerConnectionId,
        symbol: order.symbol, side: order.side, qty: order.qty, orderType: order.orderType, limitPrice: order.limitPrice, referencePrice: order.referencePrice,
        limits: order.limits, positionSnapshot: order.positionSnapshot,
      }),
    undo: ({ start: order }) => command({ entity: 'buying-power', key: order.accountId }, releaseBuyingPowerCommand, { orderId: order.orderId }),
  });
