import {
  analyticsPnlRecorded, analyticsPnlReversed, brokerObservationRecorded, fillsMonitored, orchestratorDecisionUpdated, orderExecutionCompleted, orderExecutionFailed,
  orderPlacedEvent, orderStopRequested, restCancelled, tradeOrderAcknowledged, tradeOrderCancelled, tradeOrderFilled, tradeOrderPartiallyFilled,
  tradeOrderRejected, tradeOrderSubmitted, tradePositionRolledBack, tradePositionUpdated, type OrderPlacedEvent,
} from '#contracts';
import { isPositive, parseDecimal } from '#kernel';
import { defineSaga, NO_RETRY, none, type Outputs, undo } from '#saga-core';
import { DEFAULT_LIMITS, type OrderExecutionLimits } from './limits.ts';

const hasDecision = ({ start }: Outputs): ReturnType<typeof holds> =>
  holds(typeof start === 'object' && start !== null && 'decisionId' in start && start.decisionId !== null, 'the order has no decision');
const watchEndedByLimit = (outputs: Outputs): ReturnType<typeof holds> =>
  holds(outputs.of('monitor_fills', fillsMonitored)?.result === 'time_limit', 'the order was filled within its limit');
const holds = (claim: boolean, why: string): { readonly holds: true } | { readonly holds: false; readonly why: string } =>
  claim ? { holds: true } : { holds: false, why };

const positiveFault = (name: string, text: string | null): readonly string[] => {
  if (text === null) return [];
  const value = parseDecimal(text);
  if (!value.ok) return [`${name}: ${value.fault}`];
  return isPositive(value.value) ? [] : [`${name}: must be above zero, got ${text}`];
};

/** Everything wrong with an order as it was placed. Whether it can be paid for is step validate_order's business. */
export const orderFaults = (order: OrderPlacedEvent): readonly string[] => [
  ...(order.orderId === '' ? ['orderId: must not be empty'] : []),
  ...(order.clientOrderId.length > 48 ? [`clientOrderId: at most 48 characters, got ${order.clientOrderId.length}`] : []),
  ...positiveFault('qty', order.qty),
  ...positiveFault('limitPrice', order.limitPrice),
  ...positiveFault('referencePrice', order.referencePrice),
  ...(order.orderType === 'limit' && order.limitPrice === null ? ['limitPrice: a limit order needs one'] : []),
];

/**
 * One order from its placing to its booked result: checked, submitted once, acknowledged, watched until filled (the rest is
 * cancelled at the limit), each fill applied to the position, profit and loss recorded.
 */
