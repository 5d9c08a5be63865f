import { createHash } from 'node:crypto';
import { type Addresses, addressIn, refuseOtherRuntimes, requireReachable } from './environment.ts';
import { explainFileError, LocalPlatformError } from './errors.ts';
import { endPart, prepareFolders, serves, startPart } from './instance.ts';
import { probeTransaction } from './kafka-probe.ts';
import { withLock } from './lock.ts';
import { ALL_PARTS, type ExtraProcess, type LocalPlatformOptions } from './options.ts';
import type { Part } from './part.ts';
import { planParts } from './parts.ts';
import { type InstancePaths, instancePaths } from './paths.ts';
import { choosePort } from './ports.ts';
import { awaitReady, endProcess, launchProcess, type ManagedProcess } from './processes.ts';
import { isRunning } from './process-identity.ts';
import { type InstanceState, readState } from './state.ts';
import { join } from 'node:path';

/** A running platform: where it answers, and how to end or hurt it. */
export type LocalPlatform = Addresses & {
  readonly instance: string;
  /** Addresses of the extra listeners by name. */
  readonly listeners: Readonly<Record<string, readonly string[]>>;
  /** Process ids by part: `kafka` (or `kafka-1` to `kafka-3`), `registry`, `database`, extra processes. */
  readonly pids: Readonly<Record<string, number>>;
  /** Parts that this call started; the others were found running. */
  readonly started: readonly string[];
  /** Ends what this call started, last started first. */
  readonly stop: () => Promise<void>;
  /** kill -9 of one part. */
  readonly kill: (part: string) => Promise<void>;
  /** Starts again, at the same addresses, whatever has ended. */
  readonly heal: () => Promise<LocalPlatform>;
};

const PROBE_TIMEOUT_MS = 60_000;
const EXTRA_START_TIMEOUT_MS = 60_000;

/** A hash only: the settings hold secrets. */
const settingsOf = ({ command, args, env }: ExtraProcess): string => createHash('sha256').update(JSON.stringify([command, args, env])).digest('hex');

const extraPart = (extra: ExtraProcess, paths: InstancePaths): Part => ({
  name: extra.name,
  ports: extra.ports ?? {},
  stopSignal: 'SIGTERM',
  answers: extra.answers,
  settings: settingsOf(extra),
  ...(extra.health === undefined ? {} : { health: extra.health }),
  launch: () =>
    launchProcess({
      name: extra.name,
      command: extra.command,
      args: extra.args,
      logFile: join(paths.logs, `${extra.name}.log`),
      cwd: paths.root,
      stopSignal: 'SIGTERM',
      ...(extra.env === undefined ? {} : { env: extra.env }),
    }),
  ready: (managed) => awaitReady(managed, extra.answers, extra.startTimeoutMs ?? EXTRA_START_TIMEOUT_MS),
});

type Told = { readonly onStarted: (managed: ManagedProcess) => void; readonly say: (line: string) => void };

