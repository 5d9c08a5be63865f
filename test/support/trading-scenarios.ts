// Acceptance scenarios of one file: they run at the same time on one stage, each on a lane of its own, and each is one test.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freshNamespace } from './platform.ts';
import { laneOf } from './stage/lane.ts';
import type { ReadModelRows } from './stage/read-model-check.ts';
import { SagaRun } from './stage/saga-run.ts';
import { TradingStage, type TradingStageOptions } from './trading-stage.ts';

const LIMIT_MS = 300_000;
/** Longer than failures count for a circuit. */
const CIRCUIT_WINDOW_MS = 61_000;

export const BUY = JSON.stringify({ action: 'buy', confidence: 0.9, quantity: '10', orderType: 'market', rationale: 'up' });

export type ScenarioOptions = {
  /** Of the lane's account; default 1000000. */
  readonly cash?: string;
  /** What both models answer; default: buy 10. */
  readonly answer?: string;
  /** Scenarios of a later wave begin when those of the earlier ones have ended and the failures they caused no longer count. */
  readonly wave?: number;
};

type Entry = { readonly name: string; readonly options: ScenarioOptions; readonly body: (run: SagaRun) => Promise<void>; readonly ended: Promise<SagaRun>; readonly settle: (outcome: Promise<SagaRun>) => void };

export type Scenarios = {
  /** A scenario `SC-…: what it shows`; the id names its lane. */
  readonly scenario: (name: string, body: (run: SagaRun) => Promise<void>, options?: ScenarioOptions) => void;
};

const laneNameOf = (name: string): string => name.split(/[:,]/)[0] ?? name;
const laneFor = ({ name, options }: Entry): ReturnType<typeof laneOf> => laneOf(laneNameOf(name), options.cash);

const play = async (stage: TradingStage, entry: Entry): Promise<SagaRun> => {
  const run = new SagaRun(stage, laneFor(entry));
  const answer = entry.options.answer ?? BUY;
  await Promise.all([stage.openai.content(run.lane.symbol, answer), stage.groq.content(run.lane.symbol, answer), stage.connected(run.lane)]);
  await entry.body(run);
  return run;
};

const playAll = async (stage: TradingStage, entries: readonly Entry[]): Promise<void> => {
  const waves = [...Map.groupBy(entries, ({ options }) => options.wave ?? 0)].sort(([left], [right]) => left - right);
  for (const [, wave] of waves) {
    const played = wave.map((entry) => {
      const outcome = play(stage, entry);
      entry.settle(outcome);
      return outcome;
    });
    await Promise.allSettled(played);
    await stage.circuitClock.advance(CIRCUIT_WINDOW_MS);
  }
};

/** Rows about a run: those that name one of its sagas or its symbol. */
const rowsAbout = (run: SagaRun, rows: ReadModelRows): ReadModelRows => {
  const names = [run.lane.symbol, ...run.ids].map((name) => `"${name}`);
  return rows.filter((row) => names.some((name) => row.includes(name)));
};

/** What every scenario asserts beside its own: complete metadata, nothing twice, the runtime's invariants, read models like a fresh rebuild. */
export const expectSound = (run: SagaRun, { live, rebuilt }: Awaited<ReturnType<TradingStage['compareReadModels']>>): void => {
  expect(run.ids).not.toEqual([]);
  expect(run.faults()).toEqual([]);
  expect(rowsAbout(run, live)).not.toEqual([]);
  expect(rowsAbout(run, rebuilt)).toEqual(rowsAbout(run, live));
};

/** Opens the stage before the tests of the file and closes it after them. */
export const tradingScenarios = (options: Partial<Omit<TradingStageOptions, 'namespace' | 'lanes'>> = {}): Scenarios => {
  const namespace = freshNamespace();
  const entries: Entry[] = [];
  let stage: TradingStage | null = null;
  let readModels: Promise<{ readonly live: ReadModelRows; readonly rebuilt: ReadModelRows }> | null = null;

  beforeAll(async () => {
    const opened = await TradingStage.open({ namespace, lanes: entries.map(laneFor), ...options });
    stage = opened;
    readModels = playAll(opened, entries).then(() => opened.compareReadModels());
    readModels.catch(() => undefined);
  }, LIMIT_MS);
  afterAll(async () => {
    await readModels?.catch(() => undefined);
    await stage?.close();
  }, LIMIT_MS);

  const scenario: Scenarios['scenario'] = (name, body, scenarioOptions = {}) => {
    let settle: Entry['settle'] = () => undefined;
    const ended = new Promise<SagaRun>((resolve) => { settle = resolve; });
    ended.catch(() => undefined);
    entries.push({ name, options: scenarioOptions, body, ended, settle });
    test(name, async () => {
      const run = await ended;
      // First what holds for every saga: where it does not, the read models say little.
      expect(run.faults()).toEqual([]);
      expectSound(run, (await readModels) ?? { live: [], rebuilt: [] });
    }, LIMIT_MS);
  };
  return { scenario };
};
