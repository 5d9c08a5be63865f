import { aiDecisionGenerated, orchestratorAnalysisRequested, orchestratorTradeRequested, type PlaceOrderCommand, placeOrderCommand, stopOrderCommand } from '#contracts';
import { InvariantViolation } from '#kernel';
import { command, implementChild, type SagaContext, type StepImplementation } from '#saga-core';
import type { SignalToExecution } from '#sagas/signal-to-execution';
import type { TradingAccount } from './dependencies.ts';

type Context = SagaContext<SignalToExecution>;

/** One order per cycle, so both ids are functions of the cycle's: a repeated request is the same order. */
export const orderIdOf = (cycleId: string): string => `ord-${cycleId}`;
export const clientOrderIdOf = (cycleId: string): string => `${cycleId}.submit_order`;

const orderOf = (context: Context, accounts: readonly TradingAccount[]): PlaceOrderCommand => {
  const trade = context.outputAs('validate_risk', orchestratorTradeRequested);
  const analysis = context.outputAs('request_analysis', orchestratorAnalysisRequested);
  if (trade === null || analysis === null) throw new InvariantViolation(`cycle ${context.sagaId}: step trade runs without a requested trade`);
  const account = accounts.find((candidate) => candidate.accountId === trade.accountId);
  return {
    orderId: orderIdOf(context.sagaId), clientOrderId: clientOrderIdOf(context.sagaId), userId: account?.userId ?? '', accountId: trade.accountId,
    brokerConnectionId: trade.brokerConnectionId, symbol: trade.symbol, side: trade.side, qty: trade.qty, orderType: trade.orderType, limitPrice: trade.limitPrice,
    timeInForce: trade.timeInForce, accountStatus: trade.accountStatus ?? '', buyingPower: trade.buyingPower ?? '0', limits: trade.riskCheck.limits,
    positionSnapshot: analysis.positionSnapshot, decisionId: context.outputAs('generate_decision', aiDecisionGenerated)?.decisionId ?? trade.decisionId,
    bracket: trade.bracket, pyramiding: null, positionId: null, isVirtual: account?.isVirtual ?? false,
    referencePrice: trade.side === 'buy' ? analysis.quote.ask : analysis.quote.bid,
  };
};

/** The order's own saga, under the cycle's correlationId. A cycle that fails while it runs stops it. */
export const trade = (saga: SignalToExecution, accounts: readonly TradingAccount[]): StepImplementation =>
  implementChild(saga, 'trade', {
    trigger: (context) => {
      const order = orderOf(context, accounts);
      return { kind: 'command', command: command({ entity: 'orders', key: order.orderId }, placeOrderCommand, order) };
    },
    stop: (context, failure) =>
      command({ entity: 'orders', key: orderIdOf(context.sagaId) }, stopOrderCommand, { orderId: orderIdOf(context.sagaId), reason: failure.reason }),
  });
