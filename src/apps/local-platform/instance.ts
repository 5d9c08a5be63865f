import { mkdirSync, statfsSync } from 'node:fs';
import { settleDraft } from './class-archive.ts';
import { explainFileError, LocalPlatformError } from './errors.ts';
import type { Part } from './part.ts';
import type { InstancePaths } from './paths.ts';
import { endProcess, type ManagedProcess } from './processes.ts';
import { isRunning } from './process-identity.ts';
import { waitFor } from './wait.ts';
import { type InstanceState, type PartState, readState, writeJson } from './state.ts';

const FREE_BYTES_MIN = 512 * 1024 * 1024;

/** Makes the folders of an instance and refuses a disk that is nearly full. */
export const prepareFolders = (paths: InstancePaths): void => {
  try {
    mkdirSync(paths.logs, { recursive: true });
    mkdirSync(paths.data, { recursive: true });
  } catch (error) {
    throw explainFileError(error, paths.root);
  }
  const { bavail, bsize } = statfsSync(paths.root);
  const freeBytes = bavail * bsize;
  if (freeBytes >= FREE_BYTES_MIN) return;
  throw new LocalPlatformError(
    'DISK_FULL',
    `The disk that holds ${paths.root} has ${String(Math.floor(freeBytes / 1024 / 1024))} MB free; Chorus needs 512 MB: free some space and start again.`,
  );
};

/** Remembers a part's process, or with undefined forgets it (its ports stay remembered). */
export const recordPart = (paths: InstancePaths, name: string, part: PartState | undefined): void => {
  const before = readState(paths.state);
  const { [name]: _previous, ...others } = before.parts;
  const state: InstanceState = {
    version: 1,
    parts: part === undefined ? others : { ...others, [name]: part },
    ports: { ...before.ports, ...prefixed(name, part?.ports ?? {}) },
  };
  try {
    writeJson(paths.state, state);
  } catch (error) {
    // Ending must work on a full disk. A pid that is remembered too long is harmless: it is compared with its start time.
    if (part !== undefined) throw error;
  }
};

const prefixed = (name: string, ports: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(ports).map(([key, port]) => [`${name}.${key}`, port]));

const SILENCE_TIMEOUT_MS = 30_000;
const SILENCE_POLL_MS = 500;

/**
 * Whether the part of a state runs as it is wanted and, asked, answers. A machine that is busy or was asleep lets a probe go
 * unanswered: that is no reason to kill what runs, so it is asked for half a minute, and that is said.
 */
export const serves = async (part: Part, state: PartState | undefined, say: (line: string) => void): Promise<boolean> => {
  if (state === undefined || !isRunning(state.identity)) return false;
  if (part.settings !== undefined && part.settings !== state.settings) {
    say(`${part.name} runs with other settings and is started again`);
    return false;
  }
  if (await part.answers()) return true;
  const seconds = SILENCE_TIMEOUT_MS / 1_000;
  say(`${part.name} (pid ${state.identity.pid}) runs but does not answer; it has ${seconds} s before it is started again`);
  const outcome = await waitFor(
    async () => (isRunning(state.identity) ? ((await part.answers()) ? 'answers' : undefined) : 'ended'),
    { timeoutMs: SILENCE_TIMEOUT_MS, intervalMs: SILENCE_POLL_MS },
  );
  if (outcome !== 'answers') say(`${part.name} ${outcome === 'ended' ? 'has ended' : `has not answered for ${seconds} s`}: it is started again`);
  return outcome === 'answers';
};

/** Ends one process of an instance and forgets it. */
export const endPart = async (paths: InstancePaths, name: string): Promise<void> => {
  const part = readState(paths.state).parts[name];
  if (part === undefined) return;
  const endedOrderly = await endProcess(name, part.identity, part.stopSignal);
  settleDraft(paths.instance, name, endedOrderly);
  recordPart(paths, name, undefined);
};

/** Starts one part, having ended whatever is left of an earlier process of it, and waits until it serves. */
export const startPart = async (paths: InstancePaths, part: Part): Promise<ManagedProcess> => {
  const managed = await part.launch();
  recordPart(paths, part.name, {
    identity: managed.identity, ports: part.ports, stopSignal: part.stopSignal,
    ...(part.health === undefined ? {} : { health: part.health }), ...(part.settings === undefined ? {} : { settings: part.settings }),
  });
  await part.ready(managed);
  return managed;
};
