export type PostgresErrorAction = 'retry' | 'stop';

export type PostgresErrorCode =
  /** No connection, or it broke; whether a commit under way took effect is not known. */
  | 'POSTGRES_UNREACHABLE'
  /** A transaction lost against others as often as it may. */
  | 'POSTGRES_CONFLICT'
  /** The server refused a statement for a stated reason. */
  | 'POSTGRES_REFUSED'
  | 'POSTGRES_CONFIG'
  /** The stored read model was written by a newer build. */
  | 'READ_MODEL_NEWER'
  /** A read model that was built again is not what the live one is, though both come from the same records. */
  | 'READ_MODEL_DIFFERS';

const ACTIONS = {
  POSTGRES_UNREACHABLE: 'retry',
  POSTGRES_CONFLICT: 'retry',
  POSTGRES_REFUSED: 'stop',
  POSTGRES_CONFIG: 'stop',
  READ_MODEL_NEWER: 'stop',
  READ_MODEL_DIFFERS: 'stop',
} as const satisfies Record<PostgresErrorCode, PostgresErrorAction>;

/** A failure at the edge to PostgreSQL. Handle it by `code` or `action`, not by its message. */
export class PostgresError extends Error {
  override readonly name = 'PostgresError';
  readonly code: PostgresErrorCode;
  readonly action: PostgresErrorAction;
  /** SQLSTATE, where the server gave one. */
  readonly sqlState: string | undefined;

  constructor(code: PostgresErrorCode, message: string, options: { readonly cause?: unknown; readonly sqlState?: string | undefined } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.action = ACTIONS[code];
    this.sqlState = options.sqlState;
  }
}

const SQL_STATE = /^[0-9A-Z]{5}$/;
const stateOf = (thrown: unknown): string | undefined =>
  typeof thrown === 'object' && thrown !== null && 'code' in thrown && typeof thrown.code === 'string' && SQL_STATE.test(thrown.code) ? thrown.code : undefined;

/** Classes 08 (connection), 57P (shutdown) and 53 (resources) pass by themselves; without a state the connection broke. */
const isUnreachable = (state: string | undefined): boolean => state === undefined || state.startsWith('08') || state.startsWith('57P') || state.startsWith('53');

/** Serialization failure or deadlock: the same transaction may succeed when run again. */
export const isConflict = (thrown: unknown): boolean => {
  const state = thrown instanceof PostgresError ? thrown.sqlState : stateOf(thrown);
  return state === '40001' || state === '40P01';
};

/** Classes of SQLSTATE that blame the values of a statement: data (22), constraints (23), sizes (54). Every other refusal meets every row alike. */
const OF_VALUES = /^(22|23|54)/;

/** Whether the server refused because of what was to be written: other values would pass. */
export const isOfValues = (thrown: unknown): thrown is PostgresError =>
  thrown instanceof PostgresError && thrown.code === 'POSTGRES_REFUSED' && thrown.sqlState !== undefined && OF_VALUES.test(thrown.sqlState);

/** What `pg` threw, typed; `what` says what was attempted. */
export const postgresError = (thrown: unknown, what: string): PostgresError => {
  if (thrown instanceof PostgresError) return thrown;
  const message = thrown instanceof Error ? (thrown.message === '' ? thrown.name : thrown.message) : String(thrown);
  const sqlState = stateOf(thrown);
  const code = isUnreachable(sqlState) ? 'POSTGRES_UNREACHABLE' : isConflict(thrown) ? 'POSTGRES_CONFLICT' : 'POSTGRES_REFUSED';
  return new PostgresError(code, `${what}: ${message}`, { cause: thrown, sqlState });
};
