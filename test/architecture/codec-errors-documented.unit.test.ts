import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { codecErrorCodes } from '../../src/adapters/schema-registry/codec-error.ts';

test('every code of the codec is explained in docs/reference/errors.md', () => {
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'reference', 'errors.md'), 'utf8');
  expect(codecErrorCodes.filter((code) => !text.includes(`| \`${code}\` |`))).toEqual([]);
});
