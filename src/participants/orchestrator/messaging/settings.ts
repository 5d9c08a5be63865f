import type { TradeRiskLimits } from '#contracts';
import type { SignalToExecution } from '#sagas/signal-to-execution';

/** A symbol on the watch list, and through which account it is traded. */
export type WatchedSymbol = { readonly symbol: string; readonly accountId: string; readonly brokerConnectionId: string };

export type OrchestratorSettings = {
  readonly watchList: readonly WatchedSymbol[];
  readonly riskLimits: TradeRiskLimits;
  readonly signalToExecution: SignalToExecution;
};

/** Per symbol and order modest, per account wide: what one symbol does must not hang on what another did first. */
export const DEFAULT_RISK_LIMITS: TradeRiskLimits = {
  maxOrderValue: '50000',
  maxPositionValue: '100000',
  maxExposure: '10000000',
  minConfidence: 0.5,
  maxOrdersPerMinute: 0,
  priceCollarPercent: '10',
};

export const watchedSymbolOf = (settings: OrchestratorSettings, symbol: string): WatchedSymbol | null =>
  settings.watchList.find((watched) => watched.symbol === symbol) ?? null;
