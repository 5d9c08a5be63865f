import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { postgresErrorCodes } from '../../src/adapters/postgres/errors.ts';

test('every code of the PostgreSQL adapter is explained in docs/reference/errors.md', () => {
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'reference', 'errors.md'), 'utf8');
  expect(postgresErrorCodes.filter((code) => !text.includes(`| \`${code}\` |`))).toEqual([]);
});
