import type { Addresses } from '#apps/local-platform';
import { groupLag } from '#apps/worker';
import type { Log } from '#saga-core/ports';
import { auditRun } from './audit.ts';
import { placedFaults } from './fault-schedule.ts';
import { Journal } from './journal.ts';
import { firstBars, type Market } from './market.ts';
import { type Screen, showProgress } from './progress.ts';
import { replay } from './replay.ts';
import { DEMO_ACCOUNT, type Simulators, vendorFaults } from './simulators.ts';
import { openStage, type Stage } from './stage.ts';
import { type RunSummary, summaryOf } from './summary.ts';
import { Watch } from './watch.ts';

export type RunOptions = {
  readonly addresses: Pick<Addresses, 'kafka' | 'registry' | 'database'>;
  readonly namespace: string;
  readonly market: Market;
  /** Cycles in all; null: the whole data set. */
  readonly cycles: number | null;
  readonly seed: string;
  readonly simulators: Simulators;
  readonly logger: Log;
  readonly port: number | null;
  readonly signal: AbortSignal;
  /** null: no live line. */
  readonly screen: Screen | null;
  /** Called when the first cycle has ended, with the milliseconds since the call of `runDemo`. */
  readonly onFirstSaga?: (afterMs: number) => void;
};

/** A finished run whose participants still serve, until `stop`. */
export type DemoRun = { readonly summary: RunSummary; readonly stage: Stage; readonly stop: () => Promise<void> };

/** Opens a stage, replays the market through its sagas and sums up. Rejects when a record cannot be read; nothing stays open then. */
export const runDemo = async (options: RunOptions): Promise<DemoRun> => {
  const begunMs = performance.now();
  const { market, seed, signal, namespace } = options;
  const series = firstBars(market.series, options.cycles).filter(({ bars }) => bars.length > 0);
  const symbols = series.map(({ symbol }) => symbol);
  const stage = await openStage({ ...options, symbols });
  const journal = new Journal();
  let isFirst = true;
  const onEnd = (): void => {
    if (!isFirst || journal.latenciesMs.length === 0) return;
    isFirst = false;
    options.onFirstSaga?.(performance.now() - begunMs);
  };
  const watch = new Watch(stage.worker.connection, [journal.see, onEnd]);
  const stop = async (): Promise<void> => {
    watch.close();
    await stage.stop();
  };
  try {
    await watch.open(journal.types);
    await watch.connected(symbols, DEMO_ACCOUNT.accountId);
    const { connection, participants } = stage.worker;
    const lag = async (): Promise<number> => (await Promise.all(participants.map((participant) => groupLag(participant, connection)))).reduce((sum, each) => sum + each, 0);
    const total = series.reduce((sum, { bars }) => sum + bars.length, 0);
    const endProgress = options.screen === null ? () => undefined : showProgress({ screen: options.screen, journal, total, lag });
    const counts = { barsBySymbol: new Map<string, number>(), published: 0, refused: 0, manualRequired: 0, splits: 0, splitHoldings: 0 };
    const playedFromMs = performance.now();
    try {
      await replay({ series, faults: placedFaults(seed, series), publisher: stage.publisher, watch, admin: stage.admin, signal }, counts);
      await watch.released(symbols);
    } finally {
      endProgress();
    }
    const seconds = (performance.now() - playedFromMs) / 1_000;
    const audit = signal.aborted ? null : await auditRun(stage);
    return { summary: summaryOf({ namespace, seed, seconds, series, badRows: market.faults, journal, counts, watch, audit, vendorFaults: await vendorFaults(stage.admin) }), stage, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};
