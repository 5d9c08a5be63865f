import type { Command } from 'commander';
import { type Addresses, down, isNamedIn, localFile, status, upDetached, withoutPassword } from '#apps/local-platform';
import { planLocalPrograms, type LocalPrograms } from '../local-programs.ts';
import { readLocalFile } from '../local-file.ts';
import { answer, CommandFailed, type OutputOptions, table, WrongUse } from '../output.ts';

type UpOptions = OutputOptions & { readonly only?: string };

const up = async (options: UpOptions): Promise<void> => {
  if (options.only !== undefined && options.only !== 'infra') throw new WrongUse(`--only ${options.only}: only infra can be asked for alone`);
  const namespace = process.env['CHORUS_NAMESPACE'] ?? 'chorus';
  let planned: LocalPrograms | null = null;
  const extraProcesses = async (addresses: Addresses): Promise<LocalPrograms['processes']> => {
    planned = await planLocalPrograms(addresses, namespace);
    return planned.processes;
  };
  const extras = (): Readonly<Record<string, unknown>> => {
    const programs: LocalPrograms | null = planned;
    // With --only infra what runs of the rest stays as it was.
    return programs === null ? {} : { namespace, workers: [programs.worker], simulators: programs.simulators };
  };
  const platform = await upDetached({
    onProgress: (line) => { if (options.json !== true) process.stderr.write(`${line}\n`); },
    ...(options.only === 'infra' ? {} : { extraProcesses }),
  }, extras);
  const local = readLocalFile();
  // The password of the local database is known to all; that of a server that the environment names is nobody's business.
  const database = isNamedIn(process.env, 'database') ? withoutPassword(platform.database) : platform.database;
  const registry = withoutPassword(platform.registry);
  const value = { kafka: platform.kafka, registry, database, namespace, workers: local.workers, simulators: local.simulators, started: platform.started };
  answer(options, value, () => [
    `kafka      ${platform.kafka.join(',')}`, `registry   ${registry}`, `database   ${database}`, `namespace  ${namespace}`,
    ...local.workers.map((url) => `worker     ${url}`), ...Object.entries(local.simulators).map(([name, url]) => `${name.padEnd(10)} ${url}`),
    platform.started.length === 0 ? 'everything was running' : `started ${platform.started.join(', ')}; addresses in ${localFile()}`,
  ].join('\n'));
};

const showStatus = async (options: OutputOptions): Promise<void> => {
  const parts = await status();
  const isUp = parts.length > 0 && parts.every(({ answers }) => answers);
  const rows = parts.map((part) => [part.name, part.answers ? 'answers' : part.isRunning ? 'silent' : 'ended', String(part.pid), part.address]);
  answer(options, { up: isUp, parts }, () => (parts.length === 0 ? 'nothing runs: `chorus up` starts it' : table(['part', 'state', 'pid', 'address'], rows)));
  if (!isUp) process.exitCode = 1;
};

export const addPlatformCommands = (program: Command): void => {
  program.command('up').description('start the local platform: Kafka, registry, database, simulators, worker, projector')
    .option('--only <part>', 'infra: Kafka, registry and database alone').option('--json', 'answer as JSON').action(up);
  program.command('down').description('stop everything that `up` started').option('--json', 'answer as JSON')
    .action(async (options: OutputOptions) => {
      const stopped = await down();
      answer(options, { stopped }, () => (stopped.length === 0 ? 'nothing ran' : `stopped ${stopped.join(', ')}`));
    });
  program.command('status').description('how the parts of the local platform are doing; exit 1 unless all answer').option('--json', 'answer as JSON').action(showStatus);
};

/** Addresses of the workers that a command is about. */
export const workerUrls = (given: string | undefined): readonly string[] => {
  const urls = given === undefined ? readLocalFile().workers : given.split(',').map((url) => url.trim().replace(/\/+$/, '')).filter((url) => url !== '');
  if (urls.length === 0) throw new CommandFailed('no worker is known: run `chorus up`, or name their addresses with --workers');
  return urls;
};
