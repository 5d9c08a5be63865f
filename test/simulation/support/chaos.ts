import type { FaultPlan, SimulatedProcess, SimulatedRandom, Verdict } from '#saga-core/testing';

/** How rough a run is; every seed draws its own. */
export type Weather = {
  readonly requestLossProbability: number;
  readonly answerLossProbability: number;
  readonly delayProbability: number;
  /** Per step of the schedule, about every 200 ms. */
  readonly killProbability: number;
  readonly pauseProbability: number;
  readonly rebalanceProbability: number;
  readonly operatorProbability: number;
};

const calm: Weather = { requestLossProbability: 0, answerLossProbability: 0, delayProbability: 0, killProbability: 0, pauseProbability: 0, rebalanceProbability: 0, operatorProbability: 0 };

export const randomWeather = (random: SimulatedRandom): Weather => {
  if (random.chance(0.05)) return calm;
  const upTo = (most: number): number => (random.chance(0.3) ? 0 : random.between(0, most));
  return {
    requestLossProbability: upTo(0.02),
    answerLossProbability: upTo(0.03),
    delayProbability: upTo(0.05),
    killProbability: upTo(0.04),
    pauseProbability: upTo(0.05),
    rebalanceProbability: upTo(0.03),
    operatorProbability: upTo(0.15),
  };
};

const DELAY_MS_MAX = 3_000;

/** Faults of single requests. The client that starts sagas and the operator are spared: they are not what is tested. */
export const faultPlan = (random: SimulatedRandom, weather: Weather, isOn: () => boolean): FaultPlan => ({
  onRequest: ({ client }): Verdict => {
    if (!isOn() || !client.startsWith('worker')) return 'deliver';
    const draw = random.next();
    if (draw < weather.requestLossProbability) return 'lose-request';
    if (draw < weather.requestLossProbability + weather.answerLossProbability) return 'lose-answer';
    if (draw < weather.requestLossProbability + weather.answerLossProbability + weather.delayProbability) return { delayMs: random.between(1, DELAY_MS_MAX) };
    return 'deliver';
  },
});

/** From a blink to well beyond the session: a zombie. */
export const pauseDurationMs = (random: SimulatedRandom): number => (random.chance(0.5) ? random.between(50, 2_000) : random.between(2_000, 20_000));

export type Running = { readonly process: SimulatedProcess; readonly name: string };
