import { analyticsPnlRecorded, forgetOrderCommand, orderExecutionCompleted, orderExecutionFailed, settleOrderCommand, tradeOrderSubmitted } from '#contracts';
import { formatDecimal, isPositive } from '#kernel';
import { command, type EntityCommand, event, initiate, type Initiation, type SagaContext } from '#saga-core';
import type { OrderExecution } from '#sagas/order-execution';
import { type AppliedFills, appliedFillsOf } from '../messaging/applied-fills.ts';
import { bustedExecutionOf } from './reasons.ts';

type Context = SagaContext<OrderExecution>;

/** The account books what was filled, and the connection stops listening for the order: whatever the end. */
const settlement = ({ start: order }: Context, fills: AppliedFills): readonly EntityCommand[] => [
  command({ entity: 'buying-power', key: order.accountId }, settleOrderCommand, {
    orderId: order.orderId, side: order.side, filledQty: formatDecimal(fills.qty), avgPrice: formatDecimal(fills.avgPrice),
  }),
  command({ entity: 'connections', key: order.brokerConnectionId }, forgetOrderCommand, { clientOrderId: order.clientOrderId }),
];

/** The lifecycle of an order's saga. */
export const orderLifecycle = (saga: OrderExecution): Initiation =>
  initiate(saga, {
    completed: (context) => {
      const fills = appliedFillsOf(context);
      const pnl = context.outputAs('calculate_pnl', analyticsPnlRecorded);
      return {
        event: event(orderExecutionCompleted, {
          orderId: context.start.orderId, order_id: context.outputAs('submit_order', tradeOrderSubmitted)?.order_id ?? '', filledQty: formatDecimal(fills.qty),
          avgPrice: formatDecimal(fills.avgPrice), positionId: fills.last?.positionId ?? '', realizedPnl: pnl?.realizedPnl ?? '0', unrealizedPnl: pnl?.unrealizedPnl ?? '0',
        }),
        commands: settlement(context, fills),
      };
    },
    failed: (context, failure) => {
      const fills = appliedFillsOf(context, bustedExecutionOf(failure.reason));
      return {
        event: event(orderExecutionFailed, {
          orderId: context.start.orderId, failedStep: failure.failedStep, reason: failure.reason, compensated: failure.compensatedSteps ?? [],
          filledQty: formatDecimal(fills.qty), positionKept: isPositive(fills.qty),
        }),
        commands: settlement(context, fills),
      };
    },
  });