/** Starts what does not serve. Returns what was started, also through `onStarted` so that a failure can undo it. */
const bringUp = async (paths: InstancePaths, parts: readonly Part[], told: Told): Promise<void> => {
  const attempts = parts.map(async (part) => {
    const state = readState(paths.state).parts[part.name];
    if (await serves(part, state, told.say)) return;
    // One that answers but is not the one that is wanted drains first; one that is silent would not.
    const isOther = state !== undefined && part.settings !== undefined && part.settings !== state.settings;
    if (state !== undefined) await endProcess(part.name, state.identity, isOther ? state.stopSignal : 'SIGKILL');
    told.onStarted(await startPart(paths, part));
  });
  // All are awaited before a failure is told: nothing may start behind the back of the clean-up.
  const failure = (await Promise.allSettled(attempts)).find((each) => each.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
};

const stopParts = async (paths: InstancePaths, names: readonly string[]): Promise<void> => {
  const isInfrastructure = (name: string): boolean => ALL_PARTS.some((part) => name === part || name.startsWith('kafka-'));
  await Promise.all(names.filter((name) => !isInfrastructure(name)).map((name) => endPart(paths, name)));
  await Promise.all(names.filter(isInfrastructure).map((name) => endPart(paths, name)));
};

const checkEnvironment = async (options: LocalPlatformOptions): Promise<void> => {
  const environment = options.environment ?? process.env;
  refuseOtherRuntimes(environment);
  for (const part of options.parts ?? ALL_PARTS) {
    const address = addressIn(environment, part);
    if (address !== undefined) await requireReachable(part, address);
  }
};

type Started = { readonly addresses: Addresses; readonly listeners: LocalPlatform['listeners']; readonly started: readonly ManagedProcess[] };

/** Parts whose process is not the one of before: also one that came to nothing in the place of one that an earlier crash left behind. */
const launchedSince = (before: InstanceState, now: InstanceState): readonly string[] =>
  Object.entries(now.parts).filter(([name, { identity }]) => {
    const earlier = before.parts[name]?.identity;
    return earlier?.pid !== identity.pid || earlier.startedAt !== identity.startedAt;
  }).map(([name]) => name);

const startLocked = async (options: LocalPlatformOptions, paths: InstancePaths): Promise<Started> => {
  prepareFolders(paths);
  const started: ManagedProcess[] = [];
  const before = readState(paths.state);
  const told: Told = { onStarted: (managed) => started.push(managed), say: (line) => options.onProgress?.(line) };
  try {
    const { parts, addresses, listeners } = await planParts({ options, paths, state: readState(paths.state) });
    options.onProgress?.(`starting ${parts.map((part) => part.name).join(', ')}`);
    await bringUp(paths, parts, told);
    const isProbed = options.kafka?.isProbed ?? true;
    if (isProbed && started.some(({ name }) => name.startsWith('kafka'))) await probeTransaction(addresses.kafka, PROBE_TIMEOUT_MS);
    const extras = (await options.extraProcesses?.(addresses)) ?? [];
    await bringUp(paths, extras.map((extra) => extraPart(extra, paths)), told);
    return { addresses, listeners, started };
  } catch (error) {
    await stopParts(paths, launchedSince(before, readState(paths.state)));
    throw error;
  }
};

/**
 * Starts Kafka, registry and database (or what of them was asked for and the environment does not name), and returns when
 * all serve: for Kafka, when a transaction with offsets has been committed (unless it is not to be probed). Parts of the instance that already run are used
 * as they are. Fails with a LocalPlatformError of one line, and then nothing it started is left.
 */
export const startLocalPlatform = async (options: LocalPlatformOptions = {}): Promise<LocalPlatform> => {
  await checkEnvironment(options);
  const paths = instancePaths(options.instance ?? 'local');
  const { addresses, listeners, started } = await withLock(paths.lock, () => startLocked(options, paths)).catch((error: unknown) => {
    throw explainFileError(error, paths.root);
  });
  if (options.lifetime === 'detached') for (const managed of started) managed.release();
  const names = started.map(({ name }) => name);
  return {
    ...addresses,
    instance: paths.instance,
    listeners,
    pids: pidsOf(paths),
    started: names,
    stop: () => withLock(paths.lock, () => stopParts(paths, names)),
    kill: async (part) => {
      const state = readState(paths.state).parts[part];
      if (state === undefined) {
        throw new LocalPlatformError('PART_UNKNOWN', `Instance ${paths.instance} has no part '${part}'; it has ${Object.keys(pidsOf(paths)).join(', ')}.`);
      }
      await endProcess(part, state.identity, 'SIGKILL');
    },
    heal: () => startLocalPlatform(options),
  };
};

/** The port of an extra process of an instance: that of the running one, else that of last time if it is free, else a free one. */
export const keptPort = async (instance: string, name: string, key: string): Promise<number> => {
  const state = readState(instancePaths(instance).state);
  const part = state.parts[name];
  const present = part !== undefined && isRunning(part.identity) ? part.ports[key] : undefined;
  return present ?? choosePort({ part: name, asked: undefined, remembered: state.ports[`${name}.${key}`] });
};

/** Process ids by part, as the instance's state file knows them. */
export const pidsOf = (paths: InstancePaths): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(readState(paths.state).parts).map(([name, { identity }]) => [name, identity.pid]));

/** Ends every process of an instance, whoever started it; an instance that does not run is no error. */
export const stopInstance = async (instance: string): Promise<readonly string[]> => {
  const paths = instancePaths(instance);
  return withLock(paths.lock, async () => {
    const names = Object.keys(readState(paths.state).parts);
    await stopParts(paths, names);
    return names;
  });
};
