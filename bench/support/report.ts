import type { BenchReport, LoadReport, Percentiles } from './measure.ts';

const ms = ({ p50, p95, p99 }: Percentiles): string => `p50 ${p50.toFixed(1)}  p95 ${p95.toFixed(1)}  p99 ${p99.toFixed(1)} ms`;

const lines = (title: string, load: LoadReport): readonly string[] => [
  `${title}, ${load.inFlight} in flight: ${load.sagasPerSecond.toFixed(0)} sagas/s, ${(load.ratioToRaw * 100).toFixed(0)} % of the raw limit (${load.rawSagasPerSecond.toFixed(0)}/s)`,
  `  latency under load  ${ms(load.loadedMs)}`,
  `  CPU per saga        node ${load.cpuSecondsPer1000.node.toFixed(2)} ms, broker ${load.cpuSecondsPer1000.broker?.toFixed(2) ?? 'unknown'} ms`,
];

const closed = (title: string, load: LoadReport): string =>
  `${title}, one at a time: ${ms(load.closedLoopMs)}; seven raw hops ${ms(load.rawClosedLoopMs)}; ${(load.closedLoopMs.p50 / load.rawClosedLoopMs.p50).toFixed(2)} ×`;

export const printReport = (report: BenchReport, say: (line: string) => void): void => {
  for (const line of [
    ...lines('sagas', report), ...lines('sagas', report.at2000), closed('sagas', report),
    ...lines('every write flushed', report.flushed), ...lines('every write flushed', report.flushed.at2000), closed('every write flushed', report.flushed),
    `memory per open saga and participant: ${report.bytesPerOpenSaga.toFixed(0)} bytes; takeover with 10,000 open sagas: ${report.takeoverSeconds.toFixed(2)} s`,
  ]) say(line);
};
