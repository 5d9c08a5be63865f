import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createWorker, systemClock, systemRandom } from '#saga-core/runtime';
import { type ChainShape, measureRawLimit, type RawLimit } from '../adapter-raw.ts';
import { closedLoop, FILLER, loaded, OWNERS, setUp, type Stage, type Target } from './run-sagas.ts';
import { fiveSteps, waitingParticipants } from './five-steps.ts';
import { sagaShapes } from './saga-shapes.ts';

export type Percentiles = { readonly p50: number; readonly p95: number; readonly p99: number };
export type LoadReport = {
  readonly inFlight: number;
  readonly sagasPerSecond: number;
  readonly rawSagasPerSecond: number;
  readonly ratioToRaw: number;
  readonly closedLoopMs: Percentiles;
  readonly rawClosedLoopMs: Percentiles;
  readonly loadedMs: Percentiles;
  readonly cpuSecondsPer1000: { readonly node: number; readonly broker: number | null };
  readonly bytesPerOpenSaga: number;
  readonly takeoverSeconds: number;
};
export type BenchReport = LoadReport & { readonly at2000: LoadReport; readonly flushed: LoadReport & { readonly at2000: LoadReport } };

/** USER_HZ of Linux, on every machine of today. */
const TICKS_PER_SECOND = 100;
/** Broker and engine compile their hot paths in the first seconds: neither side is measured before. */
const WARM_UP_MS = 12_000;
const CLOSED_LOOP_SAGAS = 150;
const IN_FLIGHT = [500, 2_000];
const OPEN_SAGAS = 10_000;
const THREE_DONE = new Set(['one', 'two', 'three']);
const POLL_MS = 20;
/** Read-backs and position commits come to rest. */
const SETTLE_MS = 1_000;
const COLLECTIONS = 4;
/** Open before the first weighing: code and its feedback are there then, and only instances are added. */
const WARM_UP_OPEN = 500;

const pause = (ms: number): Promise<void> => new Promise((resolve) => systemClock.after(ms, resolve));

const percentiles = (values: readonly number[]): Percentiles => {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
};

/** CPU time of a process, seconds; null where /proc does not tell. */
const cpuSecondsOf = (pid: number | undefined): number | null => {
  if (pid === undefined) return null;
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return null;
  }
};

const ownCpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

type LoadFigures = Pick<LoadReport, 'sagasPerSecond' | 'loadedMs' | 'cpuSecondsPer1000'>;

