import { PostgresError } from './errors.ts';

/** Longest name that PostgreSQL does not cut. */
const NAME_BYTES_MAX = 63;
const LONGEST_SUFFIX = '_decisions_g99999'.length;

/** A name as SQL, quoted. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Schema that readers look into: the namespace itself. */
export const readerSchema = (namespace: string): string => {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(namespace) || namespace.length > NAME_BYTES_MAX - LONGEST_SUFFIX) {
    throw new PostgresError('POSTGRES_CONFIG', `namespace ${JSON.stringify(namespace)} must be 1 to ${NAME_BYTES_MAX - LONGEST_SUFFIX} characters of A-Z a-z 0-9 . _ -, the first a letter or digit`);
  }
  return namespace;
};

/** Schema of one generation of one projection. */
export const generationSchema = (namespace: string, projection: string, generation: number): string => `${readerSchema(namespace)}_${projection}_g${generation}`;
