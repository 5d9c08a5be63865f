// What `npm run demo` runs: the whole platform on this machine, real market data through its sagas, a summary.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { LocalPlatformError, type LocalPlatform, localFile, startLocalPlatform } from '#apps/local-platform';
import { mermaidSequence } from '#apps/saga-diagram';
import { readSaga } from '#apps/saga-reader';
import { createPino, logOn } from '#apps/worker';
import { forgetInstance, instanceName } from './instance.ts';
import { loadMarket } from './market.ts';
import { type DemoOptions, parseOptions, USAGE } from './options.ts';
import { standardError } from './progress.ts';
import { type DemoRun, runDemo } from './run.ts';
import { type Simulators, startSimulators } from './simulators.ts';
import { renderSummary, type RunSummary } from './summary.ts';

const HEAP_MB = 768;
const INTERRUPTED = 130;

const begunMs = performance.now();
const sinceStart = (): string => `${((performance.now() - begunMs) / 1_000).toFixed(1)} s`;
const tell = (line: string): void => standardError.write(`${line}\n`);

const interrupted = new AbortController();
const whenInterrupted = new Promise<void>((resolve) => interrupted.signal.addEventListener('abort', () => resolve(), { once: true }));
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    // A second one does not wait for the cycles under way.
    if (interrupted.signal.aborted) process.exit(INTERRUPTED);
    interrupted.abort();
  });
}

/** Lets `chorus` commands in another terminal find this run, unless a platform of `chorus up` is there already. */
const announce = (platform: LocalPlatform, simulators: Simulators, run: { readonly namespace: string; readonly worker: string | null }): (() => void) => {
  const file = localFile();
  if (existsSync(file)) return () => undefined;
  const { kafka, registry, database, pids } = platform;
  const vendors = { alpaca: simulators.alpaca.url, openai: simulators.openai.url, groq: simulators.groq.url };
  const text = JSON.stringify({ kafka, registry, database, namespace: run.namespace, workers: run.worker === null ? [] : [run.worker], simulators: vendors, pids }, null, 2);
  writeFileSync(file, text);
  // A platform that came up meanwhile has written its own.
  return () => {
    if (existsSync(file) && readFileSync(file, 'utf8') === text) rmSync(file, { force: true });
  };
};

const isGood = ({ sagas, cycles, audit }: RunSummary): boolean => sagas.open === 0 && sagas.manualRequired === 0 && cycles.refused === 0 && (audit === null || audit.isClean);

const addresses = (platform: LocalPlatform, run: DemoRun): string => [
  'still serving, until Ctrl-C:',
  `  worker     ${run.stage.worker.url ?? '-'}/metrics`,
  `  registry   ${platform.registry}`,
  `  kafka      ${platform.kafka.join(',')}, topics ${run.summary.namespace}.*`,
  `  database   ${platform.database}`,
].join('\n');

const present = (run: DemoRun, options: DemoOptions, diagram: string | null): void => {
  const text = [renderSummary(run.summary), ...(diagram === null ? [] : [`One saga, ${run.summary.interestingSaga ?? ''}, drawn from its records:`, '', diagram, ''])].join('\n');
  if (options.isJson) standardError.write(`${text}\n`);
  else process.stdout.write(`${text}\n`);
};

const diagramOf = async ({ summary, stage }: DemoRun): Promise<string | null> =>
  summary.interestingSaga === null ? null : mermaidSequence(await readSaga(stage.worker.connection, 'trading', summary.interestingSaga));

const play = async (options: DemoOptions, platform: LocalPlatform, simulators: Simulators): Promise<number> => {
  const namespace = `demo-${Date.now().toString(36)}`;
  const run = await runDemo({
    addresses: platform, namespace, market: loadMarket(), cycles: options.cycles, seed: options.seed, simulators, logger: logOn(createPino({ level: 'error', name: 'chorus-demo' })), port: 0,
    signal: interrupted.signal, screen: standardError,
    onFirstSaga: () => tell(`first saga ended ${sinceStart()} after the start`),
  });
  const forget = announce(platform, simulators, { namespace, worker: run.stage.worker.url });
  try {
    present(run, options, await diagramOf(run));
    if (!options.isExit && !interrupted.signal.aborted) {
      tell(addresses(platform, run));
      if (options.isJson) process.stdout.write(`${JSON.stringify(run.summary)}\n`);
      await whenInterrupted;
      return 0;
    }
    return interrupted.signal.aborted ? INTERRUPTED : isGood(run.summary) ? 0 : 1;
  } finally {
    forget();
    await run.stop();
    if (options.isExit && options.isJson) process.stdout.write(`${JSON.stringify(run.summary)}\n`);
  }
};

const demo = async (options: DemoOptions): Promise<number> => {
  tell('starting Kafka, registry and database');
  const simulators = await startSimulators();
  try {
    const instance = instanceName();
    const platform = await startLocalPlatform({ instance, lifetime: 'with-parent', kafka: { heapMb: HEAP_MB } });
    let code = 1;
    try {
      tell(`platform ready after ${sinceStart()}`);
      code = interrupted.signal.aborted ? INTERRUPTED : await play(options, platform, simulators);
      return code;
    } finally {
      await platform.stop();
      // The logs of a run that went wrong are worth keeping.
      if (code !== 1) forgetInstance(instance);
    }
  } finally {
    await simulators.stop();
  }
};

const parsed = parseOptions(process.argv.slice(2));
if ('help' in parsed) process.stdout.write(`${parsed.help}\n`);
else if ('fault' in parsed) {
  process.stderr.write(`${parsed.fault}\n\n${USAGE}\n`);
  process.exitCode = 2;
} else {
  try {
    process.exitCode = await demo(parsed.options);
  } catch (error) {
    const isTold = error instanceof Error && (error instanceof LocalPlatformError || 'code' in error);
    process.stderr.write(`demo: ${isTold ? error.message : String(error instanceof Error ? error.stack : error)}\n`);
    process.exitCode = 1;
  }
}
