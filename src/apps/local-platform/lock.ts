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

const isStale = (file: string): boolean => {
  const holder = holderOf(file);
  return holder === undefined || !isRunning(holder);
};

/**
 * Removes a dead holder's lock. Of two that saw it dead, the slower one must not remove the lock that the quicker one has
 * taken since: only who holds the guard may remove, and it looks again. A guard is held for no longer than this function, so one
 * whose holder is dead was left by a crash right here.
 */
const removeStale = (file: string, self: ProcessIdentity): void => {
  const guard = `${file}.takeover`;
  try {
    symlinkSync(`${String(self.pid)}@${self.startedAt}`, guard);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    if (isStale(guard)) rmSync(guard, { force: true });
    return;
  }
  try {
    if (isStale(file)) rmSync(file, { force: true });
  } finally {
    rmSync(guard, { force: true });
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
    if (isStale(file)) removeStale(file, self);
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
