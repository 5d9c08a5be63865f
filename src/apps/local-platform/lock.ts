import { mkdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, LocalPlatformError } from './errors.ts';
import { identify, isRunning, type ProcessIdentity } from './process-identity.ts';
import { waitFor } from './wait.ts';

const LOCK_TIMEOUT_MS = 180_000;
const LOCK_POLL_MS = 100;

const holderOf = (file: string): ProcessIdentity | undefined => {
  try {
    const [pid, startedAt] = readlinkSync(file).split('@');
    return startedAt === undefined ? undefined : { pid: Number(pid), startedAt };
  } catch {
    return undefined;
  }
};

/**
 * Takes the lock if it is free or its holder is dead. The lock is a symbolic link to nothing whose target names the holder:
 * it appears in one step, never half written, and needs no space, so that `down` works on a full disk.
 */
const tryLock = (file: string, self: ProcessIdentity): true | undefined => {
  try {
    symlinkSync(`${String(self.pid)}@${self.startedAt}`, file);
    return true;
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    const holder = holderOf(file);
    if (holder === undefined || !isRunning(holder)) rmSync(file, { force: true });
    return undefined;
  }
};

// Starts of one process (the tests of one jest worker) must exclude each other too.
const heldHere = new Map<string, Promise<void>>();

const holdingFile = async <Value>(file: string, use: () => Promise<Value>): Promise<Value> => {
  const self = identify(process.pid);
  if (self === undefined) throw new Error('This process does not find itself in the process table.');
  mkdirSync(dirname(file), { recursive: true });
  const taken = await waitFor(() => tryLock(file, self), { timeoutMs: LOCK_TIMEOUT_MS, intervalMs: LOCK_POLL_MS });
  if (taken === undefined) {
    const holder = holderOf(file);
    throw new LocalPlatformError(
      'ANOTHER_START_RUNNING',
      `Process ${String(holder?.pid ?? 'unknown')} has been starting or stopping this instance for three minutes (lock: ${file}): stop it and try again.`,
    );
  }
  try {
    return await use();
  } finally {
    rmSync(file, { force: true });
  }
};

/** Runs `use` while holding a lock file; one left by a dead process is taken over, a live holder is waited for. */
export const withLock = async <Value>(file: string, use: () => Promise<Value>): Promise<Value> => {
  const before = heldHere.get(file) ?? Promise.resolve();
  const run = before.then(() => holdingFile(file, use));
  const settled = run.then(() => undefined, () => undefined);
  heldHere.set(file, settled);
  try {
    return await run;
  } finally {
    if (heldHere.get(file) === settled) heldHere.delete(file);
  }
};
