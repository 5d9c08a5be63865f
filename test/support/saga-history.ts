// Whole order sagas as records, for tests of what reads the log: envelopes, chains and causes as the runtime writes them.
import {
  aiDecisionGenerated, analyticsPnlRecorded, brokerObservationRecorded, entityState, type Envelope, type EventType, fillsMonitored, orchestratorDecisionUpdated,
  orderExecutionCompleted, orderExecutionFailed, orderPlacedEvent, positionState, sagaCompleted, sagaFailed, compensationCompleted, compensationRequested, sagaStarted,
  stepCompleted, stepFailed, stepStarted, tradeOrderAcknowledged, tradeOrderFilled, tradeOrderRejected, tradeOrderSubmitted, tradePositionUpdated,
} from '#contracts';
import { idempotencyKey, partitionFor } from '#kernel';
import type { Codec, RecordToWrite } from '#saga-core/ports';
import { bodyHash, EMPTY_ENVELOPE } from '#saga-core/runtime';

export type HistoryWriter = {
  /** An order that is filled in two parts, or refused by the broker. */
  readonly order: (options: { readonly number: number; readonly end: 'filled' | 'rejected' }) => readonly RecordToWrite[];
  /** The entities' own states as the orders left them, one record per position. */
  readonly positions: () => readonly RecordToWrite[];
  /** A record of a position's own state, as its entity writes it. */
  readonly position: (options: { readonly symbol: string; readonly qty: string; readonly avgPrice: string; readonly version: number; readonly lastSplitDate: string | null }) => RecordToWrite;
};

const TYPES = [
  aiDecisionGenerated, analyticsPnlRecorded, brokerObservationRecorded, entityState, orchestratorDecisionUpdated, orderExecutionCompleted, orderExecutionFailed, orderPlacedEvent,
  sagaCompleted, sagaFailed, compensationCompleted, compensationRequested, sagaStarted, stepCompleted, stepFailed, stepStarted, tradeOrderAcknowledged, tradeOrderFilled,
  tradeOrderRejected, tradeOrderSubmitted, tradePositionUpdated, fillsMonitored, positionState,
];

export const SYMBOLS = ['AAPL', 'MSFT', 'TSLA'] as const;
const LIMITS = { maxOrderValue: '100000', maxPositionValue: '100000', maxExposure: '500000', minConfidence: 0.5, maxOrdersPerMinute: 100, priceCollarPercent: '5' };

type Said<Payload> = { readonly producer: string; readonly type: EventType<Payload>; readonly payload: Payload; readonly step?: string; readonly item?: string; readonly isOutcome?: boolean; readonly chainId?: string; readonly phase?: 'execute' | 'compensate' };

