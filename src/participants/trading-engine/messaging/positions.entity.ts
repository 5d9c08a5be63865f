import {
  type ApplyFillCommand, applyFillCommand, appliedFill, type ApplySplitCommand, applySplitCommand, notePositionCommand, positionState, type PositionState,
  type RollBackFillCommand, rollBackFillCommand, tradeOrderFilled, tradeOrderPartiallyFilled, tradePositionRolledBack, tradePositionUpdated,
} from '#contracts';
import { formatDecimal, parseDecimal, subtract } from '#kernel';
import { command, compensated, completed, data, defineEntity, type DomainEvent, type EntityCommand, type EntityContext, type EntityDecision, type EntityDefinition, event, on, terminal } from '#saga-core';
import { numberedAs } from '#sagas/order-execution';
import { applyFill as applied, type FillVerdict, rollBack as rolledBack, splitBook } from '../business/position-book.ts';
import { bookOf, stateOf } from './position-wire.ts';

/** Key of a position: the account and the symbol. */
export const positionKey = (accountId: string, symbol: string): string => `${accountId}:${symbol}`;

const initial = (key: string): PositionState => {
  const at = key.lastIndexOf(':');
  return { positionId: `pos-${key}`, accountId: key.slice(0, at), symbol: key.slice(at + 1), qty: '0', avgPrice: '0', executions: [], lastSplitDate: null };
};

/** Whoever keeps a copy of the position is told of it in the transaction that changes it. */
const told = (state: PositionState): readonly EntityCommand[] => {
  const { accountId, symbol, qty, avgPrice } = state;
  const note = { accountId, symbol, qty, avgPrice };
  return [command({ entity: 'cycles', key: symbol }, notePositionCommand, note), command({ entity: 'exposures', key: accountId }, notePositionCommand, note)];
};

const fillEvent = (order: ApplyFillCommand, verdict: Extract<FillVerdict, { readonly status: 'applied' }>): DomainEvent => {
  const head = { orderId: order.orderId, order_id: order.brokerOrderId, executionId: order.executionId };
  const filled = formatDecimal(verdict.orderFilledQty);
  if (verdict.isWhole) return event(tradeOrderFilled, { ...head, filledQty: filled, avgPrice: formatDecimal(verdict.orderAvgPrice), commission: '0', filledAt: order.filledAt });
  const orderQty = parseDecimal(order.orderQty);
  const leaves = orderQty.ok ? formatDecimal(subtract(orderQty.value, verdict.orderFilledQty)) : '0';
  return event(tradeOrderPartiallyFilled, { ...head, fillQty: order.qty, fillPrice: order.price, cumQty: filled, leavesQty: leaves });
};

const updatedEvent = (state: PositionState, order: ApplyFillCommand, verdict: Extract<FillVerdict, { readonly status: 'applied' }>): DomainEvent =>
  event(tradePositionUpdated, {
    positionId: state.positionId, accountId: state.accountId, symbol: state.symbol,
    prevQty: formatDecimal(verdict.execution.before.qty), prevAvgPrice: formatDecimal(verdict.execution.before.avgPrice),
    qty: state.qty, avgPrice: state.avgPrice, orderId: order.orderId, executionId: order.executionId, fillQty: order.qty, fillPrice: order.price,
  });

/** A fill reported by the venue: applied once, ignored where known, refused where it does not fit. */
export const applyFill = (state: PositionState, order: ApplyFillCommand, { caller }: EntityContext): EntityDecision<PositionState> => {
  const [orderQty, qty, price] = [parseDecimal(order.orderQty), parseDecimal(order.qty), parseDecimal(order.price)];
  if (!orderQty.ok || !qty.ok || !price.ok) return { state, outcome: terminal(`fill_rejected: MALFORMED, execution ${order.executionId} has figures that are no decimals`) };
  const terms = { orderId: order.orderId, symbol: order.symbol, side: order.side, qty: orderQty.value };
  const verdict = applied(bookOf(state), terms, { executionId: order.executionId, symbol: order.fillSymbol, side: order.fillSide, qty: qty.value, price: price.value });
  switch (verdict.status) {
    case 'refused':
      return { state, outcome: terminal(`fill_rejected: ${verdict.code}, execution ${order.executionId} of order ${order.orderId}: ${order.fillSide} ${order.qty} ${order.fillSymbol} at ${order.price}`) };
    case 'known':
      return { state, outcome: completed(null) };
    case 'applied': {
      const next = stateOf(state, verdict.book);
      const undo = data(appliedFill, { orderId: order.orderId, executionId: order.executionId });
      const filled = fillEvent(order, verdict);
      return {
        state: next,
        events: caller === null ? [] : [{ to: numberedAs(caller, filled.type), event: filled }],
        outcome: completed(updatedEvent(next, order, verdict), { compensationData: undo }),
        commands: told(next),
      };
    }
  }
};

/** The venue took an execution back: the position as if it had never been. */
export const rollBackFill = (state: PositionState, busted: RollBackFillCommand): EntityDecision<PositionState> => {
  const book = rolledBack(bookOf(state), busted.executionId);
  if (book === null) return { state, outcome: compensated() };
  const next = stateOf(state, book);
  const restored = event(tradePositionRolledBack, {
    positionId: state.positionId, orderId: busted.orderId, executionId: busted.executionId, restoredQty: next.qty, restoredAvgPrice: next.avgPrice, reason: busted.reason,
  });
  return { state: next, outcome: compensated({ events: [restored] }), commands: told(next) };
};

/** Nobody is told: who keeps a copy is sent the split itself, by whoever sent it here. */
export const applySplit = (state: PositionState, split: ApplySplitCommand): EntityDecision<PositionState> => {
  const ratio = parseDecimal(split.ratio);
  if (!ratio.ok || ratio.value.units <= 0n || state.lastSplitDate === split.effectiveDate) return { state };
  return { state: { ...stateOf(state, splitBook(bookOf(state), ratio.value)), lastSplitDate: split.effectiveDate } };
};

/** Position of an account in a symbol: the sum of its fills. Key `account:symbol`. */
export const positions: EntityDefinition = defineEntity<PositionState>({
  name: 'positions',
  owner: 'trading-engine',
  state: positionState,
  initial,
  commands: [on(applyFillCommand, applyFill), on(rollBackFillCommand, rollBackFill), on(applySplitCommand, applySplit)],
  emits: [tradeOrderFilled, tradeOrderPartiallyFilled, tradePositionUpdated, tradePositionRolledBack],
});
