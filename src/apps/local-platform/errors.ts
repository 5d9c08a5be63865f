/** Why the local platform could not do what was asked. Permanent codes; see docs/reference/errors.md. */
export type LocalPlatformErrorCode =
  | 'PREREQUISITE_MISSING'
  | 'PORT_TAKEN'
  | 'DISK_FULL'
  | 'START_FAILED'
  | 'START_TIMED_OUT'
  | 'PART_UNKNOWN'
  | 'ANOTHER_START_RUNNING'
  | 'RUNTIME_UNSUPPORTED'
  | 'UNREACHABLE'
  | 'PROCESS_SURVIVES';

/** A failure of the local platform, in one line that says what happened, where, and what to do. */
export class LocalPlatformError extends Error {
  readonly code: LocalPlatformErrorCode;

  constructor(code: LocalPlatformErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'LocalPlatformError';
    this.code = code;
  }
}

/**
 * The errno name of a file or network error (`ENOENT`, `ENOSPC`), or undefined. Asked of its shape, not by `instanceof`:
 * under jest Node's errors come from another realm.
 */
export const errnoOf = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

/** The text of anything that was thrown. */
export const messageOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);

/** A file-system error in one clear line: a full disk is named as such, everything else is passed on. */
export const explainFileError = (error: unknown, directory: string): unknown =>
  errnoOf(error) === 'ENOSPC'
    ? new LocalPlatformError('DISK_FULL', `The disk that holds ${directory} is full: free some space and start again.`, error)
    : error;
