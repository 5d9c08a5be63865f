import { formatDecimal } from '#kernel';
import { type DailyBar, factsOfBar, MARKET_TOPIC, quoteEventIdOf, quotesOfBar, type Split, splitBetween } from '#participants/market-data';
import { cycleIdOf } from '#participants/orchestrator';
import type { Publisher } from '#apps/worker';
import type { PlacedFault } from './fault-schedule.ts';
import type { Series } from './market.ts';
import { type AdminUrls, control, DEMO_ACCOUNT } from './simulators.ts';
import type { CycleEnd, Watch } from './watch.ts';

export type ReplayOptions = {
  readonly series: readonly Series[];
  readonly faults: readonly PlacedFault[];
  readonly publisher: Publisher;
  readonly watch: Watch;
  readonly admin: AdminUrls;
  /** Ends the replay after the cycles under way. */
  readonly signal: AbortSignal;
};
/** `splitHoldings`: splits that found shares held. `barsBySymbol`: played, of those planned. */
export type ReplayCounts = { readonly barsBySymbol: Map<string, number>; published: number; refused: number; manualRequired: number; splits: number; splitHoldings: number };

const SPLIT_PLACES = 8;

/** 2 → 2:1, 1.5 → 3:2. */
const fractionOf = ({ ratio }: Split): { readonly numerator: number; readonly denominator: number } => {
  const scale = Math.min(SPLIT_PLACES, ratio.scale);
  const denominator = 10 ** scale;
  const numerator = Number(ratio.units);
  const divisor = greatestCommonDivisor(numerator, denominator);
  return { numerator: numerator / divisor, denominator: denominator / divisor };
};
const greatestCommonDivisor = (left: number, right: number): number => (right === 0 ? left : greatestCommonDivisor(right, left % right));

const place = async ({ kind, symbol }: PlacedFault, bar: DailyBar, admin: AdminUrls): Promise<void> => {
  const close = quotesOfBar(bar).at(-1);
  switch (kind) {
    case 'model_500': return void await control(`${admin.openai}/faults`, 'POST', { route: 'complete', key: `${symbol}@${new Date(close?.quoteTime ?? 0).toISOString()}`, fault: 500 });
    case 'broker_500': return void await control(`${admin.alpaca}/faults`, 'POST', { route: 'submit_order', symbol, fault: 500 });
    case 'broker_answer_lost': return void await control(`${admin.alpaca}/faults`, 'POST', { route: 'submit_order', symbol, fault: { drop: 'after_effect' } });
  }
};

/** Whether the account holds shares of it. */
const splitAtBroker = async (split: Split, admin: AdminUrls): Promise<boolean> =>
  (await control(`${admin.alpaca}/split`, 'POST', { symbol: split.symbol, key_id: DEMO_ACCOUNT.keyId, ...fractionOf(split) })) !== null;

/** One bar: the broker gets its prices, then the facts are published, then the cycle of its close is awaited. */
const playBar = async (bar: DailyBar, before: DailyBar | null, options: ReplayOptions): Promise<CycleEnd> => {
  const { admin, publisher, watch } = options;
  const quotes = quotesOfBar(bar).map(({ symbol, bid, ask, last }) => ({ symbol, bid, ask, last }));
  await control(`${admin.alpaca}/quotes`, 'POST', quotes);
  const eventId = quoteEventIdOf(bar, 'close');
  const end = watch.endOf(cycleIdOf(eventId), eventId);
  await publisher.publish(factsOfBar(bar, before).map(({ key, event, eventId: id }) => ({ topic: MARKET_TOPIC, key, event, eventId: id })));
  return end;
};

const playSeries = async ({ symbol, bars }: Series, options: ReplayOptions, counts: ReplayCounts): Promise<void> => {
  const faults = Map.groupBy(options.faults.filter((fault) => fault.symbol === symbol), ({ barIndex }) => barIndex);
  let before: DailyBar | null = null;
  for (const [index, bar] of bars.entries()) {
    if (options.signal.aborted) return;
    for (const fault of faults.get(index) ?? []) await place(fault, bar, options.admin);
    const split = before === null ? null : splitBetween(before, bar);
    if (split !== null) {
      if (await splitAtBroker(split, options.admin)) counts.splitHoldings++;
      counts.splits++;
    }
    const end = await playBar(bar, before, options);
    counts.published++;
    counts.barsBySymbol.set(symbol, index + 1);
    if (end.status === 'refused') counts.refused++;
    if (end.status === 'manual_required') {
      // Its symbol stays with it until a person has acted.
      counts.manualRequired++;
      return;
    }
    before = bar;
  }
};

/** Replays every series as a closed loop of its own, side by side. Market time is payload: nothing waits for the wall clock. */
export const replay = async (options: ReplayOptions, counts: ReplayCounts): Promise<void> => {
  await Promise.all(options.series.map((series) => playSeries(series, options, counts)));
};

/** What of the series was played: an interrupted run, or a symbol that waits for a person, leaves days out. */
export const playedOf = (series: readonly Series[], { barsBySymbol }: Pick<ReplayCounts, 'barsBySymbol'>): readonly Series[] =>
  series.map(({ symbol, bars }) => ({ symbol, bars: bars.slice(0, barsBySymbol.get(symbol) ?? 0) }));

/** Last close of each series. */
export const lastCloses = (series: readonly Series[]): ReadonlyMap<string, string> =>
  new Map(series.flatMap(({ symbol, bars }) => {
    const last = bars.at(-1);
    return last === undefined ? [] : [[symbol, formatDecimal(last.close)] as const];
  }));
