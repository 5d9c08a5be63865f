import { cpSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { LocalPlatformError } from './errors.ts';

/** Whom PostgreSQL runs as; undefined means the present user. */
export type PostgresUser = { readonly uid: number; readonly gid: number };

/** The ids of a user in the text of /etc/passwd. */
export const userIn = (passwd: string, name: string): PostgresUser | undefined => {
  const fields = passwd.split('\n').map((line) => line.split(':')).find((each) => each[0] === name);
  const uid = Number(fields?.[2]);
  const gid = Number(fields?.[3]);
  return fields !== undefined && Number.isInteger(uid) && Number.isInteger(gid) ? { uid, gid } : undefined;
};

/** PostgreSQL refuses to run as root: then it runs as `postgres` or, where there is none, as `nobody`. */
export const postgresUser = (): PostgresUser | undefined => {
  if (process.getuid?.() !== 0) return undefined;
  const passwd = readFileSync('/etc/passwd', 'utf8');
  const user = userIn(passwd, 'postgres') ?? userIn(passwd, 'nobody');
  if (user === undefined) {
    throw new LocalPlatformError('PREREQUISITE_MISSING', 'PostgreSQL does not run as root and there is no user to run it as: run `useradd --system postgres`.');
  }
  return user;
};

const OTHERS_EXECUTE = 0o001;
const GROUP_EXECUTE = 0o010;
const OWNER_EXECUTE = 0o100;

const mayEnter = (folder: string, user: PostgresUser): boolean => {
  const { mode, uid, gid } = statSync(folder);
  if (uid === user.uid) return (mode & OWNER_EXECUTE) !== 0;
  return (mode & (gid === user.gid ? GROUP_EXECUTE : OTHERS_EXECUTE)) !== 0;
};

/** Whether a user may pass through every folder above a path. */
export const canReach = (path: string, user: PostgresUser): boolean => {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (existsSync(folder) && !mayEnter(folder, user)) return false;
    if (folder === dirname(folder)) return true;
  }
};

/**
 * A folder for temporary files under a name derived from the place it stands for. Somebody else may have made one of that
 * name: then it is refused, for programs are run from it.
 */
const temporaryTwin = (prefix: string, place: string): string => {
  const folder = join(tmpdir(), `${prefix}-${createHash('sha256').update(place).digest('hex').slice(0, 12)}`);
  const owner = statSync(folder, { throwIfNoEntry: false })?.uid;
  if (owner !== undefined && owner !== process.getuid?.()) {
    throw new LocalPlatformError('START_FAILED', `${folder} belongs to another user (${String(owner)}): delete it and start again.`);
  }
  return folder;
};

/**
 * Below a private home (`/root`) another user reaches neither the program nor the data. Then both live in the system's
 * folder for temporary files.
 */
export const reachableFolder = (wanted: string, user: PostgresUser | undefined): string =>
  user === undefined || canReach(join(wanted, 'x'), user) ? wanted : temporaryTwin('chorus', wanted);

/** The programs where the user can run them: in place, or a copy of the `native` folder beside the data. */
export const reachableNative = (native: string, user: PostgresUser | undefined): string => {
  if (user === undefined || canReach(join(native, 'bin', 'x'), user)) return native;
  const copy = temporaryTwin('chorus-pg', native);
  if (!existsSync(join(copy, 'complete'))) {
    cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
    mkdirSync(join(copy, 'complete'));
  }
  return copy;
};
