import { expect, test } from '@jest/globals';
import { parseOptions } from './options.ts';

test('options and their defaults', () => {
  expect(parseOptions([])).toEqual({ options: { cycles: null, seed: '1', isExit: false, isJson: false } });
  expect(parseOptions(['--sagas', '500', '--seed', 'x', '--exit', '--json'])).toEqual({ options: { cycles: 500, seed: 'x', isExit: true, isJson: true } });
  expect(parseOptions(['--help'])).toMatchObject({ help: expect.stringContaining('--sagas N') });
});

test.each([[['--sagas', '0']], [['--sagas', 'many']], [['--sagas', '1.5']], [['--nope']], [['stray']]])('%p is wrong use', (args) => {
  expect(parseOptions(args)).toHaveProperty('fault');
});
