import { expect, test } from '@jest/globals';
import { allEventTypes, topicDeclarations, topicsOf } from '#contracts';

test('every event type is carried by a declared topic: otherwise add it to `carries` in schemas/topics.yaml', () => {
  expect(allEventTypes.filter((type) => topicsOf(type.name).length === 0).map((type) => type.name)).toEqual([]);
});

test('whatever a topic is said to carry exists', () => {
  const names = allEventTypes.map((type) => type.name);
  const carried = (pattern: string): boolean => names.some((name) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern));
  expect(topicDeclarations.flatMap((topic) => topic.carries).filter((pattern) => !carried(pattern))).toEqual([]);
});

test('topics have names of their own, and facts outlive state only where they are deleted by age', () => {
  const names = topicDeclarations.map((topic) => topic.name);
  expect(new Set(names).size).toBe(names.length);
  for (const topic of topicDeclarations) expect([topic.name, topic.retentionMs === null]).toEqual([topic.name, topic.cleanup === 'compact']);
});

test('an event of a saga goes to its context\'s topic, a pattern by its prefix', () => {
  expect(topicsOf('trade.order.filled')).toEqual(['sagas.trading']);
  expect(topicsOf('market.quote.received')).toEqual(['market.quotes']);
  expect(topicsOf('trade.PositionSnapshot')).toEqual([]);
});