export const buildOrderExecution = (limits: OrderExecutionLimits = DEFAULT_LIMITS) =>
  defineSaga({
    type: 'order_execution',
    version: 1,
    context: 'trading',
    initiator: 'trading-engine',
    start: orderPlacedEvent,
    timeoutMs: limits.timeoutMs,
    totalSteps: 6,
    steps: {
      link_decision: {
        kind: 'effect', owner: 'orchestrator', number: 0, after: 'start', when: 'has_decision', timeoutMs: limits.linkDecisionMs, retry: NO_RETRY,
        output: null, emits: [orchestratorDecisionUpdated], compensation: undo(),
      },
      validate_order: {
        kind: 'entity', entity: 'buying-power', owner: 'trading-engine', number: 1, after: 'link_decision',
        output: null, emits: [tradeOrderRejected], compensation: undo(),
      },
      submit_order: {
        kind: 'effect', owner: 'trading-engine', number: 2, after: 'validate_order', timeoutMs: limits.submitOrderMs, retry: limits.submitRetry,
        output: tradeOrderSubmitted, emits: [tradeOrderRejected, tradeOrderCancelled], undoReads: ['update_position'],
        compensation: undo({ retry: limits.undoRetry, timeoutMs: limits.undoMs }),
      },
      // An effect hears nothing: until the submission is told, this step does. A stop between two attempts would otherwise be answered
      // by a request that nobody wants any more.
      watch_for_stop: {
        kind: 'await', owner: 'trading-engine', number: 2, after: 'start', timeoutMs: 0, onLimit: 'fail', listensTo: [orderStopRequested, tradeOrderSubmitted],
        output: null, compensation: none('watching changes nothing'),
      },
      await_acknowledgment: {
        kind: 'await', owner: 'trading-engine', number: 3, after: 'submit_order', timeoutMs: limits.acknowledgmentMs, onLimit: 'fail',
        listensTo: [brokerObservationRecorded, orderStopRequested], output: tradeOrderAcknowledged, emits: [tradeOrderRejected, tradeOrderCancelled],
        compensation: none('an acknowledgment is only heard; the order is cancelled by submit_order'),
      },
      monitor_fills: {
        kind: 'await', owner: 'trading-engine', number: 4, after: 'await_acknowledgment', reads: ['submit_order'], timeoutMs: limits.monitorFillsMs, onLimit: 'complete',
        listensTo: [tradeOrderFilled, tradeOrderPartiallyFilled, brokerObservationRecorded, orderStopRequested], output: fillsMonitored,
        emits: [tradeOrderCancelled, tradeOrderRejected], compensation: none('watching changes nothing; the unfilled rest is cancelled by submit_order'),
      },
      cancel_rest: {
        kind: 'effect', owner: 'trading-engine', number: 4, after: 'monitor_fills', when: 'watch_ended_by_limit', reads: ['submit_order', 'update_position'],
        timeoutMs: limits.cancelRestMs, retry: limits.cancelRetry, output: restCancelled, emits: [tradeOrderCancelled],
        compensation: none('a cancelled rest stays cancelled'),
      },
      // After the submission, not after its acknowledgment: a fill is applied even if the acknowledgment was never heard. It comes
      // after the acknowledgment all the same, since whoever hears a fill takes it for one.
      update_position: {
        kind: 'entity', entity: 'positions', owner: 'trading-engine', number: 5, after: 'submit_order',
        forEach: { arriving: brokerObservationRecorded, until: ['monitor_fills', 'cancel_rest'] },
        output: tradePositionUpdated, emits: [tradeOrderFilled, tradeOrderPartiallyFilled, tradePositionRolledBack],
        compensation: { kind: 'kept', what: 'a genuine fill is a fact; only one that the venue busted is rolled back', retry: limits.undoRetry, timeoutMs: limits.undoMs },
      },
      // Who watches the fills has ended with the last one. Until the result is booked the order has not ended, and a fill may still be
      // taken back: what is undone then includes a result that was just booked.
      watch_for_bust: {
        kind: 'await', owner: 'trading-engine', number: 6, after: 'monitor_fills', timeoutMs: 0, onLimit: 'fail', listensTo: [brokerObservationRecorded, analyticsPnlRecorded],
        output: null, compensation: none('watching changes nothing'),
      },
      calculate_pnl: {
        kind: 'effect', owner: 'analytics', number: 6, after: { all: ['monitor_fills', 'cancel_rest', 'update_position'] }, timeoutMs: limits.calculatePnlMs, retry: limits.calculatePnlRetry,
        output: analyticsPnlRecorded, emits: [analyticsPnlReversed], compensation: undo(),
      },
    },
    result: 'calculate_pnl',
    predicates: { has_decision: hasDecision, watch_ended_by_limit: watchEndedByLimit },
    inside: {
      // By event first: within one of our steps the parent's table tells fills (4) from positions (5), and cancels count as submission (3).
      signal_to_execution: {
        steps: { link_decision: 3, validate_order: 3, submit_order: 3, watch_for_stop: 3, await_acknowledgment: 4, monitor_fills: 4, cancel_rest: 4, update_position: 5, watch_for_bust: 5, calculate_pnl: 5 },
        events: {
          'chorus.OrderPlacedEvent': 3, 'trade.order.rejected': 3, 'trade.order.cancelled': 3, 'orchestrator.decision.updated': 3, 'trade.order.partially_filled': 4,
          'trade.order.filled': 4, 'trade.position.updated': 5, 'trade.position.rolled_back': 5, 'chorus.OrderExecutionCompleted': 5, 'chorus.OrderExecutionFailed': 5,
        },
      },
    },
    completed: { emits: orderExecutionCompleted, reads: ['submit_order', 'update_position', 'calculate_pnl'] },
    failed: { emits: orderExecutionFailed, reads: ['submit_order', 'update_position'] },
    validate: orderFaults,
  });

/** The definition, as the steps are typed by it. */
export type OrderExecution = ReturnType<typeof buildOrderExecution>;
/** With the default limits. */
export const orderExecution: OrderExecution = buildOrderExecution();
