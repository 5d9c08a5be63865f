import { expect, test } from '@jest/globals';
import { compileCheck } from './strict-check.ts';

test('a float takes what 32 bits hold, rounded, and refuses what would become infinite', () => {
  const check = compileCheck({ type: 'record', name: 'r', fields: [{ name: 'x', type: 'float' }] });
  expect([check({ x: 0.1 }), check({ x: -3.4e38 })]).toEqual([null, null]);
  expect(check({ x: 1e300 })).toMatchObject({ code: 'CODEC_INVALID_VALUE', path: 'x' });
});
