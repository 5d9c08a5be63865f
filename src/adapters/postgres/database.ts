import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { isConflict, PostgresError, postgresError } from './errors.ts';

export type QueryResult = { readonly rows: readonly Readonly<Record<string, unknown>>[]; readonly rowCount: number };
/** One statement. `values` are its $1, $2, …. Rejects with PostgresError. */
export type Query = (sql: string, values?: readonly unknown[]) => Promise<QueryResult>;

export type TransactionOptions = {
  /** Default `read committed`. */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  readonly isReadOnly?: boolean;
};

/** Connections to one database. Nothing connects before the first use. */
export type Database = {
  readonly query: Query;
  /**
   * Runs `work` in one transaction and commits; anything thrown rolls back. Run again, a few times, when it lost against
   * another transaction: `work` must have no effect outside the database.
   */
  readonly transaction: <Result>(work: (query: Query) => Promise<Result>, options?: TransactionOptions) => Promise<Result>;
  /**
   * Takes the lock of this name, on a connection of its own: it lasts until it is released, the connection breaks or the process
   * ends, however it ends. Null where somebody else holds it. Not through a pooler that shares connections between transactions.
   */
  readonly lock: (name: string) => Promise<Release | null>;
  /** Locks still held are released. */
  readonly close: () => Promise<void>;
};

/** Gives a lock back. Idempotent. */
export type Release = () => Promise<void>;

export type DatabaseOptions = {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string;
  /** Default 4. */
  readonly connectionsMax?: number;
  /** What the server shows as the connection's application; default `chorus`. */
  readonly name?: string;
};

const CONNECTIONS_MAX = 4;
const CONNECT_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 120_000;
const CONFLICT_ATTEMPTS_MAX = 8;
const CONFLICT_PAUSE_MS = 5;

const queryOf = (client: Pick<pg.ClientBase, 'query'>): Query => async (sql, values) => {
  try {
    const result = await client.query<Record<string, unknown>>(sql, values === undefined ? [] : [...values]);
    return { rows: result.rows, rowCount: result.rowCount ?? 0 };
  } catch (thrown) {
    throw postgresError(thrown, sql.trim().split('\n')[0]?.slice(0, 120) ?? 'query');
  }
};

const beginning = ({ isolation = 'read committed', isReadOnly = false }: TransactionOptions): string =>
  `begin isolation level ${isolation}${isReadOnly ? ' read only' : ''}`;

const attempt = async <Result>(pool: pg.Pool, work: (query: Query) => Promise<Result>, options: TransactionOptions): Promise<Result> => {
  const client = await pool.connect().catch((thrown: unknown) => { throw postgresError(thrown, 'connect'); });
  let broken: Error | undefined;
  const onError = (error: Error): void => { broken = error; };
  client.on('error', onError);
  try {
    const query = queryOf(client);
    await query(beginning(options));
    const result = await work(query);
    await query('commit');
    return result;
  } catch (thrown) {
    await client.query('rollback').catch((error: unknown) => { broken = error instanceof Error ? error : new Error(String(error)); });
    throw thrown;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
};

/** The lock of a name as SQL, its name being the first parameter. */
export const LOCK_OF_NAME = 'hashtextextended($1, 0)';

/** On a client of its own: one of the pool's would be missing there for as long as the lock is held. */
const takeLock = async (config: pg.ClientConfig, name: string): Promise<Release | null> => {
  const client = new pg.Client({ ...config, keepAlive: true });
  client.on('error', () => undefined);
  try {
    await client.connect().catch((thrown: unknown) => { throw postgresError(thrown, 'connect'); });
    const { rows } = await queryOf(client)(`select pg_try_advisory_lock(${LOCK_OF_NAME}) as taken`, [name]);
    if (rows[0]?.['taken'] === true) {
      let ended: Promise<void> | undefined;
      return () => {
        ended ??= client.end().catch(() => undefined);
        return ended;
      };
    }
  } catch (thrown) {
    await client.end().catch(() => undefined);
    throw thrown;
  }
  await client.end();
  return null;
};

/** Opens a database by URL. Throws POSTGRES_CONFIG when it is no PostgreSQL URL. */
export const createDatabase = ({ url, connectionsMax = CONNECTIONS_MAX, name = 'chorus' }: DatabaseOptions): Database => {
  if (!/^postgres(ql)?:\/\//.test(url)) throw new PostgresError('POSTGRES_CONFIG', 'the database address must begin with postgres://: set DATABASE_URL to postgres://user:password@host:port/database');
  const config = { connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, statement_timeout: STATEMENT_TIMEOUT_MS, application_name: name };
  const pool = new pg.Pool({ ...config, max: connectionsMax });
  const locks = new Set<Release>();
  // An idle connection that breaks is replaced at its next use.
  pool.on('error', () => undefined);
  // A connection that is given up may still be told why the server ended it: between its last user and its end nobody else listens.
  pool.on('connect', (client) => client.on('error', () => undefined));
  let closed: Promise<void> | undefined;
  return {
    query: queryOf(pool),
    transaction: async (work, options = {}) => {
      for (let attempts = 1; ; attempts++) {
        try {
          return await attempt(pool, work, options);
        } catch (thrown) {
          if (!isConflict(thrown) || attempts >= CONFLICT_ATTEMPTS_MAX) throw thrown;
          await pause(CONFLICT_PAUSE_MS * 2 ** attempts * (0.5 + Math.random()));
        }
      }
    },
    lock: async (lockName) => {
      const release = await takeLock(config, lockName);
      if (release === null) return null;
      locks.add(release);
      return () => {
        locks.delete(release);
        return release();
      };
    },
    close: () => {
      closed ??= Promise.all([...locks].map((release) => release())).then(() => pool.end());
      return closed;
    },
  };
};
