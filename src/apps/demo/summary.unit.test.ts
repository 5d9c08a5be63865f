import { expect, test } from '@jest/globals';
import { quantile } from './summary.ts';

test('percentiles are by nearest rank', () => {
  const values = [40, 10, 30, 20];
  expect([quantile(values, 0.5), quantile(values, 0.75), quantile(values, 0.95), quantile([], 0.5), quantile([7], 0.99)]).toEqual([20, 30, 40, 0, 7]);
});
