import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, explainFileError } from './errors.ts';
import type { ProcessIdentity } from './process-identity.ts';

/** What is known about one process of an instance, running or not. */
export type PartState = {
  readonly identity: ProcessIdentity;
  readonly ports: Readonly<Record<string, number>>;
  readonly stopSignal: NodeJS.Signals;
  /** Where an extra process tells that it serves: answers 200, else it does not. */
  readonly health?: string;
  /** Hash of what an extra process was started with; one that was started with other settings is not the one that is wanted. */
  readonly settings?: string;
};

/** What an instance remembers: its processes, and every port it ever used, so that addresses survive a restart. */
export type InstanceState = {
  readonly version: 1;
  readonly parts: Readonly<Record<string, PartState>>;
  readonly ports: Readonly<Record<string, number>>;
};

export const EMPTY_STATE: InstanceState = { version: 1, parts: {}, ports: {} };

const SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGKILL'];

type Fields = Readonly<Record<string, unknown>>;
const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? { ...value } : {});

const portsOf = (value: unknown): Record<string, number> =>
  Object.fromEntries(Object.entries(fieldsOf(value)).filter((entry): entry is [string, number] => Number.isInteger(entry[1])));

const partOf = (value: unknown): PartState | undefined => {
  const { identity, ports, stopSignal, health, settings } = fieldsOf(value);
  const { pid, startedAt } = fieldsOf(identity);
  const signal = SIGNALS.find((each) => each === stopSignal);
  return typeof pid === 'number' && typeof startedAt === 'string' && signal !== undefined
    ? { identity: { pid, startedAt }, ports: portsOf(ports), stopSignal: signal, ...(typeof health === 'string' ? { health } : {}), ...(typeof settings === 'string' ? { settings } : {}) }
    : undefined;
};

const jsonOrNothing = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Cut short by a full disk, or edited by hand.
  }
};

/** Reads the text of a state file; what it does not understand it leaves out. */
export const parseState = (text: string): InstanceState => {
  const { parts, ports } = fieldsOf(jsonOrNothing(text));
  const known: Record<string, PartState> = {};
  for (const [name, value] of Object.entries(fieldsOf(parts))) {
    const part = partOf(value);
    if (part !== undefined) known[name] = part;
  }
  return { version: 1, parts: known, ports: portsOf(ports) };
};

/** The state of an instance; an absent or damaged file is an instance that never ran. */
export const readState = (file: string): InstanceState => {
  try {
    return parseState(readFileSync(file, 'utf8'));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return EMPTY_STATE;
    throw error;
  }
};

const OWNER_ONLY = 0o600;

/** Replaces a JSON file in one step, so that a reader or a crash never sees half of it. Addresses may hold passwords: only its owner reads it. */
export const writeJson = (file: string, value: unknown): void => {
  const next = `${file}.${String(process.pid)}.new`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(next, `${JSON.stringify(value, undefined, 2)}\n`, { mode: OWNER_ONLY });
    renameSync(next, file);
  } catch (error) {
    rmSync(next, { force: true });
    throw explainFileError(error, dirname(file));
  }
};
