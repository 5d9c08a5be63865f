import { createHash } from 'node:crypto';
import { createReadStream, linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
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

const isAlive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
};

const tryLock = (file) => {
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    linkSync(mine, file);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    const holder = Number(readJson(file));
    if (!Number.isInteger(holder) || !isAlive(holder)) rmSync(file, { force: true });
    return false;
  } finally {
    rmSync(mine, { force: true });
  }
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
