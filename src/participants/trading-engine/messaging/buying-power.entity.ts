import {
  buyingPowerState, type BuyingPowerState, type NoteConnectionCommand, noteConnectionCommand, registerOrderCommand, type ReleaseBuyingPowerCommand,
  releaseBuyingPowerCommand, type ReserveBuyingPowerCommand, reserveBuyingPowerCommand, type SettleOrderCommand, settleOrderCommand, tradeOrderRejected,
} from '#contracts';
import { add, type Decimal, formatDecimal, knownDecimal, multiply, parseDecimal, subtract, ZERO } from '#kernel';
import { command, compensated, completed, defineEntity, type EntityContext, type EntityDecision, type EntityDefinition, event, on, requireCompensation } from '#saga-core';
import { checkOrder, type PreTradeVerdict } from '../business/pre-trade-check.ts';

const MINUTE_MS = 60_000;

const initial = (): BuyingPowerState => ({ accountStatus: 'UNKNOWN', connectionStatus: 'DISCONNECTED', available: '0', reservations: [], minuteStartedAt: 0, ordersThisMinute: 0 });

const reservedOf = (state: BuyingPowerState): Decimal => state.reservations.reduce((sum, held) => add(sum, knownDecimal(held.amount)), ZERO);
const decimalOrNull = (text: string | null): Decimal | null => {
  const value = text === null ? null : parseDecimal(text);
  return value?.ok === true ? value.value : null;
};
const decimalOrZero = (text: string): Decimal => decimalOrNull(text) ?? ZERO;
const without = (state: BuyingPowerState, orderId: string): BuyingPowerState => ({ ...state, reservations: state.reservations.filter((held) => held.orderId !== orderId) });

const inMinute = (state: BuyingPowerState, nowMillis: number): BuyingPowerState =>
  nowMillis - state.minuteStartedAt < MINUTE_MS ? state : { ...state, minuteStartedAt: nowMillis, ordersThisMinute: 0 };

const checked = (state: BuyingPowerState, order: ReserveBuyingPowerCommand): PreTradeVerdict =>
  checkOrder(
    {
      side: order.side, qty: decimalOrZero(order.qty), orderType: order.orderType, limitPrice: decimalOrNull(order.limitPrice),
      referencePrice: decimalOrNull(order.referencePrice), heldQty: decimalOrZero(order.positionSnapshot.qty),
    },
    {
      isActive: state.accountStatus === 'ACTIVE', isConnected: state.connectionStatus === 'CONNECTED',
      free: subtract(knownDecimal(state.available), reservedOf(state)), ordersThisMinute: state.ordersThisMinute,
    },
    {
      maxOrderValue: decimalOrZero(order.limits.maxOrderValue), maxPositionValue: decimalOrZero(order.limits.maxPositionValue),
      maxOrdersPerMinute: order.limits.maxOrdersPerMinute, priceCollarPercent: decimalOrZero(order.limits.priceCollarPercent),
    },
  );

/**
 * The pre-trade check. An order that passes is registered with its connection here, before it is sent: what the venue reports of
 * it finds its saga even if the answer to the submission is lost.
 */
export const reserve = (state: BuyingPowerState, order: ReserveBuyingPowerCommand, context: EntityContext): EntityDecision<BuyingPowerState> => {
  const now = inMinute(state, context.nowMillis);
  const verdict = checked(now, order);
  if (verdict.status === 'refused') {
    const rejected = event(tradeOrderRejected, { orderId: order.orderId, decisionId: order.decisionId, source: 'pre_trade', httpStatus: null, brokerCode: null, reason: verdict.code });
    return { state: now, outcome: requireCompensation(`rejected_pre_trade: ${verdict.code}`, { events: [rejected] }) };
  }
  const held = { orderId: order.orderId, amount: formatDecimal(verdict.reserve) };
  const next = { ...without(now, order.orderId), ordersThisMinute: now.ordersThisMinute + 1 };
  const registration = { clientOrderId: order.clientOrderId, brokerOrderId: null, orderId: order.orderId, symbol: order.symbol };
  return {
    state: { ...next, reservations: [...next.reservations, held] },
    outcome: completed(null),
    commands: context.caller === null ? [] : [command({ entity: 'connections', key: order.brokerConnectionId }, registerOrderCommand, { ...registration, saga: context.caller })],
  };
};

/** Undo of the check: the reservation goes. */
export const release = (state: BuyingPowerState, order: ReleaseBuyingPowerCommand): EntityDecision<BuyingPowerState> => ({ state: without(state, order.orderId), outcome: compensated() });

/** The order's end: its reservation goes and what was filled is booked. */
export const settle = (state: BuyingPowerState, order: SettleOrderCommand): EntityDecision<BuyingPowerState> => {
  const value = multiply(decimalOrZero(order.filledQty), decimalOrZero(order.avgPrice));
  const available = order.side === 'buy' ? subtract(knownDecimal(state.available), value) : add(knownDecimal(state.available), value);
  return { state: { ...without(state, order.orderId), available: formatDecimal(available) } };
};

/** The venue's own figure replaces the one kept; what is reserved stays reserved, which errs on the safe side. */
export const noteConnection = (state: BuyingPowerState, note: NoteConnectionCommand): EntityDecision<BuyingPowerState> => ({
  state: { ...state, accountStatus: note.accountStatus, connectionStatus: note.status, available: formatDecimal(decimalOrZero(note.buyingPower)) },
});

/** What an account may spend. Key: accountId. */
export const buyingPower: EntityDefinition = defineEntity<BuyingPowerState>({
  name: 'buying-power',
  owner: 'trading-engine',
  state: buyingPowerState,
  initial,
  commands: [on(reserveBuyingPowerCommand, reserve), on(releaseBuyingPowerCommand, release), on(settleOrderCommand, settle), on(noteConnectionCommand, noteConnection)],
  emits: [tradeOrderRejected],
});
