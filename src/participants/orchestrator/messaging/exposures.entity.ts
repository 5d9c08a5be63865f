import {
  type ApplySplitCommand, applySplitCommand, type AssessDecisionCommand, assessDecisionCommand, exposureState, type ExposureState, type NoteConnectionCommand, noteConnectionCommand,
  type NotePositionCommand, notePositionCommand, orchestratorDecisionUpdated, orchestratorRiskRejected, orchestratorTradeRequested, type ReleaseExposureCommand, releaseExposureCommand,
} from '#contracts';
import { absolute, add, type Decimal, formatDecimal, isZero, knownDecimal, multiply, parseDecimal, ZERO } from '#kernel';
import { compensated, completed, defineEntity, type EntityContext, type EntityDecision, type EntityDefinition, event, on, terminal } from '#saga-core';
import { adjustPosition } from '../business/cycle.ts';
import { checkRisk, type Exposure, type RiskVerdict } from '../business/risk-check.ts';
import type { OrchestratorSettings } from './settings.ts';

const SPLITS_SEEN_MAX = 50;
const initial = (): ExposureState => ({ accountStatus: 'UNKNOWN', buyingPower: '0', positions: [], reservations: [], splitsSeen: [] });

const sumOf = (values: readonly Decimal[]): Decimal => values.reduce(add, ZERO);
const reservedOf = (state: ExposureState, symbol: string | null): Decimal =>
  sumOf(state.reservations.filter((held) => symbol === null || held.symbol === symbol).map((held) => knownDecimal(held.value)));

const exposureOf = (state: ExposureState, symbol: string): Exposure => {
  const held = state.positions.find((position) => position.symbol === symbol);
  const atCost = state.positions.map((position) => absolute(multiply(knownDecimal(position.qty), knownDecimal(position.avgPrice))));
  return {
    heldQty: knownDecimal(held?.qty ?? '0'), heldAvgPrice: knownDecimal(held?.avgPrice ?? '0'), reservedOfSymbol: reservedOf(state, symbol),
    total: add(sumOf(atCost), reservedOf(state, null)),
  };
};

const without = (state: ExposureState, cycleId: string): ExposureState => ({ ...state, reservations: state.reservations.filter((held) => held.cycleId !== cycleId) });

const refusal = (state: ExposureState, decision: AssessDecisionCommand, verdict: Extract<RiskVerdict, { readonly status: 'refused' }>): EntityDecision<ExposureState> => {
  const { decisionId } = decision;
  const { reason, limitName, limitValue, observedValue } = verdict;
  const rejected = event(orchestratorRiskRejected, { decisionId, reason, limitName, limitValue, observedValue });
  return { state, outcome: completed(rejected, { after: [event(orchestratorDecisionUpdated, { decisionId, executed: false, reason })] }) };
};

/** Commands of an account's exposure as pure functions of its state. */
export const exposureCommands = (settings: OrchestratorSettings) => {
  const assess = (state: ExposureState, decision: AssessDecisionCommand): EntityDecision<ExposureState> => {
    const [quantity, bid, ask] = [parseDecimal(decision.quantity), parseDecimal(decision.bid), parseDecimal(decision.ask)];
    const limitPrice = decision.limitPrice === null ? null : parseDecimal(decision.limitPrice);
    if (!quantity.ok || !bid.ok || !ask.ok || limitPrice?.ok === false) return { state, outcome: terminal(`decision ${decision.decisionId} has figures that are no decimals`) };
    const limits = settings.riskLimits;
    const before = exposureOf(without(state, decision.cycleId), decision.symbol);
    const verdict = checkRisk(
      { symbol: decision.symbol, action: decision.action, confidence: decision.confidence, quantity: quantity.value, orderType: decision.orderType, limitPrice: limitPrice?.value ?? null, bid: bid.value, ask: ask.value },
      before,
      { maxOrderValue: knownDecimal(limits.maxOrderValue), maxPositionValue: knownDecimal(limits.maxPositionValue), maxExposure: knownDecimal(limits.maxExposure), minConfidence: limits.minConfidence },
    );
    if (verdict.status === 'refused') return refusal(state, decision, verdict);
    const reserved = isZero(verdict.adds) ? [] : [{ cycleId: decision.cycleId, symbol: decision.symbol, value: formatDecimal(verdict.adds) }];
    const next = without(state, decision.cycleId);
    const hasBracket = verdict.side === 'buy' && (decision.takeProfit !== null || decision.stopLoss !== null);
    const requested = event(orchestratorTradeRequested, {
      tradeRequestId: `trade-${decision.cycleId}`, decisionId: decision.decisionId, accountId: decision.accountId, brokerConnectionId: decision.brokerConnectionId, symbol: decision.symbol,
      side: verdict.side, qty: formatDecimal(verdict.qty), orderType: decision.orderType, timeInForce: 'day', limitPrice: decision.limitPrice,
      bracket: hasBracket ? { takeProfit: decision.takeProfit, stopLoss: decision.stopLoss } : null,
      riskCheck: { limits, result: 'passed', exposureBefore: formatDecimal(before.total), exposureAfter: formatDecimal(add(before.total, verdict.adds)) },
      accountStatus: state.accountStatus, buyingPower: state.buyingPower,
    });
    return { state: { ...next, reservations: [...next.reservations, ...reserved] }, outcome: completed(requested) };
  };
  return {
    assess,
    /** As undo of a step it is answered; at a cycle's end it is merely done. */
    release: (state: ExposureState, { cycleId }: ReleaseExposureCommand, context: EntityContext): EntityDecision<ExposureState> => ({
      state: without(state, cycleId),
      ...(context.phase === 'compensate' ? { outcome: compensated() } : {}),
    }),
    notePosition: (state: ExposureState, { symbol, qty, avgPrice }: NotePositionCommand): EntityDecision<ExposureState> => {
      const others = state.positions.filter((position) => position.symbol !== symbol);
      return { state: { ...state, positions: isZero(knownDecimal(qty)) ? others : [...others, { symbol, qty, avgPrice }] } };
    },
    noteConnection: (state: ExposureState, note: NoteConnectionCommand): EntityDecision<ExposureState> => ({ state: { ...state, accountStatus: note.accountStatus, buyingPower: note.buyingPower } }),
    applySplit: (state: ExposureState, split: ApplySplitCommand): EntityDecision<ExposureState> => {
      const ratio = parseDecimal(split.ratio);
      const name = `${split.symbol}@${split.effectiveDate}`;
      if (!ratio.ok || state.splitsSeen.includes(name)) return { state };
      const positions = state.positions.map((position) => (position.symbol === split.symbol ? adjustPosition(position, ratio.value) : position));
      return { state: { ...state, positions, splitsSeen: [...state.splitsSeen, name].slice(-SPLITS_SEEN_MAX) } };
    },
  };
};

/** What an account has at risk. Key: accountId. */
export const exposures = (settings: OrchestratorSettings): EntityDefinition => {
  const handlers = exposureCommands(settings);
  return defineEntity<ExposureState>({
    name: 'exposures',
    owner: 'orchestrator',
    state: exposureState,
    initial,
    commands: [
      on(assessDecisionCommand, handlers.assess), on(releaseExposureCommand, handlers.release), on(notePositionCommand, handlers.notePosition),
      on(noteConnectionCommand, handlers.noteConnection), on(applySplitCommand, handlers.applySplit),
    ],
    emits: [orchestratorTradeRequested, orchestratorRiskRejected, orchestratorDecisionUpdated],
  });
};
