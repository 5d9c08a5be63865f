export { createDatabase, type Database, type DatabaseOptions, type Query, type QueryResult, type Release, type TransactionOptions } from './database.ts';
export { PostgresError, type PostgresErrorAction, type PostgresErrorCode } from './errors.ts';
export { createReadModelStore, type ReadModelStoreOptions } from './read-model-store.ts';
export { createReadModels, type ReadModels, type RowQuery, type Snapshot } from './read-models.ts';
