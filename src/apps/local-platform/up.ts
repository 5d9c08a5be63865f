import { readFileSync, rmSync } from 'node:fs';
import { addressIn, brokerList, type Environment } from './environment.ts';
import { databaseAnswers, databaseUrl } from './database.ts';
import { healthAnswers } from './health.ts';
import { kafkaAnswers } from './kafka-probe.ts';
import type { LocalPlatformOptions } from './options.ts';
import { instancePaths, localFile } from './paths.ts';
import { type LocalPlatform, startLocalPlatform, stopInstance } from './platform.ts';
import { isRunning } from './process-identity.ts';
import { registryAnswers, registryUrl } from './registry.ts';
import { type PartState, readState, writeJson } from './state.ts';

const INSTANCE = 'local';

const localEntries = (): Readonly<Record<string, unknown>> => {
  try {
    const parsed: unknown = JSON.parse(readFileSync(localFile(), 'utf8'));
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {};
  } catch {
    return {};
  }
};

/** More entries of `.chorus/local.json`: namespace, api, console, workers, simulators. */
export type LocalFileExtras = (platform: LocalPlatform) => Readonly<Record<string, unknown>>;

/** What other starts wrote of programs that still run: `up --only infra` must not make them forgotten. */
const keptExtras = (pids: LocalPlatform['pids']): Readonly<Record<string, unknown>> => {
  const { namespace = 'chorus', workers, simulators, api, console } = localEntries();
  const isInfrastructure = (name: string): boolean => ['registry', 'database'].includes(name) || name.startsWith('kafka');
  return Object.keys(pids).every(isInfrastructure) ? { namespace: 'chorus' } : { namespace, workers, simulators, api, console };
};

/** `chorus up`: starts or finds the detached local platform and writes `.chorus/local.json`. */
export const upDetached = async (options: Omit<LocalPlatformOptions, 'lifetime'> = {}, extras?: LocalFileExtras): Promise<LocalPlatform> => {
  const platform = await startLocalPlatform({ instance: INSTANCE, ...options, lifetime: 'detached' });
  if (platform.instance === INSTANCE) {
    const { kafka, registry, database, pids } = platform;
    writeJson(localFile(), { ...keptExtras(pids), kafka, registry, database, ...extras?.(platform), pids });
  }
  return platform;
};

/** `chorus down`: ends every process of the instance; returns the names of the parts that were known. */
export const down = async (instance: string = INSTANCE): Promise<readonly string[]> => {
  const names = await stopInstance(instance);
  if (instance === INSTANCE) rmSync(localFile(), { force: true });
  return names;
};

/** How one part of an instance is doing. */
export type PartStatus = { readonly name: string; readonly pid: number; readonly address: string; readonly isRunning: boolean; readonly answers: boolean };

type Probe = { readonly address: string; readonly ask: () => Promise<boolean> };
const probeOf = (name: string, { ports, health }: PartState): Probe => {
  const port = Object.values(ports)[0] ?? 0;
  if (name === 'registry') return { address: registryUrl(port), ask: () => registryAnswers(registryUrl(port)) };
  if (name === 'database') return { address: databaseUrl(port), ask: () => databaseAnswers(databaseUrl(port)) };
  const address = `127.0.0.1:${String(ports['kafka'] ?? port)}`;
  if (name.startsWith('kafka')) return { address, ask: () => kafkaAnswers([address]) };
  // An extra process that names no address of its own can only be seen to run.
  return { address: port === 0 ? '-' : address, ask: () => (health === undefined ? Promise.resolve(true) : healthAnswers(health)) };
};

const partStatus = async (name: string, state: PartState): Promise<PartStatus> => {
  const runs = isRunning(state.identity);
  const { address, ask } = probeOf(name, state);
  return { name, pid: state.identity.pid, address, isRunning: runs, answers: runs && (await ask()) };
};

/** `chorus status`: the parts of an instance that were started here; none when it is down. */
export const status = (instance: string = INSTANCE): Promise<readonly PartStatus[]> =>
  Promise.all(Object.entries(readState(instancePaths(instance).state).parts).map(([name, state]) => partStatus(name, state)));

/** Addresses as tools find them: the environment first, then `.chorus/local.json`. */
export const knownAddresses = (environment: Environment = process.env): Readonly<Record<'kafka' | 'registry' | 'database', string | undefined>> => {
  const local = localEntries();
  const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
  const brokers = Array.isArray(local['kafka']) ? brokerList(local['kafka'].join(',')).join(',') : undefined;
  return {
    kafka: addressIn(environment, 'kafka') ?? textOf(brokers),
    registry: addressIn(environment, 'registry') ?? textOf(local['registry']),
    database: addressIn(environment, 'database') ?? textOf(local['database']),
  };
};
