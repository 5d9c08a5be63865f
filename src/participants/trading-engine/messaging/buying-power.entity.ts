import {
  buyingPowerState, type BuyingPowerState, type NoteConnectionCommand, noteConnectionCommand, registerOrderCommand, type ReleaseBuyingPowerCommand,
  releaseBuyingPowerCommand, type ReserveBuyingPowerCommand, reserveBuyingPowerCommand, type SettleOrderCommand, settleOrderCommand, tradeOrderRejected,
} from '#contracts';
import { add, type Decimal, formatDecimal, isPositive, knownDecimal, multiply, parseDecimal, subtract, ZERO } from '#kernel';
import { command, compensated, completed, defineEntity, type EntityContext, type EntityDecision, type EntityDefinition, event, on, requireCompensation } from '#saga-core';
import { checkOrder, type PreTradeVerdict } from '../business/pre-trade-check.ts';

const MINUTE_MS = 60_000;
export const BOOKED_MAX = 64;
/** What was booked this much before the venue was asked is in its answer; the clocks of two workers differ by less. */
export const CLOCK_SKEW_MS = 1_000;

const initial = (): BuyingPowerState => ({ accountStatus: 'UNKNOWN', connectionStatus: 'DISCONNECTED', available: '0', asOf: 0, reservations: [], booked: [], minuteStartedAt: 0, ordersThisMinute: 0 });

type Booking = BuyingPowerState['booked'][number];

const sumOf = (amounts: readonly { readonly amount: string }[]): Decimal => amounts.reduce((sum, { amount }) => add(sum, knownDecimal(amount)), ZERO);
/** Never above the venue's figure: only the venue raises it. */
const freeOf = (state: BuyingPowerState): Decimal => subtract(knownDecimal(state.available), add(sumOf(state.reservations), sumOf(state.booked)));
const decimalOrNull = (text: string | null): Decimal | null => {
  const value = text === null ? null : parseDecimal(text);
  return value?.ok === true ? value.value : null;
};
const decimalOrZero = (text: string): Decimal => decimalOrNull(text) ?? ZERO;
const without = (state: BuyingPowerState, orderId: string): BuyingPowerState => ({ ...state, reservations: state.reservations.filter((held) => held.orderId !== orderId) });

const inMinute = (state: BuyingPowerState, nowMillis: number): BuyingPowerState =>
  nowMillis - state.minuteStartedAt < MINUTE_MS ? state : { ...state, minuteStartedAt: nowMillis, ordersThisMinute: 0 };

/** Too many bookings: the two oldest become one, as of the later. */
const withBooking = (booked: readonly Booking[], booking: Booking): readonly Booking[] => {
  const all = [...booked, booking];
  const [first, second, ...rest] = all;
  if (all.length <= BOOKED_MAX || first === undefined || second === undefined) return all;
  return [{ amount: formatDecimal(sumOf([first, second])), at: Math.max(first.at, second.at) }, ...rest];
};

const checked = (state: BuyingPowerState, order: ReserveBuyingPowerCommand, correlationId: string | null): PreTradeVerdict =>
  checkOrder(
    {
      side: order.side, qty: decimalOrZero(order.qty), orderType: order.orderType, limitPrice: decimalOrNull(order.limitPrice),
      referencePrice: decimalOrNull(order.referencePrice), heldQty: decimalOrZero(order.positionSnapshot.qty),
      isClientOrderIdOwn: correlationId === null || order.clientOrderId.startsWith(`${correlationId}.`),
      isOrderIdFree: !state.reservations.some((held) => held.orderId === order.orderId && held.correlationId !== correlationId),
    },
    {
      isActive: state.accountStatus === 'ACTIVE', isConnected: state.connectionStatus === 'CONNECTED',
      free: freeOf(state), ordersThisMinute: state.ordersThisMinute,
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
  const correlationId = context.caller?.correlationId ?? null;
  const verdict = checked(now, order, correlationId);
  if (verdict.status === 'refused') {
    const rejected = event(tradeOrderRejected, { orderId: order.orderId, decisionId: order.decisionId, source: 'pre_trade', httpStatus: null, brokerCode: null, reason: verdict.code });
    return { state: now, outcome: requireCompensation(`rejected_pre_trade: ${verdict.code}`, { events: [rejected] }) };
  }
  const held = { orderId: order.orderId, correlationId: correlationId ?? '', amount: formatDecimal(verdict.reserve) };
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

/** The order's end: its reservation goes. What a purchase cost is taken off until the venue's figure contains it; what a sale brought, the venue tells. */
export const settle = (state: BuyingPowerState, order: SettleOrderCommand, { caller, nowMillis }: EntityContext): EntityDecision<BuyingPowerState> => {
  const isForeign = state.reservations.some((held) => held.orderId === order.orderId && caller !== null && held.correlationId !== caller.correlationId);
  const next = isForeign ? state : without(state, order.orderId);
  const value = multiply(decimalOrZero(order.filledQty), decimalOrZero(order.avgPrice));
  if (order.side === 'sell' || !isPositive(value)) return { state: next };
  return { state: { ...next, booked: withBooking(next.booked, { amount: formatDecimal(value), at: nowMillis }) } };
};

/** The venue's figure, as of when it was asked, replaces the one kept; what was booked well before then is in it. What is reserved stays reserved, which errs on the safe side. */
export const noteConnection = (state: BuyingPowerState, note: NoteConnectionCommand): EntityDecision<BuyingPowerState> => {
  const noted = { ...state, accountStatus: note.accountStatus, connectionStatus: note.status };
  if (note.accountAsOf < state.asOf) return { state: noted };
  const booked = state.booked.filter(({ at }) => at + CLOCK_SKEW_MS > note.accountAsOf);
  return { state: { ...noted, available: formatDecimal(decimalOrZero(note.buyingPower)), asOf: note.accountAsOf, booked } };
};

/** What an account may spend. Key: accountId. */
export const buyingPower: EntityDefinition = defineEntity<BuyingPowerState>({
  name: 'buying-power',
  owner: 'trading-engine',
  state: buyingPowerState,
  initial,
  commands: [on(reserveBuyingPowerCommand, reserve), on(releaseBuyingPowerCommand, release), on(settleOrderCommand, settle), on(noteConnectionCommand, noteConnection)],
  emits: [tradeOrderRejected],
});
