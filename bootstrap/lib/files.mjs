import { createHash } from 'node:crypto';
import { createReadStream, existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { BootstrapError, say } from './say.mjs';

export const sha256OfText = (text) => createHash('sha256').update(text).digest('hex');

export const sha256OfFile = async (file) => {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
};

/** A JSON file's value, or undefined when it is absent or damaged. */
export const readJson = (file) => {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
};

/** Replaces a file in one step: a crash leaves the old one or the new one. */
export const writeJson = (file, value) => {
  mkdirSync(dirname(file), { recursive: true });
  const next = `${file}.${process.pid}.new`;
  writeFileSync(next, `${JSON.stringify(value, undefined, 2)}\n`);
  renameSync(next, file);
};

/** Milliseconds since 1970 of a file's last change; 0 when it does not exist. */
export const changedAtMs = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

const LOCK_TIMEOUT_MS = 15 * 60_000;
const LOCK_POLL_MS = 200;

/** When a process began, where the system tells; a pid alone may be another's by now. */
const startOf = (pid) => {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return line.slice(line.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
};

const isAlive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
};

const isStale = (file) => {
  const { pid, startedAt } = readJson(file) ?? {};
  return !Number.isInteger(pid) || !isAlive(pid) || (startedAt !== undefined && startOf(pid) !== startedAt);
};

/** Makes the file, complete and naming this process, unless there is one. */
const create = (file) => {
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, JSON.stringify({ pid: process.pid, startedAt: startOf(process.pid) }));
  try {
    linkSync(mine, file);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(mine, { force: true });
  }
};

/**
 * Removes a dead holder's lock. Of two that saw it dead, the slower must not remove what the quicker has taken since: only
 * who holds the guard may remove, and it looks again.
 */
const removeStale = (file) => {
  const guard = `${file}.takeover`;
  if (!create(guard)) {
    if (isStale(guard)) rmSync(guard, { force: true });
    return;
  }
  try {
    if (existsSync(file) && isStale(file)) rmSync(file, { force: true });
  } finally {
    rmSync(guard, { force: true });
  }
};

const tryLock = (file) => {
  if (create(file)) return true;
  if (isStale(file)) removeStale(file);
  return false;
};

/** Runs `work` while no other bootstrap of this checkout installs anything; a dead one's lock is taken over. */
export const withLock = async (file, work) => {
  mkdirSync(dirname(file), { recursive: true });
  const deadline = performance.now() + LOCK_TIMEOUT_MS;
  let told = false;
  while (!tryLock(file)) {
    if (performance.now() > deadline) throw new BootstrapError(`another bootstrap holds ${file} for 15 minutes: stop it and try again.`);
    if (!told) say('waiting for another bootstrap of this checkout');
    told = true;
    await delay(LOCK_POLL_MS);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
};