/** Writes whole histories; deterministic but for the schema ids. */
export const createHistoryWriter = async (options: { readonly codec: Codec; readonly namespace: string; readonly partitions: number; readonly startMs: number }): Promise<HistoryWriter> => {
  const { codec, namespace, partitions } = options;
  await codec.prepare(TYPES);
  const heads = new Map<string, { readonly seq: number; readonly hash: Uint8Array | null }>();
  const headOf = (key: string): { readonly seq: number; readonly hash: Uint8Array | null } => heads.get(key) ?? { seq: 0, hash: null };
  let nowMs = options.startMs;
  /** Shares held, by symbol. */
  const held = new Map<string, number>();

  const instance = (correlationId: string) => {
    const written: RecordToWrite[] = [];
    let answer: string | null = null;
    const startedAt = nowMs;
    const say = <Payload>(said: Said<Payload>): void => {
      const { producer, step = null, item = null, isOutcome = false, phase = 'execute' } = said;
      // A participant's chain belongs to the instance, an entity's to the entity.
      const [chainId, headKey] = said.chainId === undefined ? [producer, `${correlationId}:${producer}`] : [said.chainId, said.chainId];
      const head = headOf(headKey);
      nowMs += 1;
      const eventId = `${headKey}:${head.seq + 1}`;
      const envelope: Envelope = {
        ...EMPTY_ENVELOPE, eventId, occurredAt: nowMs, producer, correlationId, causationId: answer, sagaType: 'order_execution', definitionVersion: 1,
        stepName: step, stepItem: item, step: 1, totalSteps: 6, outcome: isOutcome ? 'completed' : null, startedAt, timeout: 300_000,
        idempotencyKey: step === null ? null : idempotencyKey({ correlationId, subSaga: null, step, item, phase }),
        chain: { id: chainId, seq: head.seq + 1, prevHash: head.hash },
      };
      const value = codec.encode(said.type, envelope, said.payload as never);
      heads.set(headKey, { seq: head.seq + 1, hash: bodyHash(value) });
      answer ??= eventId;
      if (isOutcome) answer = eventId;
      written.push({
        topic: `${namespace}.sagas.trading`, partition: partitionFor(correlationId, partitions), key: correlationId, value, timestampMs: nowMs,
        headers: { 'event-type': said.type.name, 'event-id': eventId, producer },
      });
    };
    return { say, written };
  };

  const begin = (number: number, decisionId: string) => {
    const correlationId = `order-${number}`;
    const orderId = `o-${number}`;
    const symbol = SYMBOLS[number % SYMBOLS.length] ?? 'AAPL';
    const { say, written } = instance(correlationId);
    const done = (producer: string, step: string, { skipReason = null, output = null }: { readonly skipReason?: string | null; readonly output?: Uint8Array | null } = {}): void =>
      say({ producer, type: stepCompleted, step, isOutcome: true, payload: { stepName: step, output, skipped: skipReason !== null, skipReason } });
    say({ producer: 'trading-engine', type: orderPlacedEvent, chainId: `orders/${orderId}`, payload: {
      orderId, clientOrderId: `${correlationId}.1`, userId: 'u', accountId: 'acc', brokerConnectionId: 'c', symbol, side: 'buy', qty: '10', orderType: 'limit', limitPrice: '100.10',
      timeInForce: 'day', accountStatus: 'ACTIVE', buyingPower: '1000000', limits: LIMITS, positionSnapshot: { qty: '0', avgPrice: '0' }, decisionId, bracket: null, pyramiding: null,
      positionId: null, isVirtual: false, referencePrice: '100.00',
    } });
    say({ producer: 'trading-engine', type: sagaStarted, payload: { sagaType: 'order_execution', initiator: 'trading-engine', definitionVersion: 1, deadlineAt: nowMs + 300_000, limits: [], payload: null, triggerEventId: null, repeatOf: null } });
    say({ producer: 'orchestrator', type: stepCompleted, step: 'link_decision', isOutcome: true, payload: { stepName: 'link_decision', output: null, skipped: false, skipReason: null } });
    say({ producer: 'trading-engine', type: stepStarted, step: 'validate_order', payload: { stepName: 'validate_order', phase: 'execute', idempotencyKey: `${correlationId}:validate_order:execute` } });
    done('trading-engine', 'validate_order');
    return { correlationId, orderId, symbol, say, done, written };
  };

  const filled = (number: number): readonly RecordToWrite[] => {
    const { correlationId, orderId, symbol, say, done, written } = begin(number, `dec-${number}`);
    const broker = `b-${number}`;
    const engine = 'trading-engine';
    say({ producer: engine, type: tradeOrderSubmitted, step: 'submit_order', isOutcome: true, payload: { order_id: broker, orderId, clientOrderId: `${correlationId}.1`, decisionId: `dec-${number}`, symbol, side: 'buy', qty: '10', orderType: 'limit', submittedAt: nowMs } });
    done(engine, 'watch_for_stop');
    say({ producer: engine, type: tradeOrderAcknowledged, step: 'await_acknowledgment', isOutcome: true, payload: { orderId, order_id: broker, acknowledgedVia: 'stream', ackAt: nowMs } });
    const execution = `x-${number}`;
    say({ producer: 'broker-connections', type: brokerObservationRecorded, chainId: 'connections/c', step: 'update_position', item: execution, payload: { venue: 'alpaca', connectionId: 'c', order_id: broker, clientOrderId: null, kind: 'fill', body: '{}', receivedAt: nowMs } });
    say({ producer: engine, type: stepStarted, step: 'update_position', item: execution, payload: { stepName: 'update_position', phase: 'execute', idempotencyKey: 'k' } });
    const head = { orderId, order_id: broker, executionId: execution };
    const before = held.get(symbol) ?? 0;
    held.set(symbol, before + 10);
    const position = { positionId: `pos-acc:${symbol}`, accountId: 'acc', symbol, prevQty: String(before), prevAvgPrice: '100.1', avgPrice: '100.1', orderId, executionId: execution, fillPrice: '100.10' };
    say({ producer: engine, type: tradeOrderFilled, chainId: `positions/acc:${symbol}`, step: 'update_position', item: execution, payload: { ...head, filledQty: '10', avgPrice: '100.1', commission: '0', filledAt: nowMs } });
    say({ producer: engine, type: tradePositionUpdated, chainId: `positions/acc:${symbol}`, step: 'update_position', item: execution, isOutcome: true, payload: { ...position, qty: String(before + 10), fillQty: '10' } });
    done(engine, 'monitor_fills', { output: codec.encodeData(fillsMonitored, { result: 'filled', filledQty: '10' }) });
    done(engine, 'cancel_rest', { skipReason: 'the order was filled within its limit' });
    say({ producer: 'analytics', type: analyticsPnlRecorded, step: 'calculate_pnl', isOutcome: true, payload: { positionId: `pos-acc:${symbol}`, orderId, symbol, realizedPnl: '-12.50', unrealizedPnl: '3.0', currency: 'USD' } });
    done(engine, 'watch_for_bust');
    say({ producer: engine, type: orderExecutionCompleted, payload: { orderId, order_id: broker, filledQty: '10', avgPrice: '100.1', positionId: `pos-acc:${symbol}`, realizedPnl: '-12.50', unrealizedPnl: '3.0' } });
    say({ producer: engine, type: sagaCompleted, payload: { finalStep: 'watch_for_bust', result: null } });
    return written;
  };

  const rejected = (number: number): readonly RecordToWrite[] => {
    const { orderId, say, written } = begin(number, `dec-${number}`);
    const engine = 'trading-engine';
    say({ producer: engine, type: tradeOrderRejected, step: 'submit_order', payload: { orderId, decisionId: `dec-${number}`, source: 'broker', httpStatus: 403, brokerCode: '40310000', reason: 'insufficient buying power' } });
    say({ producer: engine, type: stepFailed, step: 'submit_order', isOutcome: false, payload: { stepName: 'submit_order', errorKind: 'Terminal', outcomeUnknown: false, reason: 'rejected_by_broker', attempts: 1 } });
    say({ producer: engine, type: compensationRequested, payload: { failedStep: 'submit_order', failedItem: null, reason: 'rejected_by_broker', completedSteps: ['link_decision', 'validate_order'], uncertainSteps: [] } });
    say({ producer: engine, type: stepFailed, step: 'watch_for_stop', payload: { stepName: 'watch_for_stop', errorKind: 'Cancelled', outcomeUnknown: false, reason: 'never executed', attempts: 0 } });
    say({ producer: engine, type: compensationCompleted, step: 'validate_order', phase: 'compensate', chainId: 'buying-power/acc', payload: { stepName: 'validate_order', kept: false, byOperator: null } });
    say({ producer: 'orchestrator', type: orchestratorDecisionUpdated, step: 'link_decision', phase: 'compensate', payload: { decisionId: `dec-${number}`, executed: false, reason: 'rejected_by_broker' } });
    say({ producer: 'orchestrator', type: compensationCompleted, step: 'link_decision', phase: 'compensate', payload: { stepName: 'link_decision', kept: false, byOperator: null } });
    say({ producer: engine, type: orderExecutionFailed, payload: { orderId, failedStep: 'submit_order', reason: 'rejected_by_broker', compensated: ['validate_order', 'link_decision'], filledQty: '0', positionKept: false } });
    say({ producer: engine, type: sagaFailed, payload: { failedStep: 'submit_order', reason: 'rejected_by_broker', compensatedSteps: ['validate_order', 'link_decision'] } });
    return written;
  };

  const position: HistoryWriter['position'] = ({ symbol, qty, avgPrice, version, lastSplitDate }) => {
    const key = `acc:${symbol}`;
    const head = headOf(`positions/${key}`);
    const state = codec.encodeData(positionState, { positionId: `pos-${key}`, accountId: 'acc', symbol, qty, avgPrice, executions: [], lastSplitDate });
    const envelope: Envelope = { ...EMPTY_ENVELOPE, eventId: `state:positions/${key}:${version}`, occurredAt: nowMs, producer: 'trading-engine', chain: { id: `positions/${key}`, seq: head.seq, prevHash: head.hash } };
    return {
      topic: `${namespace}.entities.positions.state`, partition: partitionFor(key, partitions), key, timestampMs: nowMs, headers: { 'event-type': entityState.name },
      value: codec.encode(entityState, envelope, { entity: 'positions', key, state, version, observedAt: nowMs }),
    };
  };

  return {
    order: ({ number, end }) => (end === 'filled' ? filled(number) : rejected(number)),
    positions: () => [...held].map(([symbol, qty]) => position({ symbol, qty: String(qty), avgPrice: '100.1', version: qty / 10, lastSplitDate: null })),
    position,
  };
};
