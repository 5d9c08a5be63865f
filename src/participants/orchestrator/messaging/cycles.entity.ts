import {
  type ApplySplitCommand, applySplitCommand, cycleState, type CycleState, type NoteConnectionCommand, noteConnectionCommand, type NotePositionCommand,
  notePositionCommand, type ObserveQuoteCommand, observeQuoteCommand, orchestratorCycleStarted, type ReleaseCycleCommand, releaseCycleCommand,
} from '#contracts';
import { derivedId, formatDecimal, knownDecimal, multiply, parseDecimal } from '#kernel';
import { type AddressedEvent, command, defineEntity, type EntityCommand, type EntityContext, type EntityDecision, type EntityDefinition, event, on, type SagaRef } from '#saga-core';
import { adjustPosition, adjustPrices, judgeQuote, RECENT_QUOTES_MAX, withClose } from '../business/cycle.ts';
import { type OrchestratorSettings, watchedSymbolOf } from './settings.ts';

const initial = (): CycleState => ({
  quote: null, closes: [], position: { qty: '0', avgPrice: '0' }, portfolio: { cash: '0', exposure: '0' }, connectionStatus: 'DISCONNECTED', activeCycleId: null, recentQuoteIds: [],
  latestQuoteTime: 0, lastSplitDate: null, grantedCount: 0, refusedActiveCount: 0, refusedDisconnectedCount: 0, duplicateCount: 0, refusedOutdatedCount: 0,
});

/** A function of the quote alone: a redelivered quote names the cycle it began. */
export const cycleIdOf = (quoteEventId: string): string => `c-${derivedId(quoteEventId)}`;

const newCycle = (settings: OrchestratorSettings, cycleId: string, nowMillis: number): SagaRef => {
  const { context, type, version, timeoutMs, totalSteps } = settings.signalToExecution;
  return {
    context, correlationId: cycleId, sagaType: type, subSaga: null, parentCorrelationId: null, definitionVersion: version, startedAt: nowMillis, timeout: timeoutMs, totalSteps,
    stepName: null, stepItem: null, step: 0, subStep: null, causationId: null,
  };
};

const withQuote = (state: CycleState, observed: ObserveQuoteCommand): CycleState => ({
  ...state,
  quote: observed.quote,
  closes: observed.barPoint === 'close' ? withClose(state.closes, observed.quote.last) : state.closes,
  recentQuoteIds: [...state.recentQuoteIds, observed.quoteEventId].slice(-RECENT_QUOTES_MAX),
  latestQuoteTime: observed.quote.quoteTime,
});

/** The account as the cycle's prompt shows it: cash as the broker last told, exposure of this symbol at the quote's price. */
const portfolioOf = (state: CycleState, last: string): CycleState['portfolio'] => {
  const price = parseDecimal(last);
  const exposure = price.ok ? formatDecimal(multiply(knownDecimal(state.position.qty), price.value)) : '0';
  return { cash: state.portfolio.cash, exposure };
};

/** Commands of a symbol's cycle keeper as pure functions of its state. */
export const cycleCommands = (settings: OrchestratorSettings) => ({
  observeQuote: (state: CycleState, observed: ObserveQuoteCommand, context: EntityContext): EntityDecision<CycleState> => {
    const { activeCycleId, recentQuoteIds, latestQuoteTime } = state;
    const view = { activeCycleId, isConnected: state.connectionStatus === 'CONNECTED', recentQuoteIds, latestQuoteTimeMs: latestQuoteTime };
    const verdict = judgeQuote(view, { eventId: observed.quoteEventId, barPoint: observed.barPoint, quoteTimeMs: observed.quote.quoteTime });
    const next = verdict === 'known' || verdict === 'outdated' ? state : withQuote(state, observed);
    switch (verdict) {
      case 'known': return { state: { ...state, duplicateCount: state.duplicateCount + 1 } };
      case 'outdated': return { state: { ...state, refusedOutdatedCount: state.refusedOutdatedCount + 1 } };
      case 'stored': return { state: next };
      case 'cycle_active': return { state: { ...next, refusedActiveCount: next.refusedActiveCount + 1 } };
      case 'not_connected': return { state: { ...next, refusedDisconnectedCount: next.refusedDisconnectedCount + 1 } };
      case 'begin': {
        const cycleId = cycleIdOf(observed.quoteEventId);
        const portfolio = portfolioOf(next, observed.quote.last);
        const started: AddressedEvent = {
          to: newCycle(settings, cycleId, context.nowMillis),
          event: event(orchestratorCycleStarted, {
            cycleId, symbol: observed.symbol, triggerEventId: observed.quoteEventId, quote: observed.quote, closes: next.closes, positionSnapshot: next.position, portfolioSnapshot: portfolio,
          }),
        };
        return { state: { ...next, portfolio, activeCycleId: cycleId, grantedCount: next.grantedCount + 1 }, events: [started] };
      }
    }
  },
  releaseCycle: (state: CycleState, released: ReleaseCycleCommand): EntityDecision<CycleState> => ({
    state: state.activeCycleId === released.cycleId ? { ...state, activeCycleId: null } : state,
  }),
  notePosition: (state: CycleState, { qty, avgPrice, accountId }: NotePositionCommand, { key }: EntityContext): EntityDecision<CycleState> => ({
    state: watchedSymbolOf(settings, key)?.accountId === accountId ? { ...state, position: { qty, avgPrice } } : state,
  }),
  noteConnection: (state: CycleState, note: NoteConnectionCommand): EntityDecision<CycleState> => ({
    state: { ...state, connectionStatus: note.status, portfolio: { ...state.portfolio, cash: note.cash } },
  }),
  // The split goes on from here, before any later quote can begin a cycle: the position and the exposure it trades on are
  // scaled before that cycle's commands reach them.
  applySplit: (state: CycleState, split: ApplySplitCommand): EntityDecision<CycleState> => {
    const ratio = parseDecimal(split.ratio);
    const watched = watchedSymbolOf(settings, split.symbol);
    if (!ratio.ok || ratio.value.units <= 0n || state.lastSplitDate === split.effectiveDate) return { state };
    const targets = watched === null ? [] : [{ entity: 'positions', key: `${watched.accountId}:${split.symbol}` }, { entity: 'exposures', key: watched.accountId }];
    const commands: readonly EntityCommand[] = targets.map((target) => command(target, applySplitCommand, split));
    const next = { ...state, closes: adjustPrices(state.closes, ratio.value), position: adjustPosition(state.position, ratio.value), lastSplitDate: split.effectiveDate };
    return { state: next, commands };
  },
});

/** One cycle per symbol at a time: remembers quotes and grants the next cycle. Key: symbol. */
export const cycles = (settings: OrchestratorSettings): EntityDefinition => {
  const handlers = cycleCommands(settings);
  return defineEntity<CycleState>({
    name: 'cycles',
    owner: 'orchestrator',
    state: cycleState,
    initial,
    commands: [
      on(observeQuoteCommand, handlers.observeQuote), on(releaseCycleCommand, handlers.releaseCycle), on(notePositionCommand, handlers.notePosition),
      on(noteConnectionCommand, handlers.noteConnection), on(applySplitCommand, handlers.applySplit),
    ],
    emits: [orchestratorCycleStarted],
  });
};
