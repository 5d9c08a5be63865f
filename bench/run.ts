// `npm run bench`: five-step sagas on a broker of their own, and in the same run the raw limit of the log beside them.
import { parseArgs } from 'node:util';
import { startLocalPlatform } from '#apps/local-platform';
import { type BenchReport, type LoadReport, measureSagas } from './support/measure.ts';
import { printReport } from './support/report.ts';

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } } });
const say = (line: string): void => void (values.json ? process.stderr : process.stdout).write(`${line}\n`);

const ROUNDS = values.quick ? 1 : 2;
const SECONDS = values.quick ? 4 : 6;

const measure = async (instance: string, extraConfig: Readonly<Record<string, string>>): Promise<{ readonly at500: LoadReport; readonly at2000: LoadReport }> => {
  const platform = await startLocalPlatform({ instance, parts: ['kafka', 'registry'], kafka: { extraConfig }, onProgress: say });
  try {
    const brokerPid = platform.pids['kafka'];
    const target = { brokers: platform.kafka, registryUrl: platform.registry, ...(brokerPid === undefined ? {} : { brokerPid }) };
    say(`sagas beside the raw limit of the log (${instance}) …`);
    return await measureSagas({ target, rounds: ROUNDS, seconds: SECONDS });
  } finally {
    await platform.stop();
  }
};

const plain = await measure('bench', {});
const flushed = await measure('bench-flushed', { 'log.flush.interval.messages': '1' });
const report: BenchReport = { ...plain.at500, at2000: plain.at2000, flushed: { ...flushed.at500, at2000: flushed.at2000 } };
printReport(report, say);
if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
process.exit(0);
