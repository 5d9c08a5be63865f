import type { Command } from 'commander';
import { type ParticipantName, PARTICIPANT_NAMES, participantNames, startWorker, workerConfig } from '#apps/worker';
import { effectiveEnvironment } from '../environment.ts';
import { answer, CommandFailed, type OutputOptions, table, WrongUse } from '../output.ts';
import { workerUrls } from './platform.ts';

const SAME_SIGNAL_MS = 1_000;
const INTERRUPTED = 130;
/** How long a worker may take to answer: `recover` takes its partitions over again, which reads them. */
const ANSWER_TIMEOUT_MS = 60_000;

/** Resolves with the first signal that asks the process to end. One that comes again within a second is the same Ctrl-C, told by terminal and wrapper; later it ends the process at once. */
export const untilSignal = (): Promise<string> =>
  new Promise((resolve) => {
    let firstAtMs: number | null = null;
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.on(signal, () => {
        firstAtMs ??= performance.now();
        if (performance.now() - firstAtMs > SAME_SIGNAL_MS) process.exit(INTERRUPTED);
        resolve(signal);
      });
    }
  });

const namesOf = (text: string): readonly ParticipantName[] => {
  try {
    return participantNames(text);
  } catch (error) {
    throw new WrongUse(error instanceof Error ? error.message : String(error));
  }
};

const run = async (options: OutputOptions & { readonly participants: string }): Promise<void> => {
  const participants = namesOf(options.participants);
  const ending = untilSignal();
  const worker = await startWorker({ config: workerConfig(effectiveEnvironment()), participants });
  answer(options, { name: worker.name, participants, url: worker.url }, () => `${worker.name} runs ${participants.join(', ')}${worker.url === null ? '' : ` at ${worker.url}`}`);
  await ending;
  await worker.stop();
};

type Asked = OutputOptions & { readonly workers?: string; readonly participant?: string };
type Reply = { readonly worker: string; readonly participant: string; readonly body: unknown };

const fetchJson = async (url: string, method: 'GET' | 'POST'): Promise<unknown> => {
  const response = await fetch(url, { method, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) }).catch((error: unknown) => { throw new CommandFailed(`${url} does not answer: ${error instanceof Error ? error.message : String(error)}`); });
  if (!response.ok) throw new CommandFailed(`${method} ${url} answered ${response.status}: ${await response.text()}`);
  return response.json();
};

const participantsOf = async (worker: string): Promise<readonly string[]> => {
  const value = await fetchJson(`${worker}/participants`, 'GET');
  return Array.isArray(value) ? value.flatMap((entry: unknown) => (typeof entry === 'object' && entry !== null && 'participant' in entry ? [String(entry.participant)] : [])) : [];
};

/** Sends an admin message to every participant of every worker, or to the one that is named. */
const ask = async (message: 'stats' | 'recover', options: Asked): Promise<readonly Reply[]> => {
  if (options.participant !== undefined && !PARTICIPANT_NAMES.some((name) => name === options.participant)) {
    throw new WrongUse(`--participant ${options.participant}: there are ${PARTICIPANT_NAMES.join(', ')}`);
  }
  const replies: Reply[] = [];
  for (const worker of workerUrls(options.workers)) {
    for (const participant of await participantsOf(worker)) {
      if (options.participant !== undefined && options.participant !== participant) continue;
      replies.push({ worker, participant, body: await fetchJson(`${worker}/participants/${participant}/${message}`, message === 'stats' ? 'GET' : 'POST') });
    }
  }
  if (replies.length === 0) throw new CommandFailed(options.participant === undefined ? 'no worker runs any participant' : `no worker runs ${options.participant}`);
  return replies;
};

const fieldOf = (value: unknown, name: string): unknown => (typeof value === 'object' && value !== null ? new Map<string, unknown>(Object.entries(value)).get(name) : undefined);

const statsTable = (replies: readonly Reply[]): string => {
  const names = ['triggered', 'completed', 'failed', 'retries', 'compensated', 'quarantined', 'duplicates', 'inFlight', 'sagasStarted', 'sagasCompleted', 'sagasFailed', 'transactions', 'deadLetters'];
  const rows = replies.map(({ participant, body }) => [
    participant, `${String(fieldOf(body, 'liveTasks'))}/${String(fieldOf(body, 'tasks'))}`, String(fieldOf(body, 'openInstances')), ...names.map((name) => String(fieldOf(fieldOf(body, 'counters'), name))),
  ]);
  return table(['participant', 'tasks', 'open', ...names], rows);
};

export const addWorkerCommands = (program: Command): void => {
  program.command('worker').description('run the named participants in this process until SIGTERM; settings from the environment and the file of CHORUS_CONFIG')
    .requiredOption('--participants <names>', 'comma separated').option('--json', 'answer as JSON').action(run);
  const asking = (command: Command): Command =>
    command.option('--participant <name>', 'only this one').option('--workers <urls>', 'addresses of workers, comma separated; default: those of the local platform').option('--json', 'answer as JSON');
  asking(program.command('stats').description('counters of every participant')).action(async (options: Asked) => {
    const replies = await ask('stats', options);
    answer(options, replies.map(({ worker, body }) => ({ worker, ...Object(body) })), () => statsTable(replies));
  });
  asking(program.command('recover').description('have participants rebuild their sagas from the log and carry on')).action(async (options: Asked) => {
    const replies = await ask('recover', options);
    const idsOf = (body: unknown): readonly unknown[] => { const ids = fieldOf(body, 'recovered'); return Array.isArray(ids) ? ids : []; };
    answer(options, replies.map(({ worker, participant, body }) => ({ worker, participant, recovered: idsOf(body) })), () =>
      replies.map(({ participant, body }) => `${participant}: ${idsOf(body).length} open sagas recovered${idsOf(body).length === 0 ? '' : ` (${idsOf(body).join(', ')})`}`).join('\n'));
  });
};
