import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { errnoOf, explainFileError, LocalPlatformError } from './errors.ts';
import { identify, isRunning, type ProcessIdentity } from './process-identity.ts';
import { waitFor } from './wait.ts';

/** What to run. Output goes to `logFile`, which is appended to. */
export type Launch = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly logFile: string;
  readonly cwd: string;
  /** How it is asked to end when its parent is gone. */
  readonly stopSignal: NodeJS.Signals;
  readonly env?: Readonly<Record<string, string>>;
  readonly user?: { readonly uid: number; readonly gid: number };
};

/** A process of the platform that this program started or found. */
export type ManagedProcess = {
  readonly name: string;
  readonly identity: ProcessIdentity;
  readonly logFile: string;
  /** From now on it outlives this program. */
  readonly release: () => void;
};

const STOP_TIMEOUT_MS = 20_000;
const KILL_TIMEOUT_MS = 5_000;
const LOG_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Dies with its parent: a shell that waits for the end of a pipe whose other end only the parent holds. The kernel
 * closes it however the parent ends, kill -9 included. The part's own signal first, KILL after ten seconds.
 */
const WATCHDOG = 'trap "" INT TERM HUP; read -r _; kill "-$2" "$1" 2>/dev/null; i=0; '
  + 'while [ "$i" -lt 100 ] && kill -0 "$1" 2>/dev/null; do sleep 0.1; i=$((i+1)); done; kill -KILL "$1" 2>/dev/null';

const watch = (pid: number, stopSignal: NodeJS.Signals): ChildProcess => {
  const watchdog = spawn('/bin/sh', ['-c', WATCHDOG, 'chorus-watchdog', String(pid), stopSignal.replace('SIG', '')], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watchdog.unref();
  // The pipe must not keep this program alive; it closes with it.
  const pipe: unknown = watchdog.stdin;
  if (typeof pipe === 'object' && pipe !== null && 'unref' in pipe && typeof pipe.unref === 'function') pipe.unref();
  return watchdog;
};

/** A log begins anew when it has grown large; the one before is kept beside it. */
const turnOver = (logFile: string): void => {
  const bytes = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (bytes > LOG_BYTES_MAX) renameSync(logFile, `${logFile}.old`);
};

const spawnInto = (launch: Launch): ChildProcess => {
  turnOver(launch.logFile);
  const log = openSync(launch.logFile, 'a');
  try {
    return spawn(launch.command, [...launch.args], {
      cwd: launch.cwd,
      // Its own session: Ctrl-C in the terminal goes to this program only, which then stops it in order.
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...launch.env },
      ...(launch.user ?? {}),
    });
  } finally {
    closeSync(log);
  }
};

/** Starts a process. Until it is released it ends with this program, however this program ends. */
export const launchProcess = async (launch: Launch): Promise<ManagedProcess> => {
  const child = ((): ChildProcess => {
    try {
      return spawnInto(launch);
    } catch (error) {
      throw explainFileError(error, launch.logFile);
    }
  })();
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => {
      reject(new LocalPlatformError('START_FAILED', `Cannot run ${launch.command} for ${launch.name}: ${error.message}.`, error));
    });
  });
  child.unref();
  const pid = child.pid;
  const identity = pid === undefined ? undefined : identify(pid);
  if (pid === undefined || identity === undefined) {
    throw new LocalPlatformError('START_FAILED', `${launch.name} ended at once; see ${launch.logFile}.`);
  }
  const watchdog = watch(pid, launch.stopSignal);
  const release = (): void => {
    watchdog.kill('SIGKILL');
  };
  child.once('exit', release); // Its pid may be another's soon.
  return { name: launch.name, identity, logFile: launch.logFile, release };
};

const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
};

const ended = (identity: ProcessIdentity, timeoutMs: number): Promise<true | undefined> =>
  waitFor(() => (isRunning(identity) ? undefined : true), { timeoutMs, intervalMs: 20 });

/** Ends a process by `first` (TERM unless told otherwise), after 20 s by KILL, and waits until it is gone; true if `first` sufficed. */
export const endProcess = async (
  name: string,
  identity: ProcessIdentity,
  first: NodeJS.Signals = 'SIGTERM',
): Promise<boolean> => {
  if (!isRunning(identity)) return false;
  signal(identity.pid, first);
  if (await ended(identity, first === 'SIGKILL' ? KILL_TIMEOUT_MS : STOP_TIMEOUT_MS)) return true;
  signal(identity.pid, 'SIGKILL');
  if (await ended(identity, KILL_TIMEOUT_MS)) return false;
  throw new LocalPlatformError('PROCESS_SURVIVES', `${name} (pid ${String(identity.pid)}) does not end, not even by kill -9.`);
};

const TAIL_BYTES = 64_000;

/** The last lines of a log that say what went wrong, newest last; at most `count`. */
export const lastComplaints = (logFile: string, count = 3): string => {
  const text = ((): string => {
    try {
      return readFileSync(logFile, 'utf8').slice(-TAIL_BYTES);
    } catch {
      return '';
    }
  })();
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !/^\s+at /.test(line));
  const loud = lines.filter((line) => /ERROR|FATAL|Exception|Error:|No space left/.test(line));
  return (loud.length > 0 ? loud : lines).slice(-count).map((line) => line.trim().slice(0, 300)).join(' | ');
};

/** Waits until a started process is ready; if it ends first, or the time runs out, says so with its last complaints. */
export const awaitReady = async (
  managed: ManagedProcess,
  isReady: () => Promise<boolean>,
  timeoutMs: number,
): Promise<void> => {
  const outcome = await waitFor(
    async () => {
      if (!isRunning(managed.identity)) return 'ended';
      return (await isReady()) ? 'ready' : undefined;
    },
    { timeoutMs, intervalMs: 50 },
  );
  if (outcome === 'ready') return;
  const complaints = lastComplaints(managed.logFile);
  if (complaints.includes('No space left on device')) {
    throw new LocalPlatformError('DISK_FULL', `${managed.name} found the disk full: free some space and start again (log: ${managed.logFile}).`);
  }
  if (outcome === 'ended') {
    throw new LocalPlatformError('START_FAILED', `${managed.name} ended during its start: ${complaints} (log: ${managed.logFile})`);
  }
  throw new LocalPlatformError(
    'START_TIMED_OUT',
    `${managed.name} was not ready after ${String(Math.round(timeoutMs / 1000))} s: ${complaints} (log: ${managed.logFile})`,
  );
};