const underLoad = async (stage: Stage, options: { readonly inFlight: number; readonly seconds: number; readonly brokerPid: number | undefined }): Promise<LoadFigures> => {
  const nodeBefore = ownCpuSeconds();
  const brokerBefore = cpuSecondsOf(options.brokerPid);
  const { latenciesMs, seconds } = await loaded(stage, { inFlight: options.inFlight, durationMs: options.seconds * 1_000 });
  const per1000 = (cpuSeconds: number): number => (cpuSeconds / latenciesMs.length) * 1_000;
  const brokerAfter = cpuSecondsOf(options.brokerPid);
  return {
    sagasPerSecond: latenciesMs.length / seconds,
    loadedMs: percentiles(latenciesMs),
    cpuSecondsPer1000: { node: per1000(ownCpuSeconds() - nodeBefore), broker: brokerBefore === null || brokerAfter === null ? null : per1000(brokerAfter - brokerBefore) },
  };
};

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Live bytes: what several collections, some time apart, leave (what finalisers hold takes more than one). */
const heapBytes = async (): Promise<number> => {
  for (let round = 0; round < COLLECTIONS; round++) {
    await pause(SETTLE_MS);
    collectGarbage();
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

/**
 * 10,000 sagas on one partition that wait in step 4: the memory that five participants in one process hold for them, and how
 * long a second worker takes from its fences to being live for all of them.
 */
const openSagas = async (target: Target): Promise<{ readonly bytesPerOpenSaga: number; readonly takeoverSeconds: number }> => {
  const stage = await setUp(target, `open${Date.now()}`, { participants: waitingParticipants(), partitions: 1 });
  const open = async (from: number, to: number): Promise<void> => {
    await Promise.all(Array.from({ length: to - from }, () => stage.client.start(fiveSteps, { filler: FILLER, mustFail: false })));
    const isWaiting = (): boolean => stage.worker.status().every(({ participant, counters }) => counters.completed === (THREE_DONE.has(participant) ? to : 0));
    while (!isWaiting()) await pause(POLL_MS);
  };
  await open(0, WARM_UP_OPEN);
  const before = await heapBytes();
  await open(WARM_UP_OPEN, OPEN_SAGAS);
  const bytesPerOpenSaga = ((await heapBytes()) - before) / (OPEN_SAGAS - WARM_UP_OPEN) / OWNERS.length;
  await stage.worker.stop();
  const successor = createWorker({ participants: waitingParticipants(), log: stage.log, codec: stage.codec, clock: systemClock, random: systemRandom, namespace: stage.namespace });
  const begunMs = performance.now();
  await successor.start();
  const takeoverSeconds = (performance.now() - begunMs) / 1_000;
  const found = successor.status().map(({ openInstances }) => openInstances);
  if (found.some((count) => count !== OPEN_SAGAS)) throw new Error(`the successor found ${found.join(', ')} open sagas, not ${OPEN_SAGAS} each`);
  await successor.stop();
  await stage.close();
  return { bytesPerOpenSaga, takeoverSeconds };
};

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const meanPercentiles = (all: readonly Percentiles[]): Percentiles => ({ p50: mean(all.map(({ p50 }) => p50)), p95: mean(all.map(({ p95 }) => p95)), p99: mean(all.map(({ p99 }) => p99)) });
const rawPercentiles = ({ closedLoop: { p50Ms, p95Ms, p99Ms } }: RawLimit): Percentiles => ({ p50: p50Ms, p95: p95Ms, p99: p99Ms });

type Round = LoadFigures & { readonly raw: number; readonly closedLoopMs: Percentiles; readonly rawClosedLoopMs: Percentiles };

type Load = { readonly inFlight: number; readonly seconds: number; readonly shapes: readonly ChainShape[] };

/** The raw limit and the sagas take turns: what else the machine does falls on both. */
const round = async (stage: Stage, target: Target & { readonly brokerPid?: number }, load: Load): Promise<Round> => {
  const raw = await measureRawLimit({ ...target, inFlightCounts: [load.inFlight], durationMs: load.seconds * 1_000, closedLoopChainCount: CLOSED_LOOP_SAGAS, shapes: load.shapes });
  const closedLoopMs = percentiles(await closedLoop(stage, CLOSED_LOOP_SAGAS));
  const figures = await underLoad(stage, { ...load, brokerPid: target.brokerPid });
  return { ...figures, raw: raw.loads[0]?.chainsPerSecond ?? Number.NaN, closedLoopMs, rawClosedLoopMs: rawPercentiles(raw) };
};

const reportOf = (inFlight: number, rounds: readonly Round[], open: Pick<LoadReport, 'bytesPerOpenSaga' | 'takeoverSeconds'>): LoadReport => {
  const sagasPerSecond = mean(rounds.map((each) => each.sagasPerSecond));
  const rawSagasPerSecond = mean(rounds.map((each) => each.raw));
  const brokers = rounds.flatMap(({ cpuSecondsPer1000: { broker } }) => (broker === null ? [] : [broker]));
  return {
    inFlight, sagasPerSecond, rawSagasPerSecond, ratioToRaw: sagasPerSecond / rawSagasPerSecond,
    closedLoopMs: meanPercentiles(rounds.map((each) => each.closedLoopMs)),
    rawClosedLoopMs: meanPercentiles(rounds.map((each) => each.rawClosedLoopMs)),
    loadedMs: meanPercentiles(rounds.map((each) => each.loadedMs)),
    cpuSecondsPer1000: { node: mean(rounds.map((each) => each.cpuSecondsPer1000.node)), broker: brokers.length === 0 ? null : mean(brokers) },
    ...open,
  };
};

export const measureSagas = async (options: { readonly target: Target & { readonly brokerPid?: number }; readonly seconds: number; readonly rounds: number }): Promise<{ readonly at500: LoadReport; readonly at2000: LoadReport }> => {
  const { target, seconds } = options;
  const open = await openSagas(target);
  const stage = await setUp(target, `bench${Date.now()}`);
  const shapes = await sagaShapes(stage);
  for (const inFlight of IN_FLIGHT) {
    await loaded(stage, { inFlight, durationMs: WARM_UP_MS / 2 });
    await measureRawLimit({ ...target, inFlightCounts: [inFlight], durationMs: WARM_UP_MS / 2, closedLoopChainCount: 1, shapes });
  }
  const reports: LoadReport[] = [];
  for (const inFlight of IN_FLIGHT) {
    const rounds: Round[] = [];
    for (let count = 0; count < options.rounds; count++) rounds.push(await round(stage, target, { inFlight, seconds, shapes }));
    reports.push(reportOf(inFlight, rounds, open));
  }
  await stage.close();
  const [at500, at2000] = reports;
  if (at500 === undefined || at2000 === undefined) throw new Error('two loads are measured, 500 and 2,000 in flight');
  return { at500, at2000 };
};
