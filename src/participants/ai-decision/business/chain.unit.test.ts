import { expect, test } from '@jest/globals';
import { walkOfAttempt } from './chain.ts';

test('forgotten, a walk goes on as if every entry had failed as often as it may', () => {
  const places = [1, 2, 3, 4, 5, 6, 7].map((attempt) => walkOfAttempt(attempt, 3)).map(({ entry, askedCount }) => [entry, askedCount]);
  expect(places).toEqual([[0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [2, 1], [2, 2]]);
});

test('with one attempt each, every attempt walks the whole list', () => {
  expect([walkOfAttempt(1, 1), walkOfAttempt(2, 1)]).toEqual([{ entry: 0, askedCount: 0, tried: [] }, { entry: 0, askedCount: 0, tried: [] }]);
});
